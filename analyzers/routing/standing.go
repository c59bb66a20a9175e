package routing

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// States of a route in one virtual host.
const (
	StateLive      = "live"      // some request certainly reaches it
	StateShadowed  = "shadowed"  // none does
	StateUndecided = "undecided" // that cannot be told
	StateOpaque    = "opaque"    // what it takes is not known
)

// Standing is a route of a virtual host with what is certain of it there.
type Standing struct {
	Entry
	State   string
	Witness *Request // that it takes, as the router has confirmed; of a live one
}

// Late tells that istiod does not generate the route: it stands behind a catch-all of its own VirtualService.
func (s *Standing) Late() bool { return s.late }

// Standings gives the routes of a virtual host in the order in which Envoy tries them, and behind them those that istiod does
// not generate; a match that comes through several Gateways once, where it is tried first. Live are those with a witness. Refused
// says that Envoy takes none of the configuration.
func (t *Tables) Standings(vh *VirtualHost, refused bool) []Standing {
	x := newTrial(vh)
	x.left += steps(routeBudget * len(x.entries))
	var out []Standing
	for _, ways := range x.routes() {
		s := Standing{Entry: x.entries[ways[0]]}
		s.State, s.Witness = t.state(x, ways, refused)
		out = append(out, s)
	}
	return out
}

// routes are the numbers of the entries of each route: of one that comes through several Gateways there are several.
func (x *trial) routes() [][]int {
	type written struct {
		rule  *Rule
		match int
	}
	var out [][]int
	number := map[written]int{}
	for i, e := range x.entries {
		at := written{e.Rule, e.Match}
		n, seen := number[at]
		switch {
		case !seen:
			number[at] = len(out)
			out = append(out, []int{i})
		case !e.late || x.entries[out[n][0]].late: // else it is generated for another Gateway only
			out[n] = append(out[n], i)
		}
	}
	return out
}

// state judges a route by its entries.
func (t *Tables) state(x *trial, ways []int, refused bool) (string, *Request) {
	e := x.entries[ways[0]]
	switch {
	case e.uncertain():
		return StateOpaque, nil
	case refused, x.vh.Table != nil && len(x.vh.Table.Opaque) > 0, x.vh.nameless():
		return StateUndecided, nil
	case x.vh.closed():
		return StateShadowed, nil
	}
	if !e.late {
		if r := t.reaching(x, ways); r != nil {
			return StateLive, r
		}
	}
	var fate Fate
	for _, i := range ways {
		if x.judge(&fate, i); fate.Alive || fate.Undecided {
			return StateUndecided, nil
		}
	}
	return StateShadowed, nil
}

// closed tells whether no request comes to any route: a redirect to https is before them, or connections fail for a certificate.
func (vh *VirtualHost) closed() bool {
	if vh.Table == nil {
		return false
	}
	s := vh.Config.Servers[0]
	return vh.RequireTLS && !s.IsTLS() || s.IsTLS() && !vh.Table.Delivered(s)
}

// reaching finds a request that a route takes whatever the ages that files do not tell, and has the router confirm it.
func (t *Tables) reaching(x *trial, ways []int) *Request {
	var earlier []match.Box
	for _, j := range x.unknown {
		if !x.maybeBefore(j, ways) {
			continue
		}
		box, bounded := x.entries[j].outside()
		if !bounded {
			return nil
		}
		earlier = append(earlier, box)
	}
	for _, some := range t.arriving(x, ways[0]) {
		if m, ok := x.untaken(some.Box, ways, earlier); ok {
			if r := t.confirmed(x, x.entries[ways[0]], m, some.from); r != nil {
				return r
			}
		}
	}
	return nil
}

// arrivals are requests that come to a virtual host; on mesh from a namespace.
type arrivals struct {
	match.Box
	from string
}

// arriving are requests that are for an entry. Conditions on the authority are held to each name that a service has.
func (t *Tables) arriving(x *trial, i int) []arrivals {
	switch {
	case !x.boxes[i].Asks("authority"):
		return []arrivals{{x.boxes[i], x.vh.from}}
	case x.vh.service != nil:
		return t.byName(x, i)
	}
	return []arrivals{{x.boxes[i].And(match.WellFormed()), x.vh.from}}
}

const (
	fewRounds = 8 // in which entries are looked for that take what was found; then all are asked that can
	tryCost   = 3 // steps, of asking an entry whether it takes a request
)

