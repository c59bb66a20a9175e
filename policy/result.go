package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
)

// What one rule may say of one object. More is a mistake of the policy, and would bury everything else.
const (
	maxResults = 100
	maxMessage = 1000 // characters
	maxRelated = 20
)

// result is one element of a set, of the right shape.
type result struct {
	message  string
	path     []any
	severity rules.Severity
	verdict  Verdict // of the rule that it is of
	related  []related
	witness  *routing.Request
}

// related is another end: an object by kind and name, with a place in it.
type related struct {
	id      manifest.ID
	path    []any
	message string
}

var resultKeys = []string{"msg", "path", "severity", "related", "witness"}

// results reads what a rule found. What is of the wrong shape is a problem with the rule's place, and the rest counts.
func results(v Verdict, list []any) (out []result, problems []*Problem) {
	fail := func(format string, args ...any) {
		if len(problems) == 0 { // one of a rule on an object is enough
			problems = append(problems, &Problem{File: v.File, Line: v.Line, Message: fmt.Sprintf(format, args...)})
		}
	}
	one := v.Name
	if v.Several {
		one = "one of the rules " + one
	}
	if len(list) > maxResults {
		fail("%s gives %d results, and only %d are reported", v.Name, len(list), maxResults)
		list = list[:maxResults]
	}
	for _, e := range list {
		r, wrong := shaped(e)
		if wrong != "" {
			fail("%s gives %s", one, wrong)
			continue
		}
		if r.severity < 0 {
			r.severity = v.Severity
		}
		r.verdict = v
		out = append(out, r)
	}
	return out, problems
}

// shaped reads one element; wrong says what it is instead.
func shaped(e any) (r result, wrong string) {
	r.severity = -1
	switch e := e.(type) {
	case string:
		r.message = e
	case map[string]any:
		for _, key := range manifest.Keys(e) {
			if wrong = r.set(key, e[key]); wrong != "" {
				return r, wrong
			}
		}
	default:
		return r, fmt.Sprintf("%s, not a string or an object with msg", typeOf(e))
	}
	if r.message = clean(r.message); r.message == "" {
		return r, fmt.Sprintf("%s without a msg", typeOf(e))
	}
	return r, ""
}

// set reads one key of a result. Keys that are none of ours are let pass, as conftest and Gatekeeper do, unless nearly one.
func (r *result) set(key string, v any) (wrong string) {
	switch key {
	case "msg":
		text, ok := v.(string)
		if !ok {
			return "a msg that is " + typeOf(v) + ", not a string"
		}
		r.message = text
	case "path":
		r.path, wrong = pathOf(v)
	case "severity":
		text, _ := v.(string)
		s, err := rules.ParseSeverity(text)
		if err != nil {
			return fmt.Sprintf("a severity that is none of error, warning and info: %s", textOf(v))
		}
		r.severity = s
	case "related":
		r.related, wrong = relatedOf(v)
	case "witness":
		r.witness, wrong = witnessOf(v)
	default:
		if near := manifest.Nearest(key, resultKeys); near != "" {
			return fmt.Sprintf("a key %q; did you mean %q?", key, near)
		}
	}
	return wrong
}

// pathOf reads a place: a list of names and indexes, or text like spec.http[0].route.
func pathOf(v any) (path []any, wrong string) {
	switch v := v.(type) {
	case string:
		path, ok := manifest.ParsePath(v)
		if !ok && v != "" {
			return nil, fmt.Sprintf("a path %q that does not read like spec.http[0].route", short(v))
		}
		return path, ""
	case []any:
		for _, e := range v {
			switch e := e.(type) {
			case string:
				path = append(path, e)
			case json.Number:
				n, err := e.Int64()
				if err != nil || n < 0 || n > 1<<31 {
					return nil, "a path with " + e.String() + ", which is no index"
				}
				path = append(path, int(n))
			default:
				return nil, "a path that holds " + typeOf(e) + ", not only names and indexes"
			}
		}
		return path, ""
	}
	return nil, "a path that is " + typeOf(v) + ", neither text nor a list"
}

func relatedOf(v any) (out []related, wrong string) {
	list, ok := v.([]any)
	if !ok {
		return nil, "related that is " + typeOf(v) + ", not a list of objects with kind, namespace and name"
	}
	for _, e := range list {
		m, _ := e.(map[string]any)
		text := func(key string) string { s, _ := m[key].(string); return s }
		x := related{id: manifest.ID{Kind: text("kind"), Namespace: text("namespace"), Name: text("name")}, message: clean(text("msg"))}
		if x.id.Kind == "" || x.id.Name == "" {
			return nil, "related that lacks the kind or the name of an object"
		}
		if p, ok := m["path"]; ok {
			if x.path, wrong = pathOf(p); wrong != "" {
				return nil, wrong
			}
		}
		if len(out) < maxRelated {
			out = append(out, x)
		}
	}
	return out, ""
}

// witnessOf reads a request as gatelint trace --requests takes it.
func witnessOf(v any) (*routing.Request, string) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, "a witness that is no request: " + err.Error()
	}
	r := &routing.Request{}
	if err := r.Decode(data); err != nil {
		return nil, "a witness that is no request: " + err.Error()
	}
	return r, ""
}

// fault is a result as a rule reports it. What becomes of a witness is asked of the router: a policy cannot claim it.
func (r result) fault(pass *rules.Pass, o *manifest.Object) rules.Fault {
	f := rules.Fault{
		On: o, Path: r.path, Message: r.message, Severity: r.severity, Words: r.words(),
		Admission: &r.verdict.Admission, WarnOnly: r.verdict.warns(), Stands: !r.verdict.Ignorable,
	}
	for _, x := range r.related {
		end := rules.End{On: pass.World.Object(x.id.Kind, x.id.Namespace, x.id.Name), Path: x.path, Message: x.message}
		if end.On == nil {
			end.On = &manifest.Object{ID: x.id} // not in the input: it has a name and no place
		}
		if end.Message == "" {
			end.Message = "related"
		}
		f.Ends = append(f.Ends, end)
	}
	if r.witness != nil {
		if a, err := pass.Tables.Ask(*r.witness); err == nil {
			f.Witness = &rules.Witness{URL: r.witness.URL(), Request: *r.witness, Answer: a}
		}
	}
	return f
}

// words identify a result: no index, as lists are edited.
func (r result) words() string {
	var b strings.Builder
	for _, e := range r.path {
		if name, ok := e.(string); ok {
			b.WriteString(name + ".")
		}
	}
	return b.String() + r.message
}

// clean makes a message one line of bounded length.
func clean(s string) string {
	return short(strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " "))
}

func short(s string) string {
	if utf8.RuneCountInString(s) <= maxMessage {
		return s
	}
	return string(slices.Clone([]rune(s)[:maxMessage])) + "…"
}

func textOf(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", short(s))
	}
	return typeOf(v)
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	}
	return "an object"
}
