package mesh

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// Gateway is an Istio Gateway, or the one that istiod makes of an Ingress (Ingress is set then).
type Gateway struct {
	*manifest.Object
	Spec    *networking.Gateway
	Ingress bool
	// Services are hosts of Services whose pods get the Gateway, in place of a selector (annotation internal.istio.io/gateway-service).
	Services []string
}

// ID is the Gateway's namespaced name.
func (g *Gateway) ID() Name { return Name{g.Namespace, g.Name} }

// VirtualService is a VirtualService with its names resolved.
type VirtualService struct {
	*manifest.Object
	Spec     *networking.VirtualService
	Hosts    []string // spec.hosts, expanded
	Gateways []GatewayRef
	OnMesh   bool // bound to the sidecars
	ExportTo Visibility
}

// ID is the VirtualService's namespaced name.
func (v *VirtualService) ID() Name { return Name{v.Namespace, v.Name} }

// IsDelegate tells whether it has no hosts of its own: istiod programs it only through its roots.
func (v *VirtualService) IsDelegate() bool { return len(v.Spec.Hosts) == 0 }

// GatewayRef is one entry of spec.gateways other than "mesh".
type GatewayRef struct {
	Index int
	Text  string
	Name  Name
	// Found holds what the name can mean: one Gateway when the reference is resolved, several when namespaces are unstated.
	Found []*Gateway
	// K8s tells that a Gateway API Gateway has that name.
	K8s bool
}

// DestinationRule is a DestinationRule with its host expanded.
type DestinationRule struct {
	*manifest.Object
	Spec     *networking.DestinationRule
	Host     string
	ExportTo Visibility
}

// ID is the DestinationRule's namespaced name.
func (d *DestinationRule) ID() Name { return Name{d.Namespace, d.Name} }

// Visibility is a resolved exportTo.
type Visibility struct {
	Public bool
	None   bool
	To     map[string]bool // namespaces, "." resolved
	Set    bool            // exportTo was given on the object
	Text   []string        // as given: the merge of DestinationRules compares these
}

// Truth is a three-valued answer.
type Truth int

const (
	No Truth = iota
	Maybe
	Yes
)

// Covers tells whether the object is visible from a namespace; Maybe when either namespace is unstated.
func (v Visibility) Covers(namespace string) Truth {
	switch {
	case v.None:
		return No
	case v.Public || v.To[namespace]:
		return Yes
	case namespace == "" || v.To[""]:
		return Maybe
	}
	return No
}

func visibility(exportTo []string, own string, dflt []string) Visibility {
	v := Visibility{To: map[string]bool{}, Set: len(exportTo) > 0, Text: exportTo}
	if !v.Set {
		exportTo = dflt
	}
	for _, e := range exportTo {
		switch e {
		case "*":
			v.Public = true
		case ".":
			v.To[own] = true
		case "~":
			v.None = true
		default:
			v.To[e] = true
		}
	}
	v.None = v.None && !v.Public && len(v.To) == 0
	return v
}

func (w *World) addGateway(o *manifest.Object, spec *networking.Gateway) {
	g := &Gateway{Object: o, Spec: spec, Services: splitList(o.Annotations["internal.istio.io/gateway-service"])}
	w.Gateways = append(w.Gateways, g)
	w.gateways.add(g.ID(), g)
}

func (w *World) addVirtualService(o *manifest.Object, spec *networking.VirtualService) {
	v := &VirtualService{Object: o, Spec: spec, ExportTo: visibility(spec.ExportTo, o.Namespace, w.Settings.VirtualServiceExportTo)}
	for _, h := range spec.Hosts {
		v.Hosts = append(v.Hosts, w.FQDN(h, o.Namespace))
	}
	v.OnMesh = len(spec.Gateways) == 0
	for i, text := range spec.Gateways {
		if text == Mesh {
			v.OnMesh = true
			continue
		}
		v.Gateways = append(v.Gateways, GatewayRef{Index: i, Text: text, Name: GatewayName(text, o.Namespace)})
	}
	w.VirtualServices = append(w.VirtualServices, v)
	w.virtuals.add(v.ID(), v)
}

