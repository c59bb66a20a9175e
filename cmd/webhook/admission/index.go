package admission

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	networking "istio.io/api/networking/v1alpha3"
)

// key is one thing by which objects are found. Names of hosts are in lower case.
type key struct{ by, name string }

const (
	byRoute      = "route"      // VirtualServices by host, server name, and host that they send on
	byUnder      = "under"      // the same by each wildcard that covers it
	byGateway    = "gateway"    // VirtualServices by "namespace/name" of a Gateway
	byL4         = "l4"         // the same, only those with tcp or tls rules
	byDelegate   = "delegate"   // roots by "namespace/name" of a delegate
	byTarget     = "target"     // VirtualServices by host of a destination
	byTargets    = "targets"    // the same by each wildcard that covers it
	byServer     = "server"     // Gateways by host of a server
	byServers    = "servers"    // the same by each wildcard that covers it
	bySelector   = "selector"   // Gateways by selector
	byCredential = "credential" // Gateways by name of a Secret
	byRule       = "rule"       // DestinationRules by host
	byRules      = "rules"      // the same by each wildcard that covers it
	byService    = "service"    // Services and ServiceEntries by host
	byServices   = "services"   // the same by each wildcard that covers it
	bySecret     = "secret"     // Secrets, and what makes them, by name
	byName       = "name"       // Gateways, VirtualServices, Services by "Kind name"
	byHome       = "home"       // the same by "Kind namespace"
	byTrait      = "trait"      // one of those below
)

// Traits of objects that matter to others wherever they are.
var (
	rare     = key{byTrait, "rare"}    // of a kind with few objects, which are part of every slice
	refused  = key{byTrait, "refused"} // Envoy refuses what it becomes part of
	odd      = key{byTrait, "odd"}     // a host that no index finds
	private  = key{byTrait, "private"} // a DestinationRule with a credential
	l4       = key{byTrait, "l4"}      // a VirtualService with tcp or tls rules on Gateways
	gateways = key{byTrait, "gateways"}
	entries  = key{byTrait, "entries"} // ServiceEntries
	aliases  = key{byTrait, "aliases"} // Services that stand for an external name
	wholes   = key{byTrait, "wholes"}  // ServiceEntries for all Services of a namespace
	sidecars = key{byTrait, "sidecars"}
	outside  = key{byTrait, "outside"} // VirtualServices and DestinationRules for hosts that are not of Kubernetes
)

// facts are what an object says that others can depend on.
type facts struct {
	keys []key
	// Of a VirtualService: its hosts, server names and the hosts that it sends on; expanded, in lower case.
	names     []string
	targets   []string // hosts of destinations
	gateways  []string // "namespace/name"
	delegates []string // the same
	secrets   []string // of a Gateway
	hosts     []string // of a Gateway's servers, a ServiceEntry; of a DestinationRule the one
	delegate  bool
	selector  string // of a Gateway
	attached  bool   // a Gateway with something else than a selector
	revision  string // of a Gateway or VirtualService
	unseen    bool   // of another revision
	plain     bool   // a Gateway none of whose servers has TLS settings
	wide      bool   // it has a wildcard host
	mesh      bool   // it is for sidecars
	ports     bool   // a match asks for the port
	authority bool   // a match asks for the authority
}

func (f *facts) file(by string, names ...string) {
	for _, n := range names {
		f.keys = append(f.keys, key{by, n})
	}
}

func (f *facts) has(k key) bool { return slices.Contains(f.keys, k) }

// index finds live objects by what they say, in step with each change.
type index struct {
	naming *mesh.World // expands names
	// revision is that of the istiod that reads; "" takes all for one, unless Gateways and VirtualServices name several.
	revision  string
	revisions map[string]int
	reuse     bool // findings hang on which servers one certificate joins
	facts     map[manifest.ID]*facts
	by        map[key][]*manifest.Object
	// named counts the references to each "namespace/name" of a Gateway (byGateway) or delegate (byDelegate), by its namespace
	// and by its name: there can be many to one.
	named map[key]map[string]int
}

