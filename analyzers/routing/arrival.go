package routing

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	networking "istio.io/api/networking/v1alpha3"
)

// How requests come to a virtual host, and connections to a chain.

var schemes = map[bool]match.Box{false: schemeBox("http"), true: schemeBox("https")}

func schemeBox(s string) match.Box {
	return match.FromHTTP(&networking.HTTPMatchRequest{Scheme: &networking.StringMatch{MatchType: &networking.StringMatch_Exact{Exact: s}}})
}

// arriving is what can come to a virtual host, as far as the matches ask for it: the listener's scheme, and the authorities that
// no narrower virtual host takes. A service has its short names beside the domain, and one that is judged alone has no listener.
func (vh *VirtualHost) arriving(entries []Entry) match.Box {
	var b match.Box
	if vh.Config == nil {
		return b
	}
	var asking []match.Box
	scheme := false
	for _, e := range entries {
		scheme = scheme || e.Box.Asks("scheme")
		if e.Box.Asks("authority") {
			asking = append(asking, e.Box)
		}
	}
	if scheme {
		b = b.And(schemes[vh.Table != nil && entries[0].Server.IsTLS()])
	}
	if vh.service == nil && len(asking) > 0 {
		b = b.And(match.Host(vh.Domain, vh.narrower(asking)...))
	}
	return b
}

// narrower are the domains under that of the virtual host which requests of the boxes can come to.
func (vh *VirtualHost) narrower(boxes []match.Box) []string {
	if !strings.HasPrefix(vh.Domain, "*") {
		return nil
	}
	met := map[string]bool{}
	open := map[string]match.Box{} // those that are for no list of names, by what they ask
	for _, b := range boxes {
		names, asks := b.Authorities()
		if names == nil {
			open[asks] = b
		}
		for _, n := range names {
			if h := vh.Config.Lookup(n); h != nil {
				met[h.Domain] = true
			}
		}
	}
	var out []string
	for _, d := range manifest.Keys(vh.Config.Hosts) {
		if d == vh.Domain || !strings.HasSuffix(d, vh.Domain[1:]) {
			continue
		}
		for _, b := range open {
			if met[d] = met[d] || b.MayBeFor(d); met[d] {
				break
			}
		}
		if met[d] {
			out = append(out, d)
		}
	}
	return out
}

// names are examples by which requests come to the virtual host.
func (vh *VirtualHost) names() []string {
	if short, _, unstated := strings.Cut(vh.Domain, ".."); unstated {
		return []string{short}
	}
	all := match.Examples(vh.Domain)
	if vh.Config == nil {
		return all
	}
	return slices.DeleteFunc(all, func(name string) bool {
		h := vh.Config.Lookup(name)
		return h == nil || h.Domain != vh.Domain
	})
}

// nameless tells a virtual host of which it is not known what name it has: with a placeholder, or on a gateway in a namespace that
// is not stated. Sidecars have short names.
func (vh *VirtualHost) nameless() bool {
	return manifest.Placeholder(vh.Domain) || vh.Table != nil && strings.Contains(vh.Domain, "..")
}

// within is what of a box comes to the virtual host, as far as the authority goes.
func (vh *VirtualHost) within(box match.Box) match.Box {
	if vh.Config == nil || vh.service != nil {
		return box
	}
	return box.And(match.Host(vh.Domain, vh.narrower([]match.Box{box})...))
}

// witness is a request of a box that comes to the virtual host and that none of the earlier boxes takes; what those ask of the
// authority is within.
func (vh *VirtualHost) witness(box match.Box, earlier []match.Box, budget *int) (m match.Request, ok bool) {
	names := vh.names()
	if len(names) == 0 {
		box = vh.within(box)
	}
	m, ok = match.Untaken(box, earlier, budget, names...)
	unnamed := slices.ContainsFunc(manifest.Keys(m.Headers), manifest.Placeholder)
	return m, ok && !unnamed && !vh.nameless() && !strings.Contains(m.Authority, "..")
}

