package routing

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// Loop is a destination that leads a request back to the rule which sent it.
type Loop struct {
	Entry  Entry
	Target Target
	Table  *Table // of the first rule
	Hops   int    // gateway workloads on the way round
	// Request is one that goes round, Answer where the first rule sends it.
	Request Request
	Answer  Answer
}

// Loops lists the destinations of routes on gateway workloads that lead back to the same route, once each.
func (t *Tables) Loops() []Loop {
	if len(t.fronted) == 0 {
		return nil
	}
	var out []Loop
	seen := map[written]bool{}
	for _, table := range t.Gateways {
		if len(table.Opaque) > 0 {
			continue
		}
		shaky := table.shaky()
		for _, rc := range table.order {
			if rc.Servers[0].Drop != nil || shaky[rc.Servers[0]] {
				continue
			}
			judged := map[*Rule]bool{} // one host of a rule is enough, and one look at where it leads
			for _, d := range rc.domains {
				for _, e := range rc.Hosts[d].Entries {
					if e.Opaque || judged[e.Rule] {
						continue
					}
					i, x := t.toGateway(table, &e)
					if judged[e.Rule] = x == nil; x == nil {
						continue
					}
					if l, ok := t.loop(table, rc.Hosts[d], e, i, x); ok {
						judged[e.Rule] = true
						if key := writtenAt(l.Target.VS, l.Target.Path); !seen[key] {
							seen[key] = true
							out = append(out, l)
						}
					}
				}
			}
		}
	}
	return out
}

// loop follows a request of an entry to its destination i, and on.
func (t *Tables) loop(table *Table, vh *VirtualHost, e Entry, i int, x *Target) (Loop, bool) {
	l := Loop{Entry: e, Table: table, Target: *x}
	var ok bool
	if l.Request, l.Answer, _, ok = t.Shown(vh, e.Box, e); !ok || table.taking(l.Request) == nil {
		return l, false
	}
	r, at := l.Request, &e
	for ; l.Hops <= maxHops && x != nil; l.Hops++ {
		if r, ok = at.sent(r, i); !ok {
			return l, false
		}
		r.TLS, r.SNI = false, ""
		if r, ok = t.certainly(r, x, table.proxy()); !ok {
			return l, false
		}
		table = t.behind(x)
		if at = table.taking(r); at == nil {
			return l, false
		}
		if at.Rule == e.Rule && table == l.Table {
			l.Hops++
			return l, true
		}
		i, x = t.toGateway(table, at)
	}
	return l, false
}

// toGateway is the first destination of an entry that a known gateway workload stands behind.
func (t *Tables) toGateway(table *Table, e *Entry) (int, *Target) {
	if e.Rule.HTTP.Redirect != nil || e.Rule.HTTP.DirectResponse != nil || !t.anyFronted(e.Rule) {
		return 0, nil
	}
	targets := t.targets(e.Rule, table.proxy(), e.Port, false)
	for i := range targets {
		if (targets[i].Weight > 0 || len(targets) == 1) && t.behind(&targets[i]) != nil {
			return i, &targets[i]
		}
	}
	return 0, nil
}

// anyFronted tells whether a destination of a rule names the Service of a gateway workload.
func (t *Tables) anyFronted(r *Rule) bool {
	for _, d := range r.HTTP.Route {
		for _, s := range t.World.ServicesFor(t.World.FQDN(d.GetDestination().GetHost(), r.Namespace)) {
			if len(t.fronted[s]) > 0 {
				return true
			}
		}
	}
	return false
}

// taking is the entry that takes a request, nil for none and where that is not known or hangs on an order that is not.
func (table *Table) taking(r Request) *Entry {
	w := table.walk(r)
	if w.Entry == nil || len(w.Open) > 0 {
		return nil
	}
	for _, x := range w.Host.Entries {
		if x.Route != w.Entry.Route && x.Box.Matches(w.Seen) && !w.Host.Precedes(*w.Entry, x) {
			return nil
		}
	}
	return w.Entry
}

// BrokenHop is a destination of the sidecars, a gateway workload that does not serve what is sent there.
type BrokenHop struct {
	VS      *mesh.VirtualService // whose host it is: the root for a delegate's rule
	Host    int                  // in its spec.hosts
	Target  Target
	Table   *Table
	Request Request // as the gateway workload gets it
	Answer  Answer
}

