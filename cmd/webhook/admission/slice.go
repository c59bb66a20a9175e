package admission

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// maxSlice is the number of objects beyond which the whole World is as good.
const maxSlice = 4000

// maxNames bounds the names among which a near one is looked for: mesh looks no further.
const maxNames = 1000

// slice is a set of live objects such that a change does the same to its findings as to those of all objects. The analyzers run
// on it as they are. What lies at its border may have findings that are wrong, but they are the same before and after.
type slice struct {
	x       *index
	s       *skeleton
	opt     mesh.Options
	changed string                   // kind of the object
	seed    map[manifest.ID][]*facts // versions of the changed object
	in      map[*manifest.Object]bool
	reached map[string]bool // Gateways
	core    map[string]bool // those that must fare as in the skeleton
	held    map[manifest.ID]depth
	local   bool // of the Gateways only those around the changed one are in it
	// whole says why the whole World is needed, "" if it is not.
	whole string
}

// depth is how much of what is around a VirtualService is in the slice.
type depth int

const (
	content depth = iota + 1 // what it says: its delegates, Gateways, destinations
	served                   // the routes of all virtual hosts that it is in
	exact                    // all that its findings hang on
)

// sliceOf gives what a change touches. The facts are those of each version of the object: live, before, after.
func sliceOf(x *index, s *skeleton, opt mesh.Options, id manifest.ID, versions []*facts, c Change) *slice {
	l := &slice{
		x: x, s: s, opt: opt, changed: id.Kind, seed: map[manifest.ID][]*facts{id: versions}, in: map[*manifest.Object]bool{}, core: map[string]bool{}, reached: map[string]bool{}, held: map[manifest.ID]depth{},
	}
	if l.whole = l.beyond(versions); l.whole != "" {
		return l
	}
	for _, o := range s.always {
		l.add(o)
		l.hold(o.ID, served) // what Envoy refuses, where nothing else takes its place
		l.each(x.by[key{byDelegate, o.Namespace + "/" + o.Name}], served)
	}
	switch id.Kind {
	case "Gateway":
		l.changedGateway(id, c)
	case "VirtualService":
		l.virtualService(id)
	case "DestinationRule":
		l.destinationRule()
	case "ServiceEntry":
		l.serviceEntry()
	case "Sidecar": // of others only what a namespace's sidecars get of a ServiceEntry hangs on it
		if list := x.by[wholes]; len(list) > 0 {
			l.add(list...)
			l.add(x.by[sidecars]...)
		}
	default:
		l.whole = "kind " + id.Kind
	}
	if l.whole == "" && len(l.in) > maxSlice {
		l.whole = "size"
	}
	return l
}

// beyond says what makes every slice, or one of this object, wrong.
func (l *slice) beyond(versions []*facts) string {
	for _, kind := range []string{"Gateway", "VirtualService", "DestinationRule", "ServiceEntry"} {
		if !l.opt.Complete.Covers(kind, "") {
			return "open " + kind
		}
	}
	if len(l.x.by[odd]) > 0 {
		return odd.name
	}
	revisions := maps.Clone(l.x.revisions)
	for _, f := range versions {
		revisions[f.revision]++
	}
	if delete(revisions, ""); len(revisions) > 1 && l.x.revision == "" {
		return "revisions"
	}
	for _, f := range versions {
		for _, k := range []key{odd, refused, l4, rare} {
			if f.has(k) {
				return k.name
			}
		}
	}
	return ""
}

func (l *slice) factsOf(id manifest.ID) []*facts {
	if v, ok := l.seed[id]; ok {
		return v
	}
	if f := l.x.facts[id]; f != nil {
		return []*facts{f}
	}
	return nil
}

func (l *slice) add(list ...*manifest.Object) {
	if len(l.in) > maxSlice {
		l.whole = "size"
		return
	}
	for _, o := range list {
		if l.seed[o.ID] == nil {
			l.in[o] = true
		}
	}
}

func (l *slice) each(list []*manifest.Object, d depth) {
	for _, o := range list {
		l.add(o)
		l.hold(o.ID, d)
	}
}

// virtualService holds exactly the VirtualServices whose findings a changed one can touch.
func (l *slice) virtualService(id manifest.ID) {
	family := map[manifest.ID]bool{id: true}
	l.kin(family, id)
	for _, o := range slices.Collect(maps.Keys(family)) {
		l.kin(family, o)
	}
	for member := range family {
		l.hold(member, exact)
		for _, o := range l.x.by[key{byName, "VirtualService " + member.Name}] {
			if o.ID == member {
				l.add(o)
			}
		}
		for _, f := range l.factsOf(member) {
			l.neighbours(f)
			l.counted(f)
			l.clients(f)
			if f.has(refused) {
				l.whole = refused.name // whether Envoy takes the configuration of many hosts hangs on the change
			}
		}
	}
	l.named(id)
}

