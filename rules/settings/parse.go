package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"go.yaml.in/yaml/v3"
)

// Release is the Istio release that the verdicts hold for.
const Release = "1.31"

// parser walks the YAML tree of a config and tells the mistakes in it, of each entry of a mapping or list the first: a key that is not
// known is never skipped.
type parser struct {
	file string
	list []*rules.Rule
	dir  string // the config's folder; "" where it is not looked for what policies name
	open bool   // there are rules beyond the list, of policies that could not be loaded
	errs Errors
	bad  bool // the entry that is read has a mistake: what follows from it is not told
}

// most is how many mistakes are told of one config.
const most = 100

// keys are the readers of a mapping's values.
type keys map[string]func(*yaml.Node)

// Parse reads the text of a config file. Every key must be known.
func Parse(data []byte, file string, list []*rules.Rule) (*Config, error) {
	return whole(parse(data, file, list, false))
}

// Draft is Parse before policies are loaded: names of rules are not judged, as policies bring some.
func Draft(data []byte, file string, list []*rules.Rule) (*Config, error) {
	return whole(parse(data, file, list, true))
}

// whole is a config without mistakes.
func whole(c *Config, errs Errors) (*Config, error) {
	if len(errs) > 0 {
		return nil, errs
	}
	return c, nil
}

// parse gives what could be read, with the mistakes.
func parse(data []byte, file string, list []*rules.Rule, open bool) (*Config, Errors) {
	root, errs := rootOf(data, file)
	if len(errs) > 0 {
		return &Config{File: file, Dir: "."}, errs
	}
	p := &parser{file: file, list: list, open: open}
	c := p.config(root)
	return c, p.errs.sorted()
}

// rootOf is the mapping that a config file holds, or what stands in its place.
func rootOf(data []byte, file string) (*yaml.Node, Errors) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		line, column, message := manifest.ExplainYAML(err, data)
		return nil, Errors{{File: file, Line: line, Column: column, Message: "the config does not parse: " + message}}
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil && len(second.Content) > 0 && !isNull(second.Content[0]) {
		return nil, Errors{{File: file, Line: second.Line, Column: second.Column, Message: "a second document: a config file has one"}}
	}
	if len(doc.Content) > 0 && !isNull(doc.Content[0]) {
		return doc.Content[0], nil
	}
	return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}, nil
}

func (p *parser) config(root *yaml.Node) *Config {
	c := &Config{File: p.file, Dir: ".", Rules: map[string]Setting{}}
	version := false
	p.mapping(root, "", keys{
		"version":   func(n *yaml.Node) { version = true; p.version(n) },
		"paths":     func(n *yaml.Node) { c.Paths = p.strings(n, "paths") },
		"exclude":   func(n *yaml.Node) { c.Exclude = p.globs(n, "exclude") },
		"rules":     func(n *yaml.Node) { p.rules(n, "rules", c.Rules, p.setting) },
		"complete":  func(n *yaml.Node) { c.Complete = p.complete(n) },
		"worlds":    func(n *yaml.Node) { c.Worlds = p.worlds(n) },
		"namespace": func(n *yaml.Node) { c.Namespace = p.namespaces(n) },
		"istio":     func(n *yaml.Node) { c.Istio = p.istio(n) },
		"admission": func(n *yaml.Node) { c.Admission = p.admission(n) },

		"context":    func(n *yaml.Node) { c.Context = p.strings(n, "context") },
		"fail-on":    func(n *yaml.Node) { c.FailOn = p.failOn(n) },
		"baseline":   func(n *yaml.Node) { c.Baseline = p.str(n, "baseline") },
		"assume":     func(n *yaml.Node) { c.Assume = p.assume(n) },
		"exceptions": func(n *yaml.Node) { c.Exceptions = p.exceptions(n) },
		"overrides":  func(n *yaml.Node) { c.Overrides = p.overrides(n) },
		"policies":   func(n *yaml.Node) { c.Policies = p.policies(n) },
	})
	if !version {
		p.fail(root, `the config lacks "version: 1"`)
	}
	return c
}

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	if !p.bad && len(p.errs) < most {
		p.errs = append(p.errs, &Error{File: p.file, Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...)})
	}
	p.bad = true
}

// entry reads one of several values that have nothing to do with each other: a mistake in one says nothing of the next, but what holds
// them has it.
func (p *parser) entry(read func()) {
	had := p.bad
	p.bad = false
	read()
	p.bad = p.bad || had
}

