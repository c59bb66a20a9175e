package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// Walk is how a request fares, stage by stage, up to its answer. Stages that it does not reach are nil.
type Walk struct {
	Request  Request
	Answer   Answer
	Table    *Table // nil on mesh, and where no gateway workload listens on the port
	Listener *Listener
	Chain    *Chain // the one chosen by server name, even if the connection then fails
	Config   *RouteConfig
	Host     *VirtualHost
	Seen     match.Request // as routes see it
	Tried    []Entry       // the routes before Entry, in the order in which Envoy tries them; all of them if none takes it
	Open     []*Entry      // those among Tried that may take it
	Entry    *Entry
	Targets  []Target
	Why      string // why the connection fails, a clause

	tables     *Tables
	claimed    []*Entry // once claimsRead
	claimsRead bool

	contenders     []Contender // once contendersRead
	contendersRead bool
}

// Ask answers where a request goes. The error says why it cannot be asked: no such workload, or several that could take it.
func (t *Tables) Ask(r Request) (Answer, error) {
	w, err := t.Walk(r)
	return w.Answer, err
}

// Walk answers where a request goes, and how it comes there; the error is Ask's.
func (t *Tables) Walk(r Request) (*Walk, error) {
	w := &Walk{Request: r, Answer: Answer{ID: r.ID}, tables: t}
	if r.Mesh != nil {
		w.http(t.sidecarOf(r.Mesh).config(r.Port))
		return w, nil
	}
	var err error
	if w.Table, err = t.tableFor(r); err != nil {
		w.Answer.Outcome, w.Answer.Error = OutcomeError, err.Error()
		return w, err
	}
	if w.Table == nil {
		w.Answer.Outcome = OutcomeNoListener
		return w, nil
	}
	w.connect()
	return w, nil
}

// walk asks the workload of the table.
func (table *Table) walk(r Request) *Walk {
	w := &Walk{Request: r, Answer: Answer{ID: r.ID}, Table: table, tables: table.tables}
	w.connect()
	return w
}

// connect goes from the listener to the chain that takes the connection.
func (w *Walk) connect() {
	w.Listener = w.Table.listener(w.Request.Port, w.Request.Address)
	switch {
	case w.Listener == nil:
		w.Answer.Outcome = OutcomeNoListener
		return
	case w.Listener.Stuck():
		w.Answer.Outcome = OutcomeRejected
		return
	}
	w.Chain = w.Listener.chain(w.Request)
	if w.Why = w.resets(); w.Why != "" {
		w.Answer.Outcome = OutcomeNoTLSServer
		return
	}
	c := w.Chain
	if c.TCP == nil {
		w.http(c.HTTP)
		return
	}
	a := &w.Answer
	a.Gateway = c.Server.Gateway.ID().String()
	a.VirtualService = c.TCP.VS.ID().String()
	a.Route = manifest.FieldPath("spec", c.TCP.Section, c.TCP.Index)
	if c.TCP.Match >= 0 {
		a.Match = manifest.FieldPath("spec", c.TCP.Section, c.TCP.Index, "match", c.TCP.Match)
	}
	a.Outcome = OutcomeTCP
	w.Targets = c.TCP.Targets
	a.forward(w.Targets)
}

// resets says why the connection fails on its chain, "" if it does not.
func (w *Walk) resets() string {
	c, tls := w.Chain, w.Request.TLS
	switch {
	case c == nil && tls:
		return fmt.Sprintf("no server here has the server name %q", w.Request.ServerName())
	case c == nil:
		return "every server here wants TLS, and the request is plaintext"
	case c.TLS && !tls:
		return "the server wants TLS, and the request is plaintext"
	case c.HTTP != nil && tls && !c.TLS:
		return "the server takes plaintext HTTP, and the request is TLS"
	case c.TLS && !w.Table.Delivered(c.Server):
		return "its certificate is not delivered: there is no Secret that it can use"
	}
	return ""
}