// untaken finds a request of a box that comes to the virtual host, and that neither the earlier boxes take nor an entry that may
// be before a route. Most entries have nothing to do with it: only those are looked into that take what was found.
func (x *trial) untaken(box match.Box, ways []int, earlier []match.Box) (m match.Request, ok bool) {
	for round := 0; ; round++ {
		x.left.spend(func(budget *int) { m, ok = x.vh.witness(box, earlier, budget) })
		if !ok {
			return m, false
		}
		takers := x.index.Taking(m)
		x.left -= steps(tryCost * len(takers))
		takers = slices.DeleteFunc(takers, func(j int) bool { return !x.entries[j].Box.Matches(m) || !x.maybeBefore(j, ways) })
		if len(takers) == 0 {
			return m, true
		}
		if round == fewRounds {
			takers = slices.DeleteFunc(x.meeting(ways[0]), func(j int) bool { return !x.maybeBefore(j, ways) })
		}
		for _, j := range takers {
			earlier = append(earlier, x.entries[j].Box)
		}
	}
}

// meeting lists the entries that can meet entry i.
func (x *trial) meeting(i int) []int {
	return append(x.index.Meeting(x.entries[i].Box), x.index.Inside(x.entries[i].Box)...)
}

// byName are the requests of a route by each name of its service, but the addresses, of which sidecars may have only some; last by
// the name that it has in its own namespace.
func (t *Tables) byName(x *trial, i int) []arrivals {
	out := []arrivals{{x.boxes[i].And(match.Host(x.vh.Domain)), x.vh.from}}
	add := func(rc *RouteConfig, from string) {
		for _, d := range manifest.Keys(rc.Hosts) {
			h := rc.Hosts[d]
			same := func(e Entry) bool { return e.Rule != nil && e.same(x.entries[i].Route) }
			if d != x.vh.Domain && h.service == x.vh.service && hostName(d) != "" && slices.ContainsFunc(h.Entries, same) {
				out = append(out, arrivals{x.boxes[i].And(match.Host(d)), from})
			}
		}
	}
	add(x.vh.Config, x.vh.from)
	if own := x.vh.service.Namespace; own != x.vh.from {
		add(t.sidecarOf(&Client{Namespace: own}).config(x.vh.Port), own)
	}
	return out
}

// maybeBefore tells whether entry j can be tried before a route. It cannot if the route comes certainly before it by one of its
// ways: if that of the other Gateway is the first, so is the route's other entry.
func (x *trial) maybeBefore(j int, ways []int) bool {
	return !x.entries[j].late && !slices.ContainsFunc(ways, func(i int) bool { return i == j || x.vh.Precedes(x.entries[i], x.entries[j]) })
}

// confirmed is a request that comes to the virtual host as a client sends it, if the router answers it with the route.
func (t *Tables) confirmed(x *trial, e Entry, m match.Request, from string) *Request {
	r := onTheWire(m)
	w := &Walk{}
	if x.vh.Table == nil {
		r.Port, r.Mesh = x.vh.Port, &Client{from, m.SourceLabels}
		w, _ = t.Walk(r)
	} else {
		x.vh.dial(&r, e.Server)
		w = x.vh.Table.walk(r)
	}
	if len(w.Open) > 0 || w.Entry == nil || !w.Entry.Route.same(e.Route) || !w.in(x.vh) {
		return nil
	}
	return &r
}

// same tells whether two routes are one match of one rule: sidecars of other clients have routes of their own.
func (r *Route) same(o *Route) bool { return r.Rule == o.Rule && r.Match == o.Match }

// in tells whether the walk leads to a virtual host: a narrower server can have one of the same domain. Sidecars of other
// clients have configurations of their own, and a virtual host for each name of a service.
func (w *Walk) in(vh *VirtualHost) bool {
	if vh.Table != nil {
		return w.Host == vh
	}
	return w.Host.Domain == vh.Domain || vh.service != nil && w.Host.service == vh.service || strings.HasPrefix(vh.Domain, w.Host.Domain+"..")
}

// MeshTable is what the sidecars of a namespace get: the virtual hosts of VirtualServices, with the port of each.
type MeshTable struct {
	Namespace string // "" for any namespace that has nothing of its own
	Hosts     []*VirtualHost
	client    proxy
}

// MeshTables are the tables of the sidecars in any namespace, and of those in each namespace that has something of its own:
// VirtualServices and Services that not all others see, DestinationRules, conditions on the source.
func (t *Tables) MeshTables() []*MeshTable {
	if len(t.onMesh) == 0 {
		return nil
	}
	own := t.ownNamespaces()
	for _, d := range t.World.DestinationRules {
		own[d.Namespace] = own[d.Namespace] || false
	}
	delete(own, "")
	any := "default"
	for _, taken := own[any]; taken; _, taken = own[any] {
		any += "-other"
	}
	common := t.meshTable("", any)
	out := []*MeshTable{common}
	for _, ns := range manifest.Keys(own) {
		if own[ns] {
			out = append(out, t.meshTable(ns, ns))
		} else { // the same routes, perhaps to other clusters
			out = append(out, common.from(ns))
		}
	}
	return out
}

