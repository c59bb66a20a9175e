package match

import (
	"slices"
	"sort"
)

// Index finds, among many boxes, those that can have something to do with a box,
// by hashing instead of comparing all pairs: by path, and among many of one path
// by the single values that they ask for elsewhere, a header's for instance. The
// zero Index is empty. Boxes are known by the number they were added with;
// answers are sorted and without repetition.
type Index struct {
	buckets map[span]*bucket
	sorted  []string // the texts of buckets, for Inside; nil when out of date
	lengths []int    // of the texts of open ones
}

// bucket has the boxes of one path, or of one prefix.
type bucket struct {
	entries []entry
	made    bool
	by      map[dimension]map[string][]entry // those that ask for single values
	asking  map[dimension][]entry            // of the others those that ask for some value, by where
	rest    []entry
}

// entry is one piece of a box's paths.
type entry struct {
	number int
	piece  piece
	box    *Box
}

// Add puts a box into the index.
func (x *Index) Add(i int, b Box) {
	if x.buckets == nil {
		x.buckets = map[span]*bucket{}
	}
	for _, p := range b.path().pieces {
		key := p.span
		if x.buckets[key] == nil {
			x.buckets[key] = &bucket{}
			x.sorted = nil
		}
		if p.open {
			if at, ok := slices.BinarySearch(x.lengths, len(p.text)); !ok {
				x.lengths = slices.Insert(x.lengths, at, len(p.text))
			}
		}
		x.buckets[key].entries = append(x.buckets[key].entries, entry{i, p, &b})
		x.buckets[key].made = false
	}
}

func (b Box) path() values { return admits(b.sides, dimension{kind: path}) }

// Over lists the boxes that can help to cover b. No number of narrower prefixes
// exhausts a prefix, so they are left out unless an expression takes a part of
// it that is no prefix.
func (x *Index) Over(b Box) []int {
	var out []int
	for _, p := range b.path().pieces {
		odd := len(p.signs) > 0
		x.above(p, b, func(e entry) {
			if _, ok := p.meet(e.piece); ok {
				out = append(out, e.number)
				odd = odd || p.open && len(e.piece.less)+len(e.piece.signs) > 0
			}
		})
		if odd {
			x.below(p, b, func(e entry) { out = append(out, e.number) })
		}
	}
	return distinct(out)
}

// Meeting lists the boxes whose path may share something with b's and begins no
// later: of two boxes that meet, at least one is Meeting the other.
func (x *Index) Meeting(b Box) []int {
	var out []int
	for _, p := range b.path().pieces {
		x.above(p, b, func(e entry) {
			if _, ok := p.meet(e.piece); ok {
				out = append(out, e.number)
			}
		})
	}
	return distinct(out)
}

// Inside lists the boxes whose path may share something with b's and begins
// with the text of b's, its equals included. With Meeting it gives every box
// that can meet b; it takes as long as its answer.
func (x *Index) Inside(b Box) []int {
	var out []int
	for _, p := range b.path().pieces {
		x.below(p, b, func(e entry) { out = append(out, e.number) })
	}
	return distinct(out)
}

// Taking lists the boxes that can take a request.
func (x *Index) Taking(r Request) []int {
	var out []int
	visit := func(e entry) { out = append(out, e.number) }
	x.buckets[span{text: r.Path}].taking(r, visit)
	for _, n := range x.lengths {
		if n > len(r.Path) {
			break
		}
		x.buckets[span{r.Path[:n], true}].taking(r, visit)
	}
	return distinct(out)
}

// taking gives the entries that ask for no other value than the request has.
func (k *bucket) taking(r Request, visit func(entry)) {
	if k == nil {
		return
	}
	k.make()
	for _, e := range k.rest {
		visit(e)
	}
	if len(k.by)+len(k.asking) > 0 {
		r.each(func(on dimension, text string) {
			for _, e := range k.by[on][text] {
				visit(e)
			}
			for _, e := range k.asking[on] {
				visit(e)
			}
		})
	}
}

