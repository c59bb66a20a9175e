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
	Servers map[int][]*Server // by index in spec.hosts: the servers that accept it, also those that istiod drops
	All     []*Server         // every server of its gateways, once
	Sees    map[string]bool   // by ID of a server: one of its workloads is in a namespace that the VirtualService is exported to
}

// Binding looks at every workload of every gateway of a VirtualService.
func (t *Tables) Binding(v *mesh.VirtualService) Binding {
	b := Binding{Known: len(v.Gateways) > 0, Servers: map[int][]*Server{}, Sees: map[string]bool{}}
	for _, ref := range v.Gateways {
		if len(ref.Found) != 1 || ref.K8s || len(ref.Found[0].Opaque) > 0 {
			b.Known = false
			continue
		}
		for _, table := range t.Serving(ref.Found[0]) {
			b.Tables = append(b.Tables, table)
			_, sees := tierOf(v, table.Workload.Namespace)
			b.Visible = b.Visible || sees
			for _, s := range table.Servers {
				if s.Gateway != ref.Found[0] {
					continue
				}
				id := s.ID()
				had, known := b.Sees[id]
				if b.Sees[id] = had || sees; !known {
					b.add(v, s)
				}
			}
		}
	}
	b.Known = b.Known && len(b.Tables) > 0
	return b
}

func (b *Binding) add(v *mesh.VirtualService, s *Server) {
	b.All = append(b.All, s)
	for _, h := range s.Spec.Hosts {
		if manifest.Placeholder(h) {
			b.Known = b.Known && strings.HasPrefix(h, "*")
		}
	}
	for k, h := range v.Hosts {
		if s.Accepts(v.Namespace, h) {
			b.Servers[k] = append(b.Servers[k], s)
		}
	}
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
