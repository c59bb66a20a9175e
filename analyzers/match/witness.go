package match

import "strings"

// Witness is a short request in the box, valid and verified with Matches. The
// hosts, as a virtual host or a Gateway writes them, are tried as authority
// first. It fails if the box is empty or the search for a value that satisfies
// its regular expressions gives up.
func (b Box) Witness(hosts ...string) (Request, bool) {
	if b.Undecidable() {
		return Request{}, false
	}
	var r Request
	for _, on := range []kind{path, method, scheme, authority} {
		if !b.choose(&r, dimension{kind: on}, hosts) {
			return Request{}, false
		}
	}
	for _, s := range b.sides {
		if s.kind > authority && !b.choose(&r, s.dimension, nil) {
			return Request{}, false
		}
	}
	return r, b.Matches(r)
}

func (b Box) choose(r *Request, on dimension, hosts []string) bool {
	var hints []string
	if on.kind == authority {
		for _, h := range hosts {
			hints = append(hints, example(h))
		}
	}
	text, present, ok := admits(b.sides, on).witness(hints...)
	if ok && present {
		r.set(on, text)
	}
	return ok
}

// example is a host that a pattern of hosts accepts.
func example(host string) string {
	if rest, ok := strings.CutPrefix(host, "*"); ok {
		return "a" + rest
	}
	return host
}
