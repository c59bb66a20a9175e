package rules

import (
	"fmt"
	"sort"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// How messages name things: the same thing is called the same everywhere.

func pathText(path []any) string { return manifest.FieldPath(path...) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func clashing(s *routing.Server) []string {
	var out []string
	for _, i := range s.Drop.Hosts {
		out = append(out, s.Spec.Hosts[i])
	}
	return out
}

func (p *Pass) serverText(s *routing.Server) string {
	return fmt.Sprintf("%s port %d", s.Gateway.ID(), s.Number())
}

// serverTexts names two servers so that they differ.
func (p *Pass) serverTexts(a, b *routing.Server) (string, string) {
	if a.Gateway == b.Gateway {
		return a.ID(), b.ID()
	}
	return p.serverText(a), p.serverText(b)
}

func workloadText(table *routing.Table) string { return "gateway workload " + table.Workload.String() }

func hostsText(s *routing.Server) string {
	if len(s.Spec.Hosts) > 3 {
		return strings.Join(s.Spec.Hosts[:3], ", ") + fmt.Sprintf(" and %d more", len(s.Spec.Hosts)-3)
	}
	return strings.Join(s.Spec.Hosts, ", ")
}

func clientText(v *routing.View) string {
	switch {
	case v.Table != nil:
		return "gateway workload " + v.Table.Workload.String()
	case v.OnMesh && v.Client != "":
		return "sidecars in namespace " + v.Client
	case v.OnMesh:
		return "sidecars"
	}
	return "its clients"
}

func definedText(r *routing.EffectiveRule) string {
	names := subsetNames(r)
	if len(names) == 0 {
		return "; it defines no subsets"
	}
	return fmt.Sprintf("; it defines %q", names)
}

func subsetNames(r *routing.EffectiveRule) []string {
	var out []string
	for n := range r.Subsets {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

func gatewaysText(v *mesh.VirtualService) string {
	var out []string
	for _, r := range v.Gateways {
		out = append(out, r.Name.String())
	}
	if len(out) == 1 {
		return "Gateway " + out[0]
	}
	return "Gateways " + strings.Join(out, ", ")
}

func portText(s *mesh.Service) string {
	var out []uint32
	for _, p := range s.Ports {
		out = append(out, p.Number)
	}
	return numbers(out)
}

func numbers(list []uint32) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = fmt.Sprint(n)
	}
	return strings.Join(out, ", ")
}

func describe(s *routing.Server) string {
	kind := s.Spec.Port.Protocol
	if s.Spec.Tls != nil && !s.IsHTTP() && kind == "TCP" {
		kind = "TLS"
	}
	text := fmt.Sprintf("%s server %s port %d", kind, s.Gateway.ID(), s.Number())
	if s.Listen != s.Number() {
		text += fmt.Sprintf(" (pods' port %d)", s.Listen)
	}
	return text
}

func exportPath(s *mesh.Service) []any {
	if s.Kube {
		return []any{"metadata", "annotations", "networking.istio.io/exportTo"}
	}
	return []any{"spec", "exportTo"}
}