// from is the table as the sidecars of a namespace have it which sees the same VirtualServices and Services.
func (m *MeshTable) from(namespace string) *MeshTable {
	out := &MeshTable{Namespace: namespace, client: proxy{namespace: namespace}}
	for _, vh := range m.Hosts {
		c := *vh
		c.from = namespace
		out.Hosts = append(out.Hosts, &c)
	}
	return out
}

// ownNamespaces are those that see VirtualServices or Services which not all others see.
func (t *Tables) ownNamespaces() map[string]bool {
	own := map[string]bool{}
	add := func(v mesh.Visibility) {
		for ns := range v.To {
			own[ns] = own[ns] || !v.Public
		}
	}
	for _, v := range t.onMesh {
		add(v.ExportTo)
		for _, r := range t.expand(v).rules {
			for _, m := range r.Matches {
				own[m.Spec.SourceNamespace] = true
			}
		}
	}
	for _, s := range t.World.Services {
		add(s.ExportTo)
		if ns, ok := t.World.WholeNamespace(s.Host); ok {
			own[ns] = true
		}
	}
	return own
}

func (t *Tables) meshTable(namespace, from string) *MeshTable {
	s := &sidecar{t: t, client: Client{Namespace: from}, open: true, ports: map[uint32]*RouteConfig{}}
	out := &MeshTable{Namespace: namespace, client: proxy{namespace: from}}
	for _, port := range t.httpPorts() {
		rc := s.config(port)
		for _, domain := range manifest.Keys(rc.Hosts) {
			vh := rc.Hosts[domain]
			switch {
			case vh.Entries[0].Rule == nil: // a Service that no VirtualService names
				continue
			case vh.service != nil && domain != strings.ToLower(vh.service.Host): // a shorter name of one
				continue
			case domain != t.World.FQDN(domain, "") && rc.Hosts[t.World.FQDN(domain, "")] != nil: // likewise, in a namespace that is not stated
				continue
			case vh.service == nil && len(t.World.ServicesFor(domain)) > 0: // none of its ports: nobody dials it
				continue
			}
			vh.Port, vh.from, vh.OnMesh = port, from, true
			out.Hosts = append(out.Hosts, vh)
		}
	}
	return out
}

// httpPorts are the ports on which sidecars serve HTTP.
func (t *Tables) httpPorts() []uint32 {
	ports := []uint32{80}
	for _, s := range t.World.Services {
		for _, p := range s.Ports {
			if sniffedOrHTTP(p.Protocol) && !p.UDP {
				ports = append(ports, p.Number)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Targets are the destinations of a route of the table.
func (m *MeshTable) Targets(t *Tables, e Entry) []Target {
	return t.targets(e.Rule, m.client, e.Port, true)
}

// Targets are the destinations of a route of a gateway workload.
func (table *Table) Targets(e Entry) []Target {
	return table.tables.targets(e.Rule, table.proxy(), e.Port, false)
}

// Server is the one that the virtual host is of: of several that share a port the first that has a route there, or redirects.
func (vh *VirtualHost) Server() *Server {
	if len(vh.Entries) > 0 {
		return vh.Entries[0].Server
	}
	for _, s := range vh.Config.Servers {
		if s.Redirects() && s.Claims(vh.Domain) {
			return s
		}
	}
	return vh.Config.Servers[0]
}

// Unordered are the VirtualServices in the virtual host whose routes come before or behind those of others by an age that files
// do not tell.
func (vh *VirtualHost) Unordered() []*mesh.VirtualService {
	var out []*mesh.VirtualService
	for i := range vh.Entries[:max(0, len(vh.Entries)-1)] {
		a, b := vh.Entries[i], vh.Entries[i+1]
		if vh.Table == nil || a.Rule.VS == b.Rule.VS || vh.OrderKnown(a, b) {
			continue
		}
		for _, v := range []*mesh.VirtualService{a.Rule.VS, b.Rule.VS} {
			if !slices.Contains(out[max(0, len(out)-2):], v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// Destinations are targets as answers give them.
func Destinations(targets []Target) []AnswerTarget {
	var a Answer
	a.forward(targets)
	return a.Destinations
}
