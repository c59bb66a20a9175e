package match

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	// maxSamples bounds the strings a pattern is tried with.
	maxSamples = 64
	// maxSample bounds their length, which nested repetitions double.
	maxSample = 200
	// maxTries bounds the search for a value that satisfies literals.
	maxTries = 1500
)

// samples lists short strings that probably match the expression, the shortest
// repetitions and the first alternatives before others.
func samples(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpNoMatch:
		return nil
	case syntax.OpLiteral:
		text := string(re.Rune)
		if re.Flags&syntax.FoldCase != 0 && cased(text) {
			return []string{strings.ToLower(text), strings.ToUpper(text)}
		}
		return []string{text}
	case syntax.OpCharClass:
		return classSamples(re)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []string{"a", "/", "1"}
	case syntax.OpCapture:
		return samples(re.Sub[0])
	case syntax.OpQuest:
		return append([]string{""}, samples(re.Sub[0])...)
	case syntax.OpPlus:
		return repeated(re)
	case syntax.OpStar:
		return append([]string{""}, repeated(re)...)
	case syntax.OpConcat:
		out := []string{""}
		for _, sub := range re.Sub {
			out = product(out, samples(sub))
		}
		return out
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			out = append(out, samples(sub)...)
		}
		return out[:min(len(out), maxSamples)]
	}
	return []string{""} // anchors and boundaries take no text
}

// repeated gives one repetition before two: some expressions need more room to
// lie outside another one.
func repeated(re *syntax.Regexp) []string {
	once := samples(re.Sub[0])
	return append(once[:len(once):len(once)], product(once, once[:min(len(once), 4)])...)
}

// product joins heads and tails, small indexes first, so that a cut keeps some
// of each; long ones are left out.
func product(heads, tails []string) []string {
	var out []string
	for sum := range len(heads) + len(tails) {
		for i := 0; i <= sum; i++ {
			if j := sum - i; i < len(heads) && j < len(tails) && len(heads[i])+len(tails[j]) <= maxSample {
				if out = append(out, heads[i]+tails[j]); len(out) == maxSamples {
					return out
				}
			}
		}
	}
	return out
}

// classSamples prefers a plain character of each range, and both its ends.
func classSamples(re *syntax.Regexp) []string {
	var out []string
	add := func(r rune) {
		if utf8.ValidRune(r) && r >= ' ' && len(out) < 8 {
			out = append(out, string(r))
		}
	}
	for _, r := range "a1A/-" {
		if inClass(re.Rune, r) {
			add(r)
		}
	}
	for i := 0; i+1 < len(re.Rune); i += 2 {
		add(re.Rune[i])
		add(re.Rune[i+1])
	}
	return out
}

func inClass(ranges []rune, r rune) bool {
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i] <= r && r <= ranges[i+1] {
			return true
		}
	}
	return false
}

// sample finds a string of the piece: the shortest that its expressions
// suggest, or by search.
func (p piece) sample(u *universe) (string, bool) {
	if !p.open {
		return p.text, u.holds(p.text)
	}
	best, ok := "", false
	try := func(text string) {
		if (!ok || len(text) < len(best)) && utf8.ValidString(text) && u.holds(text) && p.has(text) {
			best, ok = text, true
		}
	}
	for _, s := range p.signs {
		if !s.want {
			continue
		}
		for _, c := range samples(s.pattern.tree) {
			try(c)
			// The suggestion may miss the prefix; its tail may fit behind it.
			for i := range min(len(c), maxSamples) {
				try(p.text + c[i:])
			}
		}
	}
	if ok {
		return best, true
	}
	return p.search(u)
}

// search walks the strings of a piece by length. Without literals it is exact
// in a closed universe: only a string that is taken out is walked beyond, and
// few are. Literals end it after a bounded number of tries.
func (p piece) search(u *universe) (string, bool) {
	if !p.open {
		return p.text, u.holds(p.text)
	}
	fits := func(text string) bool { return u.holds(text) && p.has(text) }
	if fits(p.text) {
		return p.text, true
	}
	queue := []string{p.text}
	for tries := 0; len(queue) > 0 && tries < maxTries; {
		text := queue[0]
		queue = queue[1:]
		for _, r := range u.alphabet {
			next := text + string(r)
			if !u.extends(next) || p.bars(next) {
				continue
			}
			if fits(next) {
				return next, true
			}
			if queue = append(queue, next); len(p.signs) > 0 {
				tries++
			}
		}
	}
	return "", false
}

// bars reports that nothing of the piece begins with text.
func (p piece) bars(text string) bool {
	for _, s := range p.less {
		if s.open && strings.HasPrefix(text, s.text) {
			return true
		}
	}
	return false
}

// witness picks a value of the set: none where that is allowed, else one of
// those that are hinted at, else a short one.
func (v values) witness(hints ...string) (text string, present, ok bool) {
	if v.absent {
		return "", false, true
	}
	for _, list := range [][]string{hints, v.universe.likely} {
		for _, text := range list {
			if v.has(text, true) {
				return text, true, true
			}
		}
	}
	for _, p := range v.pieces {
		if text, ok := p.sample(v.universe); ok {
			return text, true, true
		}
	}
	return "", false, false
}
