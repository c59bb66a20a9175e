package match

import "slices"

// Verdict is what can be said of the requests in a set.
type Verdict int

const (
	// Undecided claims nothing.
	Undecided Verdict = iota
	// Empty means there is certainly none.
	Empty
	// Alive means there is one, and a witness proves it.
	Alive
)

func (v Verdict) String() string {
	return [...]string{"undecided", "empty", "alive"}[v]
}

// DefaultBudget is what a question may cost where it is given no budget: enough
// for hundreds of ordinary routes, a fraction of a second at worst. It counts
// steps of automata; the comparison of two boxes costs as much as some of them.
const DefaultBudget = 400_000

const comparison = 20

// Meet is the set of the requests in both, and whether there are any. The budget
// is of steps, as DefaultBudget is, which nil stands for.
func Meet(a, b Box, budget *int) (Box, Verdict) {
	both := a.And(b)
	if budget == nil {
		budget = new(DefaultBudget)
	}
	*budget -= comparison
	switch _, found, known := both.witness(budget); {
	case found:
		return both, Alive
	case known:
		return both, Empty
	}
	return both, Undecided
}

// Subtract takes the earlier boxes out of b. If all of b is taken the verdict
// is Empty, and covering has the indexes of earlier boxes that take it
// together, none of which can be spared as far as the budget allowed to try. If
// something certainly remains it is Alive, and the remainder is a box of it that
// has a witness; if that is not certain, the remainder is only a guess. The
// budget is of steps, as DefaultBudget is, which nil stands for.
func Subtract(b Box, earlier []Box, budget *int) (verdict Verdict, remainder Box, covering []int) {
	return (&subtraction{from: b, earlier: earlier, budget: budget}).answer()
}

// Covered is Subtract for those who do not ask for a remainder, which can cost
// more than the verdict.
func Covered(b Box, earlier []Box, budget *int) (verdict Verdict, covering []int) {
	verdict, _, covering = (&subtraction{from: b, earlier: earlier, budget: budget, bare: true}).answer()
	return verdict, covering
}

// Untaken is a short request of b that none of the earlier boxes takes, verified
// with Matches. Its authority is one of the hosts, as a virtual host or a Gateway
// writes them, where that can be. It fails if there is none, or if the budget
// does not suffice to find it.
func Untaken(b Box, earlier []Box, budget *int, hosts ...string) (Request, bool) {
	if budget == nil {
		budget = new(DefaultBudget)
	}
	s := &subtraction{from: b, earlier: earlier, budget: budget, bare: true, hosts: hosts, used: make([]bool, len(earlier))}
	var all []int
	for i, e := range earlier {
		if e.Undecidable() {
			s.unread = append(s.unread, i)
		} else {
			all = append(all, i)
		}
	}
	alive := !b.Undecidable() && s.run(b.sides, all) == Alive
	return s.untaken, alive && b.Matches(s.untaken)
}

func (s *subtraction) answer() (verdict Verdict, remainder Box, covering []int) {
	b := s.from
	switch {
	case b.Undecidable():
		return Undecided, b, nil
	case s.budget == nil:
		s.budget = new(DefaultBudget)
	}
	if b.void(s.budget) {
		return Empty, Box{}, nil // of its own, whatever comes before
	}
	s.used, s.remainder = make([]bool, len(s.earlier)), b
	*s.budget -= comparison * len(s.earlier)
	var all []int
	for i, e := range s.earlier {
		if e.Undecidable() {
			s.unread = append(s.unread, i)
			continue
		}
		if within(b, e) {
			return Empty, Box{}, []int{i}
		}
		all = append(all, i)
	}
	verdict = s.run(b.sides, all)
	if verdict == Empty {
		return Empty, Box{}, s.spare()
	}
	return verdict, s.remainder, nil
}

type subtraction struct {
	from      Box
	earlier   []Box
	budget    *int
	unread    []int // of earlier: they take no more than what can be read of them
	used      []bool
	remainder Box
	guessed   bool     // the remainder is a rest, not yet a certain one
	emptiness bool     // only that is asked
	bare      bool     // no remainder is asked for
	hosts     []string // authorities to try first
	untaken   Request  // where something remains and is bare
}