func (w *World) addDestinationRule(o *manifest.Object, spec *networking.DestinationRule) {
	d := &DestinationRule{Object: o, Spec: spec, Host: w.FQDN(spec.Host, o.Namespace)}
	d.ExportTo = visibility(spec.ExportTo, o.Namespace, w.Settings.DestinationRuleExportTo)
	if spec.WorkloadSelector != nil {
		d.ExportTo = visibility([]string{"."}, o.Namespace, nil)
	}
	w.DestinationRules = append(w.DestinationRules, d)
	w.rules[d.Namespace] = append(w.rules[d.Namespace], d)
}

// GatewayName resolves a reference as istiod does: "gw" is of the own namespace, "ns/gw" as given, "gw.ns…" the legacy
// form (pilot/pkg/model/config.go, resolveGatewayName).
func GatewayName(ref, namespace string) Name {
	if ns, name, ok := strings.Cut(ref, "/"); ok {
		if ns == "." {
			ns = namespace
		}
		return Name{ns, name}
	}
	if manifest.Placeholder(ref) {
		return Name{namespace, ref}
	}
	if name, rest, ok := strings.Cut(ref, "."); ok {
		ns, _, _ := strings.Cut(rest, ".")
		return Name{ns, name}
	}
	return Name{namespace, ref}
}

// ResolveGateway fills in what a gateway reference means.
func (w *World) ResolveGateway(r GatewayRef) GatewayRef {
	r.Found = w.gateways.find(r.Name)
	r.K8s = len(w.k8sGateway.find(r.Name)) > 0
	return r
}

// Delegate finds what delegate names; istiod looks in the root's namespace by default.
func (w *World) Delegate(root *VirtualService, d *networking.Delegate) []*VirtualService {
	return w.virtuals.find(DelegateName(root, d))
}

// DelegateName is the namespaced name of a delegate reference.
func DelegateName(root *VirtualService, d *networking.Delegate) Name {
	n := Name{d.Namespace, d.Name}
	if n.Namespace == "" {
		n.Namespace = root.Namespace
	}
	return n
}

// Rules are the DestinationRules of a namespace, in istiod's nominal order.
func (w *World) Rules(namespace string) []*DestinationRule { return w.rules[namespace] }

// Sidecars are the Sidecar objects of a namespace.
func (w *World) Sidecars(namespace string) []*manifest.Object { return w.sidecars[namespace] }

// Filter is an EnvoyFilter that can change listeners, filter chains or routes.
type Filter struct {
	*manifest.Object
	Spec   *networking.EnvoyFilter
	Routes bool // it can change which route a request takes
}

func (w *World) addFilter(o *manifest.Object, spec *networking.EnvoyFilter) {
	f := &Filter{Object: o, Spec: spec}
	for _, p := range spec.ConfigPatches {
		switch p.GetApplyTo() {
		case networking.EnvoyFilter_HTTP_ROUTE, networking.EnvoyFilter_VIRTUAL_HOST, networking.EnvoyFilter_ROUTE_CONFIGURATION,
			networking.EnvoyFilter_LISTENER, networking.EnvoyFilter_FILTER_CHAIN, networking.EnvoyFilter_NETWORK_FILTER:
			f.Routes = true
		}
	}
	if f.Routes {
		w.Filters = append(w.Filters, f)
	}
}

// Applies tells whether the filter touches a workload: it is selected in its own namespace, or in all from the root one.
func (f *Filter) Applies(root string, wl *Workload) bool {
	if f.Namespace != root && f.Namespace != "" && wl.Namespace != "" && f.Namespace != wl.Namespace {
		return false
	}
	return Subset(f.Spec.GetWorkloadSelector().GetLabels(), wl.Labels)
}
