package routing

import (
	"fmt"
	"maps"
	"strings"

	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// behind is the table of the gateway workload that a destination's Service stands before; nil unless it is known, alone behind
// that Service, and exactly modelled.
func (t *Tables) behind(x *Target) *Table {
	if len(x.Services) != 1 || len(t.fronted[x.Services[0]]) != 1 || x.Exists != mesh.Yes {
		return nil
	}
	if table := t.fronted[x.Services[0]][0]; len(table.Opaque) == 0 {
		return table
	}
	return nil
}

// clientTLS is what a client's DestinationRule says of TLS to a destination; ok is false where that cannot be told
// (networking/util/util.go, MergeSubsetTrafficPolicy).
func (t *Tables) clientTLS(x *Target, c proxy) (tls *networking.ClientTLSSettings, ok bool) {
	r := t.rules.choose(c, x.service(t.World))
	if r == nil {
		return nil, true
	}
	for _, d := range r.From {
		if d.Spec.TrafficPolicy != nil {
			tls, _ = portTLS(d.Spec.TrafficPolicy, x.Port)
			break
		}
	}
	if s := r.Subsets[x.Spec.GetSubset()]; s != nil {
		own, whole := portTLS(s.Rule.Spec.Subsets[s.Index].TrafficPolicy, x.Port)
		if own != nil || whole {
			tls = own
		}
	}
	return tls, r.Certain && tls.GetCredentialName() == ""
}

// portTLS reads a policy for a port; whole tells that the port has settings of its own, which inherit nothing.
func portTLS(p *networking.TrafficPolicy, port uint32) (tls *networking.ClientTLSSettings, whole bool) {
	for _, s := range p.GetPortLevelSettings() {
		if s.GetPort() != nil && s.Port.Number == port {
			return s.Tls, true
		}
	}
	return p.GetTls(), false
}

// arrive is a request as it comes to the workload behind a destination. It has TLS if the client sent TLS that is passed on,
// or if the client's DestinationRule begins it; gateway pods take part in no automatic mutual TLS.
func (t *Tables) arrive(r Request, x *Target, c proxy) (Request, bool) {
	table := t.behind(x)
	tls, ok := t.clientTLS(x, c)
	if table == nil || !ok {
		return r, false
	}
	r.Port, r.Mesh, r.Workload = x.Port, nil, &Client{Namespace: table.Workload.Namespace, Labels: table.Workload.Labels}
	if tls == nil || tls.Mode == networking.ClientTLSSettings_DISABLE {
		return r, true
	}
	r.TLS, r.SNI = true, tls.Sni
	switch {
	case r.SNI != "":
	case tls.Mode == networking.ClientTLSSettings_ISTIO_MUTUAL:
		r.SNI = fmt.Sprintf("outbound_.%d_.%s_.%s", x.Port, x.Spec.GetSubset(), x.Host)
	default:
		r.SNI = withoutPort(r.Host)
	}
	return r, true
}

// rewritten is a request as a rule sends it to one of its destinations; ok is false where that cannot be told.
func rewritten(r Request, e *Entry, i int) (Request, bool) {
	h := e.Rule.HTTP
	if h.Fault.GetAbort() != nil || h.Rewrite.GetUriRegexRewrite() != nil {
		return r, false
	}
	if uri := h.Rewrite.GetUri(); uri != "" {
		path, query, _ := strings.Cut(r.Path, "?")
		var prefix string
		if e.Match < 0 || e.Rule.Matches[e.Match].Spec.Uri == nil {
			prefix = "/"
		} else if prefix = e.Rule.Matches[e.Match].Spec.Uri.GetPrefix(); prefix == "" {
			prefix = path
		}
		r.Path = uri + path[min(len(prefix), len(path)):]
		if query != "" {
			r.Path += "?" + query
		}
	}
	r.Headers = maps.Clone(r.Headers)
	if r.Headers == nil {
		r.Headers = map[string]string{}
	}
	for _, ops := range []*networking.Headers{h.Headers, h.Route[i].Headers} {
		for _, set := range []map[string]string{ops.GetRequest().GetAdd(), ops.GetRequest().GetSet()} {
			for _, k := range sortedKeys(set) {
				if r.Headers[k] = set[k]; strings.Contains(set[k], "%") {
					return r, false
				}
				if strings.EqualFold(k, "host") || strings.EqualFold(k, ":authority") {
					r.Host = set[k]
				}
			}
		}
		for _, k := range ops.GetRequest().GetRemove() {
			delete(r.Headers, k)
		}
	}
	if a := h.Rewrite.GetAuthority(); a != "" {
		r.Host = a
	}
	return r, true
}

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

// maxHops bounds how far a request is followed.
const maxHops = 4

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
	for ; l.Hops < maxHops && x != nil; l.Hops++ {
		r.TLS, r.SNI = false, ""
		if r, ok = rewritten(r, at, i); !ok {
			return l, false
		}
		if r, ok = t.arrive(r, x, table.proxy()); !ok {
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
	if e.Rule.HTTP.Redirect != nil || e.Rule.HTTP.DirectResponse != nil {
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

// taking is the entry that takes a request, nil for none and where that is not known or hangs on an order that is not.
func (table *Table) taking(r Request) *Entry {
	var out *Entry
	l := table.listener(r.Port)
	if l == nil || l.Rejected != nil {
		return nil
	}
	c := l.chain(r)
	if c == nil || c.HTTP == nil || c.TLS != r.TLS || !table.credentialsDelivered(c.Server) {
		return nil
	}
	c.HTTP.ask(r, Answer{}, func(_ *Answer, vh *VirtualHost, e *Entry) {
		m := MatchRequest(r)
		for _, x := range vh.Entries {
			if x.Route != e.Route && x.Box.Matches(m) && !vh.Precedes(*e, x) {
				return
			}
		}
		out = e
	})
	return out
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
					return rewritten(r, &e, i)
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
		for _, c := range []proxy{{namespace: v.Namespace}, {}} {
			r, ok := sent(h)
			if !ok {
				continue hosts
			}
			if r, ok = t.arrive(r, &x, c); !ok {
				continue hosts
			}
			if b.Request, b.Answer = r, table.ask(r); !table.refuses(r, b.Answer) {
				continue hosts
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
		c := table.listener(r.Port).chain(r)
		return c == nil || c.TLS && !r.TLS || c.HTTP != nil && r.TLS && !c.TLS
	case OutcomeNoRoute:
		return table.nothingFor(r)
	}
	return false
}

// nothingFor tells whether no route of the virtual host has a request's path, whatever else the routes ask for.
func (table *Table) nothingFor(r Request) bool {
	c := table.listener(r.Port).chain(r)
	vh := c.HTTP.Lookup(r.Host)
	path := match.FromHTTP(&networking.HTTPMatchRequest{Uri: &networking.StringMatch{MatchType: &networking.StringMatch_Exact{Exact: MatchRequest(r).Path}}})
	for _, e := range vh.Entries {
		if _, verdict := match.Meet(e.Box, path); verdict != match.Empty {
			return false
		}
	}
	return true
}
