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
	Witness *Request // that it takes, as the router has confirmed; nil unless asked for, and where none is found
}

// Late tells that istiod does not generate the route: it stands behind a catch-all of its own VirtualService.
func (s *Standing) Late() bool { return s.late }

// Standings gives the routes of a virtual host in the order in which Envoy tries them, and behind them those that istiod does
// not generate; a match that comes through several Gateways once, where it is tried first. Refused says that Envoy takes none of
// the configuration.
func (t *Tables) Standings(vh *VirtualHost, refused, witnesses bool) []Standing {
	x := newTrial(vh)
	var out []Standing
	type written struct {
		rule  *Rule
		match int
	}
	seen := map[written]bool{}
	for i, e := range x.entries {
		if at := (written{e.Rule, e.Match}); !seen[at] {
			seen[at] = true
			state, some := t.state(x, i, refused)
			s := Standing{Entry: e, State: state}
			if witnesses && state == StateLive {
				s.Witness = t.reaching(x, i, some)
			}
			out = append(out, s)
		}
	}
	return out
}

// arrivals are requests that come to a virtual host; on mesh from a namespace.
type arrivals struct {
	match.Box
	from string
}

// state gives with StateLive requests of which some reach the route.
func (t *Tables) state(x *trial, i int, refused bool) (string, arrivals) {
	var fate Fate
	switch {
	case x.entries[i].uncertain():
		return StateOpaque, arrivals{}
	case refused, x.vh.Table != nil && len(x.vh.Table.Opaque) > 0, x.vh.nameless():
		return StateUndecided, arrivals{}
	case x.vh.closed():
		return StateShadowed, arrivals{}
	}
	if x.judge(&fate, i); fate.Alive {
		if some, ok := t.surely(x, i); ok {
			return StateLive, some
		}
	}
	if fate.Alive || fate.Undecided {
		return StateUndecided, arrivals{}
	}
	return StateShadowed, arrivals{}
}

// closed tells whether no request comes to any route: a redirect to https is before them, or connections fail for a certificate.
func (vh *VirtualHost) closed() bool {
	if vh.Table == nil {
		return false
	}
	s := vh.Config.Servers[0]
	return vh.RequireTLS && !s.IsTLS() || s.IsTLS() && !vh.Table.Delivered(s)
}

// surely gives requests of which a route takes some whatever the ages that files do not tell. Conditions on the authority are
// held to each name that a service has.
func (t *Tables) surely(x *trial, i int) (arrivals, bool) {
	var earlier []match.Box
	for _, j := range x.unknown {
		if !x.maybeBefore(j, i) {
			continue
		}
		box, bounded := x.entries[j].outside()
		if !bounded {
			return arrivals{}, false
		}
		earlier = append(earlier, box)
	}
	for _, j := range x.index.Over(x.entries[i].Box) {
		if x.maybeBefore(j, i) {
			earlier = append(earlier, x.entries[j].Box)
		}
	}
	all := []arrivals{{x.boxes[i], x.vh.from}}
	if x.boxes[i].Asks("authority") {
		all[0].Box = x.boxes[i].And(match.WellFormed())
		if x.vh.service != nil {
			all = t.byName(x, i)
		}
	}
	for _, some := range all {
		if verdict, _ := match.Covered(some.Box, earlier, nil); verdict == match.Alive {
			return some, true
		}
	}
	return arrivals{}, false
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

// maybeBefore tells whether entry j can be tried before entry i.
func (x *trial) maybeBefore(j, i int) bool {
	return j != i && !x.entries[j].late && !x.vh.Precedes(x.entries[i], x.entries[j])
}

// reaching finds a request among some that exactly this route takes, and has the router confirm it.
func (t *Tables) reaching(x *trial, i int, some arrivals) *Request {
	var earlier []match.Box
	for _, j := range append(x.index.Meeting(x.entries[i].Box), x.index.Inside(x.entries[i].Box)...) {
		if x.maybeBefore(j, i) {
			earlier = append(earlier, x.entries[j].Box)
		}
	}
	for _, j := range x.unknown {
		if box, bounded := x.entries[j].outside(); bounded && x.maybeBefore(j, i) {
			earlier = append(earlier, box)
		}
	}
	verdict, rest, _ := match.Subtract(some.Box, earlier, nil)
	if verdict != match.Alive {
		return nil
	}
	m, ok := x.vh.witness(rest)
	if !ok {
		return nil
	}
	r := onTheWire(m)
	if x.vh.Table == nil {
		r.Port, r.Mesh = x.vh.Port, &Client{some.from, m.SourceLabels}
	} else {
		x.vh.dial(&r, x.entries[i].Server)
	}
	w, err := t.Walk(r)
	if err != nil || len(w.Open) > 0 || w.Entry == nil || !w.Entry.Route.same(x.entries[i].Route) || !w.in(x.vh) {
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
