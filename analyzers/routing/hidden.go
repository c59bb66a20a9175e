package routing

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// HiddenHost is a host of a VirtualService on a TLS server, all of whose connections another filter chain takes: Envoy chooses
// the chain by server name before it looks at hosts, and never comes back.
type HiddenHost struct {
	VS     *mesh.VirtualService
	Host   int     // in spec.hosts
	Server *Server // through which it is bound
	By     *Chain
	// Nameless tells that connections without a server name still get there.
	Nameless bool
	Request  Request
	Answer   Answer
}

// placed is a VirtualService on a port of Gateways.
type placed struct {
	vs   *mesh.VirtualService
	port uint32
}

// HiddenHosts lists the hosts that are hidden on a port in every table in which they are on it.
func (t *Tables) HiddenHosts() []HiddenHost {
	type at struct {
		placed
		domain string
	}
	hidden := map[at]bool{}
	reached := map[placed][]string{}
	var list []HiddenHost
	for _, table := range t.Gateways {
		shaky := table.shaky()
		for _, l := range table.Listeners {
			names := l.names()
			for _, c := range l.Chains {
				if !c.TLS || c.HTTP == nil {
					continue
				}
				for _, d := range c.HTTP.domains {
					by := names.taker(d)
					lost := by != nil && by != c && len(table.Opaque) == 0 && !l.Stuck() && !shaky[c.Server] && !shaky[by.Server] && !manifest.Placeholder(d)
					for _, v := range c.HTTP.Hosts[d].owners() {
						p := placed{v, c.Server.Number()}
						if !lost {
							reached[p] = append(reached[p], d)
							continue
						}
						if !hidden[at{p, d}] {
							hidden[at{p, d}] = true
							list = append(list, table.hidden(v, l, c, by, d))
						}
					}
				}
			}
		}
	}
	return slices.DeleteFunc(list, func(h HiddenHost) bool {
		return h.Host < 0 || h.Request.Port == 0 || slices.ContainsFunc(reached[placed{h.VS, h.Server.Number()}], func(d string) bool {
			return Covers(strings.ToLower(h.VS.Hosts[h.Host]), d)
		})
	})
}

// hidden has the host asked for; the request is the example if the VirtualService does not answer it.
func (table *Table) hidden(v *mesh.VirtualService, l *Listener, c, by *Chain, domain string) HiddenHost {
	h := HiddenHost{VS: v, Host: c.Server.hostIndex(v, domain), Server: c.Server, By: by, Nameless: len(c.SNI) == 0}
	r := table.connection(c.Server, l.serverName(by, domain))
	if r.SNI == "" { // all of them are narrower ones
		r.SNI = match.Examples(domain)[0]
	}
	r.Host, r.Path = r.SNI, "/"
	if a := table.walk(r).Answer; a.VirtualService != v.ID().String() || a.Outcome == OutcomeTCP {
		h.Request, h.Answer = r, a
	}
	return h
}

// shaky are servers that another order of Gateways would drop.
func (table *Table) shaky() map[*Server]bool {
	out := map[*Server]bool{}
	for _, s := range table.Servers {
		if s.Drop != nil && !s.Drop.Certain {
			out[s], out[s.Drop.By] = true, true
		}
		if len(s.Contested) > 0 {
			out[s] = true
		}
	}
	return out
}

// names are the chains of a listener by server name, "" for the one that takes any.
type names map[string]*Chain

func (l *Listener) names() names {
	out := names{}
	for _, c := range l.Chains {
		if c.Internal || !c.IsTLS() {
			continue
		}
		if len(c.SNI) == 0 {
			out[""] = c
		}
		for _, n := range c.SNI {
			out[strings.ToLower(n)] = c
		}
	}
	return out
}

// taker is the chain that takes the connections for every name of a domain that no narrower server name takes.
func (x names) taker(domain string) *Chain {
	if c := x[domain]; c != nil {
		return c
	}
	for i := 1; i < len(domain); i++ {
		if c := x["*"+domain[i:]]; c != nil && domain[i] == '.' {
			return c
		}
	}
	return x[""]
}

