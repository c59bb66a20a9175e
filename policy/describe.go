package policy

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/open-policy-agent/opa/v1/ast"
)

// describe joins the METADATA of a package: its own, and those of its rules. Input and parameters are those of the whole policy, the
// rest can differ from rule to rule.
func (c *checker) describe(p *pkg, x *Policy) {
	whole := metadata{loc: p.loc()}
	byRule := map[string]metadata{} // by name: the elements of one set cannot be told apart
	said := map[string]*ast.Annotations{}
	for _, m := range p.modules {
		for _, a := range m.Annotations {
			md, problems := block(a, m)
			c.problems = append(c.problems, problems...)
			switch r := ruleOf(a, m); {
			case a.Scope == "package" || a.Scope == "subpackages":
				x.Title, x.Text = a.Title, a.Description
				x.Schema = paramSchema(a, x)
				whole = c.joined(whole, md, "say it once")
			case r != nil && slices.Contains(p.rules, r):
				name := headName(r)
				if have, twice := byRule[name]; twice {
					md = c.joined(have, md, "give the rule a _suffix, or a package of its own")
				}
				byRule[name] = md
				if said[name] == nil {
					said[name] = a
				}
			case !reflect.DeepEqual(md, metadata{loc: md.loc}):
				c.fail(md.loc, "METADATA custom above a rule of which nothing is reported: write it above deny, violation or warn, or above the package")
			}
		}
	}
	c.list(p, x, whole, byRule)
	for i := range x.Rules {
		v := &x.Rules[i]
		if a := said[v.Name]; a != nil {
			v.Title, v.Text = a.Title, a.Description
		}
	}
	if len(x.Rules) == 1 && x.Title == "" {
		x.Title, x.Text = x.Rules[0].Title, x.Rules[0].Text
	}
	input := whole.input
	for _, v := range x.Rules {
		md := byRule[v.Name]
		whole = c.joined(whole, metadata{loc: md.loc, input: md.input, params: md.params}, ofTheWhole)
	}
	for _, v := range x.Rules {
		if input == "" && byRule[v.Name].input == "" && whole.input != "" {
			c.problems = append(c.problems, &Problem{File: v.File, Line: v.Line, Message: "another rule than " + v.Name + " says METADATA custom.input: " + ofTheWhole})
		}
	}
	x.Params, x.Gatekeeper = whole.params, whole.input != ""
}

const ofTheWhole = "it is about the whole policy, so say it in the METADATA of the package, or give the rule a package of its own"

// list gives the rules of a policy, each name once, and what follows from them for the whole.
func (c *checker) list(p *pkg, x *Policy, whole metadata, byRule map[string]metadata) {
	for _, r := range p.rules {
		name := headName(r)
		if i := slices.IndexFunc(x.Rules, func(v Verdict) bool { return v.Name == name }); i >= 0 {
			x.Rules[i].Several = true
			continue
		}
		v := Verdict{Name: name, File: r.Location.File, Line: r.Location.Row, Severity: rules.Error, Admission: rules.Deny, Ignorable: true}
		if v.warns() {
			v.Severity, v.Admission = rules.Warning, rules.Warn
		}
		v.set(whole)
		own := byRule[name]
		v.set(own)
		switch {
		case !v.asked() && (own.admission != nil || whole.admission != nil && own.kinds == nil) && v.Admission != rules.Off:
			c.fail(cmp.Or(own.loc, whole.loc), "custom.admission is %s, and admission is not asked about objects of kind %s", v.Admission, strings.Join(v.Kinds, ", "))
		case !v.asked():
			v.Admission = rules.Off
		case v.warns() && own.admission != nil && *own.admission == rules.Deny:
			c.fail(own.loc, "custom.admission is deny, and admission does not deny for a rule %s: call it deny", name)
		case v.warns():
			v.Admission = min(v.Admission, rules.Warn)
		}
		x.Severity, x.Admission, x.Ignorable = max(x.Severity, v.Severity), max(x.Admission, v.Admission), x.Ignorable || v.Ignorable
		x.Rules = append(x.Rules, v)
	}
	if !slices.ContainsFunc(x.Rules, func(v Verdict) bool { return len(v.Kinds) == 0 }) {
		for _, v := range x.Rules { // what is not a verdict can be of the objects of each
			x.Kinds = append(x.Kinds, v.Kinds...)
		}
		slices.Sort(x.Kinds)
		x.Kinds = slices.Compact(x.Kinds)
	}
}