// dial says where a request goes to come to the virtual host through a server.
func (vh *VirtualHost) dial(r *Request, s *Server) {
	c := vh.Table.connection(s, "")
	r.Port, r.Address, r.TLS, r.Workload = c.Port, c.Address, c.TLS, c.Workload
	if r.TLS {
		r.SNI = vh.serverName(vh.Table.listener(r.Port, r.Address), s, r.Host)
	}
}

// serverName is one by which a TLS client that asks for a host comes to the server of the virtual host: the host's own, unless
// a narrower server on the port takes that.
func (vh *VirtualHost) serverName(l *Listener, s *Server, host string) string {
	own := hostName(host)
	if l == nil {
		return own
	}
	if c := l.chain(Request{TLS: true, SNI: own, Host: host}); c != nil && c.HTTP == vh.Config {
		return own
	}
	i := slices.IndexFunc(l.Chains, func(c *Chain) bool { return c.HTTP == vh.Config })
	for _, h := range s.entries() {
		if i < 0 {
			break
		}
		if name := l.serverName(l.Chains[i], h.Host); name != "" {
			return name
		}
	}
	return own
}

// serverName is a name of a domain by which connections come to a chain, "" for none.
func (l *Listener) serverName(c *Chain, domain string) string {
	comes := func(name string) bool { return l.chain(Request{TLS: true, SNI: name}) == c }
	examples := match.Examples(domain)
	if i := slices.IndexFunc(examples, comes); i >= 0 {
		return examples[i]
	}
	if domain == examples[0] {
		return ""
	}
	var others []string
	for _, o := range l.Chains {
		for _, n := range o.SNI {
			if o != c && strings.HasSuffix(n, domain[1:]) {
				others = append(others, n)
			}
		}
	}
	if m, ok := match.Host(domain, others...).Witness(); ok && comes(m.Authority) {
		return m.Authority
	}
	return ""
}

// Connection is one by a server name, "*" for any, that comes to a chain without HTTP, as the router has confirmed; ok is false
// where none is found.
func (table *Table) Connection(c *Chain, name string) (r Request, ok bool) {
	names := []string{name}
	if name == "*" {
		names = c.Server.names()
	}
	r, _, ok = table.comes(c, names)
	return r, ok
}

// comes is a connection by one of the names that comes to a chain, with its answer.
func (table *Table) comes(c *Chain, names []string) (Request, Answer, bool) {
	l := table.listener(c.Server.Number(), c.Server.Bind())
	if l == nil {
		return Request{}, Answer{}, false
	}
	for _, n := range names {
		r := table.connection(c.Server, l.serverName(c, n))
		if w := table.walk(r); w.Chain == c && w.Answer.VirtualService != "" {
			return r, w.Answer, true
		}
	}
	return Request{}, Answer{}, false
}

// Shown is a connection that a dead match asks for, with where it goes: to the earlier match. There is one only where a known
// Gateway has both, whatever the ages that files do not tell.
func (d *L4Death) Shown() (Request, Answer, bool) {
	for _, by := range d.by {
		table, c := by.table, by.chain
		if len(table.Opaque) > 0 || !table.tables.l4Admits(c.Server, c.TCP.VS, d.later.spec.Port, d.later.gateway) {
			continue
		}
		names := d.later.spec.SniHosts
		if d.Section == "tcp" {
			names = c.Server.names()
		}
		if r, a, ok := table.comes(c, names); ok && !table.walk(r).RestsOnAge() {
			return r, a, true
		}
	}
	return Request{}, Answer{}, false
}

// connection is what a client opens to come to a server by a name, before it asks for anything.
func (table *Table) connection(s *Server, name string) Request {
	r := Request{Port: s.Number(), Address: s.Address(), Workload: &Client{Namespace: table.Workload.Namespace, Labels: table.Workload.Labels}}
	if r.TLS = s.IsTLS(); r.TLS {
		r.SNI = name
	}
	return r
}
