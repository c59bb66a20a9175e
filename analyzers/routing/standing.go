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
			s := Standing{Entry: e, State: x.state(i, refused)}
			if witnesses && s.State == StateLive {
				s.Witness = t.reaching(x, i)
			}
			out = append(out, s)
		}
	}
	return out
}

func (x *trial) state(i int, refused bool) string {
	e := x.entries[i]
	switch {
	case e.uncertain():
		return StateOpaque
	case refused || x.vh.Table != nil && len(x.vh.Table.Opaque) > 0:
		return StateUndecided
	case x.vh.RequireTLS && !x.vh.Config.Servers[0].IsTLS():
		return StateShadowed // the redirect comes before any route
	}
	var fate Fate
	x.judge(&fate, i)
	if fate.Alive && x.vh.service != nil && x.boxes[i].Asks("authority") {
		_, verdict := match.Meet(x.boxes[i], match.Host(x.vh.Domain))
		fate.Undecided = verdict != match.Alive // it may be for one of the short names
		fate.Alive = !fate.Undecided
	}
	switch {
	case fate.Alive:
		return StateLive
	case fate.Undecided:
		return StateUndecided
	}
	return StateShadowed
}

// reaching finds a request that exactly this route takes, and has the router confirm it.
func (t *Tables) reaching(x *trial, i int) *Request {
	var earlier []match.Box
	for _, j := range append(x.index.Meeting(x.entries[i].Box), x.index.Inside(x.entries[i].Box)...) {
		if j < i {
			earlier = append(earlier, x.entries[j].Box)
		}
	}
	for _, e := range x.entries[:i] {
		if e.bounded {
			earlier = append(earlier, e.Box)
		}
	}
	verdict, rest, _ := match.Subtract(x.boxes[i], earlier, nil)
	if verdict != match.Alive {
		return nil
	}
	for _, host := range examples(x.vh.Domain) {
		m, ok := rest.Witness(host)
		if !ok || len(m.Claims) > 0 || strings.Contains(m.Authority, "..") {
			return nil
		}
		r := onTheWire(m)
		x.vh.address(&r, x.entries[i], m)
		w, err := t.Walk(r)
		if err == nil && len(w.Open) == 0 && w.Entry != nil && w.Entry.Route.same(x.entries[i].Route) && w.in(x.vh) {
			return &r
		}
	}
	return nil
}

// same tells whether two routes are one match of one rule: sidecars of other clients have routes of their own.
func (r *Route) same(o *Route) bool { return r.Rule == o.Rule && r.Match == o.Match }

// in tells whether the walk leads to a virtual host: a narrower server can have one of the same domain. Sidecars of other
// clients have configurations of their own.
func (w *Walk) in(vh *VirtualHost) bool {
	return w.Answer.VirtualHost == vh.Domain && (vh.Table == nil || w.Config == vh.Config)
}

// examples are names that a host stands for: what is narrower can have the first that comes to mind.
func examples(host string) []string {
	suffix, wildcard := strings.CutPrefix(host, "*")
	switch {
	case !wildcard:
		return []string{host}
	case suffix == "":
		suffix = ".example.com"
	}
	var out []string
	for _, name := range []string{"a", "b", "any", "other"} {
		out = append(out, name+suffix)
	}
	return out
}

// address says where a request goes to come to a route of the virtual host.
func (vh *VirtualHost) address(r *Request, e Entry, m match.Request) {
	if vh.Table == nil {
		r.Port, r.Mesh = vh.Port, &Client{vh.from, m.SourceLabels}
		return
	}
	if r.Port, r.TLS = e.Server.Number(), e.Server.IsTLS(); r.TLS {
		r.SNI = vh.serverName(e.Server, r.Host)
	}
	r.Workload = &Client{vh.Table.Workload.Namespace, vh.Table.Workload.Labels}
}

// serverName is one by which a TLS client that asks for a host comes to the server of the virtual host: the host's own, unless
// a narrower server on the port takes that.
func (vh *VirtualHost) serverName(s *Server, host string) string {
	own := hostName(host)
	l := vh.Table.listener(s.Number())
	if l == nil {
		return own
	}
	comes := func(name string) bool {
		c := l.chain(Request{TLS: true, SNI: name, Host: host})
		return c != nil && c.HTTP == vh.Config
	}
	if comes(own) {
		return own
	}
	for _, h := range s.entries() {
		if i := slices.IndexFunc(examples(h.Host), comes); i >= 0 {
			return examples(h.Host)[i]
		}
	}
	return own
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
