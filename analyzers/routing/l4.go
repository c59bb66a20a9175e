package routing

import (
	"fmt"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// L4Place is a match of a tcp or tls rule; Match is -1 for a rule without.
type L4Place struct{ Rule, Match int }

// L4Death is a tcp or tls match that an earlier one of the same VirtualService takes all connections of, or, with Shared, has a
// server name of: gateways get the later one not even for its other names.
type L4Death struct {
	Section        string
	Earlier, Later L4Place
	Words          string
	Shared         string
	// Port is set where the two differ in what they ask, but on every port that the later one is for an earlier one takes its
	// place; Earlier is the one on Port.
	Port uint32

	later l4Match
	by    []taker // of Earlier
}

// Path is the field path of a place.
func (d L4Death) Path(p L4Place) []any {
	if p.Match < 0 {
		return []any{"spec", d.Section, p.Rule}
	}
	return []any{"spec", d.Section, p.Rule, "match", p.Match}
}

// Text is the field path as text.
func (d L4Death) Text(p L4Place) string { return manifest.FieldPath(d.Path(p)...) }

// l4Match is what tcp and tls matches have in common.
type l4Match struct {
	place   L4Place
	spec    *networking.TLSMatchAttributes
	subnet  string
	gateway []string
}

// DeadL4 gives the dead tcp and tls matches of a VirtualService, without those that another VirtualService decides on.
func (t *Tables) DeadL4(v *mesh.VirtualService) []L4Death {
	list := l4Matches(v)
	dead := deadIn(v, list)
	dead = append(dead, t.deadByPort(v, list, dead)...)
	for _, ref := range v.Gateways {
		if len(dead) == 0 || len(ref.Found) != 1 {
			continue
		}
		for _, table := range t.Serving(ref.Found[0]) {
			chains := table.chainsOf(v)
			without, contested := map[string]bool{}, map[string]bool{} // sections of which another VirtualService has some, or may
			for _, x := range table.LostL4() {
				without[x.Section] = without[x.Section] || x.VS == v
				contested[x.Section] = contested[x.Section] || (x.VS == v || x.By.VS == v) && !mesh.OrderKnown(x.VS.Object, x.By.VS.Object)
			}
			dead = slices.DeleteFunc(dead, func(d L4Death) bool {
				earlier := chains[l4Key{d.Section, d.Earlier}]
				return contested[d.Section] || without[d.Section] && earlier == nil || chains[l4Key{d.Section, d.Later}] != nil
			})
			for i := range dead {
				for _, c := range chains[l4Key{dead[i].Section, dead[i].Earlier}] {
					dead[i].by = append(dead[i].by, taker{table, c})
				}
			}
		}
	}
	return dead
}

type l4Key struct {
	section string
	place   L4Place
}

// taker is a chain of a table.
type taker struct {
	table *Table
	chain *Chain
}

// chainsOf gives the chains that a VirtualService's tcp and tls matches have.
func (table *Table) chainsOf(v *mesh.VirtualService) map[l4Key][]*Chain {
	out := map[l4Key][]*Chain{}
	for _, l := range table.Listeners {
		for _, c := range l.Chains {
			if c.TCP != nil && c.TCP.VS == v {
				k := l4Key{c.TCP.Section, L4Place{c.TCP.Index, c.TCP.Match}}
				out[k] = append(out[k], c)
			}
		}
	}
	return out
}

// deadIn finds dead tcp and tls matches inside one VirtualService. Envoy takes the most specific server name whatever the
// order, so a tls match is dead only if every one of its names stands in an earlier one; on gateways if one does, for istiod then
// leaves it out (networking/core/gateway.go, buildGatewayNetworkFiltersFromTLSRoutes).
func deadIn(v *mesh.VirtualService, list map[string][]l4Match) []L4Death {
	return append(deadL4("tcp", list["tcp"], false), deadL4("tls", list["tls"], !v.OnMesh)...)
}

// deadByPort finds, besides those in found, the matches that on each server which they are for come after another one: a TCP server
// has one route, a server name on a port one match. Every Gateway must be known, for another one may have a port of its own.
func (t *Tables) deadByPort(v *mesh.VirtualService, list map[string][]l4Match, found []L4Death) []L4Death {
	if v.OnMesh || len(list["tcp"]) < 2 && len(list["tls"]) < 2 || slices.ContainsFunc(v.Hosts, manifest.Placeholder) {
		return nil
	}
	b := t.Binding(v)
	if !b.Known || slices.ContainsFunc(b.Tables, func(table *Table) bool { return len(table.Opaque) > 0 }) {
		return nil
	}
	told := map[l4Key]bool{}
	for _, d := range found {
		told[l4Key{d.Section, d.Later}] = true
	}
	var out []L4Death
	for _, section := range []string{"tcp", "tls"} {
		lost := map[L4Place]*L4Death{} // nil: some server takes it, or it and its elder are of one rule
		for _, s := range b.All {
			if s.Section() == section && slices.ContainsFunc(v.Hosts, func(h string) bool { return s.Accepts(v.Namespace, h) }) {
				t.lostOn(s, v, section, list[section], lost)
			}
		}
		for _, m := range list[section] {
			if d := lost[m.place]; d != nil && !told[l4Key{section, m.place}] {
				out = append(out, *d)
			}
		}
	}
	return out
}

// lostOn notes for each match that a server admits which earlier one has its place there.
func (t *Tables) lostOn(s *Server, v *mesh.VirtualService, section string, list []l4Match, lost map[L4Place]*L4Death) {
	owner := map[string]L4Place{}
	for _, m := range list {
		if !t.l4Admits(s, v, m.spec.Port, m.gateway) {
			continue
		}
		names := m.spec.SniHosts
		if section == "tcp" {
			names = []string{""}
		}
		i := slices.IndexFunc(names, func(n string) bool { _, taken := owner[n]; return taken })
		if i < 0 {
			for _, n := range names {
				owner[n] = m.place
			}
			lost[m.place] = nil
			continue
		}
		earlier := owner[names[i]]
		if d, seen := lost[m.place]; earlier.Rule == m.place.Rule || seen && d == nil {
			lost[m.place] = nil
		} else if !seen {
			lost[m.place] = &L4Death{Section: section, Earlier: earlier, Later: m.place, Words: m.words(), Port: s.Number(), later: m}
		}
	}
}

// l4Matches are the tcp and tls matches of a VirtualService, by section; none where it cannot be read in full.
func l4Matches(v *mesh.VirtualService) map[string][]l4Match {
	if len(v.Opaque) > 0 {
		return nil
	}
	var tcp, tls []l4Match
	for i, r := range v.Spec.Tcp {
		if len(r.GetRoute()) == 0 {
			continue // programmed nowhere
		}
		if len(r.GetMatch()) == 0 {
			tcp = append(tcp, l4Match{place: L4Place{i, -1}, spec: &networking.TLSMatchAttributes{}})
		}
		for j, m := range r.GetMatch() {
			tcp = append(tcp, l4Match{L4Place{i, j}, &networking.TLSMatchAttributes{
				DestinationSubnets: m.GetDestinationSubnets(), Port: m.GetPort(), SourceLabels: m.GetSourceLabels(), SourceNamespace: m.GetSourceNamespace(),
			}, m.GetSourceSubnet(), m.GetGateways()})
		}
	}
	for i, r := range v.Spec.Tls {
		if len(r.GetRoute()) == 0 {
			continue
		}
		for j, m := range r.GetMatch() {
			if m != nil {
				tls = append(tls, l4Match{L4Place{i, j}, m, "", m.Gateways})
			}
		}
	}
	if !v.OnMesh {
		for _, list := range [][]l4Match{tcp, tls} {
			for i := range list {
				list[i].onGateways()
			}
		}
	}
	return map[string][]l4Match{"tcp": tcp, "tls": tls}
}

// onGateways leaves what istiod looks at there: port, gateways and server names (networking/core/gateway.go, filters from TCP and TLS routes).
func (m *l4Match) onGateways() {
	m.spec = &networking.TLSMatchAttributes{SniHosts: m.spec.SniHosts, Port: m.spec.Port}
	m.subnet = ""
}

// deadL4 compares each match with the earlier ones that share its first server name, or with whole any, so that long lists stay
// linear.
func deadL4(section string, list []l4Match, whole bool) []L4Death {
	var out []L4Death
	byName := map[string][]l4Match{}
	for _, m := range list {
		names := m.spec.SniHosts
		if len(names) == 0 {
			names = []string{""}
		}
		i := slices.IndexFunc(byName[names[0]], func(e l4Match) bool { return e.covers(m) })
		if i >= 0 {
			out = append(out, L4Death{Section: section, Earlier: byName[names[0]][i].place, Later: m.place, Words: m.words(), later: m})
			continue
		}
		if n, e := sharing(byName, m); whole && e != nil {
			out = append(out, L4Death{Section: section, Earlier: e.place, Later: m.place, Words: m.words(), Shared: n, later: m})
			continue
		}
		for _, n := range names {
			byName[n] = append(byName[n], m)
		}
	}
	return out
}

// sharing finds a match that has a server name of another one wherever that can be.
func sharing(byName map[string][]l4Match, m l4Match) (string, *l4Match) {
	for _, n := range m.spec.SniHosts {
		for i := range byName[n] {
			if byName[n][i].admits(m) {
				return n, &byName[n][i]
			}
		}
	}
	return "", nil
}

// words are the match's content; a message's own text differs between builds.
func (m l4Match) words() string {
	s := m.spec
	return fmt.Sprint(s.SniHosts, s.Port, s.DestinationSubnets, m.subnet, mesh.LabelText(s.SourceLabels), s.SourceNamespace, m.gateway)
}

func (e l4Match) covers(m l4Match) bool {
	for _, n := range m.spec.SniHosts {
		if !slices.Contains(e.spec.SniHosts, n) {
			return false
		}
	}
	return e.admits(m)
}

// admits is covers but for the server names.
func (e l4Match) admits(m l4Match) bool {
	if e.spec.Port != 0 && e.spec.Port != m.spec.Port || !mesh.Subset(e.spec.SourceLabels, m.spec.SourceLabels) {
		return false
	}
	if e.spec.SourceNamespace != "" && e.spec.SourceNamespace != m.spec.SourceNamespace || e.subnet != "" && e.subnet != m.subnet {
		return false
	}
	if len(e.gateway) > 0 {
		if len(m.gateway) == 0 {
			return false
		}
		for _, g := range m.gateway {
			if !slices.Contains(e.gateway, g) {
				return false
			}
		}
	}
	if len(e.spec.DestinationSubnets) == 0 {
		return true
	}
	for _, n := range m.spec.DestinationSubnets {
		if !slices.Contains(e.spec.DestinationSubnets, n) {
			return false
		}
	}
	return len(m.spec.DestinationSubnets) > 0
}
