package match

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// Never is a condition of a match that no request satisfies.
type Never struct {
	Path []any  // of the condition in the match; empty where the conditions exclude each other
	Why  string // a clause that begins with the condition
	// Beyond tells that only what lies beyond ASCII makes it so: Envoy answers that with 400 over HTTP/1.1, and clients encode it.
	Beyond bool
}

// Impossible lists the conditions that no request satisfies by themselves or, if there is none and they exclude each other, the
// match as a whole. It is sparing: conditions on query parameters and claims, and paths that only Envoy's normalisation makes
// impossible, are left out, as are texts that unknown tells, and headers whose name is none: istiod refuses those.
func Impossible(m *networking.HTTPMatchRequest, unknown func(text string) bool) []Never {
	if !FromHTTP(m).Empty() {
		return nil
	}
	var out []Never
	var whole Box
	for _, c := range written(m) {
		if unknown(c.name) || unknown(c.text) || c.uri && !c.plainPath() {
			continue
		}
		b := FromHTTP(c.alone)
		if slices.ContainsFunc(b.conditions, func(c condition) bool { return c.on.never() }) {
			continue
		}
		if b.Empty() {
			out = append(out, Never{Path: c.path, Why: c.why(), Beyond: c.uri && c.beyond()})
			continue
		}
		whole = whole.And(b)
	}
	if len(out) == 0 && whole.Empty() {
		out = append(out, Never{Why: whole.String() + " exclude each other"})
	}
	return out
}

// line is one condition as written.
type line struct {
	path       []any
	name, text string
	regex, uri bool
	alone      *networking.HTTPMatchRequest
}

func written(m *networking.HTTPMatchRequest) []line {
	var out []line
	add := func(x *networking.StringMatch, alone *networking.HTTPMatchRequest, name string, path ...any) {
		if x.GetMatchType() == nil && len(path) == 1 {
			return
		}
		l := line{path: path, name: name, alone: alone, uri: alone.Uri != nil}
		switch t := x.GetMatchType().(type) {
		case *networking.StringMatch_Exact:
			l.text, l.path = t.Exact, append(path, "exact")
		case *networking.StringMatch_Prefix:
			l.text, l.path = t.Prefix, append(path, "prefix")
		case *networking.StringMatch_Regex:
			l.text, l.path, l.regex = t.Regex, append(path, "regex"), true
		}
		out = append(out, l)
	}
	add(m.GetUri(), &networking.HTTPMatchRequest{Uri: m.GetUri()}, "", "uri")
	add(m.GetMethod(), &networking.HTTPMatchRequest{Method: m.GetMethod()}, "", "method")
	add(m.GetScheme(), &networking.HTTPMatchRequest{Scheme: m.GetScheme()}, "", "scheme")
	add(m.GetAuthority(), &networking.HTTPMatchRequest{Authority: m.GetAuthority()}, "", "authority")
	one := func(k string, x *networking.StringMatch) map[string]*networking.StringMatch {
		return map[string]*networking.StringMatch{k: x}
	}
	for _, k := range manifest.Keys(m.GetHeaders()) {
		if x := m.Headers[k]; !strings.HasPrefix(strings.ToLower(k), claimPrefix) {
			add(x, &networking.HTTPMatchRequest{Headers: one(k, x)}, k, "headers", k)
		}
	}
	for _, k := range manifest.Keys(m.GetWithoutHeaders()) {
		if x := m.WithoutHeaders[k]; !strings.HasPrefix(strings.ToLower(k), claimPrefix) {
			add(x, &networking.HTTPMatchRequest{WithoutHeaders: one(k, x)}, k, "withoutHeaders", k)
		}
	}
	return out
}

// plainPath tells that a path which no request has is one for plain reasons: a query, a fragment, no slash at the beginning. Dot
// segments and backslashes Envoy can be told to leave alone.
func (l line) plainPath() bool {
	if l.regex {
		return !l.beyond() && !strings.Contains(l.text, `\\`) && !strings.Contains(l.text, `\.\.`) &&
			(strings.Contains(l.text, `\?`) || strings.Contains(l.text, "#") || l.text != "" && strings.Contains(plain, l.text[:1]))
	}
	return !strings.Contains(l.text, `\`) && !slices.ContainsFunc(strings.Split(l.text, "/"), dotSegment)
}

func (l line) beyond() bool {
	return strings.IndexFunc(l.text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
}

func (l line) why() string {
	said := pathText(l.path) + " " + strconv.Quote(l.text)
	switch l.path[0] {
	case "uri":
		switch {
		case l.regex:
			return said + " matches no path: paths begin with \"/\" and have neither query nor fragment"
		case strings.ContainsAny(l.text, "?#"):
			return said + " is compared with the path alone, without query and fragment"
		case !strings.HasPrefix(l.text, "/"):
			return said + " does not begin with \"/\", as every path does"
		}
		if l.beyond() {
			sent := (&url.URL{Path: l.text}).EscapedPath()
			return said + " is compared with the path as it is sent, in which such letters are percent-encoded: " + strconv.Quote(sent)
		}
		return said + " has a character that no path has"
	case "method":
		return said + " is no method"
	case "scheme":
		return said + " is neither \"http\" nor \"https\""
	case "authority":
		return said + " is no authority"
	case "withoutHeaders":
		return said + " excludes every value, the empty one too, and Envoy takes a missing header for an empty one"
	}
	return said + " is no value of a header"
}

// pathText is a path of names for people: uri prefix, headers x exact.
func pathText(path []any) string {
	words := make([]string, len(path))
	for i, p := range path {
		words[i], _ = p.(string)
	}
	return strings.Join(words, " ")
}
