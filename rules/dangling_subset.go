package rules

import (
	"fmt"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var danglingSubset = &Rule{
	Name: "dangling-subset", Severity: Error, Admission: Warn, Elsewhere: Warn,
	AlsoKnownAs: []string{"IST0101", "KIA1107"}, Since: "0.1.0",
	Doc: `A destination subset that the DestinationRule does not define

istiod programs the cluster name with the subset in it and no cluster of that name: Envoy answers 503 NC to every request of
that route. Which DestinationRule counts depends on the client: one in the client's own namespace, else in the service's, else
in the root namespace; the first of these with any matching host is taken whole, there is no falling through to the next. A
rule for *.local in the gateway's namespace so hides the subsets of the service's own rule.

Fix: define the subset in the DestinationRule that the finding names, or correct the subset's name.`,
	Run: func(p *Pass) {
		p.eachUse(func(u *routing.Use) {
			if u.Views[0].Spec.Subset == "" || manifest.Placeholder(u.Views[0].Spec.Subset) {
				return
			}
			// A rule in some client's namespace has the subset: who else would send requests there is not known.
			somewhere := slices.ContainsFunc(u.Views, func(v routing.View) bool {
				return v.OnMesh && v.Rule != nil && v.Rule.Subsets[v.Spec.Subset] != nil
			})
			for i := range u.Views {
				if v := &u.Views[i]; !(somewhere && v.OnMesh && v.Client == "") && p.subset(u, v) {
					return
				}
			}
		})
	},
}

// subset reports the subset of one view; true when there is nothing more to say about the destination.
func (p *Pass) subset(u *routing.Use, v *routing.View) bool {
	name := v.Spec.Subset
	if v.Unresolved {
		return true
	}
	if len(v.Services) == 0 && (len(v.Hidden) > 0 || p.World.JudgeHost(v.Host, v.Sibling).State >= mesh.Suspect) {
		return true // unknown-host says so
	}
	if p.Tables.OpenSubset(v) {
		p.Unknown(Reference{Kind: "DestinationRule", Name: mesh.Shown(v.Host), By: u.VS.Object, Path: u.Path})
		return false
	}
	r := v.Rule
	if r == nil && len(v.Services) == 0 && p.World.JudgeHost(v.Host, v.Sibling).State == mesh.Found {
		return true // its DestinationRule is where the assumed service is
	}
	if r == nil {
		return p.noRule(u, v)
	}
	if r.Subsets[name] != nil || !r.Certain {
		return false
	}
	foreign := v.OnMesh && v.Client != "" && v.Client != u.VS.Namespace
	if foreign && r.Wildcard {
		return false
	}
	rule := r.From[0]
	if !p.sameStated(u.VS, v.Host, r) {
		p.Unknown(Reference{Kind: "DestinationRule", Name: mesh.Shown(v.Host), By: u.VS.Object, Path: u.Path})
		return true
	}
	closed := p.World.Closed("DestinationRule", v.Client) && p.World.Closed("DestinationRule", rule.Namespace)
	f := Fault{
		On: u.VS.Object, Path: append(u.Path[:len(u.Path):len(u.Path)], "subset"), Severity: Error, Words: v.Host + "|" + name,
		Suspect: !closed && (r.Wildcard || r.Tier == routing.TierRoot || foreign),
		Message: fmt.Sprintf("DestinationRule %s, the one istiod chooses for %s, has no subset %q: requests get 503 (no cluster)", rule.ID(), mesh.Shown(v.Host), name),
		Ends:    []End{{rule.Object, []any{"spec", "host"}, "chosen for " + clientText(v) + definedText(r)}},
	}
	if near := manifest.Nearest(name, subsetNames(r)); near != "" {
		f.Message += fmt.Sprintf("; did you mean %q?", near)
		f.Instead, f.Meant = near, mesh.Meant(name, subsetNames(r))
	}
	if beyond := p.Tables.HiddenRule(&v.Target); r.Tier == routing.TierClient && beyond != nil && beyond.Subsets[name] != nil {
		// The subset is defined, and hidden: the finding stands on what hides it.
		s := beyond.Subsets[name]
		f.Ends = []End{
			{u.VS.Object, f.Path, "asks for the subset"},
			{s.Rule.Object, []any{"spec", "subsets", s.Index}, "defines the subset, and is not looked at by " + clientText(v)},
		}
		f.On, f.Path, f.Instead = rule.Object, []any{"spec", "host"}, ""
		f.Suspect = !closed && (foreign || r.Wildcard)
		f.Message = fmt.Sprintf("DestinationRule %s hides subset %q of %s from %s: requests of VirtualService %s get 503 (no cluster)",
			rule.ID(), name, v.Host, clientText(v), u.VS.ID())
	}
	p.Report(f)
	return true
}

// noRule decides a subset of a host for which there is no DestinationRule at all.
func (p *Pass) noRule(u *routing.Use, v *routing.View) bool {
	svcNS := p.World.HostNamespace(v.Host)
	if len(v.Services) > 0 {
		svcNS = v.Services[0].Namespace
	}
	closed := svcNS != "" && p.World.Closed("DestinationRule", svcNS)
	var others []*mesh.DestinationRule
	for _, ns := range []string{v.Client, svcNS} {
		if ns != "" && !p.World.HasVariants(ns) {
			others = append(others, p.World.Rules(ns)...)
		}
	}
	for _, d := range others {
		if len(d.Opaque) > 0 || manifest.Placeholder(d.Host) {
			others = nil
			break
		}
	}
	taken := !closed && p.World.SubsetGone(v.Host, v.Spec.Subset, v.Client, svcNS, p.World.Root)
	if !closed && !taken && (len(v.Services) == 0 || len(others) == 0) {
		p.Unknown(Reference{Kind: "DestinationRule", Namespace: svcNS, Name: mesh.Shown(v.Host), By: u.VS.Object, Path: u.Path})
		return true
	}
	f := Fault{
		On: u.VS.Object, Path: append(u.Path[:len(u.Path):len(u.Path)], "subset"), Severity: Error, Suspect: !closed, Words: v.Host + "|" + v.Spec.Subset,
		Message: fmt.Sprintf("no DestinationRule is for %s, so subset %q is not defined: requests get 503 (no cluster)", mesh.Shown(v.Host), v.Spec.Subset),
	}
	switch {
	case taken:
		f.Message = fmt.Sprintf("the change takes away the DestinationRule for %s that defines subset %q: requests get 503 (no cluster)", mesh.Shown(v.Host), v.Spec.Subset)
	case !closed:
		f.Ends = []End{{others[0].Object, []any{"spec", "host"}, "a DestinationRule where one for the host would be looked for"}}
	}
	p.Report(f)
	return true
}