func newIndex(domain string) *index {
	if domain == "" {
		domain = "cluster.local"
	}
	return &index{naming: &mesh.World{Domain: domain}, facts: map[manifest.ID]*facts{}, by: map[key][]*manifest.Object{}, named: map[key]map[string]int{}, revisions: map[string]int{}}
}

func (x *index) set(o *manifest.Object) {
	x.remove(o.ID)
	f := x.read(o)
	x.facts[o.ID] = f
	for _, k := range f.keys {
		x.by[k] = append(x.by[k], o)
	}
	x.refer(f, 1)
	x.revisions[f.revision]++
}

// refer counts the references of facts.
func (x *index) refer(f *facts, n int) {
	count := func(by string, names []string) {
		for _, full := range names {
			ns, name, _ := strings.Cut(full, "/")
			for _, k := range []key{inNamespace(by, ns), withName(by, name)} {
				if x.named[k] == nil {
					x.named[k] = map[string]int{}
				}
				if x.named[k][full] += n; x.named[k][full] == 0 {
					delete(x.named[k], full)
				}
			}
		}
	}
	count(byGateway, f.gateways)
	count(byDelegate, f.delegates)
}

func inNamespace(by, ns string) key { return key{by, ns + "/"} }
func withName(by, name string) key  { return key{by, "/" + name} }

func (x *index) remove(id manifest.ID) {
	f := x.facts[id]
	if f == nil {
		return
	}
	delete(x.facts, id)
	x.refer(f, -1)
	if x.revisions[f.revision]--; x.revisions[f.revision] == 0 {
		delete(x.revisions, f.revision)
	}
	for _, k := range f.keys {
		list := x.by[k]
		i := slices.IndexFunc(list, func(o *manifest.Object) bool { return o.ID == id })
		list[i] = list[len(list)-1]
		list[len(list)-1] = nil
		if x.by[k] = list[:len(list)-1]; len(list) == 1 {
			delete(x.by, k)
		}
	}
}

// structural tells whether an object decides about listeners, or is in every slice.
func (f *facts) structural() bool {
	return f.has(rare) || f.has(gateways) || f.has(l4) || f.has(refused) || slices.ContainsFunc(f.keys, func(k key) bool { return k.by == bySecret || k.by == byService })
}

// read takes the facts from an object.
func (x *index) read(o *manifest.Object) *facts {
	f := &facts{}
	if rev := o.Labels["istio.io/rev"]; x.revision != "" && rev != "" && rev != x.revision {
		f.unseen = true
		return f
	} else if o.Spec != nil && (o.Kind == "Gateway" || o.Kind == "VirtualService") {
		f.revision = rev
	}
	switch spec := o.Spec.(type) {
	case *networking.VirtualService:
		x.virtualService(f, o, spec)
	case *networking.Gateway:
		x.gateway(f, o, spec)
	case *networking.DestinationRule:
		f.hosts = []string{strings.ToLower(x.naming.FQDN(spec.Host, o.Namespace))}
		f.file(byRule, f.hosts...)
		f.cover(byRules, f.hosts...)
		if credentialed(spec) {
			f.file(private.by, private.name)
		}
	case *networking.ServiceEntry:
		for _, h := range spec.Hosts {
			f.hosts = append(f.hosts, strings.ToLower(h))
			if _, whole := x.naming.WholeNamespace(h); whole {
				f.file(wholes.by, wholes.name)
			}
		}
		f.file(byService, f.hosts...)
		f.cover(byServices, f.hosts...)
		f.file(entries.by, entries.name)
	case *networking.Sidecar:
		f.file(sidecars.by, sidecars.name)
	default:
		x.other(f, o)
	}
	if o.Spec != nil && len(routing.Refused(o)) > 0 {
		f.file(refused.by, refused.name)
	}
	if o.Spec != nil && !f.has(rare) {
		f.file(byName, o.Kind+" "+o.Name)
		f.file(byHome, o.Kind+" "+o.Namespace)
	}
	for _, h := range slices.Concat(f.targets, f.hosts) {
		if (o.Kind == "VirtualService" || o.Kind == "DestinationRule") && !strings.HasSuffix(h, ".svc."+x.naming.Domain) {
			f.file(outside.by, outside.name)
		}
	}
	slices.SortFunc(f.keys, func(a, b key) int { return cmp.Or(strings.Compare(a.by, b.by), strings.Compare(a.name, b.name)) })
	f.keys = slices.Compact(f.keys)
	return f
}

