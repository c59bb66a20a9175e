package routing

import (
	"slices"

	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// Place is where a match of a rule is written: spec.http[Rule].match[Match], the rule itself for Match -1.
type Place struct {
	VS    *mesh.VirtualService
	Rule  int
	Match int
}

// Path is the field path of the place.
func (p Place) Path() []any {
	if p.Match < 0 {
		return []any{"spec", "http", p.Rule}
	}
	return []any{"spec", "http", p.Rule, "match", p.Match}
}

// Place is where the route is written: in the delegate for a merged one.
func (r *Route) Place() Place {
	rule := r.Rule
	if rule.Delegate == nil {
		return Place{rule.VS, rule.Index, r.Match}
	}
	p := Place{rule.Delegate, rule.DelegateIndex, -1}
	if r.Match >= 0 {
		p.Match = rule.Matches[r.Match].DelegateIndex
	}
	return p
}

// Root is the rule of the VirtualService through which the match is programmed: of its root for a delegate's.
func (f *Fate) Root() Place {
	if len(f.Deaths) == 0 {
		return f.Place
	}
	r := f.Deaths[0].Entry.Rule
	return Place{r.VS, r.Index, -1}
}

// Fate is what becomes of a match over all tables in which it can land.
type Fate struct {
	Place
	Alive     bool // some request certainly reaches it
	Undecided bool // that cannot be told somewhere
	Deaths    []Death
}

// Dead tells whether no request reaches it in any table.
func (f *Fate) Dead() bool { return len(f.Deaths) > 0 && !f.Alive && !f.Undecided }

// Death is one virtual host in which certainly earlier routes take all requests of a match.
type Death struct {
	Host  *VirtualHost
	Entry Entry
	By    []Entry // a minimal set
}

// Fates gives the fate of every match that istiod generates a route for, and of those behind a catch-all of their own
// VirtualService, in the order of the VirtualServices.
func (t *Tables) Fates() []*Fate {
	t.fateOnce.Do(func() { t.fates = t.judgeFates() })
	return t.fates
}

// DeadRules are the http rules all of whose matches are dead.
func (t *Tables) DeadRules() map[Place]bool {
	dead := map[Place]bool{}
	for _, f := range t.Fates() {
		rule := Place{f.VS, f.Rule, -1}
		if was, seen := dead[rule]; !seen || was {
			dead[rule] = f.Dead()
		}
	}
	return dead
}

func (t *Tables) judgeFates() []*Fate {
	f := &fates{t: t, by: map[Place]*Fate{}}
	for _, table := range t.Gateways {
		for _, rc := range table.order {
			for _, d := range rc.domains {
				if vh := rc.Hosts[d]; !vh.RequireTLS || rc.Servers[0].IsTLS() { // else the redirect comes before any route
					f.host(vh, len(table.Opaque) > 0)
				}
			}
		}
	}
	for _, v := range t.World.VirtualServices {
		if v.IsDelegate() {
			continue
		}
		if v.OnMesh {
			f.alone(v, mesh.Mesh)
		}
		for _, ref := range v.Gateways {
			if len(ref.Found) != 1 || len(t.Serving(ref.Found[0])) == 0 {
				f.alone(v, ref.Name.Namespace+"/"+ref.Name.Name)
			}
		}
	}
	return f.list
}

// hostBudget bounds the comparisons of one virtual host, some seconds at worst; beyond it matches go undecided.
const hostBudget = 2_000_000

type fates struct {
	t    *Tables
	by   map[Place]*Fate
	list []*Fate
}

func (f *fates) of(p Place) *Fate {
	x := f.by[p]
	if x == nil {
		x = &Fate{Place: p}
		f.by[p] = x
		f.list = append(f.list, x)
	}
	return x
}

// alone judges a VirtualService in a table of its own: what a sidecar gets, of which the first VirtualService takes the host
// whole, or what a gateway gets that is not known. Each port that a match names is a case, any other port is one.
func (f *fates) alone(v *mesh.VirtualService, gateway string) {
	ports := []uint32{0}
	seen := map[uint32]bool{0: true}
	for _, r := range f.t.expand(v).rules {
		for _, m := range r.Matches {
			if !seen[m.Spec.Port] {
				seen[m.Spec.Port] = true
				ports = append(ports, m.Spec.Port)
			}
		}
	}
	for _, port := range ports {
		routes, rest := f.t.generate(v, client{gateway: gateway, port: port, anySource: true})
		vh := &VirtualHost{Domain: v.Hosts[0], Port: port, Alone: v, OnMesh: gateway == mesh.Mesh}
		for _, r := range append(routes, rest...) {
			vh.Entries = append(vh.Entries, Entry{Route: r, Port: port})
		}
		f.host(vh, false)
	}
}

// host judges every entry of a virtual host against those that are certainly before it.
func (f *fates) host(vh *VirtualHost, opaque bool) {
	x := newTrial(vh)
	for i, e := range x.entries {
		fate := f.of(e.Place())
		if opaque || e.Opaque {
			fate.Undecided = true
			continue
		}
		if !fate.Alive {
			x.judge(fate, i)
		}
	}
}

// trial is a virtual host with what is needed to judge its entries.
type trial struct {
	vh      *VirtualHost
	entries []Entry // with those that are not generated
	boxes   []match.Box
	index   match.Index
	left    int // of the host's budget
}

func newTrial(vh *VirtualHost) *trial {
	x := &trial{vh: vh, entries: append(vh.Entries[:len(vh.Entries):len(vh.Entries)], vh.behind...), left: hostBudget}
	x.boxes = make([]match.Box, len(x.entries))
	schemed := vh.Table != nil && slices.ContainsFunc(x.entries, func(e Entry) bool {
		return e.Match >= 0 && e.Rule.Matches[e.Match].Spec.Scheme.GetMatchType() != nil
	})
	for i, e := range x.entries {
		x.boxes[i] = e.Box
		if schemed {
			x.boxes[i] = e.Box.And(schemes[e.Server.IsTLS()]) // what comes to a listener has the listener's scheme
		}
		if !e.Opaque {
			x.index.Add(i, e.Box)
		}
	}
	return x
}

var schemes = map[bool]match.Box{false: schemeBox("http"), true: schemeBox("https")}

func schemeBox(s string) match.Box {
	return match.FromHTTP(&networking.HTTPMatchRequest{Scheme: &networking.StringMatch{MatchType: &networking.StringMatch_Exact{Exact: s}}})
}

// judge enters in a fate what becomes of entry i.
func (x *trial) judge(fate *Fate, i int) {
	vh, entries, boxes, left := x.vh, x.entries, x.boxes, &x.left
	var earlier []match.Box
	var who []int
	for _, j := range x.index.Over(boxes[i]) {
		if j != i && vh.Precedes(entries[j], entries[i]) {
			earlier = append(earlier, boxes[j])
			who = append(who, j)
		}
	}
	if len(earlier) == 0 {
		fate.Alive = !boxes[i].Empty()
		return
	}
	if *left < len(earlier) {
		fate.Undecided = true
		return
	}
	budget := min(match.DefaultBudget, *left)
	*left -= budget
	verdict, _, covering := match.Subtract(boxes[i], earlier, &budget)
	*left += max(0, budget)
	switch {
	case verdict == match.Alive:
		fate.Alive = true
	case verdict == match.Undecided:
		fate.Undecided = true
	case len(covering) > 0:
		d := Death{Host: vh, Entry: entries[i]}
		for _, c := range covering {
			d.By = append(d.By, entries[who[c]])
		}
		fate.Deaths = append(fate.Deaths, d)
	}
}