// run takes the listed boxes out of the sides. A witness leads the way: only a
// box that takes it is worth cutting off, and if none does the work is done.
func (s *subtraction) run(sides []side, list []int) Verdict {
	for {
		if *s.budget -= comparison * (len(list) + 1); *s.budget < 0 {
			return Undecided
		}
		r, found, known := Box{sides: sides, rest: true}.witness(s.budget, s.hosts...)
		switch {
		case !found && known:
			return Empty
		case !found:
			return s.guess(sides)
		}
		var takers []int
		for _, i := range list {
			if s.earlier[i].Matches(r) {
				takers = append(takers, i)
			}
		}
		switch {
		case len(takers) == 0 && s.emptiness:
			return Undecided
		case len(takers) == 0 && s.bare && !slices.ContainsFunc(s.unread, func(i int) bool { return s.earlier[i].mayMatch(r) }):
			s.untaken = r
			return Alive
		case len(takers) == 0:
			return s.remains(sides, list, r)
		}
		best, rests := s.pick(sides, takers)
		s.used[best] = true
		list = slices.DeleteFunc(slices.Clone(list), func(i int) bool { return i == best })
		switch len(rests) {
		case 0:
			return Empty
		case 1:
			sides = replace(sides, rests[0])
		default:
			return s.split(sides, rests, best, list)
		}
	}
}

// split looks into each rest that a box leaves; they do not overlap.
func (s *subtraction) split(sides, rests []side, box int, list []int) Verdict {
	verdict := Empty
	for _, rest := range rests {
		switch s.run(replace(sides, rest), list) {
		case Alive:
			return Alive
		case Undecided:
			if verdict = Undecided; s.emptiness || *s.budget < 0 {
				return Undecided
			}
		}
		sides = narrow(sides, rest.dimension, admits(s.earlier[box].sides, rest.dimension))
	}
	return verdict
}

// pick chooses the box that leaves the fewest rests.
func (s *subtraction) pick(sides []side, list []int) (best int, fewest []side) {
	best = -1
	for _, i := range list {
		if rests, _ := cuts(sides, s.earlier[i].sides); best < 0 || len(rests) < len(fewest) {
			best, fewest = i, rests
		}
	}
	return best, fewest
}

// cuts lists, for each dimension in which a reaches beyond b, how far it does.
func cuts(a, b []side) (out []side, meets bool) {
	for _, s := range b {
		v := admits(a, s.dimension)
		if v.intersect(s.values).empty() {
			return nil, false
		}
		if rest := v.subtract(s.values); !rest.empty() {
			out = append(out, side{s.dimension, rest})
		}
	}
	return out, true
}

func replace(sides []side, s side) []side {
	i, found := find(sides, s.dimension)
	if !found {
		return slices.Insert(slices.Clip(sides), i, s)
	}
	sides = slices.Clone(sides)
	sides[i] = s
	return sides
}

// remains cuts the listed boxes off so that r, which none of them takes, stays
// inside.
func (s *subtraction) remains(sides []side, list []int, r Request) Verdict {
	for _, i := range append(list[:len(list):len(list)], s.unread...) {
		rests, meets := cuts(sides, s.earlier[i].sides)
		if !meets {
			continue
		}
		home := slices.IndexFunc(rests, func(rest side) bool { return rest.values.has(r.value(rest.dimension)) })
		if home < 0 {
			return s.guess(sides) // the two evaluators disagree
		}
		sides = replace(sides, rests[home])
	}
	rest := s.rest(sides)
	if !rest.Matches(r) {
		return s.guess(sides) // a box that cannot be read may take it
	}
	s.remainder = rest
	return Alive
}

// guess notes what may remain.
func (s *subtraction) guess(sides []side) Verdict {
	if !s.guessed && !s.emptiness {
		s.remainder, s.guessed = s.rest(sides), true
	}
	return Undecided
}

func (s *subtraction) rest(sides []side) Box {
	b := s.from
	b.sides, b.rest = sides, true
	b.less = slices.Concat(b.less, s.earlier)
	return b
}

// spare drops boxes from those that were used as long as the others suffice,
// many at a time at first.
func (s *subtraction) spare() []int {
	var keep []int
	for i, used := range s.used {
		if used {
			keep = append(keep, i)
		}
	}
	s.emptiness = true
	for size := (len(keep) + 1) / 2; size > 0; size /= 2 {
		for end := len(keep); end > 0; end -= size {
			fewer := slices.Delete(slices.Clone(keep), max(0, end-size), end)
			if s.run(s.from.sides, fewer) == Empty {
				keep = fewer
			}
		}
	}
	return keep
}
