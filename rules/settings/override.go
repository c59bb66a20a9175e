package settings

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/rules"
	"go.yaml.in/yaml/v3"
)

// Override is how loud rules are in the files that one of its globs matches, instead of what Config.Rules says. The first entry
// that speaks of a rule decides.
type Override struct {
	Paths []string
	Rules map[string]Setting
}

func (p *parser) overrides(n *yaml.Node) (out []Override) {
	p.items(n, "overrides", func(item *yaml.Node) {
		o := Override{Rules: map[string]Setting{}}
		p.mapping(item, "overrides", keys{
			"paths": func(n *yaml.Node) { o.Paths = p.globs(n, "overrides.paths") },
			"rules": func(n *yaml.Node) { p.rules(n, "overrides.rules", o.Rules, p.loudness) },
		})
		if len(o.Paths) == 0 || len(o.Rules) == 0 {
			p.fail(item, "an entry of overrides needs both paths and rules")
		}
		out = append(out, o)
	})
	return out
}

// loudness reads what can differ by path: admission knows no paths.
func (p *parser) loudness(n *yaml.Node, rule string) (s Setting) {
	in := "overrides.rules." + rule
	read := func(n *yaml.Node) { s.Off, s.Severity = p.severity(n, in) }
	if n = target(n); n.Kind == yaml.ScalarNode {
		read(n)
	} else {
		p.mapping(n, in, keys{"severity": read})
	}
	return s
}

// items visits the entries of a list.
func (p *parser) items(n *yaml.Node, in string, visit func(*yaml.Node)) {
	if n = target(n); n.Kind != yaml.SequenceNode && !isNull(n) {
		p.fail(n, "%s is %s, not a list", in, kindOf(n))
		return
	}
	for _, item := range n.Content {
		p.entry(func() { visit(item) })
	}
}

// failOns are what --fail-on takes.
var failOns = []string{rules.Error.String(), rules.Warning.String(), rules.Info.String(), "never"}

func (p *parser) failOn(n *yaml.Node) string {
	text := target(n).Value
	if !slices.Contains(failOns, text) {
		p.fail(n, "fail-on is %s: use %s%s", textOf(target(n)), strings.Join(failOns, ", "), meant(text, failOns))
	}
	return text
}

// setting is what the config says of a rule in a file; "" for an object without one.
func (c *Config) setting(rule, file string) Setting {
	if file == "" || len(c.Overrides) == 0 {
		return c.Rules[rule]
	}
	file = c.Local(file)
	for _, o := range c.Overrides {
		s, ok := o.Rules[rule]
		if ok && slices.ContainsFunc(o.Paths, func(glob string) bool { return Match(glob, file) }) {
			return s
		}
	}
	return c.Rules[rule]
}

// Silent tells whether a finding of a rule that runs is turned off where it stands.
func (c *Config) Silent(f rules.Finding) bool { return c.setting(f.Rule, f.Pos.File).Off }

// onSomewhere tells whether a rule is turned on in some files.
func (c *Config) onSomewhere(rule string) bool {
	return slices.ContainsFunc(c.Overrides, func(o Override) bool {
		s, ok := o.Rules[rule]
		return ok && !s.Off
	})
}

// Local is a file as the config's globs name it: from the config's folder, with forward slashes.
func (c *Config) Local(file string) string {
	dir, errDir := filepath.Abs(c.Dir)
	abs, errFile := filepath.Abs(file)
	if errDir == nil && errFile == nil {
		if rel, err := filepath.Rel(dir, abs); err == nil {
			file = rel
		}
	}
	return filepath.ToSlash(file)
}