// kin adds the delegates and roots of a VirtualService.
func (l *slice) kin(family map[manifest.ID]bool, id manifest.ID) {
	for _, f := range l.factsOf(id) {
		for _, d := range f.delegates {
			ns, name, _ := strings.Cut(d, "/")
			family[manifest.ID{Group: istio, Kind: "VirtualService", Namespace: ns, Name: name}] = true
		}
	}
	for _, o := range l.x.by[key{byDelegate, id.Namespace + "/" + id.Name}] {
		family[o.ID] = true
	}
}

const istio = "networking.istio.io"

// neighbours holds those that share a virtual host with a VirtualService, whose virtual hosts are wider, or narrower.
func (l *slice) neighbours(f *facts) {
	for _, n := range l.domains(f) {
		l.each(l.x.related(byRoute, n), exact)
		if rest, wild := strings.CutPrefix(n, "*"); wild {
			if rest == "" {
				l.whole = `host "*"`
			}
			l.each(l.x.under(byUnder, n), exact)
		}
	}
	if f.authority && f.wide {
		l.whole = "authority"
	}
}

// domains are a VirtualService's names, and the narrower ones of its Gateways' servers.
func (l *slice) domains(f *facts) []string {
	out := f.names
	if !f.wide {
		return out
	}
	for _, g := range f.gateways {
		ns, name, _ := strings.Cut(g, "/")
		for _, gw := range l.factsOf(manifest.ID{Group: istio, Kind: "Gateway", Namespace: ns, Name: name}) {
			out = slices.Concat(out, gw.hosts)
		}
	}
	return out
}

// hold brings a VirtualService to a depth.
func (l *slice) hold(id manifest.ID, d depth) {
	had := l.held[id]
	if had >= d || l.whole != "" || id.Kind != "VirtualService" {
		return
	}
	l.held[id] = d
	for _, f := range l.factsOf(id) {
		if had < content {
			l.content(id, f)
		}
		if had < served && d >= served {
			l.serve(f)
		}
		if d == exact {
			l.exactly(id, f)
		}
	}
}

func (l *slice) content(id manifest.ID, f *facts) {
	for _, d := range f.delegates {
		l.delegate(d, content)
	}
	for _, g := range f.gateways {
		l.core[g] = true
		l.gateway(g)
	}
	for _, h := range f.targets {
		l.target(h)
	}
	for _, n := range f.names {
		l.add(l.x.by[key{byService, n}]...) // the sidecars' virtual hosts are those of services
		if strings.HasPrefix(n, "*") {
			l.add(l.x.under(byServices, n)...)
		}
	}
}

func (l *slice) delegate(name string, d depth) {
	ns, short, _ := strings.Cut(name, "/")
	for _, o := range l.x.by[key{byName, "VirtualService " + short}] {
		if o.Namespace == ns {
			l.each([]*manifest.Object{o}, d)
		}
	}
	l.hold(manifest.ID{Group: istio, Kind: "VirtualService", Namespace: ns, Name: short}, d) // the changed one itself
}

// gateway adds a Gateway with those that decide how its servers fare, and the Secrets they ask for.
func (l *slice) gateway(name string) {
	g := l.s.gateways[name]
	if g == nil || l.reached[name] {
		return
	}
	l.reached[name] = true
	l.add(g.Object)
	f := l.x.facts[g.Object.ID]
	if f == nil {
		return
	}
	for _, n := range f.secrets {
		l.add(l.x.by[key{bySecret, n}]...)
	}
	l.each(l.x.by[key{byL4, name}], content)
	for _, o := range l.s.needs[name] {
		l.gateway(o.Namespace + "/" + o.Name)
	}
}

// target adds what the host of a destination leads to.
func (l *slice) target(host string) {
	services := l.x.by[key{byService, host}]
	l.add(services...)
	l.add(l.x.related(byRule, host)...)
	for _, s := range services {
		if external := externalName(s); external != "" {
			l.add(l.x.related(byRule, external)...)
			l.add(l.x.by[key{byService, external}]...)
		}
	}
}

// serve adds the routes of all virtual hosts that a VirtualService is in, and the servers that could take its connections.
func (l *slice) serve(f *facts) {
	hopper := l.hops(f)
	for _, n := range l.domains(f) {
		for _, o := range l.x.related(byRoute, n) {
			d := content
			if hopper || slices.ContainsFunc(l.factsOf(o.ID), l.hops) {
				d = served
			}
			l.each([]*manifest.Object{o}, d)
		}
		for _, o := range l.x.related(byServer, n) {
			if taker(o) {
				l.core[o.Namespace+"/"+o.Name] = true
				l.gateway(o.Namespace + "/" + o.Name)
			}
		}
	}
	for _, n := range f.names {
		if f.mesh && strings.HasPrefix(n, "*") {
			l.each(l.x.under(byUnder, n), content) // on sidecars a wildcard has the services that no narrower host has
		}
	}
	if hopper {
		for _, o := range l.x.by[gateways] { // where requests come by, with what server name
			l.gateway(o.Namespace + "/" + o.Name)
		}
	}
}

