package routing

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// Loss is what of a DestinationRule no client gets.
type Loss int

const (
	LostWhole   Loss = iota // another rule for the host takes its place everywhere
	LostPolicy              // its trafficPolicy
	LostSubset              // one of its subsets
	LostClients             // some clients that it is exported to get no rule at all
	LostExport              // it is exported only to where nobody looks for it
)

// LostRule is a DestinationRule that is programmed in part or not at all (pilot/pkg/model/destination_rule.go, the merge;
// push_context.go, destinationRule, the lookup).
type LostRule struct {
	Loss
	Rule     *mesh.DestinationRule
	By       *mesh.DestinationRule // for the same host; nil for LostExport
	Subset   int                   // for LostSubset: in Rule's spec.subsets, and BySubset in By's
	BySubset int
	Clients  string // for LostClients: the namespace, "" for clients in Rule's own that By does not select
	// Ordered tells that Rule is certainly the one that loses; else it is one of the two.
	Ordered bool
}

// maxRules bounds the rules for one host in one namespace that are compared, each with each.
const maxRules = 300

// LostRules lists them, in the order of the rules. It holds back where the order of two rules is not known and decides whether
// anything is lost.
func (t *Tables) LostRules() []LostRule {
	type key struct{ namespace, host string }
	groups := map[key][]*mesh.DestinationRule{}
	var order []key
	var out []LostRule
	for _, d := range t.World.DestinationRules {
		if d.Namespace == "" || len(d.Opaque) > 0 || manifest.Placeholder(d.Host) || slices.ContainsFunc(d.Spec.ExportTo, manifest.Placeholder) {
			continue
		}
		k := key{d.Namespace, d.Host}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], d)
		if t.exportedAmiss(d) {
			out = append(out, LostRule{Loss: LostExport, Rule: d, Ordered: true})
		}
	}
	for _, k := range order {
		if g := groups[k]; len(g) > 1 && len(g) <= maxRules && oneRevision(g) {
			out = append(out, t.lostIn(g)...)
		}
	}
	return out
}

// exportedAmiss tells a rule for a Service of another namespace that is not exported to its own: clients look for rules in their
// own namespace, in the Service's and in the root one.
func (t *Tables) exportedAmiss(d *mesh.DestinationRule) bool {
	owner := t.World.HostNamespace(d.Host)
	e := d.ExportTo
	return owner != "" && owner != d.Namespace && d.Namespace != t.World.Root && e.Set && !e.Public && !e.None && !e.To[d.Namespace]
}

func oneRevision(g []*mesh.DestinationRule) bool {
	return !slices.ContainsFunc(g, func(d *mesh.DestinationRule) bool { return d.Labels[revisionLabel] != g[0].Labels[revisionLabel] })
}

// lostIn judges the rules of one namespace and host. Where files leave the order open, both orders must lose something between
// the same two rules.
func (t *Tables) lostIn(g []*mesh.DestinationRule) []LostRule {
	found := t.merge(g).losses()
	if !slices.ContainsFunc(g, func(d *mesh.DestinationRule) bool { return !mesh.OrderKnown(d.Object, g[0].Object) }) {
		for i := range found {
			found[i].Ordered = true
		}
		return found
	}
	reversed := slices.Clone(g)
	slices.Reverse(reversed)
	other := t.merge(reversed).losses()
	return slices.DeleteFunc(found, func(x LostRule) bool {
		return !slices.ContainsFunc(other, func(y LostRule) bool {
			return x.Loss == y.Loss && (x.Rule == y.Rule && x.By == y.By || x.Rule == y.By && x.By == y.Rule)
		})
	})
}

// mergedGroup is what each kind of client gets of the rules for one host.
type mergedGroup struct {
	rules   []*mesh.DestinationRule
	clients []ruleClient
}

// ruleClient is one kind of client, with the rules meant for it and the entry that it gets, nil for none.
type ruleClient struct {
	namespace string
	meant     map[*mesh.DestinationRule]bool
	gets      *merged
	all       []*merged
}

// elsewhere stands for a namespace that no rule names.
const elsewhere = "*"

// merge joins rules in the order given and lists the kinds of clients: those in the rules' own namespace, by the labels that the
// rules select, and, where others look for the rules, each namespace that an exportTo names and any other.
func (t *Tables) merge(g []*mesh.DestinationRule) *mergedGroup {
	own := g[0].Namespace
	x := &mergedGroup{rules: g}
	labels := []map[string]string{{}}
	namespaces := map[string]bool{elsewhere: true}
	for _, d := range g {
		if s := d.Spec.WorkloadSelector; s != nil {
			labels = append(labels, s.MatchLabels)
			continue
		}
		for _, ns := range manifest.Keys(d.ExportTo.To) {
			namespaces[ns] = ns != own
		}
	}
	local := mergeInOrder(g, func(d *mesh.DestinationRule) bool {
		if own == t.World.Root {
			return t.rules.private(d)
		}
		return d.ExportTo.Public || d.ExportTo.To[own]
	})
	for _, l := range labels {
		x.add(local, local, proxy{own, l, true})
	}
	if owner := t.World.HostNamespace(g[0].Host); owner != "" && owner != own && own != t.World.Root {
		return x
	}
	exported := mergeInOrder(g, func(d *mesh.DestinationRule) bool { return !t.rules.private(d) })
	for _, ns := range manifest.Keys(namespaces) {
		if namespaces[ns] {
			x.add(exported, exportedTo(exported, ns), proxy{ns, nil, true})
		}
	}
	return x
}

