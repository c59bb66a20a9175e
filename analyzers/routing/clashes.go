package routing

import (
	"sort"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// HostPath is the path of this server's host entry that equals the other's entry i.
func (s *Server) HostPath(other *Server, i int) []any {
	for _, o := range other.entries() {
		if o.Index != i {
			continue
		}
		for _, h := range s.entries() {
			if h.String() == o.String() {
				return s.Path("hosts", h.Index)
			}
		}
	}
	return s.Path()
}

// Bound counts the VirtualServices whose hosts a server accepts and that have rules of its kind.
func (t *Tables) Bound(s *Server) int {
	n := 0
	for _, v := range t.byGateway[gatewayKey(s.Gateway)] {
		rules := map[string]int{"http": len(v.Spec.Http), "tls": len(v.Spec.Tls), "tcp": len(v.Spec.Tcp)}
		if rules[s.Section()] > 0 && len(s.hosts.intersect(v.Namespace, v.Hosts)) > 0 {
			n++
		}
	}
	return n
}

// Accepts tells whether a server takes a host of a VirtualService in a namespace.
func (s *Server) Accepts(namespace, host string) bool {
	return len(s.hosts.intersect(namespace, []string{host})) > 0
}

// IsTLS tells whether the chain is of a TLS server, terminated or not.
func (c *Chain) IsTLS() bool { return c.Server.IsTLS() }

// Source is where a chain's server name is written: a server's host entry, or a tls match of a VirtualService.
func (c *Chain) Source(sni string) (*manifest.Object, []any) {
	if c.TCP != nil && c.TCP.Section == "tls" {
		return c.TCP.VS.Object, []any{"spec", "tls", c.TCP.Index, "match", c.TCP.Match, "sniHosts"}
	}
	return c.Server.Gateway.Object, c.Server.Path()
}

// LostL4 is a VirtualService whose tcp or tls rules for a server another one takes the place of.
type LostL4 struct {
	VS      *mesh.VirtualService
	Host    int // the index in spec.hosts that meets the server
	Section string
	By      *L4Route
	Server  *Server
}

// LostL4 lists them: a TCP server takes one VirtualService only, a server name on a passthrough port only one match.
func (table *Table) LostL4() []LostL4 {
	var out []LostL4
	for _, l := range table.Listeners {
		for _, c := range l.Chains {
			if c.TCP != nil && c.TCP.Section == "tcp" {
				out = append(out, table.lostTCP(c)...)
			}
		}
	}
	return append(out, table.lostSNI...)
}

func (table *Table) lostTCP(c *Chain) []LostL4 {
	var out []LostL4
	for _, b := range table.bound(c.Server.Gateway) {
		if b.vs == c.TCP.VS {
			continue
		}
		host := table.meets(c.Server, b.vs)
		for _, r := range b.vs.Spec.Tcp {
			hit := host >= 0 && len(r.GetRoute()) > 0 && len(r.Match) == 0
			for _, m := range r.GetMatch() {
				hit = hit || host >= 0 && len(r.Route) > 0 && table.tables.l4Admits(c.Server, b.vs, m.GetPort(), m.GetGateways())
			}
			if hit {
				out = append(out, LostL4{b.vs, host, "tcp", c.TCP, c.Server})
				break
			}
		}
	}
	return out
}

// meets is the index of the first host of a VirtualService that meets a server, -1 for none.
func (table *Table) meets(s *Server, v *mesh.VirtualService) int {
	for k, h := range v.Hosts {
		for _, i := range s.hosts.meeting(h) {
			if s.hosts.all[i].Allows(v.Namespace) {
				return k
			}
		}
	}
	return -1
}

// MeshClash is a host that several VirtualServices claim on the sidecars of one namespace.
type MeshClash struct {
	Winner, Loser *mesh.VirtualService
	Host          int                    // in the loser's spec.hosts
	WinnerHost    int                    // in the winner's
	More          []*mesh.VirtualService // further claimants where no order is known
}

// MeshClashes lists the hosts on which only one VirtualService is used: those visible in the same way somewhere, with a route
// that sidecars of any kind get, for a port in common.
func (t *Tables) MeshClashes() []MeshClash {
	byHost := map[string][]claim{}
	var hosts []string
	for _, v := range t.onMesh {
		ports := t.meshPorts(v)
		if len(ports) == 0 {
			continue
		}
		for k, h := range v.Hosts {
			h = strings.ToLower(h)
			if manifest.Placeholder(h) || k > 0 && contains(v.Hosts[:k], h) {
				continue
			}
			if byHost[h] == nil {
				hosts = append(hosts, h)
			}
			byHost[h] = append(byHost[h], claim{v, k, ports})
		}
	}
	sort.Strings(hosts)
	var out []MeshClash
	for _, h := range hosts {
		out = append(out, clashesOf(byHost[h])...)
	}
	return out
}

func contains(hosts []string, h string) bool {
	for _, x := range hosts {
		if strings.EqualFold(x, h) {
			return true
		}
	}
	return false
}

type claim struct {
	vs    *mesh.VirtualService
	host  int
	ports map[uint32]bool
}

// clashesOf gives one clash per certain loser, and one in all for claimants whose order is open. Claims are compared within
// groups of equal visibility, so that the cost is that of the groups.
func clashesOf(claims []claim) []MeshClash {
	groups := map[string][]claim{}
	var keys []string
	for _, c := range claims {
		key := "*"
		if !c.vs.ExportTo.Public {
			key = strings.Join(manifest.Keys(c.vs.ExportTo.To), ",")
		}
		if groups[key] == nil {
			keys = append(keys, key)
		}
		groups[key] = append(groups[key], c)
	}
	var out []MeshClash
	for _, key := range keys {
		g := groups[key]
		var open *MeshClash
		for _, c := range g[1:] {
			first := g[0]
			if !meet(first.ports, c.ports) || first.vs == c.vs || !sees(c.vs.Labels[revisionLabel], first.vs.Labels) {
				continue
			}
			if mesh.OrderKnown(first.vs.Object, c.vs.Object) {
				out = append(out, MeshClash{Winner: first.vs, WinnerHost: first.host, Loser: c.vs, Host: c.host})
				continue
			}
			if open == nil {
				open = &MeshClash{Winner: first.vs, WinnerHost: first.host, Loser: c.vs, Host: c.host}
				continue
			}
			open.More = append(open.More, c.vs)
		}
		if open != nil {
			out = append(out, *open)
		}
	}
	return out
}

// meshPorts are the ports for which every sidecar gets a route of the VirtualService, 0 for all ports; none when its routes
// are only for some sources.
func (t *Tables) meshPorts(v *mesh.VirtualService) map[uint32]bool {
	out := map[uint32]bool{}
	for _, r := range t.expand(v).rules {
		if len(r.Matches) == 0 {
			out[0] = true
		}
		for _, m := range r.Matches {
			s := m.Spec
			onMesh := len(m.gateways) == 0 && len(s.SourceLabels) == 0 && s.SourceNamespace == ""
			for _, g := range m.gateways {
				onMesh = onMesh || g == mesh.Mesh
			}
			if onMesh && !r.Opaque {
				out[s.Port] = true
			}
		}
	}
	return out
}

func meet(a, b map[uint32]bool) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	if a[0] || b[0] {
		return true
	}
	for p := range a {
		if b[p] {
			return true
		}
	}
	return false
}
