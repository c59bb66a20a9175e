package routing

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// Outcome is a text that two rules share exactly if a request fares the same under both.
func (t *Tables) Outcome(r *Rule) string {
	c := proto.Clone(r.HTTP).(*networking.HTTPRoute)
	c.Match, c.Name, c.Delegate = nil, "", nil
	for _, d := range c.Route {
		if d.Destination != nil {
			d.Destination.Host = t.World.FQDN(d.Destination.Host, r.Namespace)
		}
	}
	if len(c.Route) == 1 {
		c.Route[0].Weight = 0
	}
	if c.Mirror != nil {
		c.Mirror.Host = t.World.FQDN(c.Mirror.Host, r.MirrorSpace)
	}
	for _, m := range c.Mirrors {
		if m.Destination != nil {
			m.Destination.Host = t.World.FQDN(m.Destination.Host, r.MirrorSpace)
		}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil {
		return fmt.Sprintf("%p", r) // not text: equal to nothing else
	}
	return string(b)
}

// Goes says in words where a rule sends a request: its destinations as written, a redirect, a fixed response.
func (r *Rule) Goes() string { return r.goes(func(host string) string { return host }) }

// GoApart says where two rules send a request. Names that are the same as written and mean services of two namespaces stand in full;
// what is equal then differs in nothing that has a name here, as a timeout or weights.
func (t *Tables) GoApart(a, b *Rule) (string, string) {
	if x, y := a.Goes(), b.Goes(); x != y {
		return x, y
	}
	full := func(r *Rule) string {
		return r.goes(func(host string) string { return mesh.Shown(t.World.FQDN(host, r.Namespace)) })
	}
	if x, y := full(a), full(b); x != y {
		return x, y
	}
	return a.Goes(), b.Goes()
}

func (r *Rule) goes(name func(host string) string) string {
	switch {
	case r.HTTP.Redirect != nil:
		return "a redirect " + RedirectText(r.HTTP.Redirect)
	case r.HTTP.DirectResponse != nil:
		return fmt.Sprintf("a direct response %d", r.HTTP.DirectResponse.Status)
	}
	if len(r.HTTP.Route) == 0 {
		return "nothing"
	}
	var out []string
	for _, d := range r.HTTP.Route {
		text := name(d.GetDestination().GetHost())
		if s := d.GetDestination().GetSubset(); s != "" {
			text += " subset " + s
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// RedirectText says what a redirect answers: "302 to path /new".
func RedirectText(r *networking.HTTPRedirect) string {
	code := r.RedirectCode
	if code == 0 {
		code = 301
	}
	var to []string
	for _, part := range []struct{ what, value string }{{"scheme", r.Scheme}, {"host", r.Authority}, {"path", r.Uri}, {"path prefix", r.PrefixRewrite}} {
		if part.value != "" {
			to = append(to, part.what+" "+part.value)
		}
	}
	if p := r.GetPort(); p != 0 {
		to = append(to, fmt.Sprintf("port %d", p))
	}
	if len(to) == 0 {
		return fmt.Sprintf("%d to the same URL", code)
	}
	return fmt.Sprintf("%d to %s", code, strings.Join(to, ", "))
}

// requestIn is a request of a box as a client would send it to a virtual host; server is the one it comes through.
func (t *Tables) requestIn(vh *VirtualHost, box match.Box, server *Server) (Request, bool) {
	if box.Asks("authority") {
		box = vh.within(box)
	}
	m, ok := vh.witness(box, nil, nil)
	if !ok {
		return Request{}, false
	}
	r := onTheWire(m)
	r.Port = vh.Port
	switch {
	case vh.OnMesh:
		r.Mesh = &Client{Namespace: m.SourceNamespace, Labels: m.SourceLabels}
		if r.Mesh.Namespace == "" {
			r.Mesh.Namespace = vh.Alone.Namespace
		}
		if r.Port == 0 {
			r.Port = t.meshPort(vh.Domain)
		}
	case vh.Alone != nil:
		return Request{}, false // a gateway that is not known cannot be asked
	default:
		vh.dial(&r, server)
	}
	return r, true
}

// Shown is a request in a virtual host as a client would send it, with where it goes; ok is false unless the router answers
// it with one of the wanted entries, number by.
func (t *Tables) Shown(vh *VirtualHost, box match.Box, wanted ...Entry) (r Request, a Answer, by int, ok bool) {
	if r, ok = t.requestIn(vh, box, wanted[0].Server); !ok {
		return Request{}, Answer{}, 0, false
	}
	a, err := t.Ask(r)
	if vh.Table != nil && vh.Config.Servers[0].Drop != nil {
		w := &Walk{Request: r, Table: vh.Table, tables: t}
		w.http(vh.Config)
		a, err = w.Answer, nil // as it is where the server is the one that is kept
	}
	if err != nil {
		return Request{}, Answer{}, 0, false
	}
	for i, w := range wanted {
		var want Answer
		want.take(w.Route, nil)
		if a.VirtualService == want.VirtualService && a.Route == want.Route && a.Match == want.Match {
			return r, a, i, true
		}
	}
	return Request{}, Answer{}, 0, false
}

// onTheWire is a request as a client sends it, but for where it sends it.
func onTheWire(m match.Request) Request {
	r := Request{Host: m.Authority, Path: m.Path, Method: m.Method, Headers: m.Headers, Claims: m.Claims}
	sep := "?"
	for _, k := range manifest.Keys(m.Query) {
		r.Path += sep + k + "=" + m.Query[k]
		sep = "&"
	}
	return r
}

// meshPort is a port on which sidecars serve a host: the first that speaks HTTP, 80 for a host that no service has.
func (t *Tables) meshPort(host string) uint32 {
	for _, s := range t.World.ServicesFor(host) {
		for _, p := range s.Ports {
			if sniffedOrHTTP(p.Protocol) && !p.UDP {
				return p.Number
			}
		}
	}
	return 80
}

// URL is the request for people: http, https, or tls and tcp for a connection of which no more than a server name is known.
func (r Request) URL() string {
	switch {
	case r.Host == "" && r.TLS:
		return "tls://" + r.SNI + ":" + itoa(r.Port)
	case r.Host == "":
		return "tcp://:" + itoa(r.Port)
	}
	scheme := "http"
	if r.TLS {
		scheme = "https"
	}
	host := r.Host
	if !strings.Contains(host, ":") && (r.TLS && r.Port != 443 || !r.TLS && r.Port != 80) {
		host += ":" + itoa(r.Port)
	}
	path := r.Path
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path
}

// String is a request as people write it, a connection without a method.
func (r Request) String() string {
	method := r.Method
	if method == "" && r.Host != "" {
		method = "GET"
	}
	var b strings.Builder
	b.WriteString(strings.TrimSpace(method + " " + r.URL()))
	for _, name := range manifest.Keys(r.Headers) {
		fmt.Fprintf(&b, " with %s: %s", name, r.Headers[name])
	}
	for _, name := range manifest.Keys(r.Claims) {
		fmt.Fprintf(&b, " with claim %s: %s", name, r.Claims[name])
	}
	if r.Address != "" {
		fmt.Fprintf(&b, " to address %s", r.Address)
	}
	if r.Host != "" && r.TLS && r.SNI != "" && !strings.HasPrefix(strings.ToLower(r.Host), strings.ToLower(r.SNI)) {
		fmt.Fprintf(&b, " over a connection to %s", r.SNI)
	}
	if r.Mesh != nil && r.Mesh.Namespace != "" {
		fmt.Fprintf(&b, " from namespace %s", r.Mesh.Namespace)
		if len(r.Mesh.Labels) > 0 {
			fmt.Fprintf(&b, " and pods with %s", mesh.LabelText(r.Mesh.Labels))
		}
	}
	return b.String()
}