// mapping reads a mapping with known keys; in is the key it stands under, "" for the whole file.
func (p *parser) mapping(n *yaml.Node, in string, known keys) {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	p.each(n, in, func(key, value *yaml.Node) {
		read := known[key.Value]
		if read == nil {
			hint := meant(key.Value, names)
			if hint == "" {
				hint = "; the keys are " + strings.Join(names, ", ")
			}
			p.fail(key, "unknown key %q%s%s", key.Value, under(in), hint)
			return
		}
		read(value)
	})
}

// each visits the entries of a mapping, whose keys are strings and stand once. Where all of them are commented out there are none.
func (p *parser) each(n *yaml.Node, in string, visit func(key, value *yaml.Node)) {
	n = target(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.fail(n, "%s is %s, not a mapping", subject(in), kindOf(n))
		return
	}
	had := map[string]bool{} // in a mapping that goes before
	for nth, m := range append([]*yaml.Node{n}, p.joined(n)...) {
		seen := map[string]int{}
		for i := 0; i+1 < len(m.Content); i += 2 {
			key, value := m.Content[i], m.Content[i+1]
			p.entry(func() {
				name := target(key)
				first := seen[name.Value]
				switch {
				case name.Kind != yaml.ScalarNode:
					p.fail(key, "a key%s is %s, not a string", under(in), kindOf(name))
				case name.Tag == mergeTag && nth > 0:
					p.fail(key, "<< joins a mapping that has a << itself, which is not read: write its keys out")
				case name.Tag == mergeTag || had[name.Value]:
				case first > 0:
					p.fail(key, "key %q%s stands on line %d already", name.Value, under(in), first)
				default:
					seen[name.Value] = key.Line
					visit(key, value)
				}
			})
		}
		for name := range seen {
			had[name] = true
		}
	}
}

const mergeTag = "!!merge"

// joined are the mappings that "<<" joins to one, each once, the one that goes before another first.
func (p *parser) joined(n *yaml.Node) (out []*yaml.Node) {
	met := map[*yaml.Node]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		from := []*yaml.Node{n.Content[i+1]}
		if n.Content[i].Tag != mergeTag {
			continue
		}
		if list := target(from[0]); list.Kind == yaml.SequenceNode {
			from = list.Content
		}
		for _, m := range from {
			t := target(m)
			if t.Kind != yaml.MappingNode {
				p.entry(func() { p.fail(m, "<< is %s: it joins mappings only", kindOf(t)) })
			} else if !met[t] {
				met[t] = true
				out = append(out, t)
			}
		}
	}
	return out
}

func (p *parser) version(n *yaml.Node) {
	var number float64
	if n = target(n); n.Tag == "!!str" || n.Decode(&number) != nil || number != 1 {
		p.fail(n, "version %s is not known to this gatelint: it reads version 1", textOf(n))
	}
}

func (p *parser) str(n *yaml.Node, in string) string {
	if n = target(n); n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!timestamp" { // a date is text in YAML 1.2
		p.fail(n, "%s is %s, not a string", subject(in), kindOf(n))
		return ""
	}
	return n.Value
}

// scalar is str for values that may look like a number or a boolean.
func (p *parser) scalar(n *yaml.Node, in string) string {
	if n = target(n); n.Kind != yaml.ScalarNode || isNull(n) {
		p.fail(n, "%s is %s, not a string", subject(in), kindOf(n))
		return ""
	}
	return n.Value
}

func (p *parser) boolean(n *yaml.Node, in string) bool {
	if n = target(n); n.Tag != "!!bool" {
		p.fail(n, "%s is %s, not true or false", subject(in), kindOf(n))
	}
	return isBool(n, "true")
}

// isBool tells whether a value is true or false, in one of the ways to write that: true, True, TRUE.
func isBool(n *yaml.Node, value string) bool {
	return n.Tag == "!!bool" && strings.EqualFold(n.Value, value)
}

// strings reads a list of strings, one string, or none.
func (p *parser) strings(n *yaml.Node, in string) []string {
	return p.texts(n, in, func(*yaml.Node, string) {})
}

// texts is strings, with a look at each.
func (p *parser) texts(n *yaml.Node, in string, look func(*yaml.Node, string)) []string {
	items := []*yaml.Node{n}
	if list := target(n); list.Kind == yaml.SequenceNode || isNull(list) {
		items = list.Content
	}
	out := []string{}
	for _, item := range items {
		p.entry(func() {
			out = append(out, p.str(item, in))
			look(item, out[len(out)-1])
		})
	}
	return out
}

func (p *parser) rules(n *yaml.Node, in string, into map[string]Setting, read func(*yaml.Node, string) Setting) {
	p.each(n, in, func(key, value *yaml.Node) {
		if p.rule(key, key.Value) != nil {
			into[key.Value] = read(value, key.Value)
		}
	})
}

