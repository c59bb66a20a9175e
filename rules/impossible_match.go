package rules

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	networking "istio.io/api/networking/v1alpha3"
)

var impossibleMatch = &Rule{
	Name: "impossible-match", Severity: Warning, Admission: Warn, Elsewhere: Warn, Since: "0.1.0",
	Doc: `A match that can never be true

Envoy compares exact and prefix with the path alone: without the query, without the fragment, and beginning with a slash. So
"/search?q=1" or "api" match no request, and the rule takes nothing; the query belongs into queryParams. Letters beyond ASCII
arrive percent-encoded, and Envoy compares what arrives: "/straße" is not "/stra%C3%9Fe". A missing header counts as an empty
one in withoutHeaders, so that withoutHeaders with the regex ".*" is never true. And a match on a port is dropped for a Gateway
none of whose servers has that port, or where those that have it take other hosts, or rules of another kind: match.port is the
port of the Gateway's server, not the pods' and not the service's behind it. On Gateways sourceLabels and sourceNamespace are
compared with the pods of the Gateway, not with the clients.

Conditions that exclude each other (a header that must be there, and must not) are the same fault.

Fix: write the condition that was meant, or delete the match.`,
	Run: func(p *Pass) {
		for _, v := range p.World.VirtualServices {
			refused := p.toldByIstiod(v.Object)
			binding := sync.OnceValue(func() routing.Binding { return p.Tables.Binding(v) }) // many matches can ask
			var workloads []*mesh.Workload
			if !v.OnMesh && !v.IsDelegate() && slices.ContainsFunc(v.Spec.Http, hasSource) {
				workloads = p.Tables.GatewayWorkloads(v)
			}
			for i, h := range v.Spec.Http {
				for j, m := range h.GetMatch() {
					path := []any{"spec", "http", i, "match", j}
					for _, never := range match.Impossible(m, manifest.Placeholder) {
						if at := slices.Concat(path, never.Path); v.Known(at...) && !refused(at) {
							p.impossible(v, at, never.Beyond, never.Why)
						}
					}
					p.unservedPort(v, binding, "http", m.GetGateways(), m.GetPort(), append(path, "port"))
					if h.GetDelegate() == nil {
						p.foreignSource(v, m, workloads, path)
					}
				}
			}
			for i, r := range v.Spec.Tls {
				for j, m := range r.GetMatch() {
					p.unservedPort(v, binding, "tls", m.GetGateways(), m.GetPort(), []any{"spec", "tls", i, "match", j, "port"})
				}
			}
			for i, r := range v.Spec.Tcp {
				for j, m := range r.GetMatch() {
					p.unservedPort(v, binding, "tcp", m.GetGateways(), m.GetPort(), []any{"spec", "tcp", i, "match", j, "port"})
				}
			}
			p.foreignAuthorities(v)
		}
	},
}

func (p *Pass) impossible(v *mesh.VirtualService, path []any, suspect bool, why string, ends ...End) {
	p.Report(Fault{
		On: v.Object, Path: path, Severity: Warning, Suspect: suspect, Words: why, Ends: ends,
		Message: fmt.Sprintf("no request satisfies this match of %s: %s", v.ID(), why),
	})
}

func hasSource(h *networking.HTTPRoute) bool {
	return slices.ContainsFunc(h.GetMatch(), func(m *networking.HTTPMatchRequest) bool {
		return len(m.GetSourceLabels()) > 0 || m.GetSourceNamespace() != ""
	})
}

// foreignSource reports a source condition on Gateways that their own pods do not meet.
func (p *Pass) foreignSource(v *mesh.VirtualService, m *networking.HTTPMatchRequest, workloads []*mesh.Workload, path []any) {
	f := routing.ForeignSourceOf(m, workloads)
	if f == nil || !v.Known(append(path[:len(path):len(path)], f.Field)...) {
		return
	}
	var ends []End
	if f.Workload.Object != nil {
		ends = []End{{f.Workload.Object, []any{"metadata", "name"}, "the pods are here"}}
	}
	p.impossible(v, append(path[:len(path):len(path)], f.Field), false, f.Why, ends...)
}

