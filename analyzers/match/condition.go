package match

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	networking "istio.io/api/networking/v1alpha3"
)

// Request is one HTTP request, as far as matches can see it. Absent keys of its
// maps are absent values; header names are in lower case.
type Request struct {
	Path            string // without query
	Query           map[string]string
	Method          string
	Scheme          string
	Authority       string
	Headers         map[string]string
	Claims          map[string]string
	SourceNamespace string
	SourceLabels    map[string]string
}

func (r Request) value(d dimension) (text string, present bool) {
	switch d.kind {
	case path:
		return r.Path, true
	case method:
		return r.Method, true
	case scheme:
		return r.Scheme, true
	case authority:
		return r.Authority, true
	case sourceNamespace:
		return r.SourceNamespace, true
	case header:
		text, present = r.Headers[d.name]
	case query:
		text, present = r.Query[d.name]
	case claim:
		text, present = r.Claims[d.name]
	case sourceLabel:
		text, present = r.SourceLabels[d.name]
	}
	return text, present
}

// each visits the values that the request has.
func (r Request) each(visit func(on dimension, text string)) {
	for _, k := range []kind{path, method, scheme, authority, sourceNamespace} {
		text, _ := r.value(dimension{kind: k})
		visit(dimension{kind: k}, text)
	}
	for k, all := range map[kind]map[string]string{header: r.Headers, query: r.Query, claim: r.Claims, sourceLabel: r.SourceLabels} {
		for name, text := range all {
			visit(dimension{k, name}, text)
		}
	}
}

func (r *Request) set(d dimension, text string) {
	put := func(m *map[string]string) {
		if *m == nil {
			*m = map[string]string{}
		}
		(*m)[d.name] = text
	}
	switch d.kind {
	case path:
		r.Path = text
	case method:
		r.Method = text
	case scheme:
		r.Scheme = text
	case authority:
		r.Authority = text
	case sourceNamespace:
		r.SourceNamespace = text
	case header:
		put(&r.Headers)
	case query:
		put(&r.Query)
	case claim:
		put(&r.Claims)
	case sourceLabel:
		put(&r.SourceLabels)
	}
}

// op is how a condition compares.
type op uint8

const (
	present op = iota
	exact
	prefix
	regex
)

// condition is one line of a match as it was written.
type condition struct {
	on      dimension
	not     bool // stands in withoutHeaders
	op      op
	text    string
	fold    bool // ASCII letter case aside; exact and prefix only
	pattern *pattern
}

// newCondition reads a StringMatch; nil and empty ones ask for presence.
func newCondition(on dimension, m *networking.StringMatch) (condition, error) {
	c := condition{on: on}
	switch m := m.GetMatchType().(type) {
	case *networking.StringMatch_Exact:
		c.op, c.text = exact, m.Exact
	case *networking.StringMatch_Prefix:
		c.op, c.text = prefix, m.Prefix
	case *networking.StringMatch_Regex:
		p, err := newPattern(m.Regex)
		if err != nil {
			return c, err
		}
		c.op, c.text, c.pattern = regex, m.Regex, p
		if p.auto.beyond && (on.kind == header || on.kind == claim) {
			return c, errors.New("characters beyond ASCII, which Envoy reads byte by byte or as UTF-8, by its release")
		}
	}
	if !utf8.ValidString(c.text) {
		return c, errors.New("text that is not UTF-8")
	}
	return c, nil
}

// holds is the plain evaluator.
func (c condition) holds(r Request) bool {
	text, ok := r.value(c.on)
	switch {
	case c.op == present:
		return ok != c.not
	case c.not:
		return !c.compare(text) // Envoy takes a missing header for an empty one
	}
	return ok && c.compare(text)
}

func (c condition) compare(text string) bool {
	switch c.op {
	case exact:
		return text == c.text || c.fold && lower(text) == lower(c.text)
	case prefix:
		return strings.HasPrefix(text, c.text) || c.fold && strings.HasPrefix(lower(text), lower(c.text))
	case regex:
		return c.pattern.matches(text)
	}
	return true
}

// lower folds ASCII only, as Envoy does.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// values is the condition as a set.
func (c condition) values() values {
	u := c.on.universe()
	v := u.set(c.pieces()...)
	if !c.not {
		return v
	}
	v = u.strings().subtract(v)
	v.absent = u.optional && (c.op == present || !c.compare(""))
	return v
}

func (c condition) pieces() []piece {
	switch {
	case c.op == present:
		return []piece{{span: span{open: true}}}
	case c.pattern != nil:
		return c.pattern.pieces()
	}
	return []piece{{span: span{text: c.text, open: c.op == prefix}}}
}

// foldCase makes the comparison blind to ASCII letter case, written as an
// expression; Envoy has no such switch for regular expressions.
func (c condition) foldCase() (condition, error) {
	if c.op != exact && c.op != prefix || !cased(c.text) {
		return c, nil
	}
	source := "(?i:" + regexp.QuoteMeta(c.text) + ")"
	if c.op == prefix {
		source += ".*"
	}
	var err error
	c.fold = true
	c.pattern, err = newPattern(source)
	return c, err
}

func (c condition) String() string {
	if c.op == present {
		if c.not {
			return "no " + c.on.String()
		}
		return c.on.String() + " present"
	}
	word := ""
	if c.not {
		word = "not "
	}
	text := strconv.Quote(c.text)
	switch {
	case c.op == regex:
		word += "matching "
	case c.on.kind == path:
		text = c.text
	default:
		word = strings.TrimPrefix(word+"= ", " ")
	}
	if c.op == prefix {
		text += "*"
	}
	if c.fold {
		text += " in any letter case"
	}
	return c.on.String() + " " + word + text
}