// rule gives the rule of a name; nil, and a mistake, if there is none.
func (p *parser) rule(n *yaml.Node, name string) *rules.Rule {
	r, err := Lookup(name, p.list)
	switch {
	case err == nil:
		return r
	case p.open:
		return &rules.Rule{Name: name}
	}
	p.fail(n, "%v", err)
	return nil
}

func (p *parser) setting(n *yaml.Node, rule string) Setting {
	var s Setting
	in := "rules." + rule
	if n = target(n); n.Kind == yaml.ScalarNode {
		s.Off, s.Severity = p.severity(n, in)
		return s
	}
	known := keys{
		"severity": func(n *yaml.Node) { s.Off, s.Severity = p.severity(n, in+".severity") },
		"admission": func(n *yaml.Node) {
			d, err := rules.ParseDecision(offText(n))
			if err != nil {
				p.fail(n, "%s.admission: %v", in, err)
			}
			s.Admission = &d
		},
		"ignorable": func(n *yaml.Node) { s.NoIgnore = !p.boolean(n, in+".ignorable") },
	}
	if p.parametrised(n, rule) {
		known["params"] = func(n *yaml.Node) { s.Params = p.ruleParams(n, rule) }
	}
	if !p.bad {
		p.mapping(n, in, known)
	}
	return s
}

func (p *parser) severity(n *yaml.Node, in string) (off bool, s *rules.Severity) {
	text := offText(n)
	if text == "off" {
		return true, nil
	}
	got, err := rules.ParseSeverity(text)
	if err != nil {
		p.fail(n, "%s: %v, or off", in, err)
	}
	return false, &got
}

// offText is the text of a scalar; "off" also where YAML 1.1 habits made it false.
func offText(n *yaml.Node) string {
	if n = target(n); isBool(n, "false") {
		return "off"
	}
	return n.Value
}

func (p *parser) istio(n *yaml.Node) Istio {
	var x Istio
	p.mapping(n, "istio", keys{
		"version": func(n *yaml.Node) {
			if x.Version = p.scalar(n, "istio.version"); x.Version != Release && !strings.HasPrefix(x.Version, Release+".") {
				p.fail(n, "istio.version is %q: the verdicts of this gatelint hold for Istio %s only", x.Version, Release)
			}
		},
		"clusterDomain": func(n *yaml.Node) {
			const in = "istio.clusterDomain"
			x.ClusterDomain = p.name(n, in, p.str(n, in), CheckDomain)
		},
		"rootNamespace": func(n *yaml.Node) {
			const in = "istio.rootNamespace"
			if x.RootNamespace = p.name(n, in, p.str(n, in), CheckNamespace); x.RootNamespace == "" {
				p.fail(n, "%s is empty: leave it out to mean the MeshConfig's", in)
			}
		},
		"meshConfig":              func(n *yaml.Node) { x.MeshConfig = p.str(n, "istio.meshConfig") },
		"scopeGatewayToNamespace": func(n *yaml.Node) { x.ScopeGatewayToNamespace = p.boolean(n, "istio.scopeGatewayToNamespace") },
		"revision": func(n *yaml.Node) {
			const in = "istio.revision"
			x.Revision = p.name(n, in, p.scalar(n, in), CheckRevision)
		},
	})
	return x
}

func (p *parser) worlds(n *yaml.Node) []World {
	var out []World
	p.each(n, "worlds", func(key, value *yaml.Node) {
		in := "worlds." + key.Value
		w := World{Name: key.Value}
		p.mapping(value, in, keys{
			"paths":     func(n *yaml.Node) { w.Paths = p.strings(n, in+".paths") },
			"with":      func(n *yaml.Node) { w.With = p.strings(n, in+".with") },
			"namespace": func(n *yaml.Node) { w.Namespace = p.namespaces(n) },
			"complete":  func(n *yaml.Node) { w.Complete = p.complete(n) },
			"vars": func(n *yaml.Node) {
				w.Vars = map[string]string{}
				p.each(n, in+".vars", func(k, v *yaml.Node) { w.Vars[k.Value] = p.scalar(v, in+".vars."+k.Value) })
			},
		})
		if len(w.Paths) == 0 {
			p.fail(key, "world %q has no paths", key.Value)
		}
		out = append(out, w)
	})
	return out
}

func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func textOf(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return strconv.Quote(n.Value)
	}
	return kindOf(n)
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	}
	return strconv.Quote(n.Value)
}

func subject(in string) string {
	if in == "" {
		return "the config"
	}
	return in
}

func under(in string) string {
	if in == "" {
		return ""
	}
	return " under " + in
}

// meant is "; did you mean …" when one of the names is close.
func meant(name string, names []string) string {
	if near := manifest.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
