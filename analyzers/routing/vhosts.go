package routing

import (
	"slices"
	"sort"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// config builds a route configuration once (networking/core/gateway.go, buildGatewayHTTPRouteConfig).
func (table *Table) config(name string, servers []*Server) *RouteConfig {
	if rc := table.configs[name]; rc != nil {
		return rc
	}
	rc := &RouteConfig{Name: name, Servers: servers, Hosts: map[string]*VirtualHost{}}
	table.configs[name] = rc
	table.order = append(table.order, rc)
	generated := map[[2]string][2][]Entry{} // routes, and what stands behind them; istiod generates once for a Gateway and VirtualService: the first server's port counts
	for _, s := range servers {
		for _, bound := range table.bound(s.Gateway) {
			hosts := s.hosts.intersect(bound.vs.Namespace, bound.vs.Hosts)
			if len(hosts) == 0 {
				continue
			}
			key := [2]string{gatewayKey(s.Gateway), bound.vs.Namespace + "/" + bound.vs.Name}
			entries, ok := generated[key]
			if !ok {
				c := client{gateway: gatewayKey(s.Gateway), port: s.Number(), labels: table.Workload.Labels, namespace: table.Workload.Namespace}
				routes, rest := table.tables.generate(bound.vs, c)
				for _, r := range routes {
					entries[0] = append(entries[0], Entry{Route: r, Server: s, Port: s.Number(), tier: bound.tier})
				}
				for _, r := range rest {
					entries[1] = append(entries[1], Entry{Route: r, Server: s, Port: s.Number(), tier: bound.tier, late: true})
				}
				if len(entries[0]) > 0 { // what yields nothing is tried again with the next server's port
					generated[key] = entries
				}
			}
			for _, h := range hosts {
				if len(entries[0]) > 0 {
					vh := rc.host(table, h, s)
					vh.Entries = through(s, vh.Entries, entries[0])
					vh.behind = through(s, vh.behind, entries[1])
				}
			}
		}
		if s.Redirects() {
			for _, h := range s.entries() {
				rc.host(table, h.String(), s).RequireTLS = true
			}
		}
	}
	for d, vh := range rc.Hosts {
		rc.domains = append(rc.domains, d)
		vh.Entries = catchAllsLast(vh.Entries)
	}
	sort.Strings(rc.domains)
	rc.Rejected = rc.refused()
	return rc
}

func (rc *RouteConfig) host(table *Table, name string, s *Server) *VirtualHost {
	name = strings.ToLower(name)
	vh := rc.Hosts[name]
	if vh == nil {
		vh = &VirtualHost{Domain: name, Table: table, Config: rc}
		rc.Hosts[name] = vh
	}
	vh.RequireTLS = vh.RequireTLS || s.Redirects()
	return vh
}

// through adds routes to a virtual host that they come into by a server, which need not be the one that they were generated for.
func through(s *Server, list, entries []Entry) []Entry {
	for _, e := range entries {
		e.Server = s
		list = append(list, e)
	}
	return list
}

func catchAllsLast(entries []Entry) []Entry {
	out := make([]Entry, 0, len(entries))
	for _, e := range entries {
		if !e.CatchAll {
			out = append(out, e)
		}
	}
	for _, e := range entries {
		if e.CatchAll {
			out = append(out, e)
		}
	}
	return out
}

// binding is a VirtualService that a workload sees on a Gateway. Tiers come before age: exported to this namespace only,
// by name, to all (pilot/pkg/model/push_context.go, VirtualServicesForGateway).
type binding struct {
	vs   *mesh.VirtualService
	tier int
}

const tierUnknown = -1

func (table *Table) bound(g *mesh.Gateway) []binding {
	all := table.tables.visible(table.tables.byGateway[gatewayKey(g)], table.Workload.Namespace)
	return slices.DeleteFunc(all, func(b binding) bool { return !sees(table.revision, b.vs.Labels) })
}

func (t *Tables) visible(all []*mesh.VirtualService, namespace string) []binding {
	var out []binding
	for _, v := range all {
		if tier, ok := tierOf(v, namespace); ok {
			out = append(out, binding{v, tier})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].tier < out[j].tier })
	return out
}

// tierOf gives the tier of a VirtualService for proxies of a namespace; ok is false when it is not visible there.
func tierOf(v *mesh.VirtualService, namespace string) (tier int, ok bool) {
	if v.IsDelegate() {
		return 0, false
	}
	switch v.ExportTo.Covers(namespace) {
	case mesh.No:
		return 0, false
	case mesh.Maybe:
		return tierUnknown, true
	}
	switch {
	case v.ExportTo.Public:
		return 2, true
	case v.Namespace == namespace:
		return 0, true
	}
	return 1, true
}