// above visits the entries whose text begins that of p.
func (x *Index) above(p piece, b Box, visit func(entry)) {
	if !p.open {
		x.buckets[p.span].visit(b, visit)
	}
	for _, n := range x.lengths {
		if n > len(p.text) {
			break
		}
		x.buckets[span{p.text[:n], true}].visit(b, visit)
	}
}

// below visits the entries whose text begins with that of p and that meet it.
func (x *Index) below(p piece, b Box, visit func(entry)) {
	if x.sorted == nil {
		for s := range x.buckets {
			x.sorted = append(x.sorted, s.text)
		}
		slices.Sort(x.sorted)
		x.sorted = slices.Compact(x.sorted)
	}
	for _, text := range x.sorted[sort.SearchStrings(x.sorted, p.text):] {
		if !p.span.has(text) {
			break
		}
		for _, open := range []bool{false, true} {
			x.buckets[span{text, open}].visit(b, func(e entry) {
				if _, ok := p.meet(e.piece); ok {
					visit(e)
				}
			})
		}
	}
}

// fewEntries are not worth being told apart.
const fewEntries = 8

// visit gives the entries that ask for no other value than b does.
func (k *bucket) visit(b Box, visit func(entry)) {
	if k == nil {
		return
	}
	k.make()
	for _, e := range k.rest {
		visit(e)
	}
	for _, list := range k.asking {
		for _, e := range list {
			visit(e)
		}
	}
	for on, lists := range k.by {
		texts, few := singles(admits(b.sides, on))
		if !few {
			for _, list := range lists {
				for _, e := range list {
					visit(e)
				}
			}
			continue
		}
		for _, text := range texts {
			for _, e := range lists[text] {
				visit(e)
			}
		}
	}
}

// make tells the entries apart by the dimension in which their values differ most.
func (k *bucket) make() {
	if k.made {
		return
	}
	k.made, k.by, k.asking, k.rest = true, map[dimension]map[string][]entry{}, map[dimension][]entry{}, nil
	if len(k.entries) < fewEntries {
		k.rest = k.entries
		return
	}
	different := map[dimension]map[string]bool{}
	each := func(e entry, f func(on dimension, texts []string)) {
		for _, s := range e.box.sides {
			if texts, few := singles(s.values); few && s.kind != path {
				f(s.dimension, texts)
			}
		}
	}
	for _, e := range k.entries {
		each(e, func(on dimension, texts []string) {
			if different[on] == nil {
				different[on] = map[string]bool{}
			}
			for _, t := range texts {
				different[on][t] = true
			}
		})
	}
	for _, e := range k.entries {
		var best dimension
		var under []string
		each(e, func(on dimension, texts []string) {
			if under == nil || len(different[on]) > len(different[best]) {
				best, under = on, texts
			}
		})
		if under == nil {
			k.file(e)
		}
		for _, text := range under {
			if k.by[best] == nil {
				k.by[best] = map[string][]entry{}
			}
			k.by[best][text] = append(k.by[best][text], e)
		}
	}
}

// file puts away an entry that asks for no single value.
func (k *bucket) file(e entry) {
	for _, s := range e.box.sides {
		if s.universe().optional && !s.values.absent {
			k.asking[s.dimension] = append(k.asking[s.dimension], e)
			return
		}
	}
	k.rest = append(k.rest, e)
}

// singles are the values of a set that has few of them and nothing else.
func singles(v values) ([]string, bool) {
	if v.absent || len(v.pieces) > 4 || len(v.pieces) == 0 {
		return nil, false
	}
	texts := make([]string, 0, len(v.pieces))
	for _, p := range v.pieces {
		if p.open {
			return nil, false
		}
		texts = append(texts, p.text)
	}
	return texts, true
}

func distinct(list []int) []int {
	slices.Sort(list)
	return slices.Compact(list)
}