func (x *index) other(f *facts, o *manifest.Object) {
	if len(o.Opaque) > 0 {
		f.file(rare.by, rare.name) // what it makes cannot be read
	}
	switch o.Group + "/" + o.Kind {
	case "/Namespace":
	case "/Service":
		f.hosts = []string{strings.ToLower(x.naming.FQDN(o.Name, o.Namespace))}
		if external := externalName(o); external != "" {
			f.targets = []string{external}
			f.file(aliases.by, aliases.name)
		}
		f.file(byService, f.hosts...)
		f.cover(byServices, f.hosts...)
		f.file(byName, o.Kind+" "+o.Name)
		f.file(byHome, o.Kind+" "+o.Namespace)
	case "/Secret":
		f.file(bySecret, o.Name)
		f.file(byHome, o.Kind+" "+o.Namespace)
	default:
		f.file(rare.by, rare.name)
	}
}

// cover files names under every wildcard that covers them, but for "*".
func (f *facts) cover(by string, names ...string) {
	for _, n := range names {
		for i := 1; i < len(n); i++ {
			if n[i] == '.' && (i > 1 || n[0] != '*') {
				f.file(by, "*"+n[i:])
			}
		}
		if rest, wild := strings.CutPrefix(n, "*"); strings.Contains(rest, "*") || wild && rest != "" && rest[0] != '.' {
			f.file(odd.by, odd.name)
		}
	}
}

func (x *index) virtualService(f *facts, o *manifest.Object, spec *networking.VirtualService) {
	f.delegate = len(spec.Hosts) == 0
	for _, h := range spec.Hosts {
		h = strings.ToLower(x.naming.FQDN(h, o.Namespace))
		f.wide = f.wide || strings.HasPrefix(h, "*")
		f.names = append(f.names, h)
		if base, ok := strings.CutSuffix(h, ".svc."+x.naming.Domain); ok {
			f.names = append(f.names, base, base+".svc") // what sidecars call it too
		}
	}
	f.mesh = len(spec.Gateways) == 0 && !f.delegate
	for _, g := range spec.Gateways {
		f.mesh = f.mesh || g == mesh.Mesh
		if g != mesh.Mesh {
			n := mesh.GatewayName(g, o.Namespace)
			f.gateways = append(f.gateways, n.Namespace+"/"+n.Name)
		}
	}
	target := func(d *networking.Destination) {
		if d.GetHost() != "" {
			f.targets = append(f.targets, strings.ToLower(x.naming.FQDN(d.Host, o.Namespace)))
		}
	}
	root := &mesh.VirtualService{Object: o, Spec: spec}
	for _, h := range spec.Http {
		if h.GetDelegate() != nil {
			n := mesh.DelegateName(root, h.Delegate)
			f.delegates = append(f.delegates, n.Namespace+"/"+n.Name)
		}
		for _, m := range h.GetMatch() {
			f.authority = f.authority || m.GetAuthority() != nil
			f.ports = f.ports || m.GetPort() != 0
		}
		for _, d := range h.GetRoute() {
			target(d.GetDestination())
			f.onward(d.GetHeaders())
		}
		target(h.GetMirror())
		for _, m := range h.GetMirrors() {
			target(m.GetDestination())
		}
		f.onward(h.GetHeaders())
		if a := h.GetRewrite().GetAuthority(); a != "" {
			f.names = append(f.names, strings.ToLower(a))
		}
	}
	for _, r := range spec.Tcp {
		for _, d := range r.GetRoute() {
			target(d.GetDestination())
		}
	}
	for _, r := range spec.Tls {
		for _, d := range r.GetRoute() {
			target(d.GetDestination())
		}
		for _, m := range r.GetMatch() {
			for _, n := range m.GetSniHosts() {
				f.names = append(f.names, strings.ToLower(n))
			}
		}
	}
	f.file(byRoute, f.names...)
	f.cover(byUnder, f.names...)
	f.file(byTarget, f.targets...)
	f.cover(byTargets, f.targets...)
	f.file(byGateway, f.gateways...)
	f.file(byDelegate, f.delegates...)
	if len(f.gateways) > 0 && len(spec.Tcp)+len(spec.Tls) > 0 {
		f.file(byL4, f.gateways...)
		f.file(l4.by, l4.name)
	}
}