// unservedPort reports a match on a port that no server has of the gateways for which it is, or none that takes the VirtualService's
// hosts and rules of its kind. Those of a delegate are its roots', and sidecars have any port.
func (p *Pass) unservedPort(v *mesh.VirtualService, binding func() routing.Binding, section string, only []string, port uint32, path []any) {
	if port == 0 || v.IsDelegate() || v.OnMesh && (len(only) == 0 || slices.Contains(only, mesh.Mesh)) || !v.Known(path...) {
		return
	}
	var ends []End
	var have []uint32
	there := false
	for _, ref := range v.Gateways {
		if len(only) > 0 && !slices.ContainsFunc(only, func(g string) bool { return sameGateway(mesh.GatewayName(g, v.Namespace), ref.Name) }) {
			continue
		}
		if len(ref.Found) != 1 || ref.K8s || !ref.Found[0].Known("spec") {
			return
		}
		for _, s := range ref.Found[0].Spec.Servers {
			there = there || s.GetPort().GetNumber() == port
			have = append(have, s.GetPort().GetNumber())
		}
		ends = append(ends, End{ref.Found[0].Object, []any{"spec", "servers"}, "its servers are here"})
	}
	switch {
	case there:
		p.foreignPort(v, binding(), section, port, path)
	case len(ends) > 0:
		slices.Sort(have)
		p.impossible(v, path, false, fmt.Sprintf("its Gateways have no server on port %d, only on %s", port, numbers(slices.Compact(have))), ends...)
	}
}

// foreignPort reports a match on a port whose servers have other hosts, or use other rules. unbound-host tells where no server has them at all.
func (p *Pass) foreignPort(v *mesh.VirtualService, b routing.Binding, section string, port uint32, path []any) {
	if !b.Known || slices.ContainsFunc(v.Hosts, manifest.Placeholder) || !b.Foreign(section, port) {
		return
	}
	var end []End
	if i := slices.IndexFunc(b.All, func(s *routing.Server) bool { return s.Number() == port }); i >= 0 {
		s := b.All[i]
		end = []End{{s.Gateway.Object, s.Path(), "uses " + s.Section() + " rules, and accepts only " + strings.Join(s.Spec.Hosts, ", ")}}
	}
	p.impossible(v, path, false, fmt.Sprintf("no server of its Gateways on port %d takes its hosts and %s rules", port, section), end...)
}

func sameGateway(a, b mesh.Name) bool {
	return a.Name == b.Name && (a.Namespace == b.Namespace || a.Namespace == "" || b.Namespace == "")
}

// manyHosts bounds the comparison of every match with every host of a VirtualService.
const manyHosts = 50

// foreignAuthorities finds matches on an authority that selects none of the VirtualService's virtual hosts on a gateway.
func (p *Pass) foreignAuthorities(v *mesh.VirtualService) {
	if v.OnMesh || v.IsDelegate() || len(v.Hosts) > manyHosts || slices.ContainsFunc(v.Hosts, manifest.Placeholder) {
		return
	}
	var hosts []match.Box
	for i, h := range v.Spec.Http {
		for j, m := range h.GetMatch() {
			path := []any{"spec", "http", i, "match", j, "authority"}
			alone := match.FromHTTP(&networking.HTTPMatchRequest{Authority: m.GetAuthority()})
			if m.GetAuthority() == nil || alone.Empty() || !v.Known(path...) || manifest.Placeholder(m.GetAuthority().String()) {
				continue
			}
			for k := len(hosts); k < len(v.Hosts); k++ {
				hosts = append(hosts, match.Host(v.Hosts[k]))
			}
			if !slices.ContainsFunc(hosts, func(host match.Box) bool { return !alone.And(host).Empty() }) {
				p.impossible(v, path, false, fmt.Sprintf("%s is none of its hosts", alone))
			}
		}
	}
}
