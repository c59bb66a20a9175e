package settings

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"go.yaml.in/yaml/v3"
)

// ObjectPattern matches objects by patterns of their kind, namespace and name; "" matches any.
type ObjectPattern struct{ Kind, Namespace, Name string }

// Matches tells whether an object is meant. One whose namespace is left open is meant only where any namespace is.
func (x ObjectPattern) Matches(id manifest.ID) bool {
	for _, f := range [][2]string{{x.Kind, id.Kind}, {x.Namespace, id.Namespace}, {x.Name, id.Name}} {
		if ok, _ := path.Match(f[0], f[1]); f[0] != "" && !ok {
			return false
		}
	}
	return true
}

// Names tells whether an exception of the config names an object.
func (g *Ignore) Names(id manifest.ID) bool {
	return slices.ContainsFunc(g.Objects, func(x ObjectPattern) bool { return x.Matches(id) })
}

func (p *parser) exceptions(n *yaml.Node) (out []*Ignore) {
	const in = "exceptions"
	p.items(n, in, func(item *yaml.Node) {
		var g Ignore
		var names []string
		p.mapping(item, in, keys{
			"rules":   func(n *yaml.Node) { names = p.ignorable(n, in+".rules") },
			"objects": func(n *yaml.Node) { g.Objects = p.objects(n, in+".objects") },
			"reason":  func(n *yaml.Node) { g.Reason = p.scalar(n, in+".reason") },
			"owner":   func(n *yaml.Node) { g.Owner = p.scalar(n, in+".owner") },
			"until":   func(n *yaml.Node) { g.Until = p.day(n, in+".until") },
		})
		for _, missing := range []struct {
			key  string
			lack bool
		}{{"rules", len(names) == 0}, {"objects", len(g.Objects) == 0}, {"reason", strings.TrimSpace(g.Reason) == ""}} {
			if missing.lack {
				p.fail(item, "an entry of exceptions has no %s", missing.key)
			}
		}
		g.Pos = manifest.Pos{File: p.file, Line: item.Line, Column: item.Column, EndLine: item.Line, EndColumn: item.Column + 1}
		for _, name := range names {
			one := g
			one.Rule = name
			out = append(out, &one)
		}
	})
	return out
}

// ignorable reads the names of rules whose findings can be accepted.
func (p *parser) ignorable(n *yaml.Node, in string) []string {
	return p.texts(n, in, func(n *yaml.Node, name string) {
		if r := p.rule(n, name); r != nil && r.Unignorable {
			p.fail(n, "%s: findings of %q cannot be accepted", in, name)
		}
	})
}

func (p *parser) objects(n *yaml.Node, in string) (out []ObjectPattern) {
	p.items(n, in, func(item *yaml.Node) {
		var x ObjectPattern
		read := func(key string, into *string) func(*yaml.Node) {
			return func(n *yaml.Node) {
				if *into = p.scalar(n, in+"."+key); *into == "" {
					p.fail(n, "%s.%s is empty: leave it out to mean any", in, key)
				}
				p.pattern(n, in+"."+key, *into)
			}
		}
		kind, namespace := read("kind", &x.Kind), read("namespace", &x.Namespace)
		p.mapping(item, in, keys{
			"kind": func(n *yaml.Node) {
				kind(n)
				if near := manifest.NearKind(x.Kind); near != "" && near != x.Kind && !patterned(x.Kind) {
					p.fail(n, "%s.kind: no object has the kind %q; did you mean %q?", in, x.Kind, near)
				}
			},
			"namespace": func(n *yaml.Node) {
				namespace(n)
				p.namespacePattern(n, in+".namespace", x.Namespace)
			},
			"name": read("name", &x.Name),
		})
		if x == (ObjectPattern{}) {
			p.fail(item, "an entry of %s names neither kind nor namespace nor name: it means every object", in)
		}
		out = append(out, x)
	})
	return out
}

// patterned tells a pattern from the name that it would be.
func patterned(text string) bool { return strings.ContainsAny(text, `*?[\`) }

// namespacePattern refuses a name that no namespace can have; a pattern may match one that is filled in later.
func (p *parser) namespacePattern(n *yaml.Node, in, text string) {
	if !patterned(text) {
		p.name(n, in, text, CheckNamespace)
	}
}

func (p *parser) day(n *yaml.Node, in string) time.Time {
	text := p.scalar(n, in)
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		p.fail(n, "%s: %q is no date: write YEAR-MONTH-DAY", in, text)
	}
	return day
}

// accepted takes out the findings that an exception accepts.
func (c *Config) accepted(list []rules.Finding, now time.Time) []rules.Finding {
	if len(c.Exceptions) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(f rules.Finding) bool {
		return !f.Stands && slices.ContainsFunc(c.Exceptions, func(g *Ignore) bool { return g.Rule == f.Rule && !g.Expired(now) && g.Names(f.Object) })
	})
}