// BrokenHops lists them, once for each destination and host.
func (t *Tables) BrokenHops() []BrokenHop {
	if len(t.fronted) == 0 {
		return nil
	}
	var out []BrokenHop
	for _, v := range t.onMesh {
		routes, _ := t.generate(v, client{gateway: mesh.Mesh, anySource: true, anyPort: true})
		done := map[*Rule]bool{}
		for _, rt := range routes {
			if rt.Opaque || done[rt.Rule] || rt.Rule.HTTP.Redirect != nil || rt.Rule.HTTP.DirectResponse != nil {
				continue
			}
			done[rt.Rule] = true
			e := Entry{Route: rt}
			for i, x := range t.targets(rt.Rule, proxy{namespace: v.Namespace}, 0, true) {
				m, ok := rt.Box.Witness()
				if !ok {
					continue
				}
				r := Request{Path: m.Path, Method: m.Method, Headers: m.Headers}
				out = append(out, t.brokenHops(v, x, func(host string) (Request, bool) {
					r := r
					r.Host = host
					return e.sent(r, i)
				})...)
			}
		}
		for i, rule := range v.Spec.Tls {
			for j, d := range rule.GetRoute() {
				x := t.target(d.GetDestination(), d.GetWeight(), len(rule.Route), destination{
					vs: v, namespace: v.Namespace, client: proxy{namespace: v.Namespace}, mesh: true, path: []any{"spec", "tls", i, "route", j, "destination"},
				})
				out = append(out, t.brokenHops(v, x, func(host string) (Request, bool) {
					return Request{TLS: true, SNI: host, Host: host}, forMesh(rule, host)
				})...)
			}
		}
	}
	return out
}

// forMesh tells whether a tls rule on the sidecars takes a server name.
func forMesh(rule *networking.TLSRoute, host string) bool {
	for _, m := range rule.Match {
		onMesh := len(m.GetGateways()) == 0
		for _, g := range m.GetGateways() {
			onMesh = onMesh || g == mesh.Mesh
		}
		for _, n := range m.GetSniHosts() {
			if onMesh && Covers(n, host) {
				return true
			}
		}
	}
	return false
}

// brokenHops asks for each exact host of a VirtualService, as a sidecar of its own namespace and as one of any other sends it.
func (t *Tables) brokenHops(v *mesh.VirtualService, x Target, sent func(host string) (Request, bool)) []BrokenHop {
	table := t.behind(&x)
	if table == nil || x.Spec.GetPort() == nil || x.Weight == 0 {
		return nil
	}
	for _, s := range table.Servers {
		if s.Drop != nil && !s.Drop.Certain || len(s.Contested) > 0 {
			return nil
		}
	}
	var out []BrokenHop
hosts:
	for k, h := range v.Hosts {
		if strings.HasPrefix(h, "*") || strings.Contains(h, "..") {
			continue
		}
		b := BrokenHop{VS: v, Host: k, Target: x, Table: table}
		for i, c := range []proxy{{namespace: v.Namespace}, {}} {
			r, ok := sent(h)
			if !ok {
				continue hosts
			}
			if r, ok = t.certainly(r, &x, c); !ok {
				continue hosts
			}
			a := table.walk(r).Answer
			if !table.refuses(r, a) {
				continue hosts
			}
			if i == 0 { // what the own namespace's clients get is what is told
				b.Request, b.Answer = r, a
			}
		}
		out = append(out, b)
	}
	return out
}

// refuses tells an answer that says the workload has nothing for the host; a Secret that is missing is another fault.
func (table *Table) refuses(r Request, a Answer) bool {
	switch a.Outcome {
	case OutcomeNoListener, OutcomeNoHost:
		return true
	case OutcomeNoTLSServer:
		c := table.listener(r.Port, r.Address).chain(r)
		return c == nil || c.TLS && !r.TLS || c.HTTP != nil && r.TLS && !c.TLS
	case OutcomeNoRoute:
		return a.VirtualHost != "" && table.nothingFor(r)
	}
	return false
}

// nothingFor tells whether no route of the virtual host has a request's path, whatever else the routes ask for.
func (table *Table) nothingFor(r Request) bool {
	c := table.listener(r.Port, r.Address).chain(r)
	vh := c.HTTP.Lookup(r.Host)
	path := match.FromHTTP(&networking.HTTPMatchRequest{Uri: &networking.StringMatch{MatchType: &networking.StringMatch_Exact{Exact: MatchRequest(r).Path}}})
	for _, e := range vh.Entries {
		if _, verdict := match.Meet(e.Box, path, nil); verdict != match.Empty {
			return false
		}
	}
	return true
}