// Precedes tells whether one entry of a virtual host is certainly tried before another.
func (vh *VirtualHost) Precedes(a, b Entry) bool {
	if a.Rule.VS == b.Rule.VS && a.Server == b.Server && (a.late || b.late || vh.Alone != nil) {
		return a.position() < b.position() || a.position() == b.position() && a.Match < b.Match
	}
	if a.CatchAll != b.CatchAll && !a.late && !b.late {
		return b.CatchAll
	}
	if a.late {
		return false
	}
	if a.Server != b.Server {
		if a.Server.Gateway == b.Server.Gateway {
			return a.Server.Index < b.Server.Index
		}
		return mesh.OrderKnown(a.Server.Gateway.Object, b.Server.Gateway.Object) && mesh.Before(a.Server.Gateway.Object, b.Server.Gateway.Object)
	}
	x, y := a.Rule.VS, b.Rule.VS
	if x == y {
		return a.position() < b.position() || a.position() == b.position() && a.Match < b.Match
	}
	if a.tier == tierUnknown || b.tier == tierUnknown {
		return false
	}
	if a.tier != b.tier {
		return a.tier < b.tier
	}
	return mesh.OrderKnown(x.Object, y.Object) && mesh.Before(x.Object, y.Object)
}

// position is the place of the rule among those of its root.
func (e Entry) position() int { return e.Rule.Index<<16 | e.Rule.DelegateIndex }

// OrderKnown tells whether the order of two entries is certain, one way or the other.
func (vh *VirtualHost) OrderKnown(a, b Entry) bool { return vh.Precedes(a, b) || vh.Precedes(b, a) }

// L4Route is the one route of a TCP chain.
type L4Route struct {
	VS      *mesh.VirtualService
	Section string // "tcp" or "tls"
	Index   int
	Match   int // -1: the rule has none
	Targets []Target
}

// tcp gives the route of a TCP server: the first VirtualService with overlapping hosts and a tcp rule for its port and
// gateway; sources and subnets are ignored on gateways (buildGatewayNetworkFiltersFromTCPRoutes).
func (table *Table) tcp(s *Server) *L4Route {
	for _, b := range table.bound(s.Gateway) {
		if !table.overlaps(s, b.vs) {
			continue
		}
		for i, r := range b.vs.Spec.Tcp {
			if len(r.GetRoute()) == 0 {
				continue
			}
			at := -1
			for j, m := range r.Match {
				if table.tables.l4Admits(s, b.vs, m.GetPort(), m.GetGateways()) {
					at = j
					break
				}
			}
			if at >= 0 || len(r.Match) == 0 {
				return &L4Route{VS: b.vs, Section: "tcp", Index: i, Match: at, Targets: table.l4Targets(b.vs, r.Route, s, "tcp", i)}
			}
		}
	}
	return nil
}

func (table *Table) overlaps(s *Server, v *mesh.VirtualService) bool { return table.meets(s, v) >= 0 }

// l4Admits tells whether istiod looks at a tcp or tls match for a server: only port and gateways count.
func (t *Tables) l4Admits(s *Server, v *mesh.VirtualService, port uint32, gateways []string) bool {
	if port != 0 && port != s.Number() {
		return false
	}
	if len(gateways) == 0 {
		return true
	}
	for _, g := range t.gatewayNames(gateways, v) {
		if g == gatewayKey(s.Gateway) {
			return true
		}
	}
	return false
}

func (table *Table) l4Targets(v *mesh.VirtualService, route []*networking.RouteDestination, s *Server, section string, i int) []Target {
	var out []Target
	for j, d := range route {
		out = append(out, table.tables.target(d.GetDestination(), d.GetWeight(), len(route), destination{
			vs: v, namespace: v.Namespace, client: table.proxy(), port: s.Number(), path: []any{"spec", section, i, "route", j, "destination"},
		}))
	}
	return out
}

// passthrough gives a chain for each tls match; a match whose server names are taken on the port and bind is left out whole
// (buildGatewayNetworkFiltersFromTLSRoutes).
func (table *Table) passthrough(s *Server, snis map[string]sniOwner) []*Chain {
	if s.Spec.Tls.Mode == networking.ServerTLSSettings_AUTO_PASSTHROUGH {
		return []*Chain{{Server: s, Internal: true, SNI: sniOf(s)}}
	}
	var out []*Chain
	for _, b := range table.bound(s.Gateway) {
		if !table.overlaps(s, b.vs) {
			continue
		}
		for i, r := range b.vs.Spec.Tls {
			for j, m := range r.GetMatch() {
				if len(r.Route) == 0 || !table.tables.l4Admits(s, b.vs, m.GetPort(), m.GetGateways()) {
					continue
				}
				c := &Chain{Server: s, SNI: m.SniHosts, TCP: &L4Route{VS: b.vs, Section: "tls", Index: i, Match: j, Targets: table.l4Targets(b.vs, r.Route, s, "tls", i)}}
				if table.claimSNI(s, c, snis) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// sniOwner has a server name on a port. istiod remembers only the bind that took it last.
type sniOwner struct {
	bind  string
	chain *Chain
}

func (table *Table) claimSNI(s *Server, c *Chain, snis map[string]sniOwner) bool {
	key := func(sni string) string { return itoa(s.Listen) + "/" + sni }
	for _, n := range c.SNI {
		if by, ok := snis[key(n)]; ok && by.bind == s.Spec.Bind {
			if by.chain.TCP.VS != c.TCP.VS {
				table.lostSNI = append(table.lostSNI, LostL4{c.TCP.VS, table.meets(s, c.TCP.VS), "tls", by.chain.TCP, s})
			}
			return false
		}
	}
	for _, n := range c.SNI {
		snis[key(n)] = sniOwner{s.Spec.Bind, c}
		if n == "*" {
			c.SNI = nil
		}
	}
	return true
}
