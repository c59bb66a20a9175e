package routing

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// Binding says where a VirtualService is bound.
type Binding struct {
	// Known is false when a gateway of it is not known, or has placeholders: then nothing can be said to be missing, though what is there is.
	Known   bool
	Tables  []*Table
	Visible bool              // from the namespace of one of the workloads at least
	Servers map[int][]*Server // by index in spec.hosts: the servers that have it, also those that istiod drops, once each
	Seen    map[int][]*Server // the same on each workload in a namespace that the VirtualService is exported to
	All     []*Server         // every server of its gateways, once
}

// Binding looks at every workload of every gateway of a VirtualService.
func (t *Tables) Binding(v *mesh.VirtualService) Binding {
	b := Binding{Known: len(v.Gateways) > 0, Servers: map[int][]*Server{}, Seen: map[int][]*Server{}}
	bound, known := map[*mesh.Gateway]bool{}, map[string]bool{}
	for _, ref := range v.Gateways {
		if len(ref.Found) != 1 || ref.K8s || len(ref.Found[0].Opaque) > 0 {
			b.Known = false
			continue
		}
		g := ref.Found[0]
		if bound[g] {
			continue
		}
		bound[g] = true
		for _, table := range t.Serving(g) {
			b.Tables = append(b.Tables, table)
			_, sees := tierOf(v, table.Workload.Namespace)
			b.Visible = b.Visible || sees
			for _, s := range table.Servers {
				if s.Gateway == g && (sees || !known[s.ID()]) {
					t.bind(&b, v, s, sees, known[s.ID()])
					known[s.ID()] = true
				}
			}
		}
	}
	b.Known = b.Known && len(b.Tables) > 0
	return b
}

func (t *Tables) bind(b *Binding, v *mesh.VirtualService, s *Server, sees, known bool) {
	hosts := t.hostsOn(v, s)
	for _, k := range hosts {
		if sees {
			b.Seen[k] = append(b.Seen[k], s)
		}
		if !known {
			b.Servers[k] = append(b.Servers[k], s)
		}
	}
	if known {
		return
	}
	b.All = append(b.All, s)
	for _, h := range s.Spec.Hosts {
		if manifest.Placeholder(h) {
			b.Known = b.Known && strings.HasPrefix(h, "*")
		}
	}
}

// hostsOn are the hosts of a VirtualService, by index, that come to it on a server: those that the server accepts, and if it accepts one,
// those too that its own hosts do not keep out.
func (t *Tables) hostsOn(v *mesh.VirtualService, s *Server) (out []int) {
	for k, h := range v.Hosts {
		if s.Accepts(v.Namespace, h) {
			out = append(out, k)
		}
	}
	if len(out) == 0 || len(out) == len(v.Hosts) {
		return out
	}
	names := serverHosts(t.namesPast(v, s), "")
	if len(names) == 0 {
		return out
	}
	past, accepted := newHostSet(names), out
	out = nil
	for k, h := range v.Hosts {
		_, found := slices.BinarySearch(accepted, k)
		if found || len(past.meeting(h)) > 0 {
			out = append(out, k)
		}
	}
	return out
}

// namesPast are the names by which connections come to a VirtualService on a server whatever hosts it lists, if it accepts one of the
// VirtualService's: any where no TLS tells them apart, and the server names of the tls rules where TLS is passed through
// (pilot/pkg/networking/core/gateway.go, filters from TCP and TLS routes).
func (t *Tables) namesPast(v *mesh.VirtualService, s *Server) (out []string) {
	section := s.Section()
	switch {
	case section == "" || section == "http" || section == "tcp" && s.IsTLS():
		return nil
	case len(v.Opaque) > 0:
		return []string{"*"}
	case section == "tls":
		for _, r := range v.Spec.Tls {
			for _, m := range r.GetMatch() {
				if len(r.Route) > 0 && t.l4Admits(s, v, m.GetPort(), m.GetGateways()) {
					out = append(out, m.GetSniHosts()...)
				}
			}
		}
		return out
	}
	for _, r := range v.Spec.Tcp {
		admitted := len(r.GetMatch()) == 0 || slices.ContainsFunc(r.Match, func(m *networking.L4MatchAttributes) bool {
			return t.l4Admits(s, v, m.GetPort(), m.GetGateways())
		})
		if admitted && len(r.GetRoute()) > 0 {
			return []string{"*"}
		}
	}
	return nil
}

// Section is the kind of rules that a server uses: http, tcp or tls; "" for AUTO_PASSTHROUGH, which uses none.
func (s *Server) Section() string {
	switch {
	case s.UsesHTTP():
		return "http"
	case s.Spec.GetTls().GetMode() == networking.ServerTLSSettings_AUTO_PASSTHROUGH:
		return ""
	case s.IsPassthrough():
		return "tls"
	}
	return "tcp"
}

// Foreign tells that servers have the hosts of the VirtualService and use the rules of a section, and that none on a port does. Those that
// share a listener have the port of the first (pilot/pkg/networking/core/gateway.go).
func (b Binding) Foreign(section string, port uint32) bool {
	type server struct {
		gateway *mesh.Gateway
		index   int
	}
	takes, listens := map[server]bool{}, map[uint32]bool{}
	for _, servers := range b.Servers {
		for _, s := range servers {
			if s.Section() == section {
				takes[server{s.Gateway, s.Index}] = true
			}
		}
	}
	for _, table := range b.Tables {
		for _, s := range table.Servers {
			if takes[server{s.Gateway, s.Index}] {
				listens[s.Listen] = true
			}
		}
	}
	return len(takes) > 0 && !slices.ContainsFunc(b.Tables, func(t *Table) bool {
		return slices.ContainsFunc(t.Servers, func(s *Server) bool { return s.Number() == port && listens[s.Listen] })
	})
}

// Redirecting are the servers on a port, 0 for any, if all of them redirect to https: no rule is tried there.
func (b Binding) Redirecting(port uint32) []*Server {
	var out []*Server
	for _, k := range manifest.Keys(b.Servers) {
		for _, s := range b.Servers[k] {
			switch {
			case port != 0 && s.Number() != port || slices.Contains(out, s):
			case !s.IsHTTP() || !s.Redirects():
				return nil
			default:
				out = append(out, s)
			}
		}
	}
	return out
}
