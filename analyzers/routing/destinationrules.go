package routing

import (
	"maps"
	"sort"
	"strings"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// EffectiveRule is the DestinationRule that a client gets for a service: several of one namespace and host merged.
type EffectiveRule struct {
	Host     string
	From     []*mesh.DestinationRule // the ones merged, the first gives what only one can give
	Subsets  map[string]*Subset
	Certain  bool // false when an order or a visibility that is not known could change it
	Wildcard bool // it matches by wildcard
	Tier     Tier
}

// Subset is a subset with the DestinationRule that defines it.
type Subset struct {
	Rule  *mesh.DestinationRule
	Index int
}

// Tier says where istiod found the rule (pilot/pkg/model/push_context.go, destinationRule).
type Tier int

const (
	TierClient Tier = iota
	TierService
	TierRoot
)

// ruleSet are the DestinationRules of one namespace as one kind of client sees them.
type ruleSet struct {
	exact map[string][]*merged
	wild  map[string][]*merged // by the part after "*"
}

// merged is one entry after the merge (pilot/pkg/model/destination_rule.go).
type merged struct {
	from     []*mesh.DestinationRule
	subsets  map[string]*Subset
	exportTo []string
	certain  bool
}

type ruleIndex struct {
	w        *mesh.World
	mu       sync.Mutex
	local    map[string]*ruleSet
	exported map[string]*ruleSet
	rootOnly *ruleSet
	clients  map[string]map[string]bool // host -> namespaces
}

func newRuleIndex(w *mesh.World) *ruleIndex {
	return &ruleIndex{w: w, local: map[string]*ruleSet{}, exported: map[string]*ruleSet{}}
}

func exportSet(d *mesh.DestinationRule) []string {
	if d.Spec.WorkloadSelector != nil {
		return []string{"."}
	}
	out := append([]string(nil), d.ExportTo.Text...)
	sort.Strings(out)
	return out
}

func newRuleSet(rules []*mesh.DestinationRule, keep func(*mesh.DestinationRule) bool) *ruleSet {
	s := &ruleSet{exact: map[string][]*merged{}, wild: map[string][]*merged{}}
	ordered := make([]*mesh.DestinationRule, 0, len(rules))
	for _, d := range rules {
		if keep(d) {
			ordered = append(ordered, d)
		}
	}
	sort.SliceStable(ordered, func(i, j int) bool {
		a, b := ordered[i].Spec.WorkloadSelector != nil, ordered[j].Spec.WorkloadSelector != nil
		if a != b {
			return a
		}
		return mesh.Before(ordered[i].Object, ordered[j].Object)
	})
	for _, d := range ordered {
		m, key := s.exact, d.Host
		if suffix, ok := strings.CutPrefix(d.Host, "*"); ok {
			m, key = s.wild, suffix
		}
		m[key] = mergeRule(m[key], d)
	}
	return s
}

// mergeRule adds a rule to those of one host, as istiod does: merged where the exportTo sets are equal, apart and merged
// where it is a superset, else apart.
func mergeRule(list []*merged, d *mesh.DestinationRule) []*merged {
	set := exportSet(d)
	apart := true
	for _, m := range list {
		switch {
		case equalSets(set, m.exportTo):
			apart = false
		case len(m.exportTo) > 0 && superset(set, m.exportTo):
			apart = true
		default:
			apart = true
			continue
		}
		have, incoming := m.from[0].Spec.WorkloadSelector, d.Spec.WorkloadSelector
		if have != nil && incoming != nil && mesh.LabelText(have.MatchLabels) != mesh.LabelText(incoming.MatchLabels) {
			apart = true
			continue
		}
		if (have == nil) == (incoming == nil) {
			apart = false
		}
		m.absorb(d)
	}
	if apart {
		m := &merged{subsets: map[string]*Subset{}, exportTo: set, certain: true}
		m.absorb(d)
		list = append(list, m)
	}
	return list
}

func (m *merged) absorb(d *mesh.DestinationRule) {
	m.from = append(m.from, d)
	for i, s := range d.Spec.Subsets {
		if s != nil && m.subsets[s.Name] == nil {
			m.subsets[s.Name] = &Subset{d, i}
		}
	}
	if len(d.Opaque) > 0 {
		m.certain = false
	}
}

func equalSets(a, b []string) bool { return len(a) == len(b) && superset(a, b) }

func superset(a, b []string) bool {
	have := map[string]bool{}
	for _, x := range a {
		have[x] = true
	}
	for _, x := range b {
		if !have[x] {
			return false
		}
	}
	return true
}

// find gives the entries of the most specific host that matches.
func (s *ruleSet) find(host string) (list []*merged, wildcard bool) {
	if l := s.exact[host]; len(l) > 0 {
		return l, false
	}
	for i := range len(host) {
		if l := s.wild[host[i:]]; len(l) > 0 {
			return l, true
		}
	}
	return s.wild[""], true
}

func (x *ruleIndex) localRules(namespace string) *ruleSet {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.local[namespace] == nil {
		x.local[namespace] = newRuleSet(x.w.Rules(namespace), func(d *mesh.DestinationRule) bool {
			text := exportSet(d)
			return len(text) == 0 || superset(text, []string{"*"}) || superset(text, []string{"."}) || superset(text, []string{namespace})
		})
	}
	return x.local[namespace]
}

func (x *ruleIndex) exportedRules(namespace string) *ruleSet {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.exported[namespace] == nil {
		x.exported[namespace] = newRuleSet(x.w.Rules(namespace), func(d *mesh.DestinationRule) bool { return !x.private(d) })
	}
	return x.exported[namespace]
}

func (x *ruleIndex) rootLocal() *ruleSet {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.rootOnly == nil {
		x.rootOnly = newRuleSet(x.w.Rules(x.w.Root), x.private)
	}
	return x.rootOnly
}

func (x *ruleIndex) private(d *mesh.DestinationRule) bool {
	text := exportSet(d)
	if len(text) == 0 {
		return superset(x.w.Settings.DestinationRuleExportTo, []string{"."})
	}
	return len(text) == 1 && (text[0] == "." || text[0] == d.Namespace)
}

// clientsOf gives the namespaces that have DestinationRules of their own for a host.
func (x *ruleIndex) clientsOf(host string) []string {
	x.mu.Lock()
	if x.clients == nil {
		x.clients = map[string]map[string]bool{}
		for _, d := range x.w.DestinationRules {
			if x.clients[d.Host] == nil {
				x.clients[d.Host] = map[string]bool{}
			}
			if d.Namespace != "" && d.Namespace != x.w.Root {
				x.clients[d.Host][d.Namespace] = true
			}
		}
	}
	x.mu.Unlock()
	out := map[string]bool{}
	maps.Copy(out, x.clients[host])
	for i := range len(host) {
		maps.Copy(out, x.clients["*"+host[i:]])
	}
	maps.Copy(out, x.clients["*"])
	return manifest.Keys(out)
}

// choose gives what a client of a namespace gets for a service, nil for nothing. An unknown client namespace has no tier of
// its own; rules in an unstated namespace are taken for the service's.
func (x *ruleIndex) choose(c proxy, svc *mesh.Service) *EffectiveRule {
	host, clientNamespace := svc.Host, c.namespace
	effective := func(l []*merged, host string, wild bool, tier Tier) *EffectiveRule {
		return effective(l, c, host, wild, tier)
	}
	if clientNamespace == x.w.Root {
		if l, wild := x.rootLocal().find(host); len(l) > 0 {
			return effective(l, host, wild, TierClient)
		}
	} else if clientNamespace != "" {
		if l, wild := x.localRules(clientNamespace).find(host); len(l) > 0 {
			return effective(l, host, wild, TierClient)
		}
	}
	for _, ns := range []string{svc.Namespace, ""} {
		if l, wild := x.exportedRules(ns).find(host); len(l) > 0 {
			if l = exportedTo(l, clientNamespace); len(l) > 0 {
				return effective(l, host, wild, TierService)
			}
		}
	}
	if l, wild := x.exportedRules(x.w.Root).find(host); len(l) > 0 {
		if l = exportedTo(l, clientNamespace); len(l) > 0 {
			return effective(l, host, wild, TierRoot)
		}
	}
	return nil
}

func exportedTo(list []*merged, client string) []*merged {
	var out []*merged
	for _, m := range list {
		if client == "" || len(m.exportTo) == 0 || superset(m.exportTo, []string{"*"}) || superset(m.exportTo, []string{client}) {
			out = append(out, m)
		}
	}
	return out
}

// proxy is the client of a lookup. Without labels, rules for selected workloads make the answer uncertain.
type proxy struct {
	namespace string
	labels    map[string]string
	known     bool // the labels are all there are
}

// pick takes the first entry whose workload selector fits the client, else the last one without selector, as istiod's lookup
// does (pilot/pkg/model/sidecar.go, DestinationRule); open tells that a selector could fit a client whose labels are not known.
func pick(list []*merged, c proxy) (m *merged, open bool) {
	for _, e := range list {
		sel := e.from[0].Spec.WorkloadSelector
		switch {
		case sel == nil:
			m = e
		case e.from[0].Namespace != c.namespace:
		case !c.known:
			open = true
		case mesh.Subset(sel.MatchLabels, c.labels):
			return e, false
		}
	}
	return m, open
}

// effective is what a client gets of the entries for a host.
func effective(list []*merged, c proxy, host string, wildcard bool, tier Tier) *EffectiveRule {
	m, open := pick(list, c)
	if m == nil {
		// The entries hide those of other namespaces all the same: such a client gets no rule at all.
		return &EffectiveRule{Host: host, From: list[0].from[:1], Subsets: map[string]*Subset{}, Certain: !open, Wildcard: wildcard, Tier: tier}
	}
	r := &EffectiveRule{Host: host, From: m.from, Subsets: m.subsets, Certain: m.certain && !open, Wildcard: wildcard, Tier: tier}
	for _, e := range list {
		if m.from[0].Spec.WorkloadSelector == nil && e != m && e.from[0].Spec.WorkloadSelector == nil && !mesh.OrderKnown(e.from[0].Object, m.from[0].Object) {
			r.Certain = false
		}
	}
	return r
}
