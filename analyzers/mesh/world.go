// Package mesh turns objects into one read-only World: indexes, name resolution, visibility, gateway workloads,
// secrets, and for each reference what is known about it.
package mesh

import (
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// Mesh is the reserved gateway name that stands for all sidecars.
const Mesh = "mesh"

// Options are what the manifests do not say about the cluster.
type Options struct {
	Complete        Complete
	ClusterDomain   string // "" is cluster.local
	RootNamespace   string // "" is what MeshConfig says, else istio-system
	MeshConfig      []byte // YAML of a MeshConfig; wins over one found in the input
	Revision        string // objects labelled with another istio.io/rev are not seen
	ScopeToGateways bool   // PILOT_SCOPE_GATEWAY_TO_NAMESPACE
	Variants        map[string]bool
	Assume          Assume
	Now             time.Time          // zero: no clock was given, and nothing expires
	Soon            time.Duration      // before its end a certificate is told of; zero: the rule's own
	Gone            []*manifest.Object // that the input had before a change: what still refers to them is suspect
}

// Name is a namespaced name. Namespace is "" when the manifest leaves it unstated.
type Name struct{ Namespace, Name string }

// String is "namespace/name", "(no namespace)/name" when it is unstated.
func (n Name) String() string {
	if n.Namespace == "" {
		return "(no namespace)/" + n.Name
	}
	return n.Namespace + "/" + n.Name
}

// World holds the objects that live in one cluster together. It is never changed after New.
type World struct {
	Domain   string
	Root     string
	Settings Settings
	Scoped   bool // Gateways attach only to workloads of their own namespace
	Now      time.Time
	Soon     time.Duration // see Options

	Objects          []*manifest.Object // all, in istiod's nominal order
	Istio            []*manifest.Object // every object with a typed spec
	Gateways         []*Gateway
	VirtualServices  []*VirtualService
	DestinationRules []*DestinationRule
	Services         []*Service   // Kubernetes Services and ServiceEntry hosts
	Workloads        []*Workload  // gateway workloads
	Apps             []*Workload  // every other pod template
	Filters          []*Filter    // EnvoyFilters that change listeners or routes
	HTTPRoutes       []*HTTPRoute // Gateway API routes

	complete   Complete
	assume     Assume
	gone       gone
	variants   map[string]bool
	gateways   nameIndex[*Gateway]
	virtuals   nameIndex[*VirtualService]
	k8sGateway nameIndex[*manifest.Object]
	secrets    nameIndex[*Secret]
	hosts      map[string][]*Service
	aliases    map[string][]string   // hosts of Services that stand for another host, by that
	wildcards  map[string][]*Service // ServiceEntry hosts "*.x", by the part after "*"
	kube       map[string][]*Service // Kubernetes Services by name
	rules      map[string][]*DestinationRule
	namespaces map[string]bool
	kinds      map[string]map[string]int // kind -> stated namespace -> objects
	sidecars   map[string][]*manifest.Object
	selecting  map[string]*Selectors[*Service] // by namespace
	behind     map[*Service][]*Workload
	near       nearCache
	rendered   map[string]bool // namespaces into which charts, or workloads that cannot be read, put what the input does not show
	unread     map[string]bool // namespaces with a producer of Secrets whose name cannot be read

	kindsOnce sync.Once
	byKind    map[string]map[string]map[string]*manifest.Object
}

// nameIndex finds objects by namespaced name; an unstated namespace on either side is compatible with any.
type nameIndex[T any] map[string]map[string]T

func (x nameIndex[T]) add(n Name, v T) {
	if x[n.Name] == nil {
		x[n.Name] = map[string]T{}
	}
	if _, dup := x[n.Name][n.Namespace]; !dup {
		x[n.Name][n.Namespace] = v
	}
}

// find gives every object that the name can mean: one when its namespace is stated and it exists there.
func (x nameIndex[T]) find(n Name) []T {
	byNS := x[n.Name]
	if v, ok := byNS[n.Namespace]; ok {
		return []T{v}
	}
	if n.Namespace != "" {
		if v, ok := byNS[""]; ok {
			return []T{v}
		}
		return nil
	}
	var out []T
	for _, ns := range manifest.Keys(byNS) {
		out = append(out, byNS[ns])
	}
	return out
}

// New builds the World of these objects. The order of objs does not matter.
func New(objs []*manifest.Object, opt Options) *World {
	w := &World{
		Domain: opt.ClusterDomain, Root: opt.RootNamespace, Now: opt.Now, Soon: opt.Soon, Scoped: opt.ScopeToGateways, complete: opt.Complete, assume: opt.Assume, variants: opt.Variants,
		gateways: nameIndex[*Gateway]{}, virtuals: nameIndex[*VirtualService]{}, k8sGateway: nameIndex[*manifest.Object]{},
		secrets: nameIndex[*Secret]{},
		hosts:   map[string][]*Service{}, wildcards: map[string][]*Service{}, kube: map[string][]*Service{},
		rules: map[string][]*DestinationRule{}, namespaces: map[string]bool{}, kinds: map[string]map[string]int{},
		sidecars: map[string][]*manifest.Object{}, selecting: map[string]*Selectors[*Service]{},
		rendered: map[string]bool{}, unread: map[string]bool{}, behind: map[*Service][]*Workload{},
	}
	if w.Domain == "" {
		w.Domain = "cluster.local"
	}
	w.readSettings(objs, opt)
	w.readGone(opt.Gone)
	sorted := make([]*manifest.Object, 0, len(objs))
	for _, o := range objs {
		if rev := o.Labels["istio.io/rev"]; opt.Revision != "" && rev != "" && rev != opt.Revision {
			continue
		}
		sorted = append(sorted, o)
	}
	sort.SliceStable(sorted, func(i, j int) bool { return Before(sorted[i], sorted[j]) })
	w.Objects = sorted
	for _, o := range sorted {
		w.add(o)
	}
	w.finish()
	return w
}

// Before is istiod's nominal order of configuration: creation time in seconds, name, namespace
// (pilot/pkg/model/config.go, sortConfigByCreationTime). Objects without a time come last.
func Before(a, b *manifest.Object) bool {
	if x, y := a.Created.Unix(), b.Created.Unix(); !a.Created.IsZero() && !b.Created.IsZero() && x != y {
		return x < y
	}
	if a.Created.IsZero() != b.Created.IsZero() {
		return b.Created.IsZero()
	}
	if a.Name != b.Name {
		return a.Name < b.Name
	}
	return a.Namespace < b.Namespace
}

// OrderKnown tells whether the precedence of two objects is certain: both carry a creation time, one does and the other is about
// to be created, or they are one object.
func OrderKnown(a, b *manifest.Object) bool {
	x, y := a.Created.IsZero(), b.Created.IsZero()
	return a == b || !x && !y || x != y && (a.Fresh || b.Fresh)
}

func (w *World) add(o *manifest.Object) {
	if o.Name == "" {
		return // the API server refuses it, or names it (generateName): nothing can refer to it
	}
	if o.Namespace != "" {
		w.namespaces[o.Namespace] = true
	}
	if w.kinds[o.Kind] == nil {
		w.kinds[o.Kind] = map[string]int{}
	}
	w.kinds[o.Kind][o.Namespace]++
	if o.Spec != nil {
		w.Istio = append(w.Istio, o)
	}
	switch spec := o.Spec.(type) {
	case *networking.Gateway:
		w.addGateway(o, spec)
	case *networking.VirtualService:
		w.addVirtualService(o, spec)
	case *networking.DestinationRule:
		w.addDestinationRule(o, spec)
	case *networking.ServiceEntry:
		w.addServiceEntry(o, spec)
	case *networking.Sidecar:
		w.sidecars[o.Namespace] = append(w.sidecars[o.Namespace], o)
	case *networking.EnvoyFilter:
		w.addFilter(o, spec)
	}
	if o.Tree == nil {
		return
	}
	switch o.Group + "/" + o.Kind {
	case "/Service":
		w.addService(o)
	case "/Namespace":
		w.namespaces[o.Name] = true
	case "gateway.networking.k8s.io/Gateway":
		w.k8sGateway.add(Name{o.Namespace, o.Name}, o)
	case "networking.k8s.io/Ingress":
		w.addIngress(o)
	case "gateway.networking.k8s.io/HTTPRoute", "gateway.networking.k8s.io/GRPCRoute", "gateway.networking.k8s.io/TLSRoute", "gateway.networking.k8s.io/TCPRoute":
		w.addHTTPRoute(o)
	}
	w.addSecrets(o)
	w.addWorkloads(o)
}

// finish derives what needs all objects: what references mean, which workloads are gateways, the Services before each.
func (w *World) finish() {
	w.resolveAliases()
	for _, v := range w.VirtualServices {
		for j := range v.Gateways {
			v.Gateways[j] = w.ResolveGateway(v.Gateways[j])
		}
	}
	for _, s := range w.Services {
		if s.Kube {
			if w.selecting[s.Namespace] == nil {
				w.selecting[s.Namespace] = &Selectors[*Service]{}
			}
			w.selecting[s.Namespace].Add(s.Selector, s)
		}
	}
	w.findGatewayWorkloads()
	for _, wl := range w.Workloads {
		if !wl.Synthetic {
			wl.Services = w.servicesOf(wl)
		}
		for _, s := range wl.Services {
			w.behind[s] = append(w.behind[s], wl)
		}
	}
	for _, wl := range w.Apps {
		for _, s := range w.servicesOf(wl) {
			w.behind[s] = append(w.behind[s], wl)
		}
	}
}

// servicesOf gives the Services that select a workload, in istiod's order. Where the workload's namespace is unstated, any
// namespace is looked at; else its own and the Services whose namespace is unstated.
func (w *World) servicesOf(wl *Workload) []*Service {
	var out []*Service
	if wl.Namespace == "" {
		for _, ns := range manifest.Keys(w.selecting) {
			out = append(out, w.selecting[ns].Matching(wl.Labels)...)
		}
	} else {
		out = append(out, w.selecting[wl.Namespace].Matching(wl.Labels)...)
		out = append(out, w.selecting[""].Matching(wl.Labels)...)
	}
	sort.SliceStable(out, func(i, j int) bool { return Before(out[i].Object, out[j].Object) })
	return out
}

// FQDN expands a host as istiod does: a name without a dot is a Service of the namespace, any dotted name stays
// (pilot/pkg/model/config.go, ResolveShortnameToFQDN).
func (w *World) FQDN(host, namespace string) string {
	if host == "" || strings.ContainsAny(host, ".*:") || manifest.Placeholder(host) {
		return host
	}
	return host + "." + namespace + ".svc." + w.Domain
}

// Shown is a host for people: of one whose namespace is left open, the name alone, as it is written.
func Shown(host string) string {
	name, _, _ := strings.Cut(host, "..svc.")
	return name
}

// WholeNamespace gives the namespace for all of whose Services a host stands: *.shop.svc.cluster.local.
func (w *World) WholeNamespace(host string) (namespace string, ok bool) {
	rest, wild := strings.CutPrefix(strings.ToLower(host), "*.")
	namespace, kube := strings.CutSuffix(rest, ".svc."+w.Domain)
	return namespace, wild && kube && !strings.Contains(namespace, ".") && !manifest.Placeholder(namespace)
}

// kubeName splits name.namespace.svc.<domain>; ok is false for any other host.
func (w *World) kubeName(host string) (n Name, ok bool) {
	rest, ok := strings.CutSuffix(host, ".svc."+w.Domain)
	if !ok {
		return Name{}, false
	}
	name, ns, ok := strings.Cut(rest, ".")
	return Name{ns, name}, ok && !strings.Contains(ns, ".")
}

// Subset tells whether every label of a is in b.
func Subset(a, b map[string]string) bool {
	for k, v := range a {
		if got, ok := b[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// Touching names the Gateway API routes that istiod merges into the table of a workload: those of a Gateway that is put on the
// workload by the address of its Service.
func (w *World) Touching(wl *Workload) []string {
	var out []string
	for _, r := range w.HTTPRoutes {
		for _, n := range r.Parents {
			for _, gw := range w.k8sGateway.find(n) {
				for _, a := range list(obj(gw.Tree, "spec")["addresses"]) {
					m, _ := a.(map[string]any)
					for _, s := range wl.Services {
						if v := str(m["value"]); v != "" && (v == s.Host || w.FQDN(v, gw.Namespace) == s.Host) {
							out = append(out, r.Kind+" "+r.Ref())
						}
					}
				}
			}
		}
	}
	return out
}
