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

	later l4Match
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
	dead := deadIn(v)
	for _, ref := range v.Gateways {
		if len(dead) == 0 || len(ref.Found) != 1 {
			continue
		}
		for _, table := range t.Serving(ref.Found[0]) {
			lost := table.LostL4()
			dead = slices.DeleteFunc(dead, func(d L4Death) bool {
				return table.has(v, d.Section, d.Later) || slices.ContainsFunc(lost, func(x LostL4) bool {
					return x.Section == d.Section && (x.VS == v && !table.has(v, d.Section, d.Earlier) ||
						(x.VS == v || x.By.VS == v) && !mesh.OrderKnown(x.VS.Object, x.By.VS.Object))
				})
			})
		}
	}
	return dead
}

// has tells whether some chain of the table is that of a tcp or tls match.
func (table *Table) has(v *mesh.VirtualService, section string, p L4Place) bool {
	return slices.ContainsFunc(table.Listeners, func(l *Listener) bool {
		return slices.ContainsFunc(l.Chains, func(c *Chain) bool { return c.of(v, section, p) })
	})
}

// of tells whether a chain is that of a tcp or tls match.
func (c *Chain) of(v *mesh.VirtualService, section string, p L4Place) bool {
	return c.TCP != nil && c.TCP.VS == v && c.TCP.Section == section && c.TCP.Index == p.Rule && c.TCP.Match == p.Match
}

// deadIn finds dead tcp and tls matches inside one VirtualService. Envoy takes the most specific server name whatever the
// order, so a tls match is dead only if every one of its names stands in an earlier one; on gateways if one does, for istiod then
// leaves it out (networking/core/gateway.go, buildGatewayNetworkFiltersFromTLSRoutes).
func deadIn(v *mesh.VirtualService) []L4Death {
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
	return append(deadL4("tcp", tcp, false), deadL4("tls", tls, !v.OnMesh)...)
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
