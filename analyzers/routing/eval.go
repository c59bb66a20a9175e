package routing

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// Ask answers where a request goes. The error says why it cannot be asked: no such workload, or several that could take it.
func (t *Tables) Ask(r Request) (Answer, error) {
	if r.Mesh != nil {
		return t.sidecarOf(r.Mesh).ask(r), nil
	}
	table, err := t.tableFor(r)
	if err != nil {
		return Answer{ID: r.ID, Outcome: OutcomeError, Error: err.Error()}, err
	}
	if table == nil {
		return Answer{ID: r.ID, Outcome: OutcomeNoListener}, nil
	}
	return table.ask(r), nil
}

func (t *Tables) tableFor(r Request) (*Table, error) {
	var found []*Table
	for _, table := range t.Gateways {
		wl := table.Workload
		if r.Workload != nil {
			if (wl.Namespace == r.Workload.Namespace || wl.Namespace == "") && mesh.LabelText(wl.Labels) == mesh.LabelText(r.Workload.Labels) {
				return table, nil
			}
			continue
		}
		if table.listener(r.Port) != nil {
			found = append(found, table)
		}
	}
	if r.Workload != nil {
		return nil, fmt.Errorf("no gateway workload with labels %s in namespace %q", mesh.LabelText(r.Workload.Labels), r.Workload.Namespace)
	}
	if len(found) > 1 {
		names := make([]string, len(found))
		for i, table := range found {
			names[i] = table.Workload.String()
		}
		return nil, fmt.Errorf("%d gateway workloads listen on port %d, name one: %s", len(found), r.Port, strings.Join(names, "; "))
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

// listener is the one on all addresses that a client of a Service port reaches.
func (table *Table) listener(port uint32) *Listener {
	listen, _ := resolvePort(port, table.Workload)
	for _, l := range table.Listeners {
		if l.Port == listen && (l.Bind == "0.0.0.0" || l.Bind == "::") {
			return l
		}
	}
	return nil
}

func (table *Table) ask(r Request) Answer {
	a := Answer{ID: r.ID}
	l := table.listener(r.Port)
	switch {
	case l == nil:
		a.Outcome = OutcomeNoListener
		return a
	case l.Rejected != nil:
		a.Outcome = OutcomeRejected
		return a
	}
	c := l.chain(r)
	if c == nil || c.TLS && !r.TLS || c.HTTP != nil && r.TLS && !c.TLS || c.TLS && !table.credentialsDelivered(c.Server) {
		a.Outcome = OutcomeNoTLSServer
		return a
	}
	if c.TCP != nil {
		a.Gateway = c.Server.Gateway.ID().String()
		a.VirtualService = c.TCP.VS.ID().String()
		a.Route = manifest.FieldPath("spec", c.TCP.Section, c.TCP.Index)
		if c.TCP.Match >= 0 {
			a.Match = manifest.FieldPath("spec", c.TCP.Section, c.TCP.Index, "match", c.TCP.Match)
		}
		a.Outcome = OutcomeTCP
		a.forward(c.TCP.Targets)
		return a
	}
	return table.askHTTP(c.HTTP, r, a)
}

// chain selects by server name, the most specific first, never falling back (Envoy's FilterChainManagerImpl).
func (l *Listener) chain(r Request) *Chain {
	sni := ""
	if r.TLS {
		if sni = r.SNI; sni == "" {
			sni = withoutPort(r.Host)
			if _, err := netip.ParseAddr(sni); err == nil {
				sni = "" // clients send no server name for addresses
			}
		}
		sni = strings.ToLower(sni)
	}
	var best *Chain
	rank := -1
	for _, c := range l.Chains {
		if c.Internal {
			continue
		}
		if k := c.rank(sni); k > rank {
			best, rank = c, k
		}
	}
	return best
}

func (c *Chain) rank(sni string) int {
	if len(c.SNI) == 0 {
		return 0
	}
	best := -1
	for _, n := range c.SNI {
		switch n = strings.ToLower(n); {
		case sni == "":
		case n == sni:
			return 1 << 30
		case strings.HasPrefix(n, "*.") && strings.HasSuffix(sni, n[1:]):
			best = max(best, len(n))
		}
	}
	return best
}

func (table *Table) askHTTP(rc *RouteConfig, r Request, a Answer) Answer {
	return rc.ask(r, a, func(a *Answer, _ *VirtualHost, e *Entry) {
		a.Gateway = e.Server.Gateway.ID().String()
		a.take(e.Route, table.tables.targets(e.Rule, table.proxy(), e.Port, false))
	})
}

// ask answers up to the route that takes the request, which take fills in.
func (rc *RouteConfig) ask(r Request, a Answer, take func(*Answer, *VirtualHost, *Entry)) Answer {
	switch {
	case strings.Contains(r.Path, "#"):
		a.Outcome = OutcomeBadRequest
		return a
	case rc.Rejected:
		a.Outcome = OutcomeRejected
		return a
	}
	vh := rc.Lookup(r.Host)
	switch {
	case vh == nil:
		a.Outcome = OutcomeNoHost
		return a
	case vh.RequireTLS && !r.TLS:
		a.Outcome, a.VirtualHost = OutcomeHTTPSRedirect, vh.Domain
		return a
	}
	a.VirtualHost = vh.Domain
	e, known := vh.Take(MatchRequest(r), nil)
	switch {
	case !known:
		a.Outcome = OutcomeUnknown
	case e == nil:
		a.Outcome = OutcomeNoRoute
	default:
		take(&a, vh, e)
	}
	return a
}

// refused tells whether Envoy rejects the configuration for one of its routes.
func (rc *RouteConfig) refused() bool {
	for _, vh := range rc.Hosts {
		for _, e := range vh.Entries {
			if e.Rule != nil && e.Rule.refused() {
				return true
			}
		}
	}
	return false
}

// Lookup finds the virtual host of a Host header: exact, then the longest wildcard, then "*"; the port is ignored.
func (rc *RouteConfig) Lookup(host string) *VirtualHost {
	host = strings.ToLower(withoutPort(host))
	if vh := rc.Hosts[host]; vh != nil && host != "*" {
		return vh
	}
	for i := 1; i < len(host); i++ {
		if vh := rc.Hosts["*"+host[i:]]; vh != nil {
			return vh
		}
	}
	return rc.Hosts["*"]
}

// Take gives the route that takes a request, skipping those that skip names; known is false when a route whose content is
// not known stands before.
func (vh *VirtualHost) Take(r match.Request, skip func(Entry) bool) (e *Entry, known bool) {
	for i := range vh.Entries {
		x := &vh.Entries[i]
		switch {
		case skip != nil && skip(*x):
		case x.Opaque || x.Box.Undecidable():
			return nil, false
		case x.Box.Matches(r):
			return x, true
		}
	}
	return nil, true
}

// MatchRequest is the request as routes see it: path normalised and without query, header names lower-case.
func MatchRequest(r Request) match.Request {
	path, query, _ := strings.Cut(r.Path, "?")
	m := match.Request{Path: normalise(path), Method: r.Method, Scheme: "http", Authority: r.Host, Headers: map[string]string{}, Query: map[string]string{}}
	if m.Method == "" {
		m.Method = "GET"
	}
	if r.TLS {
		m.Scheme = "https"
	}
	for k, v := range r.Headers {
		m.Headers[strings.ToLower(k)] = v
	}
	for _, kv := range strings.Split(query, "&") {
		k, v, _ := strings.Cut(kv, "=")
		if _, dup := m.Query[k]; kv != "" && !dup {
			m.Query[k] = v
		}
	}
	if r.Mesh != nil {
		m.SourceNamespace, m.SourceLabels = r.Mesh.Namespace, r.Mesh.Labels
	}
	return m
}

// normalise resolves dot segments and backslashes as Envoy does by default; slashes are not merged.
func normalise(path string) string {
	if path == "" {
		return "/"
	}
	segs := strings.Split(strings.ReplaceAll(path, "\\", "/"), "/")
	var out []string
	for i, s := range segs {
		last := i == len(segs)-1
		switch strings.ReplaceAll(strings.ReplaceAll(s, "%2e", "."), "%2E", ".") {
		case ".":
		case "..":
			if len(out) > 1 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return strings.Join(out, "/")
}

func withoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// take fills in the route that took the request.
func (a *Answer) take(r *Route, targets []Target) {
	rule := r.Rule
	a.VirtualService = rule.VS.ID().String()
	a.Route = manifest.FieldPath("spec", "http", rule.Index)
	if r.Match >= 0 && rule.Matches[r.Match].Index >= 0 {
		a.Match = manifest.FieldPath("spec", "http", rule.Index, "match", rule.Matches[r.Match].Index)
	}
	if rule.Delegate != nil {
		a.Delegate = &DelegateRef{VirtualService: rule.Delegate.ID().String(), Route: manifest.FieldPath("spec", "http", rule.DelegateIndex)}
		if r.Match >= 0 && rule.Matches[r.Match].DelegateIndex >= 0 {
			a.Delegate.Match = manifest.FieldPath("spec", "http", rule.DelegateIndex, "match", rule.Matches[r.Match].DelegateIndex)
		}
	}
	switch {
	case rule.HTTP.Redirect != nil:
		a.Outcome = OutcomeRedirect
	case rule.HTTP.DirectResponse != nil:
		a.Outcome = OutcomeDirectResponse
	default:
		a.Outcome = OutcomeRouted
		a.forward(targets)
	}
}

// forward fills in destinations; the outcome is no-cluster when certainly none of their clusters exists.
func (a *Answer) forward(targets []Target) {
	missing := 0
	for _, t := range targets {
		if t.Weight == 0 && len(targets) > 1 {
			continue
		}
		at := AnswerTarget{Host: t.Host, Port: t.Port, Subset: t.Spec.GetSubset(), Weight: t.Weight, Cluster: t.Cluster()}
		if t.Exists != mesh.Maybe {
			at.Exists = new(bool)
			*at.Exists = t.Exists == mesh.Yes
			if !*at.Exists {
				missing++
			}
		}
		a.Destinations = append(a.Destinations, at)
	}
	if len(a.Destinations) > 0 && missing == len(a.Destinations) {
		a.Outcome = OutcomeNoCluster
	}
}
