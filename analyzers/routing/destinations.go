package routing

import (
	"slices"
	"sort"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// destination is where and for whom a destination is resolved.
type destination struct {
	vs        *mesh.VirtualService // for positions: where it is written
	namespace string               // expands short names
	client    proxy                // its namespace is "" when it is not known
	port      uint32               // what a destination without port falls back to
	mesh      bool                 // a sidecar: a service is known only if it has the listener's port
	path      []any
}

// Target is a destination with what is known of its cluster.
type Target struct {
	Spec   *networking.Destination
	VS     *mesh.VirtualService // in which it is written
	Path   []any                // of the destination
	Host   string               // expanded
	Port   uint32               // 0: not known, for none is written and the Service is not known
	Weight int32                // 100 for a single destination
	// Services are the visible services of the host; Hidden those not exported to the client.
	Services []*mesh.Service
	Hidden   []*mesh.Service
	// Unresolved is set for an ExternalName Service of whose target there is no service: otherwise Host and Services are the target's.
	Unresolved bool
	Inferred   bool // no port is given and the service has several: the gateway's own port number is taken
	Rule       *EffectiveRule
	Exists     mesh.Truth // the cluster exists
}

// Cluster is Envoy's cluster name, "" where the port is not known.
func (t *Target) Cluster() string {
	if t.Port == 0 {
		return ""
	}
	return "outbound|" + itoa(t.Port) + "|" + t.Spec.GetSubset() + "|" + t.Host
}

// At is the place of a field of the destination.
func (t *Target) At(path ...any) manifest.Pos {
	return t.VS.At(append(append([]any(nil), t.Path...), path...)...)
}

// target resolves a destination (networking/core/route/route.go, GetDestinationCluster).
func (t *Tables) target(d *networking.Destination, weight int32, siblings int, at destination) Target {
	x := Target{Spec: d, VS: at.vs, Path: at.path, Host: t.World.FQDN(d.GetHost(), at.namespace), Weight: weight}
	if siblings == 1 {
		x.Weight = 100
	}
	maybe := x.find(t.World, at)
	svc := preferred(x.Services, at.namespace)
	x.Port = at.port
	switch {
	case d.GetPort() != nil:
		x.Port = d.Port.Number
	case svc != nil && len(svc.Ports) == 1 && (!at.mesh || svc.Ports[0].Number == at.port):
		x.Port = svc.Ports[0].Number
	case svc != nil && !at.mesh:
		x.Inferred = true
	case !at.mesh && len(x.Hidden) == 0 && !t.World.HostClosed(x.Host):
		x.Port = 0 // the only one that the Service has, or the gateway's own
	}
	if svc != nil && svc.ExternalName != "" { // the cluster is that of its target, at the port that it says itself
		x.Host, x.Hidden, x.Services = svc.ExternalName, nil, nil
		maybe = x.find(t.World, at) || maybe
		if len(x.Services)+len(x.Hidden) == 0 { // istiod can be told to resolve it (ENABLE_EXTERNAL_NAME_ALIAS=false)
			x.Services, x.Unresolved = []*mesh.Service{svc}, true
		}
	}
	x.Exists = t.exists(&x, at)
	if x.Exists == mesh.Yes && maybe {
		x.Exists = mesh.Maybe
	}
	return x
}

// find enters the services of the host; maybe says that it is not known of all whether the client sees them.
func (x *Target) find(w *mesh.World, at destination) (maybe bool) {
	for _, s := range w.ServicesFor(x.Host) {
		visible := s.ExportTo.Covers(at.client.namespace)
		if at.mesh && at.client.namespace != "" && s.Namespace == at.client.namespace {
			visible = mesh.Yes // sidecars get what a destination names in their own namespace (pilot/pkg/model/sidecar.go)
		}
		switch visible {
		case mesh.No:
			x.Hidden = append(x.Hidden, s)
		case mesh.Maybe:
			maybe = true
			fallthrough
		default:
			x.Services = append(x.Services, s)
		}
	}
	if at.client.namespace != "" && len(x.Services) > 1 {
		had, sure := oneNamespaces(x.Services, at.client.namespace)
		x.Services, maybe = had, maybe || !sure
	}
	sort.SliceStable(x.Services, func(i, j int) bool { return x.Services[i].Kube && !x.Services[j].Kube })
	return maybe
}

// preferred is the service that port inference reads: of the VirtualService's namespace if there is one.
func preferred(services []*mesh.Service, namespace string) *mesh.Service {
	for _, s := range services {
		if s.Namespace == namespace {
			return s
		}
	}
	if len(services) > 0 {
		return services[0]
	}
	return nil
}

func (t *Tables) exists(x *Target, at destination) mesh.Truth {
	if x.Spec.GetSubset() != "" {
		x.Rule = t.rules.choose(at.client, x.service(t.World))
	}
	if len(x.Services) == 0 {
		if t.World.HostClosed(x.Host) || len(x.Hidden) > 0 {
			return mesh.No
		}
		return mesh.Maybe
	}
	found := false
	for _, s := range x.Services {
		if s.ExternalName != "" || s.Opaque {
			return mesh.Maybe
		}
		if _, ok := s.Port(x.Port); ok {
			found = true
		}
	}
	switch {
	case !found:
		return mesh.No
	case x.Spec.GetSubset() == "":
		return mesh.Yes
	}
	if at.client.namespace == "" && !at.mesh && t.hangsOnClient(x) {
		return mesh.Maybe
	}
	return t.subsetExists(x)
}

// hangsOnClient tells whether clients of some namespaces, which have DestinationRules of their own, have a subset that others lack, or
// lack one that those have.
func (t *Tables) hangsOnClient(x *Target) bool {
	svc, name := x.service(t.World), x.Spec.GetSubset()
	has := func(r *EffectiveRule) bool { return r != nil && r.Subsets[name] != nil }
	return slices.ContainsFunc(t.rules.clientsOf(x.Host), func(ns string) bool {
		return has(t.rules.choose(proxy{namespace: ns}, svc)) != has(x.Rule)
	})
}

// OpenSubset tells whether it hangs on a client that is not known if a destination's subset is there.
func (t *Tables) OpenSubset(v *View) bool {
	return v.Client == "" && !v.OnMesh && t.hangsOnClient(&v.Target)
}

// service is what DestinationRules are looked up for: the first visible service, else what the host itself says of one.
func (x *Target) service(w *mesh.World) *mesh.Service {
	if len(x.Services) > 0 {
		return x.Services[0]
	}
	return w.ServiceOf(x.Host)
}

func (t *Tables) subsetExists(x *Target) mesh.Truth {
	r := x.Rule
	switch {
	case r != nil && !r.Certain:
		return mesh.Maybe
	case r != nil && r.Subsets[x.Spec.Subset] != nil:
		return endpointsFor(x.service(t.World).Entry, r.Subsets[x.Spec.Subset])
	case t.World.Closed("DestinationRule", x.service(t.World).Namespace):
		return mesh.No
	}
	return mesh.Maybe
}

// endpointsFor tells whether a subset of a service gets a cluster: for a ServiceEntry that is resolved by DNS istiod leaves it
// out if no endpoint has its labels (networking/core/cluster_builder.go).
func endpointsFor(e *networking.ServiceEntry, s *Subset) mesh.Truth {
	labels := s.Rule.Spec.Subsets[s.Index].Labels
	switch e.GetResolution() {
	case networking.ServiceEntry_DNS, networking.ServiceEntry_DNS_ROUND_ROBIN:
	default:
		return mesh.Yes
	}
	if e.WorkloadSelector != nil {
		return mesh.Maybe
	}
	if len(labels) == 0 {
		return mesh.Yes
	}
	for _, p := range e.Endpoints {
		if mesh.Subset(labels, p.GetLabels()) {
			return mesh.Yes
		}
	}
	return mesh.No
}

// HiddenRule is the DestinationRule that a client would get if its own namespace had none.
func (t *Tables) HiddenRule(x *Target) *EffectiveRule {
	return t.rules.choose(proxy{}, x.service(t.World))
}

// targets gives the destinations of a rule for a client; weight 0 among several takes nothing.
func (t *Tables) targets(r *Rule, c proxy, port uint32, onMesh bool) []Target {
	vs, base := r.Source()
	var out []Target
	for i, d := range r.HTTP.Route {
		out = append(out, t.target(d.GetDestination(), d.GetWeight(), len(r.HTTP.Route), destination{
			vs: vs, namespace: r.Namespace, client: c, port: port, mesh: onMesh,
			path: append(append([]any(nil), base...), "route", i, "destination"),
		}))
	}
	return out
}

// mirrors gives the mirror destinations of a rule for a client.
func (t *Tables) mirrors(r *Rule, c proxy, port uint32, onMesh bool) []Target {
	vs, base := r.Source()
	if r.Delegate != nil && r.MirrorSpace != r.Namespace {
		vs, base = r.VS, []any{"spec", "http", r.Index}
	}
	at := destination{vs: vs, namespace: r.MirrorSpace, client: c, port: port, mesh: onMesh}
	var out []Target
	if r.HTTP.Mirror != nil {
		at.path = append(append([]any(nil), base...), "mirror")
		out = append(out, t.target(r.HTTP.Mirror, 100, 1, at))
	}
	for i, m := range r.HTTP.Mirrors {
		if m.GetDestination() != nil {
			at.path = append(append([]any(nil), base...), "mirrors", i, "destination")
			out = append(out, t.target(m.Destination, 100, 1, at))
		}
	}
	return out
}