// owners are the VirtualServices whose routes a virtual host has.
func (vh *VirtualHost) owners() []*mesh.VirtualService {
	var out []*mesh.VirtualService
	seen := map[*mesh.VirtualService]bool{}
	for _, e := range vh.Entries {
		if !seen[e.Rule.VS] {
			seen[e.Rule.VS] = true
			out = append(out, e.Rule.VS)
		}
	}
	return out
}

// hostIndex is the host of a VirtualService that makes a domain on a server, -1 for none.
func (s *Server) hostIndex(v *mesh.VirtualService, domain string) int {
	for k, h := range v.Hosts {
		for _, name := range s.hosts.intersect(v.Namespace, []string{h}) {
			if strings.EqualFold(name, domain) {
				return k
			}
		}
	}
	return -1
}

// wider is the virtual host that would answer for a domain if it were not there.
func (rc *RouteConfig) wider(domain string) *VirtualHost {
	if domain == "*" {
		return nil
	}
	for i := 1; i < len(domain); i++ {
		if d := "*" + domain[i:]; d != domain && rc.Hosts[d] != nil {
			return rc.Hosts[d]
		}
	}
	return rc.Hosts["*"]
}

// Unanswered is a request that a virtual host has no route for while the wider one, which would answer if it were not there,
// has a rule for its path.
type Unanswered struct {
	VS      *mesh.VirtualService // whose host makes the narrower virtual host
	Host    int                  // in its spec.hosts
	Domain  string
	Wide    *VirtualHost
	By      Entry // of the wider virtual host
	Request Request
	Answer  Answer
}

// Unanswered gives one such request for each narrower virtual host and each VirtualService of the wider one.
func (t *Tables) Unanswered() []Unanswered {
	var out []Unanswered
	for _, table := range t.Gateways {
		if len(table.Opaque) > 0 {
			continue
		}
		shaky := table.shaky()
		left := steps(hostBudget)
		for _, rc := range table.order {
			if rc.Rejected || rc.Servers[0].Drop != nil || shaky[rc.Servers[0]] {
				continue
			}
			for _, d := range rc.domains {
				if wide := rc.wider(d); wide != nil && !manifest.Placeholder(d) {
					out = append(out, t.unanswered(rc.Hosts[d], wide, &left)...)
				}
			}
		}
	}
	return out
}

func (t *Tables) unanswered(vh, wide *VirtualHost, left *steps) []Unanswered {
	if len(vh.Entries) == 0 || vh.RequireTLS && !vh.Config.Servers[0].IsTLS() {
		return nil
	}
	var index match.Index
	for i, e := range vh.Entries {
		if e.Opaque || e.Box.Undecidable() || e.CatchAll {
			return nil
		}
		index.Add(i, e.Box)
	}
	var out []Unanswered
	done := map[*mesh.VirtualService]bool{}
	first := vh.Entries[0]
	for _, e := range wide.Entries {
		if done[e.Rule.VS] || e.Opaque || !e.hasPath() || *left < 0 || t.ended() {
			continue
		}
		var taken []match.Box
		for _, j := range index.Over(e.Box) {
			taken = append(taken, vh.Entries[j].Box)
		}
		var verdict match.Verdict
		var rest match.Box
		left.spend(func(budget *int) { verdict, rest, _ = match.Subtract(e.Box, taken, budget) })
		*left--
		if verdict != match.Alive {
			continue
		}
		r, ok := t.requestIn(vh, rest, first.Server)
		if !ok {
			continue
		}
		if a, err := t.Ask(r); err == nil && a.Outcome == OutcomeNoRoute && a.VirtualHost == vh.Domain {
			done[e.Rule.VS] = true
			out = append(out, Unanswered{first.Rule.VS, first.Server.hostIndex(first.Rule.VS, vh.Domain), vh.Domain, wide, e, r, a})
		}
	}
	return out
}

// hasPath tells whether the match is for some paths only, as it is written.
func (e Entry) hasPath() bool {
	if e.Match < 0 {
		return false
	}
	switch u := e.Rule.Matches[e.Match].Spec.Uri.GetMatchType().(type) {
	case *networking.StringMatch_Exact:
		return true
	case *networking.StringMatch_Prefix:
		return u.Prefix != "" && u.Prefix != "/"
	case *networking.StringMatch_Regex:
		return !match.FromHTTP(nil).Equal(match.FromHTTP(&networking.HTTPMatchRequest{Uri: &networking.StringMatch{MatchType: u}}))
	}
	return false
}