// taker tells a Gateway that takes connections or requests by its own hosts, whatever VirtualServices say.
func taker(o *manifest.Object) bool {
	if o == nil {
		return false
	}
	g, _ := o.Spec.(*networking.Gateway)
	return slices.ContainsFunc(g.GetServers(), func(s *networking.Server) bool { return s.GetTls() != nil })
}

// hops tells whether a VirtualService sends to a gateway workload.
func (l *slice) hops(f *facts) bool {
	return slices.ContainsFunc(f.targets, func(h string) bool { return l.s.fronts[h] })
}

// exactly adds what else the findings of a VirtualService hang on.
func (l *slice) exactly(id manifest.ID, f *facts) {
	if f.wide && (f.authority || f.mesh) {
		l.whole = "wildcard"
	}
	if f.has(refused) && (f.mesh || f.delegate || l.changed != "VirtualService") {
		l.whole = refused.name // whether it is in a table, which Envoy refuses for it, may hang on the change
	}
	for _, d := range f.delegates {
		l.delegate(d, exact)
		for _, o := range l.x.by[key{byDelegate, d}] {
			l.each([]*manifest.Object{o}, served)
		}
	}
	for _, o := range l.x.by[key{byDelegate, id.Namespace + "/" + id.Name}] {
		l.each([]*manifest.Object{o}, served)
	}
	if l.hops(f) {
		for _, n := range f.names {
			for _, o := range l.x.related(byRoute, n) {
				if slices.ContainsFunc(l.factsOf(o.ID), l.hops) {
					l.each([]*manifest.Object{o}, exact)
				}
			}
		}
	}
	for _, h := range f.targets {
		if len(l.x.by[key{byService, h}]) == 0 {
			l.missingHost(h)
		}
	}
	for _, n := range f.gateways {
		if l.s.gateways[n] == nil {
			l.missing("Gateway", n, nil)
		}
	}
	for _, n := range f.delegates {
		l.missing("VirtualService", n, func(o *manifest.Object) bool { return l.x.facts[o.ID].delegate })
	}
}

// missing adds what messages offer in the stead of a name: one near it in its namespace, the same elsewhere, another one there.
func (l *slice) missing(kind, name string, fits func(*manifest.Object) bool) {
	ns, short, _ := strings.Cut(name, "/")
	l.add(l.x.by[key{byName, kind + " " + short}]...)
	home := l.x.by[key{byHome, kind + " " + ns}]
	if len(home) > maxNames {
		l.whole = "names"
		return
	}
	for _, o := range home {
		if fits == nil || fits(o) {
			l.add(o)
		}
	}
}

func (l *slice) missingHost(host string) {
	base, ok := strings.CutSuffix(host, ".svc."+l.x.naming.Domain)
	if name, ns, found := strings.Cut(base, "."); ok && found {
		l.missing("Service", ns+"/"+name, nil)
		return
	}
	name, _, _ := strings.Cut(host, ".")
	l.add(l.x.by[key{byName, "Service " + name}]...)
	if len(l.x.by[entries]) > maxNames {
		l.whole = "names"
		return
	}
	l.add(l.x.by[entries]...)
}

// named looks at references that resolve to nothing: messages offer the changed VirtualService in their stead.
func (l *slice) named(id manifest.ID) {
	for _, k := range []key{inNamespace(byDelegate, id.Namespace), withName(byDelegate, id.Name)} {
		for d := range l.x.named[k] {
			ns, name, _ := strings.Cut(d, "/")
			if l.x.facts[manifest.ID{Group: istio, Kind: "VirtualService", Namespace: ns, Name: name}] == nil {
				l.each(l.x.by[key{byDelegate, d}], exact)
			}
		}
	}
}

// counted adds the VirtualServices of Gateways with a server that falls, whose number its message gives.
func (l *slice) counted(f *facts) {
	for _, g := range f.gateways {
		if l.s.falling[g] {
			l.each(l.x.by[key{byGateway, g}], content)
		}
		if l.s.coupled[g] {
			l.whole = "shared certificate"
		}
	}
}

// clients looks at DestinationRules with credentials: whether they mean sidecars hangs on all that goes to their host.
func (l *slice) clients(f *facts) {
	for _, o := range l.x.by[private] {
		host := l.x.facts[o.ID].hosts[0]
		if slices.Contains(f.targets, host) || slices.ContainsFunc(l.x.related(byRoute, host), func(v *manifest.Object) bool { return l.seed[v.ID] != nil }) ||
			slices.ContainsFunc(f.names, func(n string) bool {
				return n == host || n == "*" || strings.HasPrefix(n, "*") && strings.HasSuffix(host, n[1:])
			}) {
			l.whole = "credential"
		}
	}
}

// objects are those of the slice, without the changed one, in the order of snapshots.
func (l *slice) objects() []*manifest.Object { return ordered(l.in) }

func ordered(set map[*manifest.Object]bool) []*manifest.Object {
	return slices.SortedFunc(maps.Keys(set), compareObjects)
}

func compareObjects(a, b *manifest.Object) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