// onward adds the hosts that headers put in the place of a request's.
func (f *facts) onward(h *networking.Headers) {
	for _, set := range []map[string]string{h.GetRequest().GetAdd(), h.GetRequest().GetSet()} {
		for k, v := range set {
			if strings.EqualFold(k, "host") || strings.EqualFold(k, ":authority") {
				f.names = append(f.names, strings.ToLower(v))
			}
		}
	}
}

func (x *index) gateway(f *facts, o *manifest.Object, spec *networking.Gateway) {
	f.file(gateways.by, gateways.name)
	f.selector, f.attached = mesh.LabelText(spec.Selector), o.Annotations["internal.istio.io/gateway-service"] != ""
	f.file(bySelector, f.selector)
	for _, s := range spec.Servers {
		for _, h := range s.GetHosts() {
			f.hosts = append(f.hosts, strings.ToLower(h[strings.LastIndexByte(h, '/')+1:]))
		}
		tls := s.GetTls()
		for _, c := range append([]string{tls.GetCredentialName(), tls.GetCaCertCredentialName()}, tls.GetCredentialNames()...) {
			if c = c[strings.LastIndexByte(c, '/')+1:]; c != "" {
				f.secrets = append(f.secrets, c, c+"-cacert", strings.TrimSuffix(c, "-cacert"))
			}
		}
	}
	f.plain = !taker(o)
	f.file(byServer, f.hosts...)
	f.cover(byServers, f.hosts...)
	f.file(byCredential, f.secrets...)
}

func credentialed(d *networking.DestinationRule) bool {
	policies := []*networking.TrafficPolicy{d.TrafficPolicy}
	for _, s := range d.Subsets {
		policies = append(policies, s.GetTrafficPolicy())
	}
	return slices.ContainsFunc(policies, func(p *networking.TrafficPolicy) bool {
		return p.GetTls().GetCredentialName() != "" || slices.ContainsFunc(p.GetPortLevelSettings(), func(s *networking.TrafficPolicy_PortTrafficPolicy) bool {
			return s.GetTls().GetCredentialName() != ""
		})
	})
}

// related gives what is filed under a name, and under each wildcard that covers it. For a wildcard it is what the names that
// stand for it in requests have (match.Box.Witness and routing's examples).
func (x *index) related(by, name string) []*manifest.Object {
	if rest, wild := strings.CutPrefix(name, "*"); wild {
		return slices.Concat(x.related(by, "a"+rest), x.related(by, "any"+rest))
	}
	out := slices.Concat(x.by[key{by, name}], x.by[key{by, "*"}])
	for i := 1; i < len(name); i++ {
		if name[i] == '.' {
			out = append(out, x.by[key{by, "*" + name[i:]}]...)
		}
	}
	return out
}

// under gives what is filed under a name that a wildcard covers.
func (x *index) under(by, wildcard string) []*manifest.Object { return x.by[key{by, wildcard}] }

// externalName is what a Service stands for, "" for itself.
func externalName(o *manifest.Object) string {
	spec, _ := o.Tree["spec"].(map[string]any)
	name, _ := spec["externalName"].(string)
	return strings.ToLower(name)
}
