package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/routing"
)

var ineffectiveDestinationRule = &Rule{
	Name: "ineffective-destination-rule", Severity: Warning, Admission: Warn, Elsewhere: Deny,
	AlsoKnownAs: []string{"KIA0201"}, Since: "0.1.0",
	Doc: `A DestinationRule that no client gets, or only in part

A client looks for the rule of a service in its own namespace, then in the service's, then in the root namespace. Several rules
of one namespace for the same host are merged, the older first, and much is lost without a word:

- only the first trafficPolicy counts, whole; of subsets with one name only the first
- rules with different exportTo are not merged: the younger is taken alone, and the older with its subsets is gone. To leave
  exportTo out and to write "*" is different here
- a rule with exportTo "." beside one with a workloadSelector joins that one: pods that the selector does not match get no rule
- a rule exported to more namespaces than an older one joins the older one, and the further namespaces get no rule

A rule for another namespace's service that is not exported to its own namespace is looked for by nobody. A rule for all, or
for a wildcard, that a nearer one replaces for some hosts is fine.

Fix: keep one DestinationRule for a host in a namespace, in the service's namespace if it is for all clients.`,
	Run: func(p *Pass) {
		for _, l := range p.Tables.LostRules() {
			p.lostRule(l)
		}
	},
}

func (p *Pass) lostRule(l routing.LostRule) {
	d := l.Rule
	f := Fault{On: d.Object, Path: []any{"metadata", "name"}, Severity: Warning, Clash: true}
	if l.By == nil {
		f.Path, f.Words, f.Suspect = []any{"spec", "exportTo"}, "exportTo", !p.World.Settings.Known
		owner := p.World.HostNamespace(d.Host)
		f.Message = fmt.Sprintf("no client gets DestinationRule %s: for a Service of namespace %s clients look in their own namespace, in %s and in the root namespace, and its exportTo leaves out its own",
			d.ID(), owner, owner)
		p.Report(f)
		return
	}
	older := "which is older"
	if !l.Ordered {
		older = "or the other way round if this one is older"
	}
	f.Ends = []End{{l.By.Object, []any{"spec", "host"}, "is for the same host"}}
	switch l.Loss {
	case routing.LostWhole:
		f.Words = "whole"
		f.Message = fmt.Sprintf("no client gets DestinationRule %s: %s is for the same host and younger, and takes its place whole because the exportTo of the two differ (%s and %s)",
			d.ID(), l.By.ID(), routing.ExportText(d), routing.ExportText(l.By))
		if !l.Ordered {
			f.Message = fmt.Sprintf("clients get only the younger one of DestinationRule %s and %s for the same host: they are not merged because their exportTo differ (%s and %s)",
				d.ID(), l.By.ID(), routing.ExportText(d), routing.ExportText(l.By))
		}
	case routing.LostPolicy:
		f.Path, f.Words = []any{"spec", "trafficPolicy"}, "trafficPolicy"
		f.Message = fmt.Sprintf("the trafficPolicy of DestinationRule %s has no effect: of the rules for one host only the first has one, here that of %s, %s", d.ID(), l.By.ID(), older)
		f.Ends = []End{{l.By.Object, []any{"spec", "trafficPolicy"}, "is used whole"}}
		if l.By.Spec.WorkloadSelector != nil && d.Spec.WorkloadSelector == nil {
			f.Message = fmt.Sprintf("the trafficPolicy of DestinationRule %s has no effect: it joins %s, which has a workloadSelector and comes first", d.ID(), l.By.ID())
		}
	case routing.LostSubset:
		name := d.Spec.Subsets[l.Subset].Name
		f.Path, f.Words = []any{"spec", "subsets", l.Subset}, "subset "+name
		f.Message = fmt.Sprintf("subset %q of DestinationRule %s has no effect: istiod takes the one of that name in %s, %s", name, d.ID(), l.By.ID(), older)
		f.Ends = []End{{l.By.Object, []any{"spec", "subsets", l.BySubset}, "has the name first"}}
	case routing.LostClients:
		f.Words = "clients " + l.Clients
		f.Message = fmt.Sprintf("DestinationRule %s joins %s, which is older and exported to fewer namespaces: clients in namespace %s get no rule for the host", d.ID(), l.By.ID(), l.Clients)
		if l.Clients == "*" {
			f.Message = fmt.Sprintf("DestinationRule %s joins %s, which is older and exported to fewer namespaces: clients elsewhere get no rule for the host", d.ID(), l.By.ID())
		}
		if l.Clients == "" {
			f.Message = fmt.Sprintf("DestinationRule %s joins %s, which has a workloadSelector: pods that it does not match get no rule for the host", d.ID(), l.By.ID())
		}
	}
	p.Report(f)
}
