package routing

import (
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// Use is one destination as written, seen by every kind of client that can use it.
type Use struct {
	VS     *mesh.VirtualService // in which it is written: the delegate for a delegate's
	Path   []any
	Mirror bool
	Idle   bool // a weight of nothing among several takes nothing: istiod leaves it out
	Views  []View
}

// Rule is the place of the rule that a destination belongs to; the zero Place for tcp and tls rules.
func (u *Use) Rule() Place {
	if i, ok := u.Path[2].(int); ok && u.Path[1] == "http" {
		return Place{u.VS, i, -1}
	}
	return Place{}
}

// View is a destination as one client sees it.
type View struct {
	Target
	Client string // the client's namespace; "" when it is not known, or any that has no DestinationRules of its own
	Table  *Table // nil on mesh, and on a gateway that is not known
	OnMesh bool
	// Sibling tells that another destination of the same route and namespace is there.
	Sibling bool
}

// Chosen is the DestinationRule that istiod chooses for a destination and its client, nil if there is none.
func (t *Tables) Chosen(v *View) *EffectiveRule {
	client := proxy{namespace: v.Client}
	if v.Table != nil {
		client = v.Table.proxy()
	}
	return t.rules.choose(client, v.service(t.World))
}

// OnPort is a destination without a port as clients on mesh see it that call a port: theirs is the destination's.
func (t *Tables) OnPort(v View, port uint32) View {
	at := destination{client: proxy{namespace: v.Client}, port: port, mesh: true}
	v.Port, v.Services, v.Hidden = port, nil, nil
	maybe := v.find(t.World, at)
	if v.Exists = t.exists(&v.Target, at); v.Exists == mesh.Yes && maybe {
		v.Exists = mesh.Maybe
	}
	return v
}

// context is one kind of client of a VirtualService.
type context struct {
	client
	table    *Table
	mesh     bool
	http, l4 bool // the rules that a server takes: of http, or of tcp and tls
}

func (c context) proxy() proxy {
	if c.table != nil {
		return c.table.proxy()
	}
	return proxy{namespace: c.namespace}
}

// contexts are the clients for which a VirtualService is generated: the workloads of its gateways, a sidecar of its own
// namespace and of any other, and an unknown one for gateways that are not known.
func (t *Tables) contexts(v *mesh.VirtualService) []context {
	var out []context
	unknown := context{client: client{anySource: true, anyPort: true}, http: true, l4: true}
	if v.IsDelegate() {
		return []context{unknown}
	}
	for _, ref := range v.Gateways {
		if len(ref.Found) == 0 && !ref.K8s && t.World.JudgeGateway(ref.Name).State == mesh.Missing {
			continue
		}
		if len(ref.Found) != 1 || len(t.Serving(ref.Found[0])) == 0 {
			c := unknown
			c.gateway = ref.Name.Namespace + "/" + ref.Name.Name
			out = append(out, c)
			continue
		}
		for _, table := range t.Serving(ref.Found[0]) {
			if _, visible := tierOf(v, table.Workload.Namespace); visible {
				out = append(out, table.contexts(ref.Found[0], v)...)
			}
		}
	}
	if len(out) == 0 && !v.OnMesh && len(v.Gateways) > 0 {
		// No server accepts it. That is a fault of its own, and no reason to be silent about where it wants to send requests.
		unknown.gateway = v.Gateways[0].Name.Namespace + "/" + v.Gateways[0].Name.Name
		if f := v.Gateways[0].Found; len(f) == 1 {
			unknown.gateway = gatewayKey(f[0])
		}
		out = append(out, unknown)
	}
	if v.OnMesh {
		sidecar := context{client: client{gateway: mesh.Mesh, anySource: true, anyPort: true}, mesh: true, http: true, l4: true}
		namespaces := manifest.Keys(v.ExportTo.To)
		if v.ExportTo.Public {
			out = append(out, sidecar)
			namespaces = []string{v.Namespace}
		}
		for _, ns := range namespaces {
			if sidecar.namespace = ns; ns != "" && ns != t.World.Root || !v.ExportTo.Public {
				out = append(out, sidecar)
			}
		}
	}
	return out
}

// contexts are the workload's ports on which a Gateway's servers have a VirtualService. Of servers that share a route
// configuration only the first with routes counts: istiod generates them once (RouteConfig).
func (table *Table) contexts(g *mesh.Gateway, v *mesh.VirtualService) []context {
	var out []context
	type port struct {
		number uint32
		http   bool
	}
	seen := map[port]bool{}
	generated := map[string]bool{}
	for _, s := range table.Servers {
		at := port{s.Number(), s.UsesHTTP()}
		if s.Gateway != g || seen[at] || s.Drop != nil && s.Drop.Certain || len(s.hosts.intersect(v.Namespace, v.Hosts)) == 0 {
			continue
		}
		c := context{table: table, http: at.http, l4: !at.http, client: client{
			gateway: gatewayKey(g), port: s.Number(), labels: table.Workload.Labels, namespace: table.Workload.Namespace,
		}}
		if at.http {
			if generated[s.routeName] {
				continue
			}
			routes, _ := table.tables.generate(v, c.client)
			generated[s.routeName] = s.Drop == nil && len(routes) > 0
		}
		seen[at] = true
		out = append(out, c)
	}
	return out
}

// Uses gives the destinations of a VirtualService and of the delegates under it, in the order in which they are written.
func (t *Tables) Uses(v *mesh.VirtualService) []*Use {
	t.mu.Lock()
	defer t.mu.Unlock()
	if list, ok := t.uses[v]; ok {
		return list
	}
	u := &uses{t: t, by: map[written]*Use{}}
	list := t.contexts(v)
	// Rules that no server takes are a fault of their own, and no reason to be silent about where they want to send requests.
	noHTTP := !slices.ContainsFunc(list, func(c context) bool { return c.http })
	noL4 := !slices.ContainsFunc(list, func(c context) bool { return c.l4 })
	for _, c := range list {
		if c.http || noHTTP {
			routes, rest := t.generate(v, c.client)
			done := map[*Rule]bool{}
			for _, r := range append(routes, rest...) {
				if !done[r.Rule] {
					done[r.Rule] = true
					u.addHTTP(r.Rule, c)
				}
			}
		}
		if c.l4 || noL4 {
			u.addL4(v, c)
		}
	}
	t.uses[v] = u.list
	return u.list
}

type uses struct {
	t    *Tables
	by   map[written]*Use
	list []*Use
}

// written is where a destination stands: http[rule].route[entry], http[rule].mirror.
type written struct {
	vs            *mesh.VirtualService
	section, part string
	rule, entry   int
}

func writtenAt(vs *mesh.VirtualService, path []any) written {
	w := written{vs: vs, section: path[1].(string), rule: path[2].(int), part: path[3].(string)}
	if len(path) > 4 {
		w.entry, _ = path[4].(int)
	}
	return w
}

func (u *uses) addHTTP(r *Rule, c context) {
	if r.Opaque {
		return
	}
	u.add(u.t.targets(r, c.proxy(), c.port, c.mesh), c, false)
	u.add(u.t.mirrors(r, c.proxy(), c.port, c.mesh), c, true)
}

func (u *uses) addL4(v *mesh.VirtualService, c context) {
	section := func(name string, i int, route []*networking.RouteDestination) {
		var out []Target
		for j, d := range route {
			out = append(out, u.t.target(d.GetDestination(), d.GetWeight(), len(route), destination{
				vs: v, namespace: v.Namespace, client: c.proxy(), port: c.port, mesh: c.mesh, path: []any{"spec", name, i, "route", j, "destination"},
			}))
		}
		u.add(out, c, false)
	}
	admits := func(port uint32, gateways []string) bool {
		return (port == 0 || c.anyPort || port == c.port) && (len(gateways) == 0 || slices.Contains(u.t.gatewayNames(gateways, v), c.gateway))
	}
	for i, r := range v.Spec.Tcp {
		if len(r.GetMatch()) == 0 || slices.ContainsFunc(r.Match, func(m *networking.L4MatchAttributes) bool { return admits(m.GetPort(), m.GetGateways()) }) {
			section("tcp", i, r.GetRoute())
		}
	}
	for i, r := range v.Spec.Tls {
		if slices.ContainsFunc(r.GetMatch(), func(m *networking.TLSMatchAttributes) bool { return admits(m.GetPort(), m.GetGateways()) }) {
			section("tls", i, r.GetRoute())
		}
	}
}

func (u *uses) add(targets []Target, c context, mirror bool) {
	for i := range targets {
		x := &targets[i]
		if x.Spec == nil || x.Spec.Host == "" {
			continue
		}
		key := writtenAt(x.VS, x.Path)
		use := u.by[key]
		if use == nil {
			use = &Use{VS: x.VS, Path: x.Path, Mirror: mirror, Idle: x.Weight == 0 && len(targets) > 1}
			u.by[key] = use
			u.list = append(u.list, use)
		}
		v := View{Target: *x, Client: c.namespace, Table: c.table, OnMesh: c.mesh}
		for j := range targets {
			v.Sibling = v.Sibling || j != i && len(targets[j].Services) > 0 && sameNamespace(targets[j].Host, x.Host)
		}
		use.Views = append(use.Views, v)
		if c.mesh && c.namespace == "" && x.Spec.Subset != "" {
			u.addHiding(use, x, c)
		}
	}
}

// addHiding adds the sidecars of namespaces whose own DestinationRules for the host come before the service's.
func (u *uses) addHiding(use *Use, x *Target, c context) {
	for _, ns := range u.t.rules.clientsOf(x.Host) {
		if use.VS.ExportTo.Covers(ns) != mesh.Yes {
			continue
		}
		v := View{Target: *x, Client: ns, OnMesh: true}
		v.Rule = u.t.rules.choose(proxy{namespace: ns}, x.service(u.t.World))
		v.Exists = u.t.subsetExists(&v.Target)
		use.Views = append(use.Views, v)
	}
}

func sameNamespace(a, b string) bool {
	i, j := 0, 0
	for i < len(a) && a[i] != '.' {
		i++
	}
	for j < len(b) && b[j] != '.' {
		j++
	}
	return i < len(a) && j < len(b) && a[i:] == b[j:]
}
