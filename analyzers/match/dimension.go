package match

import (
	"cmp"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// kind says which part of a request a dimension looks at.
type kind uint8

const (
	path kind = iota
	method
	scheme
	authority
	header
	query
	claim
	sourceNamespace
	sourceLabel
)

// dimension is one independent axis of the space of requests; name tells the
// axes of one kind apart (a header's name in lower case, a parameter, a key).
type dimension struct {
	kind kind
	name string
}

func (d dimension) compare(e dimension) int {
	return cmp.Or(cmp.Compare(d.kind, e.kind), cmp.Compare(d.name, e.name))
}

func (d dimension) String() string {
	if d.name == "" {
		return universes[d.kind].noun
	}
	return universes[d.kind].noun + " " + d.name
}

func (d dimension) universe() *universe { return &universes[d.kind] }

// never tells that no request has a value there: of a header whose name is no
// token, of a parameter whose key ends before its text does, or that Envoy
// answers with 400. What a placeholder stands for is not known.
func (d dimension) never() bool {
	switch {
	case manifest.Placeholder(d.name):
		return false
	case d.kind == header:
		return d.name == "" || strings.ContainsFunc(d.name, func(r rune) bool { return !universes[method].allowed(r) })
	case d.kind == query:
		return strings.ContainsFunc(d.name, func(r rune) bool { return r == '=' || !inQuery(r) })
	}
	return false
}

// universe is the set of values that can arrive in a dimension.
type universe struct {
	noun     string
	root     string // what every value begins with
	optional bool   // the value may be absent
	fixed    []string
	nonEmpty bool
	allowed  func(rune) bool
	// alphabet lists characters in the order in which a witness prefers them. It
	// is complete where closed is set: only then can prefixes taken out of a
	// prefix exhaust it.
	alphabet string
	closed   bool
	segments bool     // a path: dot segments do not survive normalisation
	likely   []string // readable values to try first
}

const (
	letters  = "abcdefghijklmnopqrstuvwxyz"
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits   = "1234567890"
	plain    = letters + digits + capitals

	pathChars  = plain + `-_.~/!$&'()*+,;=:@%"<>[]^{|}` + "`"
	tokenChars = capitals + letters + digits + "-_.!#$%&'*+^`|~"
	hostChars  = plain + "-._~:!$&'()*+,;=[]%@"
	textChars  = plain + "-_./:;,=+*!?()[]{}<>@$%^'\"|~ " + "éßж中"
	queryChars = plain + "-_./:;,=+*!?()[]{}<>@$%^'\"|~"
)

var universes = [...]universe{
	path: {
		noun: "path", root: "/", segments: true, allowed: oneOf(pathChars),
		alphabet: pathChars, closed: true, likely: []string{"/"},
	},
	method: {
		noun: "method", nonEmpty: true, allowed: oneOf(tokenChars), alphabet: tokenChars, closed: true,
		likely: []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"},
	},
	// Envoy refuses every other scheme before it looks at routes.
	scheme: {noun: "scheme", fixed: []string{"http", "https"}, allowed: oneOf(letters)},
	authority: {
		noun: "authority", nonEmpty: true, allowed: oneOf(hostChars), alphabet: hostChars, closed: true,
		likely: []string{"example.com"},
	},
	header: {noun: "header", optional: true, allowed: noControl, alphabet: textChars, likely: []string{"1"}},
	query:  {noun: "query parameter", optional: true, allowed: inQuery, alphabet: queryChars, likely: []string{"1"}},
	claim:  {noun: "claim", optional: true, allowed: noControl, alphabet: textChars, likely: []string{"1"}},
	sourceNamespace: {
		noun: "source namespace", nonEmpty: true, allowed: noControl, alphabet: textChars,
		likely: []string{"default"},
	},
	sourceLabel: {noun: "source label", optional: true, allowed: noControl, alphabet: textChars, likely: []string{"1"}},
}

func oneOf(chars string) func(rune) bool {
	var table [128]bool
	for _, r := range chars {
		table[r] = true
	}
	return func(r rune) bool { return r < 128 && table[r] }
}

func noControl(r rune) bool { return r >= ' ' && (r < 0x7f || r >= 0xa0) }

// inQuery leaves out what lies beyond ASCII: Envoy answers it with 400.
func inQuery(r rune) bool { return r > ' ' && r < 0x7f && r != '&' && r != '#' }

// holds reports whether s can arrive in the universe.
func (u *universe) holds(s string) bool {
	switch {
	case u.nonEmpty && s == "":
		return false
	case u.fixed != nil:
		for _, f := range u.fixed {
			if f == s {
				return true
			}
		}
		return false
	case !strings.HasPrefix(s, u.root) || !u.extends(s):
		return false
	}
	return !u.segments || !dotSegment(s[strings.LastIndexByte(s, '/')+1:])
}

// extends reports whether some value of the universe begins with p, which
// begins with the root.
func (u *universe) extends(p string) bool {
	for _, r := range p {
		if !u.allowed(r) {
			return false
		}
	}
	if !u.segments {
		return true
	}
	whole := strings.Split(p, "/")
	for _, s := range whole[:len(whole)-1] {
		if dotSegment(s) {
			return false
		}
	}
	return true
}

// dotSegment reports whether normalisation would fold the segment away.
func dotSegment(s string) bool {
	if len(s) == 0 || len(s) > len("%2e%2e") {
		return false
	}
	s = strings.ReplaceAll(strings.ToLower(s), "%2e", ".")
	return s == "." || s == ".."
}