func mergeInOrder(g []*mesh.DestinationRule, keep func(*mesh.DestinationRule) bool) []*merged {
	var list []*merged
	for _, selecting := range []bool{true, false} {
		for _, d := range g {
			if (d.Spec.WorkloadSelector != nil) == selecting && keep(d) {
				list = mergeRule(list, d)
			}
		}
	}
	return list
}

// add notes what a client gets of the entries it sees; a rule is meant for it if it is exported to it and selects it.
func (x *mergedGroup) add(all, seen []*merged, c proxy) {
	k := ruleClient{namespace: c.namespace, meant: map[*mesh.DestinationRule]bool{}, all: all}
	k.gets, _ = pick(seen, c)
	for _, d := range x.rules {
		switch s := d.Spec.WorkloadSelector; {
		case s != nil:
			k.meant[d] = c.namespace == d.Namespace && mesh.Subset(s.MatchLabels, c.labels)
		default:
			k.meant[d] = d.ExportTo.Public || d.ExportTo.To[c.namespace]
		}
	}
	x.clients = append(x.clients, k)
}

func (x *mergedGroup) losses() []LostRule {
	var out []LostRule
	for _, d := range x.rules {
		out = append(out, x.lossesOf(d)...)
	}
	return out
}

func (x *mergedGroup) lossesOf(d *mesh.DestinationRule) []LostRule {
	var having []*merged // entries with the rule that some client gets
	var first, none *ruleClient
	for i := range x.clients {
		c := &x.clients[i]
		if !c.meant[d] {
			continue
		}
		if first == nil {
			first = c
		}
		switch {
		case c.gets == nil:
			none = c
		case slices.Contains(c.gets.from, d):
			having = append(having, c.gets)
		}
	}
	switch {
	case first == nil:
		return nil
	case none != nil:
		return lostClients(d, none)
	case len(having) == 0:
		by := first.gets.from[0]
		if sameRule(d, by) {
			return nil
		}
		return []LostRule{{Loss: LostWhole, Rule: d, By: by}}
	}
	return append(lostPolicy(d, having), lostSubsets(d, having)...)
}

// lostClients names the rule that has taken this one in without being for the client.
func lostClients(d *mesh.DestinationRule, c *ruleClient) []LostRule {
	for _, m := range c.all {
		if m.from[0] != d && slices.Contains(m.from, d) {
			clients := c.namespace
			if clients == d.Namespace {
				clients = ""
			}
			return []LostRule{{Loss: LostClients, Rule: d, By: m.from[0], Clients: clients}}
		}
	}
	return nil
}

func lostPolicy(d *mesh.DestinationRule, having []*merged) []LostRule {
	if d.Spec.TrafficPolicy == nil {
		return nil
	}
	var by *mesh.DestinationRule
	for _, m := range having {
		i := slices.IndexFunc(m.from, func(o *mesh.DestinationRule) bool { return o.Spec.TrafficPolicy != nil })
		if by = m.from[i]; by == d || proto.Equal(by.Spec.TrafficPolicy, d.Spec.TrafficPolicy) {
			return nil
		}
	}
	return []LostRule{{Loss: LostPolicy, Rule: d, By: by}}
}

func lostSubsets(d *mesh.DestinationRule, having []*merged) []LostRule {
	var out []LostRule
	for i, s := range d.Spec.Subsets {
		var by *Subset
		for _, m := range having {
			by = m.subsets[s.GetName()]
			if by == nil || by.Rule == d || proto.Equal(by.Rule.Spec.Subsets[by.Index], s) {
				by = nil
				break
			}
		}
		if by != nil && !manifest.Placeholder(s.Name) {
			out = append(out, LostRule{Loss: LostSubset, Rule: d, By: by.Rule, Subset: i, BySubset: by.Index})
		}
	}
	return out
}

// sameRule tells whether two rules say the same, whatever they are exported to.
func sameRule(a, b *mesh.DestinationRule) bool {
	x, y := proto.Clone(a.Spec).(*networking.DestinationRule), proto.Clone(b.Spec).(*networking.DestinationRule)
	x.ExportTo, y.ExportTo, x.Host, y.Host = nil, nil, "", ""
	return proto.Equal(x, y)
}

// ExportText is an exportTo as written, in words.
func ExportText(d *mesh.DestinationRule) string {
	if len(d.Spec.ExportTo) == 0 {
		return "unset"
	}
	return strings.Join(d.Spec.ExportTo, ", ")
}
