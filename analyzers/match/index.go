package match

import (
	"slices"
	"sort"
)

// Index finds, among many boxes, those whose paths are near a box's, by hashing
// instead of comparing all pairs. The zero Index is empty. Boxes are known by
// the number they were added with; answers are sorted and without repetition.
type Index struct {
	exact   map[string][]entry
	prefix  map[string][]entry
	sorted  []string // the keys of both, for Inside; nil when out of date
	longest int
}

// entry is one piece of a box's paths.
type entry struct {
	box   int
	piece piece
}

// Add puts a box into the index.
func (x *Index) Add(i int, b Box) {
	if x.exact == nil {
		x.exact, x.prefix = map[string][]entry{}, map[string][]entry{}
	}
	for _, p := range b.path().pieces {
		m := x.exact
		if p.open {
			m = x.prefix
			x.longest = max(x.longest, len(p.text))
		}
		m[p.text] = append(m[p.text], entry{i, p})
	}
	x.sorted = nil
}

func (b Box) path() values { return admits(b.sides, dimension{kind: path}) }

// Over lists the boxes that can help to cover b: an equal path, a prefix of it,
// an expression that matches it or is one of b's own. A narrower path is left
// out, since no number of them exhausts a prefix.
func (x *Index) Over(b Box) []int {
	return x.collect(b, func(p, q piece) bool {
		if !p.open {
			return q.has(p.text)
		}
		// A piece that asks for a literal leaves the part of p in which it is false,
		// and no match asks for a literal to be false.
		return !slices.ContainsFunc(q.signs, func(s sign) bool {
			_, ok := p.with(sign{s.pattern, !s.want})
			return ok
		})
	})
}

// Meeting lists the boxes whose path may share something with b's and begins no
// later: of two boxes that meet, at least one is Meeting the other. Paths alone
// are compared.
func (x *Index) Meeting(b Box) []int {
	return x.collect(b, func(p, q piece) bool {
		_, ok := p.meet(q)
		return ok
	})
}

// collect asks the entries whose text begins a path of b.
func (x *Index) collect(b Box, accept func(p, q piece) bool) []int {
	var out []int
	take := func(p piece, list []entry) {
		for _, e := range list {
			if accept(p, e.piece) {
				out = append(out, e.box)
			}
		}
	}
	for _, p := range b.path().pieces {
		if !p.open {
			take(p, x.exact[p.text])
		}
		for n := range min(len(p.text), x.longest) + 1 {
			take(p, x.prefix[p.text[:n]])
		}
	}
	return distinct(out)
}

// Inside lists the boxes whose path may share something with b's and begins
// with the text of b's, its equals included. With Meeting it gives every box
// that meets b by path; it takes as long as its answer.
func (x *Index) Inside(b Box) []int {
	if x.sorted == nil {
		for _, m := range []map[string][]entry{x.exact, x.prefix} {
			for text := range m {
				x.sorted = append(x.sorted, text)
			}
		}
		slices.Sort(x.sorted)
		x.sorted = slices.Compact(x.sorted)
	}
	var out []int
	for _, p := range b.path().pieces {
		from := sort.SearchStrings(x.sorted, p.text)
		for _, text := range x.sorted[from:] {
			if !p.span.has(text) {
				break
			}
			for _, m := range []map[string][]entry{x.exact, x.prefix} {
				for _, e := range m[text] {
					if _, ok := p.meet(e.piece); ok {
						out = append(out, e.box)
					}
				}
			}
		}
	}
	return distinct(out)
}

func distinct(list []int) []int {
	slices.Sort(list)
	return slices.Compact(list)
}
