package admission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// serving is a Gateway before or after a change, as those see it that are served by some of its hosts.
type serving struct {
	odd     []bool                 // findings can tell the VirtualServices on a server how it fares
	servers []string               // what each is and how it fares, but for its hosts
	hosts   map[string][]hostEntry // by host, without its namespace
}

// hostEntry is one host of one server.
type hostEntry struct {
	server int
	text   string // as written
}

func newServing(s *skeleton, name string) serving {
	x := serving{hosts: map[string][]hostEntry{}}
	g := s.gateways[name]
	if g == nil {
		return x
	}
	for i, srv := range g.Spec.Servers {
		state := s.servers[serverID{name, i}]
		x.odd = append(x.odd, state.odd)
		x.servers = append(x.servers, fmt.Sprint(state.text, srv.GetPort(), srv.GetTls(), srv.GetBind(), srv.GetName(), srv.GetDefaultEndpoint()))
		for _, h := range srv.GetHosts() {
			host := strings.ToLower(h[strings.LastIndexByte(h, '/')+1:])
			x.hosts[host] = append(x.hosts[host], hostEntry{i, h})
		}
	}
	return x
}

// same tells whether a host of servers is served alike.
func (x serving) same(y serving, host string) bool {
	return slices.EqualFunc(x.hosts[host], y.hosts[host], func(a, b hostEntry) bool {
		return a == b && x.servers[a.server] == y.servers[b.server]
	})
}

// differing are the hosts that are not served alike.
func (x serving) differing(y serving) []string {
	var out []string
	for _, list := range []map[string][]hostEntry{x.hosts, y.hosts} {
		for h := range list {
			if !x.same(y, h) {
				out = append(out, h)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// untouched tells whether all hosts of a VirtualService are served, and alike. One that asks for ports, or has a wildcard, sees more
// of a Gateway than the servers of its hosts.
func (l *slice) untouched(o *manifest.Object, before, after serving) bool {
	f := l.x.facts[o.ID]
	spec, ok := o.Spec.(*networking.VirtualService)
	if !ok || l.seed[o.ID] != nil || f.wide || f.ports || f.has(l4) || f.has(refused) || l.hops(f) {
		return false
	}
	for _, h := range spec.Hosts {
		served := false
		for _, name := range wider(strings.ToLower(l.x.naming.FQDN(h, o.Namespace))) {
			served = served || len(before.hosts[name]) > 0
			odd := slices.ContainsFunc(before.hosts[name], func(e hostEntry) bool { return before.odd[e.server] })
			if odd || !before.same(after, name) {
				return false
			}
		}
		if !served {
			return false // what it is told names all hosts that are
		}
	}
	return true
}

// wider are a name, the wildcards that cover it, and "*".
func wider(name string) []string {
	out := []string{name, "*"}
	for i := 1; i < len(name); i++ {
		if name[i] == '.' {
			out = append(out, "*"+name[i:])
		}
	}
	return out
}

// served holds the VirtualServices of a Gateway that its change touches.
func (l *slice) servedBy(g string, before, after serving) {
	for _, o := range l.x.by[key{byGateway, g}] {
		if l.untouched(o, before, after) {
			continue
		}
		l.each([]*manifest.Object{o}, exact)
		for _, f := range l.factsOf(o.ID) {
			l.neighbours(f)
		}
	}
}
