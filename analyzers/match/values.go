package match

import (
	"slices"
	"strings"
)

// values is a set of values of one dimension: a subset of its universe, absence
// included. It is the only thing boxes know of a dimension; sets of values are
// immutable.
type values struct {
	universe *universe
	absent   bool
	pieces   []piece
}

// piece is one string, or, if it is open, the strings that begin with text,
// less those in less, that give each literal in signs its wanted answer. Only
// an open piece has less and signs; no two spans of less overlap.
type piece struct {
	span
	less  []span
	signs []sign
}

// span is one string, or all that begin with text.
type span struct {
	text string
	open bool
}

// sign asks a pattern that is no span to match or not to match.
type sign struct {
	pattern *pattern
	want    bool
}

func (s span) has(text string) bool {
	if s.open {
		return strings.HasPrefix(text, s.text)
	}
	return s.text == text
}

// covers reports whether t is a part of s.
func (s span) covers(t span) bool {
	return s.has(t.text) && (s.open || !t.open)
}

func (p piece) has(text string) bool {
	if !p.span.has(text) || slices.ContainsFunc(p.less, func(s span) bool { return s.has(text) }) {
		return false
	}
	for _, s := range p.signs {
		if s.pattern.matches(text) != s.want {
			return false
		}
	}
	return true
}

// everything is the universe as a set.
func (u *universe) everything() values {
	v := u.strings()
	v.absent = u.optional
	return v
}

// strings is every present value.
func (u *universe) strings() values {
	return u.set(piece{span: span{text: u.root, open: true}})
}

// set makes a set of pieces, cut down to the universe.
func (u *universe) set(pieces ...piece) values {
	v := values{universe: u}
	for _, p := range pieces {
		if p.open && u.fixed != nil {
			for _, f := range u.fixed {
				if p.has(f) {
					v.pieces = append(v.pieces, piece{span: span{text: f}})
				}
			}
			continue
		}
		if p.open && strings.HasPrefix(u.root, p.text) {
			p.text = u.root
			p.less = slices.DeleteFunc(slices.Clone(p.less), func(s span) bool { return !p.span.has(s.text) })
		}
		if u.live(p) {
			v.pieces = append(v.pieces, p)
		}
	}
	return v
}

// live reports whether the universe has a value in p, its literals aside.
func (u *universe) live(p piece) bool {
	switch {
	case !p.open:
		return u.holds(p.text)
	case !strings.HasPrefix(p.text, u.root) || !u.extends(p.text):
		return false
	case len(p.less) == 0:
		return true
	}
	p.signs = nil
	budget := smallSearch
	_, found, known := p.find(u, &budget)
	return found || !known
}

// smallSearch is enough for a piece without expressions: it ends at the first
// string that is not taken out.
const smallSearch = 100_000

// empty reports that the set has no value. It may say no of an empty set that
// hangs on expressions.
func (v values) empty() bool { return !v.absent && len(v.pieces) == 0 }

// witness picks a value of the set: none where that is allowed, else one of
// those that are hinted at, else a short one. Within the budget of steps it is
// known whether there is one.
func (v values) witness(budget *int, hints ...string) (text string, present, found, known bool) {
	if v.absent {
		return "", false, true, true
	}
	for _, list := range [][]string{hints, v.universe.likely} {
		for _, text := range list {
			if v.has(text, true) {
				return text, true, true, true
			}
		}
	}
	known = true
	for _, p := range v.pieces {
		short, ok, sure := p.find(v.universe, budget)
		if ok && (!found || len(short) < len(text)) {
			text, found = short, true
		}
		known = known && sure
	}
	return text, found, found, known || found
}

// void reports that the set has certainly no value.
func (v values) void(budget *int) bool {
	if v.absent || slices.ContainsFunc(v.pieces, func(p piece) bool { return len(p.signs) == 0 }) {
		return false
	}
	_, _, found, known := v.witness(budget)
	return known && !found
}

// has reports whether the value, or its absence, is in the set.
func (v values) has(text string, present bool) bool {
	if !present {
		return v.absent
	}
	return v.universe.holds(text) && slices.ContainsFunc(v.pieces, func(p piece) bool { return p.has(text) })
}

func (v values) intersect(w values) values {
	out := values{universe: v.universe, absent: v.absent && w.absent}
	for _, p := range v.pieces {
		for _, q := range w.pieces {
			if r, ok := p.meet(q); ok && v.universe.live(r) {
				out.pieces = append(out.pieces, r)
			}
		}
	}
	return out
}

func (v values) subtract(w values) values {
	out := values{universe: v.universe, absent: v.absent && !w.absent}
	rest := v.pieces
	for _, q := range w.pieces {
		var next []piece
		for _, p := range rest {
			next = append(next, p.minus(q)...)
		}
		rest = next
	}
	for _, p := range rest {
		if v.universe.live(p) {
			out.pieces = append(out.pieces, p)
		}
	}
	return out
}

// within reports that w has all of v; it may say no where expressions are involved.
func (v values) within(w values) bool { return v.subtract(w).empty() }

// meet is what p and q share.
func (p piece) meet(q piece) (piece, bool) {
	if !p.open {
		return p, q.has(p.text)
	}
	if !q.open {
		return q, p.has(q.text)
	}
	if len(p.text) < len(q.text) {
		p, q = q, p
	}
	ok := strings.HasPrefix(p.text, q.text)
	for _, s := range q.less {
		if !ok {
			return piece{}, false
		}
		p, ok = p.without(s)
	}
	for _, s := range q.signs {
		if !ok {
			return piece{}, false
		}
		p, ok = p.with(s)
	}
	return p, ok
}

// minus is what p has and q has not, as pieces that do not overlap.
func (p piece) minus(q piece) []piece {
	inner, ok := p.meet(piece{span: q.span})
	if _, any := p.meet(q); !ok || !any {
		return []piece{p}
	}
	var out []piece
	if rest, ok := p.without(q.span); ok {
		out = append(out, rest)
	}
	for _, s := range q.less {
		if part, ok := inner.meet(piece{span: s}); ok {
			out = append(out, part)
		}
	}
	for _, s := range q.less {
		if inner, ok = inner.without(s); !ok {
			return out
		}
	}
	for _, s := range q.signs {
		if part, ok := inner.with(sign{s.pattern, !s.want}); ok {
			out = append(out, part)
		}
		if inner, ok = inner.with(s); !ok {
			return out
		}
	}
	return out
}

// without takes a span out of p.
func (p piece) without(s span) (piece, bool) {
	switch {
	case s.covers(p.span):
		return piece{}, false
	case !p.open || !p.span.has(s.text):
		return p, true
	}
	less := make([]span, 0, len(p.less)+1)
	for _, t := range p.less {
		if t.covers(s) {
			return p, true
		}
		if !s.covers(t) && p.span.has(t.text) {
			less = append(less, t)
		}
	}
	p.less = append(less, s)
	return p, true
}

// with asks p for one more literal; a single string is asked at once.
func (p piece) with(s sign) (piece, bool) {
	if !p.open {
		return p, s.pattern.matches(p.text) == s.want
	}
	for _, t := range p.signs {
		if t.pattern.key == s.pattern.key {
			return p, t.want == s.want
		}
	}
	p.signs = append(slices.Clip(p.signs), s)
	return p, true
}