// http goes from the route configuration to the route that takes the request.
func (w *Walk) http(rc *RouteConfig) {
	w.Config = rc
	a := &w.Answer
	switch {
	case w.Request.Host == "", badPath(w.Request.Path): // HTTP/1.1 wants a host
		a.Outcome = OutcomeBadRequest
		return
	case w.Request.Path == "*": // of OPTIONS: Envoy says 404 before it looks for a host
		a.Outcome = OutcomeNoRoute
		return
	case rc.Rejected && !rc.spares(w.Request):
		a.Outcome = OutcomeRejected
		return
	}
	w.Host = rc.Lookup(w.Request.Host)
	switch {
	case w.Host == nil:
		a.Outcome = OutcomeNoHost
		return
	case w.Host.RequireTLS && !w.Request.TLS:
		a.Outcome, a.VirtualHost = OutcomeHTTPSRedirect, w.Host.Domain
		return
	}
	a.VirtualHost = w.Host.Domain
	w.Seen = MatchRequest(w.Request)
	i, known := w.Host.first(w.Seen, 0, nil)
	for ; !known; i, known = w.Host.first(w.Seen, i+1, nil) {
		w.Open = append(w.Open, &w.Host.Entries[i])
	}
	w.Tried = w.Host.Entries[:i]
	if i < len(w.Host.Entries) {
		w.Entry = &w.Host.Entries[i]
		w.Targets = w.targets(w.Entry)
	}
	if len(w.Open) == 0 {
		w.end(a)
		return
	}
	a.Alternatives = w.alternatives()
	a.Outcome = OutcomeUnknown
}

// badPath tells a path, or its query, that Envoy answers with 400.
func badPath(path string) bool {
	return strings.ContainsFunc(path, func(r rune) bool { return r == '#' || r <= ' ' || r >= 0x7f })
}

// end fills in the route that takes the request, if there is one.
func (w *Walk) end(a *Answer) {
	if w.Entry == nil {
		a.Outcome = OutcomeNoRoute
		return
	}
	w.take(a, w.Entry, w.Targets)
}

func (w *Walk) take(a *Answer, e *Entry, targets []Target) {
	if w.Table != nil {
		a.Gateway = e.Server.Gateway.ID().String()
	}
	switch {
	case e.Rule == nil:
		a.Outcome = OutcomeRouted
		a.forward(targets)
	case e.Rule.Opaque:
		a.Outcome = OutcomeUnknown
		a.place(e.Route)
	default:
		a.take(e.Route, targets)
	}
}

// targets are the destinations of a route for the client at hand.
func (w *Walk) targets(e *Entry) []Target {
	switch {
	case w.Table != nil:
		return w.tables.targets(e.Rule, w.client(), e.Port, false)
	case e.Rule != nil:
		return w.tables.targets(e.Rule, w.client(), w.Request.Port, true)
	}
	svc := w.Host.service
	return []Target{{Spec: &networking.Destination{Host: svc.Host}, Host: svc.Host, Port: w.Request.Port, Weight: 100, Services: []*mesh.Service{svc}, Exists: mesh.Yes}}
}

// client is the proxy that resolves destinations.
func (w *Walk) client() proxy {
	if w.Table != nil {
		return w.Table.proxy()
	}
	return proxy{w.Request.Mesh.Namespace, w.Request.Mesh.Labels, true}
}

