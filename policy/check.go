package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
)

const root = "gatelint"

// reserved are the packages under gatelint that are no policies: helpers, and what gatelint tells.
var reserved = []string{"lib", "mesh", "request", "params", "schema"}

var verdicts = []string{"deny", "violation", "warn"}

// pkg is one package with its modules.
type pkg struct {
	path    []string
	modules []*ast.Module
	rules   []*ast.Rule // those whose elements are findings
}

func (p *pkg) name() string       { return strings.Join(p.path, ".") }
func (p *pkg) loc() *ast.Location { return p.modules[0].Package.Location }

// brought tells a package of the library, and mixed one of which only a part is.
func (p *pkg) brought() bool {
	return slices.ContainsFunc(p.modules, func(m *ast.Module) bool { return strings.HasPrefix(m.Package.Location.File, Library) })
}

func (p *pkg) mixed() bool { return p.brought() && len(p.modules) > 1 }

func (p *pkg) under(r string) bool { return p.name() == r || strings.HasPrefix(p.name(), r+".") }

// packages groups modules by package, in the order of files.
func packages(s *sources) []*pkg {
	var out []*pkg
	byName := map[string]*pkg{}
	for _, file := range s.files {
		m := s.modules[file]
		x := &pkg{path: packagePath(m.Package.Path)}
		if have := byName[x.name()]; have != nil {
			x = have
		} else {
			byName[x.name()] = x
			out = append(out, x)
		}
		x.modules = append(x.modules, m)
	}
	return out
}

// packagePath is a package without data.
func packagePath(ref ast.Ref) []string {
	var out []string
	for _, t := range ref[1:] {
		s, _ := t.Value.(ast.String)
		out = append(out, string(s))
	}
	return out
}

// checker finds what would pass in silence: rules that nothing evaluates.
type checker struct {
	opt      Options
	roots    []string
	taken    map[string]string // names of rules, and whose they are
	packages []*pkg
	problems Problems
}

func (c *checker) fail(loc *ast.Location, format string, args ...any) {
	c.problems = append(c.problems, at(loc, format, args...))
}

