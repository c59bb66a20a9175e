package routing

import (
	"slices"

	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"google.golang.org/protobuf/proto"
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

// Repeated tells whether an earlier match of its rule is the very same.
func (p Place) Repeated() bool {
	if p.Match < 1 || !p.VS.Object.Known("spec", "http", p.Rule, "match") {
		return false
	}
	list := p.VS.Spec.Http[p.Rule].Match
	return slices.ContainsFunc(list[:p.Match], func(m *networking.HTTPMatchRequest) bool { return proto.Equal(m, list[p.Match]) })
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
	Undecided bool // that cannot be told somewhere, within the budget
	Opaque    bool // it hangs somewhere on what is not known
	empty     bool // somewhere no request satisfies it, for its own reasons
	Deaths    []Death
}

// Dead tells whether no request reaches it in any table.
func (f *Fate) Dead() bool { return len(f.Deaths) > 0 && !f.Alive && !f.Undecided && !f.Opaque }

// Never tells whether no request satisfies it anywhere, for its own reasons.
func (f *Fate) Never() bool {
	return f.empty && len(f.Deaths) == 0 && !f.Alive && !f.Undecided && !f.Opaque
}

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

// DeadRules are the http rules all of whose matches are dead, or can never be true.
func (t *Tables) DeadRules() map[Place]bool {
	dead := map[Place]bool{}
	for _, f := range t.Fates() {
		rule := Place{f.VS, f.Rule, -1}
		if was, seen := dead[rule]; !seen || was {
			dead[rule] = f.Dead() || f.Never()
		}
	}
	return dead
}

func (t *Tables) judgeFates() []*Fate {
	f := &fates{t: t, by: map[Place]*Fate{}, left: worldBudget}
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

// The steps (match.DefaultBudget) that one virtual host may take, and all together: some seconds at worst. Each route adds a
// few, so that many are no reason to give up. Beyond, matches go undecided.
const (
	hostBudget  = 40_000_000
	worldBudget = 100_000_000
	routeBudget = 2_000
)

type fates struct {
	t    *Tables
	by   map[Place]*Fate
	list []*Fate
	left steps
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
	f.left += steps(routeBudget * len(x.entries))
	x.left = min(x.left, f.left)
	before := x.left
	for i, e := range x.entries {
		fate := f.of(e.Place())
		if opaque || e.Opaque {
			fate.Opaque = true
			continue
		}
		if f.t.ended() {
			x.left = 0
		}
		if !fate.Alive {
			x.judge(fate, i)
		}
	}
	f.left -= before - x.left
}

func (t *Tables) ended() bool { return t.Ended != nil && t.Ended() }

// trial is a virtual host with what is needed to judge its entries.
type trial struct {
	vh      *VirtualHost
	entries []Entry // with those that are not generated
	boxes   []match.Box
	index   match.Index
	unknown []int // entries of which it is not known what they take
	left    steps
}

func newTrial(vh *VirtualHost) *trial {
	x := &trial{vh: vh, entries: append(vh.Entries[:len(vh.Entries):len(vh.Entries)], vh.behind...), left: hostBudget}
	arriving := vh.arriving(x.entries)
	for i, e := range x.entries {
		x.boxes = append(x.boxes, e.Box.And(arriving))
		if !e.Opaque {
			x.index.Add(i, e.Box)
		}
		if e.uncertain() {
			x.unknown = append(x.unknown, i)
		}
	}
	return x
}

// judge enters in a fate what becomes of entry i.
func (x *trial) judge(fate *Fate, i int) {
	if x.left <= 0 {
		fate.Undecided = true
		return
	}
	var earlier []match.Box
	var who []int
	for _, j := range x.index.Over(x.entries[i].Box) {
		if j != i && x.vh.Precedes(x.entries[j], x.entries[i]) {
			earlier = append(earlier, x.entries[j].Box)
			who = append(who, j)
		}
	}
	var verdict match.Verdict
	var covering []int
	x.left.spend(func(budget *int) { verdict, covering = match.Covered(x.boxes[i], earlier, budget) })
	switch {
	case verdict == match.Alive:
		fate.Alive = true
	case verdict == match.Undecided:
		fate.Undecided = true
	case len(covering) == 0:
		fate.empty = true
	default:
		d := Death{Host: x.vh, Entry: x.entries[i]}
		for _, c := range covering {
			d.By = append(d.By, x.entries[who[c]])
		}
		fate.Deaths = append(fate.Deaths, d)
	}
}

// steps are what is left of a budget for several questions.
type steps int

// spend gives a question what is left, within reason.
func (s *steps) spend(ask func(budget *int)) {
	budget := max(0, min(match.DefaultBudget, int(*s)))
	*s -= steps(budget)
	ask(&budget)
	*s += steps(max(0, budget))
}