// alternatives are the answers if one of the open routes takes the request, and if none does.
func (w *Walk) alternatives() []Alternative {
	var out []Alternative
	for _, e := range w.Open {
		x := Alternative{Answer: Answer{VirtualHost: w.Host.Domain}}
		w.take(&x.Answer, e, w.targets(e))
		x.If = fmt.Sprintf("%s %s takes it (%s)", e.Rule.VS.ID(), either(x.Match, x.Route), e.Doubt())
		out = append(out, x)
	}
	x := Alternative{If: "it does not take it", Answer: Answer{VirtualHost: w.Host.Domain}}
	if len(w.Open) > 1 {
		x.If = "none of these takes it"
	}
	w.end(&x.Answer)
	return append(out, x)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Doubt says why it is not known whether a route that was tried takes the request, "" if it is.
func (w *Walk) Doubt(e *Entry) string {
	if !slices.Contains(w.Open, e) {
		return ""
	}
	return e.Doubt()
}

// Doubt says why it is not known what the route takes, "" if it is.
func (e *Entry) Doubt() string {
	switch {
	case e.Rule == nil || !e.uncertain():
		return ""
	case e.Rule.Opaque && e.Rule.HTTP.Delegate != nil:
		return "its delegate " + mesh.DelegateName(e.Rule.VS, e.Rule.HTTP.Delegate).String() + " is not known"
	case e.Rule.Opaque:
		return "it holds placeholders, or values that the API server refuses"
	case e.Box.Undecidable():
		return "it has a condition that cannot be read: " + strings.Join(e.Box.Unread(), ", ")
	}
	return "it is for clients of one namespace, and that of this one is not known"
}

// Answer says where the route is written, and nothing of where it leads.
func (e *Entry) Answer() Answer {
	var a Answer
	a.place(e.Route)
	return a
}

// ServerName is the server name that a TLS client sends: the one given, else the host, and none for an address.
func (r Request) ServerName() string {
	if !r.TLS {
		return ""
	}
	if r.SNI != "" {
		return strings.ToLower(r.SNI)
	}
	return hostName(r.Host)
}

// Tables are those that the walk leads through.
func (w *Walk) Tables() *Tables { return w.tables }

// Losers are servers on the port that are for the connection too, or that would drop the server which takes it if their Gateway
// were the older one, and that istiod drops.
func (w *Walk) Losers() []*Server {
	name := w.Request.ServerName()
	if !w.Request.TLS {
		name = w.Request.Host
	}
	listen, _ := resolvePort(w.Request.Port, w.Table.Workload)
	var out []*Server
	for _, s := range w.Table.Servers {
		if s.Drop != nil && s.Listen == listen && (s.Claims(name) || w.Chain != nil && !s.Drop.Certain && s.Drop.By == w.Chain.Server) {
			out = append(out, s)
		}
	}
	return out
}

// Rivals are routes of other VirtualServices that fit the request too, with another outcome, and that only ages which are not
// known put behind the one that takes it; one a VirtualService.
func (w *Walk) Rivals() []Entry {
	if w.Entry == nil || w.Entry.Rule == nil || w.Table == nil {
		return nil
	}
	var out []Entry
	seen := map[*mesh.VirtualService]bool{w.Entry.Rule.VS: true}
	for _, e := range w.Host.Entries[len(w.Tried)+1:] {
		if seen[e.Rule.VS] || e.uncertain() || !e.Box.Matches(w.Seen) || w.Host.OrderKnown(*w.Entry, e) {
			continue
		}
		seen[e.Rule.VS] = true // it is the first of its own that fits
		behind := slices.ContainsFunc(out, func(o Entry) bool { return w.Host.Precedes(o, e) })
		if !behind && w.tables.Outcome(e.Rule) != w.tables.Outcome(w.Entry.Rule) {
			out = append(out, e)
		}
	}
	return out
}

// Claimants are VirtualServices that have the host of a request which finds no virtual host.
func (w *Walk) Claimants() []*mesh.VirtualService {
	var out []*mesh.VirtualService
	host := strings.ToLower(withoutPort(w.Request.Host))
	for _, v := range w.tables.World.VirtualServices {
		for _, h := range v.Hosts {
			if h != "*" && Covers(strings.ToLower(h), host) {
				out = append(out, v)
				break
			}
		}
	}
	return out
}

// Claims tells whether a name is one of those that the server is for.
func (s *Server) Claims(name string) bool {
	name = strings.ToLower(withoutPort(name))
	for _, h := range s.entries() {
		if Covers(strings.ToLower(h.Host), name) {
			return true
		}
	}
	return false
}

// Endpoints are the workloads of the input that a service selects, those of a subset where its labels are given.
func (t *Tables) Endpoints(s *mesh.Service, subset map[string]string) []*mesh.Workload {
	if len(s.Selector) == 0 {
		return nil
	}
	var out []*mesh.Workload
	for _, list := range [][]*mesh.Workload{t.World.Apps, t.World.Workloads} {
		for _, wl := range list {
			if (wl.Namespace == s.Namespace || wl.Namespace == "" || s.Namespace == "") && mesh.Subset(s.Selector, wl.Labels) && mesh.Subset(subset, wl.Labels) {
				out = append(out, wl)
			}
		}
	}
	return out
}

// Mirrors are the destinations that get a copy of the request.
func (w *Walk) Mirrors() []Target {
	if w.Entry == nil || w.Entry.Rule == nil || w.Answer.Outcome != OutcomeRouted {
		return nil
	}
	port := w.Entry.Port
	if w.Table == nil {
		port = w.Request.Port
	}
	return w.tables.mirrors(w.Entry.Rule, w.client(), port, w.Table == nil)
}

// Endpoints are the workloads of the input behind a destination.
func (w *Walk) Endpoints(x *Target) []*mesh.Workload {
	var labels map[string]string
	if s := w.Rule(x); s != nil && s.Subsets[x.Spec.GetSubset()] != nil {
		sub := s.Subsets[x.Spec.GetSubset()]
		labels = sub.Rule.Spec.Subsets[sub.Index].Labels
	}
	if len(x.Services) == 0 {
		return nil
	}
	return w.tables.Endpoints(x.Services[0], labels)
}