// warns tells a rule for which admission never denies.
func (v Verdict) warns() bool { return strings.HasPrefix(v.Name, "warn") }

// left tells a rule that admission leaves out.
func (v Verdict) left() bool { return v.Admission == rules.Off }

// asked tells whether admission is asked about an object that it is run on.
func (v Verdict) asked() bool {
	return len(v.Kinds) == 0 || slices.ContainsFunc(v.Kinds, func(kind string) bool {
		id := mesh.IDOf(kind, "", "")
		return settings.Asked(id.Group, id.Kind)
	})
}

// set enters what METADATA say.
func (v *Verdict) set(md metadata) {
	if md.severity != nil {
		v.Severity = *md.severity
	}
	if md.admission != nil {
		v.Admission = *md.admission
	}
	if md.ignorable != nil {
		v.Ignorable = *md.ignorable
	}
	if md.kinds != nil {
		v.Kinds = md.kinds
	}
}

func headName(r *ast.Rule) string { return r.Head.Ref()[0].Value.String() }

// ruleOf is the rule that a block of METADATA stands above, nil for a package's.
func ruleOf(a *ast.Annotations, m *ast.Module) (below *ast.Rule) {
	for _, r := range m.Rules {
		if row := r.Location.Row; row > a.Location.Row && (below == nil || row < below.Location.Row) {
			below = r
		}
	}
	return below
}

// joined is what two blocks say together, which must not contradict each other.
func (c *checker) joined(a, b metadata, remedy string) metadata {
	return metadata{
		loc: a.loc, severity: either(c, "severity", a.severity, b.severity, b, remedy), admission: either(c, "admission", a.admission, b.admission, b, remedy),
		ignorable: either(c, "ignorable", a.ignorable, b.ignorable, b, remedy), kinds: either(c, "kinds", a.kinds, b.kinds, b, remedy),
		input: either(c, "input", a.input, b.input, b, remedy), params: either(c, "params", a.params, b.params, b, remedy),
	}
}

func either[T any](c *checker, key string, a, b T, second metadata, remedy string) T {
	switch {
	case reflect.ValueOf(&a).Elem().IsZero():
		return b
	case !reflect.ValueOf(&b).Elem().IsZero() && !reflect.DeepEqual(a, b):
		c.fail(second.loc, "METADATA custom.%s says something else than another block: %s", key, remedy)
	}
	return a
}

// parameters are the defaults of each policy with what the config sets, by element.
func (c *checker) parameters(list []*policy) map[string]any {
	set, all := c.opt.Params, len(c.problems) == 0 // else there are policies beyond the list
	out := map[string]any{}
	var names []string
	for _, p := range list {
		names = append(names, p.Name)
	}
	for _, key := range manifest.Keys(set) {
		if all && !slices.Contains(names, key) {
			c.problems = append(c.problems, c.opt.wrong("policies.params."+key, "policies.params: there is no policy "+key+meant(key, names)))
		}
	}
	for _, p := range list {
		own := set[p.Name]
		if len(p.Params)+len(own) > 0 {
			out[p.Element] = c.params(p.Policy, own)
		}
	}
	return out
}

// params joins one policy's parameters; null in METADATA is a parameter that has to be set.
func (c *checker) params(p *Policy, set map[string]any) map[string]any {
	out := map[string]any{}
	told := len(c.problems)
	known := p.parameters()
	for _, key := range manifest.Keys(p.Params) {
		if out[key] = p.Params[key]; p.Params[key] == nil && set[key] == nil {
			delete(out, key)
			c.problems = append(c.problems, &Problem{File: p.File, Line: p.Line, Message: "parameter " + key + " has no default and is not set: policies.params." + p.Name + "." + key})
		}
	}
	for _, key := range manifest.Keys(set) {
		if len(known) > 0 && !slices.Contains(known, key) {
			in := "policies.params." + p.Name
			c.problems = append(c.problems, c.opt.wrong(in+"."+key, in+": there is no parameter "+key+meant(key, known)))
			continue
		}
		if have := p.Params[key]; have != nil && p.Schema == nil && typeOf(have) != typeOf(set[key]) {
			in := "policies.params." + p.Name + "." + key
			c.problems = append(c.problems, c.opt.wrong(in, fmt.Sprintf("%s is %s, and its default %s", in, typeOf(set[key]), typeOf(have))))
			continue
		}
		out[key] = set[key]
	}
	if len(c.problems) == told { // else what was told would be told again
		c.fits(p, set, out)
	}
	return out
}
