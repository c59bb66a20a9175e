package routing

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

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
		if table.listener(r.Port, r.Address) != nil {
			found = append(found, table)
		}
	}
	if r.Workload != nil {
		return nil, fmt.Errorf("no gateway workload with labels %s in namespace %q", mesh.LabelText(r.Workload.Labels), r.Workload.Namespace)
	}
	if len(found) > 1 {
		names := make([]string, len(found))
		for i, table := range found {
			names[i] = table.Name()
			if table.Workload.Object != nil {
				names[i] += " (" + mesh.LabelText(table.Workload.Labels) + ")"
			}
		}
		return nil, fmt.Errorf("%d gateway workloads listen on port %d, name one: %s", len(found), r.Port, strings.Join(names, "; "))
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

// listener is the one that a client of a Service port reaches: that of the very address before one on all addresses.
func (table *Table) listener(port uint32, address string) *Listener {
	listen, _ := resolvePort(port, table.Workload)
	var any *Listener
	for _, l := range table.Listeners {
		switch {
		case l.Port != listen:
		case l.Bind == address:
			return l
		case any == nil && everywhere(l.Bind):
			any = l
		}
	}
	return any
}

// everywhere tells the binds that stand for all addresses.
func everywhere(bind string) bool { return bind == "0.0.0.0" || bind == "::" }

// chain selects by server name, the most specific first, never falling back (Envoy's FilterChainManagerImpl).
func (l *Listener) chain(r Request) *Chain {
	l.once.Do(l.index)
	sni := r.ServerName()
	if c := l.bySNI[sni]; c != nil {
		return c
	}
	for i := range len(sni) {
		if c := l.bySNI["*"+sni[i:]]; c != nil && sni[i] == '.' {
			return c
		}
	}
	return l.bySNI[""]
}

// index files chains by server name, "" for one that takes any.
func (l *Listener) index() {
	l.bySNI = map[string]*Chain{}
	for _, c := range l.Chains {
		names := c.SNI
		if len(names) == 0 {
			names = []string{""}
		}
		for _, n := range names {
			if n = strings.ToLower(n); !c.Internal && l.bySNI[n] == nil {
				l.bySNI[n] = c
			}
		}
	}
}

// refused tells whether Envoy rejects the configuration for one of its routes.
func (rc *RouteConfig) refused() bool {
	for _, vh := range rc.Hosts {
		for _, e := range vh.Entries {
			if e.Rule != nil && e.Rule.rejected {
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
	i, known := vh.first(r, 0, skip)
	if !known || i == len(vh.Entries) {
		return nil, known
	}
	return &vh.Entries[i], true
}

// first gives the index of the first route from one on that takes a request, or of which that is not known; the number of
// routes if there is none.
func (vh *VirtualHost) first(r match.Request, from int, skip func(Entry) bool) (i int, known bool) {
	for i = from; i < len(vh.Entries); i++ {
		x := &vh.Entries[i]
		switch {
		case skip != nil && skip(*x):
		case x.uncertain():
			if x.mayTake(r) || !vh.certain() {
				return i, false
			}
		case x.Box.Matches(r):
			return i, true
		}
	}
	return i, true
}

// uncertain tells whether it is not known what the route takes.
func (e *Entry) uncertain() bool { return e.Opaque || e.Box.Undecidable() }

// certain tells whether there is such a virtual host: a VirtualService without routes makes none, and a wildcard has its requests.
func (vh *VirtualHost) certain() bool {
	return slices.ContainsFunc(vh.Entries, func(e Entry) bool { return !e.Opaque })
}

// mayTake tells whether an uncertain route can take a request.
func (e *Entry) mayTake(r match.Request) bool {
	box, bounded := e.outside()
	return !bounded || box.Matches(r)
}

// outside gives a box outside of which the route certainly takes nothing, if one is known.
func (e *Entry) outside() (match.Box, bool) { return e.Box.Readable(), e.bounded || !e.Opaque }

// MatchRequest is the request as routes see it: path normalised and without query, header names lower-case.
func MatchRequest(r Request) match.Request {
	path, query, _ := strings.Cut(r.Path, "?")
	m := match.Request{Path: normalise(path), Method: r.Method, Scheme: "http", Authority: r.Host, Headers: map[string]string{}, Query: map[string]string{}, Claims: r.Claims}
	if m.Method == "" {
		m.Method = "GET"
	}
	if r.TLS {
		m.Scheme = "https"
	}
	for _, k := range manifest.Keys(r.Headers) {
		name, value := strings.ToLower(k), r.Headers[k]
		if have, twice := m.Headers[name]; twice {
			value = have + "," + value // as Envoy joins what stands twice
		}
		m.Headers[name] = value
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

// hostName is the server name that goes with a host: none for an address.
func hostName(host string) string {
	host = withoutPort(host)
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	return strings.ToLower(host)
}

// withoutPort leaves the brackets of an IPv6 address in place.
func withoutPort(host string) string {
	h, _, err := net.SplitHostPort(host)
	switch {
	case err != nil:
		return host
	case strings.HasPrefix(host, "["):
		return "[" + h + "]"
	}
	return h
}

// take fills in the route that took the request.
func (a *Answer) take(r *Route, targets []Target) {
	a.place(r)
	rule := r.Rule
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

// place fills in where a route is written.
func (a *Answer) place(r *Route) {
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