// policies gives the packages that are policies.
func (c *checker) policies() []*policy {
	var out []*policy
	for _, p := range c.packages {
		told := len(c.problems)
		for _, m := range p.modules {
			for _, r := range m.Rules {
				if c.verdict(r) {
					p.rules = append(p.rules, r)
				}
			}
		}
		switch {
		case c.isReserved(p):
		case !slices.ContainsFunc(c.roots, p.under) && !p.brought():
			c.outside(p)
		case len(p.rules) == 0 && len(c.problems) > told: // it would have some
		case len(p.rules) == 0:
			c.empty(p)
		default:
			c.unread(p)
			if x := c.policy(p); x != nil {
				out = append(out, x)
			}
		}
	}
	slices.SortFunc(out, func(a, b *policy) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// verdict tells a rule whose elements are findings, and refuses what only looks like one.
func (c *checker) verdict(r *ast.Rule) bool {
	ref := r.Head.Ref()
	name := ref[0].Value.String()
	word, _, _ := strings.Cut(name, "_")
	if !slices.Contains(verdicts, word) || len(r.Head.Args) > 0 {
		return false
	}
	if len(ref) > 1 || r.Head.RuleKind() != ast.MultiValue {
		c.fail(r.Location, "%s is no partial set, so nothing of it would be reported: write %s contains msg if { … }", name, name)
		return false
	}
	if wrong := misshapen(r.Head.Key); wrong != "" {
		c.fail(r.Location, "%s gives %s", name, wrong)
	}
	return true
}

// misshapen says what is wrong with an element as far as it is written out; "" if it can be a finding.
func misshapen(t *ast.Term) string {
	switch v := t.Value.(type) {
	case ast.Number, ast.Boolean, ast.Null, *ast.Array, ast.Set:
		return ast.ValueName(v) + ", not a string or an object with msg"
	case ast.Object:
		var keys []string
		for _, k := range v.Keys() {
			s, ok := k.Value.(ast.String)
			if !ok {
				return ""
			}
			if keys = append(keys, string(s)); !slices.Contains(resultKeys, string(s)) {
				if near := manifest.Nearest(string(s), resultKeys); near != "" {
					return fmt.Sprintf("a key %q; did you mean %q?", string(s), near)
				}
			}
		}
		if !slices.Contains(keys, "msg") {
			return "an object without a msg"
		}
		if s := v.Get(ast.StringTerm("severity")); s != nil && ast.IsConstant(s.Value) {
			if text, _ := s.Value.(ast.String); !slices.Contains([]string{"error", "warning", "info"}, string(text)) {
				return "a severity that is none of error, warning and info: " + s.String()
			}
		}
	}
	return ""
}

func (c *checker) isReserved(p *pkg) bool {
	if len(p.path) < 2 || p.path[0] != root || !slices.Contains(reserved, p.path[1]) {
		return false
	}
	switch {
	case p.path[1] != "lib":
		c.fail(p.loc(), "package %s is reserved: gatelint itself says what stands under data.%s.%s", p.name(), root, p.path[1])
	case len(p.rules) > 0:
		c.fail(p.rules[0].Location, "%s in package %s is never evaluated: under %s.lib are helpers of policies", p.rules[0].Head.Ref(), p.name(), root)
	}
	return true
}

// outside refuses a package that nothing evaluates.
func (c *checker) outside(p *pkg) {
	where := "under " + strings.Join(c.roots, " or ")
	switch {
	case len(p.rules) > 0:
		c.fail(p.loc(), "package %s is never evaluated: policies are packages %s; move it, or say --policy-namespace %s", p.name(), where, p.path[0])
	case !c.used(p):
		c.fail(p.loc(), "package %s is never evaluated, and no policy uses it: policies are packages %s, helpers %s.lib", p.name(), where, root)
	}
}

// used tells whether another package refers to one.
func (c *checker) used(p *pkg) bool {
	prefix := p.modules[0].Package.Path
	found := false
	for _, other := range c.packages {
		if other == p {
			continue
		}
		for _, m := range other.modules {
			ast.WalkRefs(m, func(r ast.Ref) bool {
				n := 1
				for key(r, n) != "" {
					n++
				}
				found = found || r.HasPrefix(prefix) || r.HasPrefix(ast.DefaultRootRef) && prefix.HasPrefix(r[:n])
				return found
			})
		}
	}
	return found
}

func (c *checker) empty(p *pkg) {
	var names []string
	for _, m := range p.modules {
		for _, r := range m.Rules {
			names = append(names, r.Head.Ref()[0].Value.String())
		}
	}
	for _, v := range verdicts {
		if near := manifest.Nearest(v, names); near != "" {
			c.fail(p.loc(), "package %s has no rule deny, violation or warn, so nothing of it is evaluated; did you mean %q by %q?", p.name(), v, near)
			return
		}
	}
	c.fail(p.loc(), "package %s has no rule deny, violation or warn, so nothing of it is evaluated; helpers are packages under %s.lib", p.name(), root)
}

// unread refuses a set beside the verdicts that has nearly the name of one, and that no rule reads.
func (c *checker) unread(p *pkg) {
	for _, m := range p.modules {
		for _, r := range m.Rules {
			name := headName(r)
			word, rest, _ := strings.Cut(name, "_")
			near := manifest.Nearest(word, verdicts)
			for _, v := range verdicts {
				if strings.HasPrefix(strings.ToLower(word), v) {
					near = v
				}
			}
			if near == "" || slices.Contains(verdicts, word) || r.Head.RuleKind() != ast.MultiValue || c.mentions(name) {
				continue
			}
			if rest != "" {
				near += "_" + rest
			}
			c.fail(r.Location, "%s is never evaluated: findings are in deny, violation and warn, or one of these with _suffix; did you mean %q?", name, near)
		}
	}
}

// mentions tells whether a rule or an import of any package speaks of a name.
func (c *checker) mentions(name string) (found bool) {
	walk := func(x any) {
		ast.WalkTerms(x, func(t *ast.Term) bool {
			found = found || t.Value.Compare(ast.Var(name)) == 0 || t.Value.Compare(ast.String(name)) == 0
			return found
		})
	}
	for _, p := range c.packages {
		for _, m := range p.modules {
			for _, i := range m.Imports {
				walk(i)
			}
			for _, r := range m.Rules {
				walk(r)
			}
		}
	}
	return found
}

// NameFault says why a policy cannot have a name that is written as those of rules are; "" if it can.
func NameFault(name string) string {
	switch element := strings.ReplaceAll(name, "-", "_"); {
	case ast.IsKeyword(element) || element == "input":
		return "it is a word of Rego"
	case slices.Contains(reserved, element):
		return fmt.Sprintf("package %s.%s is reserved", root, element)
	case strings.HasSuffix(element, "_test"):
		return fmt.Sprintf("a file %s.rego holds tests", element)
	}
	return ""
}

var element = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// policy reads a package; nil if it cannot be one.
func (c *checker) policy(p *pkg) *policy {
	last := p.path[len(p.path)-1]
	x := &Policy{
		Name: strings.ReplaceAll(last, "_", "-"), Element: last, Package: p.name(),
		File: p.loc().File, Line: p.loc().Row,
	}
	switch {
	case p.name() == root:
		c.fail(p.loc(), "package %s has no name for its rule: write package %s.something", root, root)
		return nil
	case !element.MatchString(last):
		c.fail(p.loc(), "package %s ends in %q, which can be no name of a rule: letters, digits and _", p.name(), last)
		return nil
	case p.mixed():
		c.fail(p.loc(), "package %s is in the library too, and is loaded from there: leave out one of them, or rename yours", p.name())
		return nil
	case c.taken[x.Name] != "":
		c.fail(p.loc(), "rule %q exists already: %s; the last element of the package names the rule", x.Name, c.taken[x.Name])
		return nil
	}
	c.taken[x.Name] = fmt.Sprintf("package %s in %s", p.name(), x.File)
	c.describe(p, x)
	return &policy{Policy: x, rule: x.asRule()}
}

// differing lists the rules of a policy with what is said of each; "" if there is nothing to tell apart.
func (x *Policy) differing() string {
	var b strings.Builder
	apart := false
	for _, v := range x.Rules {
		first := x.Rules[0]
		own := strings.Join(strings.Fields(v.Title+"\n"+v.Text), " ")
		apart = apart || len(x.Rules) > 1 && own != "" || v.Severity != first.Severity || v.Admission != first.Admission || v.Ignorable != first.Ignorable
		fmt.Fprintf(&b, "\n- `%s`: severity %s, admission %s", v.Name, v.Severity, v.Admission)
		if !v.Ignorable {
			b.WriteString(", not ignorable")
		}
		if own != "" {
			b.WriteString(". " + own)
		}
	}
	if !apart {
		return ""
	}
	return "\n\nRules:\n" + b.String()
}

func (x *Policy) asRule() *rules.Rule {
	title := x.Title
	if title == "" {
		title = "policy of package " + x.Package
	}
	file, line := x.File, x.Line
	if len(x.Rules) == 1 {
		file, line = x.Rules[0].File, x.Rules[0].Line
	}
	doc := strings.TrimSpace(title+"\n\n"+strings.TrimSpace(x.Text)) + fmt.Sprintf("%s\n\nThe policy is at %s:%d.", x.differing(), file, line)
	return &rules.Rule{
		Name: x.Name, Doc: doc,
		Severity: x.Severity, Admission: x.Admission, Elsewhere: x.Admission, Unignorable: !x.Ignorable,
	}
}
