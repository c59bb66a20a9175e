package match

import "strings"

// Witness is a short request in the box, valid and verified with Matches. The
// hosts, as a virtual host or a Gateway writes them, are tried as authority
// first. It fails if the box is empty or its expressions take too many steps.
func (b Box) Witness(hosts ...string) (Request, bool) {
	budget := DefaultBudget
	r, found, _ := b.witness(&budget, hosts...)
	return r, found
}

// witness looks for a request with a budget of steps; within it, it is known
// whether there is one.
func (b Box) witness(budget *int, hosts ...string) (r Request, found, known bool) {
	if b.Undecidable() {
		return Request{}, false, false
	}
	var hints []string
	for _, h := range hosts {
		hints = append(hints, Examples(h)...)
	}
	all := make([]side, 0, len(b.sides)+4)
	for _, on := range []kind{path, method, scheme, authority} {
		d := dimension{kind: on}
		all = append(all, side{d, admits(b.sides, d)})
	}
	for _, s := range b.sides {
		if s.kind > authority {
			all = append(all, s)
		}
	}
	found = true
	for _, s := range all {
		var prefer []string
		if s.kind == authority {
			prefer = hints
		}
		text, present, ok, sure := s.values.witness(budget, prefer...)
		if !ok && sure {
			return Request{}, false, true // one empty side empties the box
		}
		if found = found && ok; ok && present {
			r.set(s.dimension, text)
		}
	}
	found = found && b.Matches(r)
	return r, found, found
}

// Examples are names that a host stands for, as a virtual host or a Gateway
// writes it: two for a wildcard, for something narrower can have the first. The
// webhook holds what decides on these (admission, index.related).
func Examples(host string) []string {
	suffix, wildcard := strings.CutPrefix(host, "*")
	switch {
	case !wildcard:
		return []string{host}
	case suffix == "":
		return []string{"a.example.com", "any.example.org"}
	}
	return []string{"a" + suffix, "any" + suffix}
}
