package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

var unknownGateway = &Rule{
	Name: "unknown-gateway", Severity: Error, Admission: Warn, Elsewhere: Warn,
	AlsoKnownAs: []string{"IST0101", "KIA1102"}, Since: "0.1.0",
	Doc: `A gateway that is not there

A VirtualService is bound to gateways by name: "gw" is in its own namespace, "ns/gw" in another. istiod ignores a name that is no
Gateway, so the routes are programmed nowhere on it, without a word. A gateway in a match that spec.gateways does not list is
never reached either.

Fix: correct the name, or write namespace/name for a Gateway of another namespace.`,
	Run: func(p *Pass) {
		for _, v := range p.World.VirtualServices {
			bound := map[mesh.Name]bool{}
			for _, ref := range v.Gateways {
				bound[ref.Name] = true
				if len(ref.Found) == 0 && !ref.K8s {
					p.gateway(v, ref.Name, ref.Text, []any{"spec", "gateways", ref.Index})
				}
			}
			for i, h := range v.Spec.Http {
				for j, m := range h.GetMatch() {
					p.matchGateways(v, bound, m.GetGateways(), []any{"spec", "http", i, "match", j, "gateways"})
				}
			}
			for i, r := range v.Spec.Tcp {
				for j, m := range r.GetMatch() {
					p.matchGateways(v, bound, m.GetGateways(), []any{"spec", "tcp", i, "match", j, "gateways"})
				}
			}
			for i, r := range v.Spec.Tls {
				for j, m := range r.GetMatch() {
					p.matchGateways(v, bound, m.GetGateways(), []any{"spec", "tls", i, "match", j, "gateways"})
				}
			}
		}
	},
}

func (p *Pass) gateway(v *mesh.VirtualService, n mesh.Name, text string, path []any) {
	r := p.World.JudgeGateway(n)
	if p.open(r, Reference{Kind: "Gateway", Namespace: n.Namespace, Name: n.Name, By: v.Object, Path: path}) {
		return
	}
	f := Fault{
		On: v.Object, Path: path, Severity: Error, Suspect: r.State == mesh.Suspect, Words: n.String(),
		Message: fmt.Sprintf("there is no Gateway %q: the routes are not served there", text),
	}
	if text != n.String() {
		f.Message = fmt.Sprintf("there is no Gateway %q (that is %s): the routes are not served there", text, n)
	}
	p.explain(&f, r, text)
	p.Report(f)
}

// matchGateways reports a match none of whose gateways spec.gateways lists: it is then for nothing. A delegate is bound
// through its roots.
func (p *Pass) matchGateways(v *mesh.VirtualService, bound map[mesh.Name]bool, refs []string, path []any) {
	for _, text := range refs {
		n := mesh.GatewayName(text, v.Namespace)
		if text == mesh.Mesh && v.OnMesh || bound[n] || bound[mesh.Name{Name: n.Name}] || manifest.Placeholder(text) {
			return
		}
	}
	if len(refs) == 0 || v.IsDelegate() {
		return
	}
	p.Report(Fault{
		On: v.Object, Path: append(path[:len(path):len(path)], 0), Severity: Warning, Words: "match " + refs[0],
		Message: fmt.Sprintf("this match is for gateway %q, to which %s is not bound: it takes no request", refs[0], v.ID()),
		Ends:    []End{{v.Object, []any{"spec", "gateways"}, "the gateways it is bound to"}},
	})
}
