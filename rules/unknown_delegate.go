package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

var unknownDelegate = &Rule{
	Name: "unknown-delegate", Severity: Error, Admission: Warn, Elsewhere: Warn, Since: "0.1.0",
	Doc: `A delegate that istiod cannot use

A rule with a delegate takes its routes from another VirtualService: one without hosts, exported to the namespace of the root.
If there is none of that name, or it has hosts, or it is not exported there, istiod leaves out the rule, and its requests fall
to later rules or get 404.

Fix: correct name and namespace, remove hosts from the delegate, or export it to the root's namespace.`,
	Run: func(p *Pass) {
		for _, v := range p.World.VirtualServices {
			for i, h := range v.Spec.Http {
				if h.GetDelegate() != nil {
					p.delegate(v, i, h.Delegate)
				}
			}
		}
	},
}

func (p *Pass) delegate(v *mesh.VirtualService, i int, ref *networking.Delegate) {
	n := mesh.DelegateName(v, ref)
	f := Fault{On: v.Object, Path: []any{"spec", "http", i, "delegate", "name"}, Severity: Error, Words: n.String()}
	const dropped = "istiod leaves out this rule"
	found := p.World.Delegate(v, ref)
	switch {
	case len(found) == 0:
		r := p.World.JudgeDelegate(n)
		if p.open(r, Reference{Kind: "VirtualService", Namespace: n.Namespace, Name: n.Name, By: v.Object, Path: f.Path}) {
			return
		}
		f.Suspect = r.State == mesh.Suspect
		f.Message = fmt.Sprintf("there is no VirtualService %s to delegate to: %s", n, dropped)
		p.explain(&f, r, ref.Name)
	case len(found) > 1:
		return
	case !found[0].IsDelegate():
		f.Message = fmt.Sprintf("VirtualService %s has hosts of its own, so it is no delegate: %s", n, dropped)
		f.Ends = []End{{found[0].Object, []any{"spec", "hosts"}, "a delegate has no hosts"}}
	case found[0].ExportTo.Covers(v.Namespace) == mesh.No:
		f.Message = fmt.Sprintf("VirtualService %s is not exported to namespace %s: %s", n, v.Namespace, dropped)
		f.Ends = []End{{found[0].Object, []any{"spec", "exportTo"}, "exported only to some namespaces"}}
	default:
		return
	}
	p.Report(f)
}
