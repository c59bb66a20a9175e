package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var hiddenHost = &Rule{
	Name: "hidden-host", Severity: Error, Admission: Warn, Elsewhere: Warn, Since: "0.1.0",
	Doc: `A host whose requests something narrower takes first

Envoy looks for a request in three steps and never goes back: the server name chooses the TLS server, the host a virtual host
of that server, the first match a route of that virtual host. At each step only the narrowest fit counts.

So with a TLS server for *.example.com and another one for a.example.com on the same port, a VirtualService for a.example.com
that is bound only to the first gets nothing: the second server has its connections, and answers 404 or with another
VirtualService. On plain HTTP ports the same VirtualService works, because there the servers share their hosts. This is an error.

And if a.example.com has a VirtualService without a catch-all, a path that only the VirtualService of *.example.com has a rule for
gets 404 there. This is a warning; with a catch-all of its own the narrower host is taken to mean it.

Fix: bind the VirtualService to the Gateway that has the narrower host too; or repeat the rule, or add a catch-all.`,
	Run: func(p *Pass) {
		for _, h := range p.Tables.HiddenHosts() {
			p.hiddenHost(h)
		}
		type pair struct {
			vs   *mesh.VirtualService
			host int
			by   *mesh.VirtualService
		}
		seen := map[pair]bool{}
		groups := map[routing.Place][]routing.Unanswered{} // one finding for a route of the wider host
		var order []routing.Place
		for _, u := range p.Tables.Unanswered() {
			if key := (pair{u.VS, u.Host, u.By.Rule.VS}); u.Host >= 0 && !seen[key] {
				seen[key] = true
				at := u.By.Place()
				if groups[at] == nil {
					order = append(order, at)
				}
				groups[at] = append(groups[at], u)
			}
		}
		for _, at := range order {
			p.unanswered(groups[at])
		}
	},
}

func (p *Pass) hiddenHost(h routing.HiddenHost) {
	host := h.VS.Spec.Hosts[h.Host]
	narrow, wide := p.serverTexts(h.By.Server, h.Server)
	taker, path := h.By.Source("")
	f := Fault{
		On: h.VS.Object, Path: []any{"spec", "hosts", h.Host}, Severity: Error, Clash: true, Words: fmt.Sprintf("%s port %d", host, h.Server.Number()),
		Message: fmt.Sprintf("TLS requests for host %q never reach VirtualService %s on port %d: server %s is narrower than server %s, through which it is bound, and takes the connections",
			host, h.VS.ID(), h.Server.Number(), narrow, wide),
		Ends: []End{
			{taker, path, "takes the connections for " + h.Request.Host},
			{h.Server.Gateway.Object, h.Server.Path("hosts"), "is wider, and has the VirtualService's routes"},
		},
		Witness: &Witness{URL: h.Request.URL(), Request: h.Request, Answer: h.Answer},
	}
	if h.Nameless {
		f.Severity = Warning
		f.Message += "; only connections without a server name get there"
	}
	p.Report(f)
}

func (p *Pass) unanswered(group []routing.Unanswered) {
	u := group[0]
	wide, path := u.By.Rule.MatchPath(u.By.Match)
	f := Fault{
		On: u.VS.Object, Path: []any{"spec", "hosts", u.Host}, Severity: Warning, Clash: true, Words: u.Domain,
		Message: fmt.Sprintf("requests for %s that fit %s of %s get 404: host %q of VirtualService %s is narrower than %q of %s, and there is no way back to the wider one",
			u.Domain, pathText(path), wide.ID(), u.VS.Spec.Hosts[u.Host], u.VS.ID(), u.Wide.Domain, u.By.Rule.VS.ID()),
		Ends:    []End{{wide.Object, path, "would take them"}},
		Witness: &Witness{URL: u.Request.URL(), Request: u.Request, Answer: u.Answer},
	}
	for _, more := range group[1:] {
		f.Ends = append(f.Ends, End{more.VS.Object, []any{"spec", "hosts", more.Host}, "is narrower too"})
	}
	if n := len(group) - 1; n > 0 {
		f.Message += "; so it is with " + plural(n, "more host")
	}
	p.Report(f)
}
