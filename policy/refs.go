package policy

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
)

// told are the parts of data.gatelint that gatelint itself tells. What lies in them the schemas say, but for what is behind keys.
var told = []string{"mesh", "request", "params"}

// follow checks references to data that the schemas do not: what is not there is undefined in Rego, and a rule that reads it is
// silently never true.
func (c *checker) follow(s *Set) {
	for _, file := range s.sources.files {
		c.references(s, file, s.sources.modules[file].Imports)
	}
	for _, p := range s.policies {
		c.review(s, p)
		p.rule.Last = s.last
	}
}

// references checks those of one file.
func (c *checker) references(s *Set, file string, imports []*ast.Import) {
	var wrong []ast.Ref // what is used of an import is wrong where it is imported
	for _, i := range imports {
		if r, ok := i.Path.Value.(ast.Ref); ok && r.HasPrefix(ast.DefaultRootRef) && len(r) > 1 {
			before := len(c.problems)
			c.rooted(s, r, i.Location)
			c.known(s, r, i.Location)
			if len(c.problems) > before {
				wrong = append(wrong, r)
			}
		}
	}
	eachRef(s.compiler.Modules[file], func(r ast.Ref, loc *ast.Location) {
		if !r.HasPrefix(ast.DefaultRootRef) || len(r) < 2 || slices.ContainsFunc(wrong, r.HasPrefix) {
			return
		}
		s.last = s.last || findings(r)
		switch key(r, 1) {
		case "inventory":
			if c.unrooted(s, r) {
				c.fail(loc, "data.inventory is Gatekeeper's: another object is data.%s.mesh.objects[KIND][NAMESPACE][NAME]", root)
			}
		case root:
			if len(r) == 3 && key(r, 2) == "mesh" {
				c.fail(loc, "all of %s is not read at once: name what is looked for", r)
			}
			c.known(s, r, loc)
		default:
			c.foreign(s, r, loc)
		}
	})
}

// findings tells a reference that can read what built-in rules found.
func findings(r ast.Ref) bool {
	for i, name := range []string{root, "mesh", "findings"} {
		if at := i + 1; at < len(r) && r[at].IsGround() && key(r, at) != name {
			return false
		}
	}
	return len(r) > 2
}

// eachRef gives the references of a compiled module with the places of the expressions that they stand in.
func eachRef(m *ast.Module, yield func(ast.Ref, *ast.Location)) {
	for _, r := range m.Rules {
		loc := r.Location
		ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case *ast.Expr:
				if x.Location != nil && x.Location.File != "" {
					loc = x.Location
				}
			case *ast.With: // its target is no reading
				ast.WalkRefs(x.Value, func(r ast.Ref) bool { yield(r, loc); return false })
				return true
			case ast.Ref:
				yield(x, loc)
			}
			return false
		}).Walk(r)
	}
}

// key is an element of a reference that is written out; "" if it is none.
func key(r ast.Ref, i int) string {
	if i < len(r) {
		if s, ok := r[i].Value.(ast.String); ok {
			return string(s)
		}
	}
	return ""
}

// unrooted tells that nothing stands under the name that a reference to data begins with.
func (c *checker) unrooted(s *Set, r ast.Ref) bool {
	_, isData := s.sources.data[key(r, 1)]
	return !isData && key(r, 1) != root && s.compiler.RuleTree.Find(r[:2]) == nil
}

func (c *checker) rooted(s *Set, r ast.Ref, loc *ast.Location) {
	if c.unrooted(s, r) {
		c.fail(loc, "%s names nothing: there is no such package, and no data", r)
	}
}

// foreign checks a reference to data of files and to other packages.
func (c *checker) foreign(s *Set, r ast.Ref, loc *ast.Location) {
	name := key(r, 1)
	if name == "" {
		return
	}
	if c.unrooted(s, r) {
		names := manifest.Keys(s.sources.data)
		if hint := meant(name, append(names, c.roots...)); hint != "" || len(names) == 0 {
			c.fail(loc, "%s names nothing: there is no such package, and no data%s", s.shown(r), hint)
		} else {
			c.fail(loc, "%s names nothing: there is no such package, and data has %s", s.shown(r), strings.Join(names, ", "))
		}
		return
	}
	c.named(s, r, 1, s.sources.data, nil, loc)
}

// known checks a reference to something under data.gatelint.
func (c *checker) known(s *Set, r ast.Ref, loc *ast.Location) {
	if key(r, 1) != root || len(r) < 3 {
		return
	}
	if key(r, 2) == "mesh" && len(r) > 3 {
		if x, ok := indexes[key(r, 3)]; ok {
			c.behind(s, x, r, loc)
		}
	}
	if key(r, 2) == "params" {
		c.parameter(s, r, loc)
	}
	if !slices.Contains(told, key(r, 2)) {
		c.named(s, r, 2, nil, told, loc)
	}
}

// parameter checks the name of a parameter of a policy whose METADATA list none: it can be left unset, so only what is nearly the name of one
// that is set is wrong.
func (c *checker) parameter(s *Set, r ast.Ref, loc *ast.Location) {
	i := slices.IndexFunc(s.policies, func(p *policy) bool { return p.Element == key(r, 3) })
	name := key(r, 4)
	if i < 0 || name == "" || len(s.policies[i].Params) > 0 {
		return
	}
	set := c.opt.Params[s.policies[i].Name]
	if _, ok := set[name]; ok {
		return
	}
	if hint := meant(name, manifest.Keys(set)); hint != "" {
		c.fail(loc, "there is no %q in %s%s", name, s.shown(r[:4]), hint)
	}
}

// named checks that what a reference names is there, from one of its elements on: packages and rules, data beside them, or more names.
// Data can have more at another time, so there only what is nearly a name of theirs is wrong.
func (c *checker) named(s *Set, r ast.Ref, from int, data map[string]any, more []string, loc *ast.Location) {
	node := s.compiler.RuleTree.Find(r[:from])
	for i := from; i < len(r) && (node == nil && data != nil || node != nil && len(node.Values) == 0); i++ {
		name := key(r, i)
		if name == "" {
			return
		}
		var next *ast.TreeNode
		var names []string
		if node != nil {
			next = node.Children[ast.String(name)]
			for _, k := range node.Sorted {
				if text, ok := k.(ast.String); ok {
					names = append(names, string(text))
				}
			}
		}
		value, isData := data[name]
		if next == nil && !isData {
			if i == from {
				names = append(names, more...)
			}
			if hint := meant(name, append(names, manifest.Keys(data)...)); hint != "" || data == nil {
				c.fail(loc, "there is no %q in %s%s", name, s.shown(r[:i]), hint)
			}
			return
		}
		below, _ := value.(map[string]any)
		node, data = next, below
	}
}

// behind checks what is read of a value of an index, behind its keys.
func (c *checker) behind(s *Set, x index, r ast.Ref, loc *ast.Location) {
	schema := x.schema
	if kind := key(r, 4); key(r, 3) == "objects" {
		schema = manifest.JSONSchema(kind)
		if group := manifest.GroupOf(kind); group != "" {
			c.fail(loc, "there is no kind %q in %s; did you mean %q?", kind, s.shown(r[:4]), kind+"."+group)
		} else if why := kindFault(kind); kind != "" && why != "" {
			c.fail(loc, "there is no such kind in %s: %s", s.shown(r[:4]), why)
		} else if kindKey(kind) != kind {
			c.fail(loc, "there is no kind %q in %s; did you mean %q?", kind, s.shown(r[:4]), kindKey(kind))
		}
	}
	for i := 4 + len(x.keys); i < len(r) && schema != nil; i++ {
		properties, isObject := schema["properties"].(map[string]any)
		if !isObject {
			schema, _ = schema["items"].(map[string]any)
			continue
		}
		name := key(r, i)
		if _, more := schema["additionalProperties"]; more || name == "" {
			return
		}
		next, ok := properties[name].(map[string]any)
		if !ok {
			names := manifest.Keys(properties)
			hint := meant(name, names)
			if hint == "" {
				hint = "; there is " + strings.Join(names, ", ")
			}
			c.fail(loc, "there is no %q in %s%s", name, s.shown(r[:i]), hint)
			return
		}
		schema = next
	}
}

// review refuses a policy that reads Gatekeeper's input and nothing else, and does not say so.
func (c *checker) review(s *Set, p *policy) {
	if p.Gatekeeper {
		return
	}
	var first *ast.Location
	other := false
	for _, m := range c.packages[slices.IndexFunc(c.packages, func(k *pkg) bool { return k.name() == p.Package })].modules {
		eachRef(s.compiler.Modules[m.Package.Location.File], func(r ast.Ref, loc *ast.Location) {
			switch {
			case !r.HasPrefix(ast.InputRootRef):
			case key(r, 1) == "review" && first == nil:
				first = loc
			case key(r, 1) != "review" && key(r, 1) != "parameters":
				other = true
			}
		})
	}
	if first != nil && !other {
		c.fail(first, "input.review is Gatekeeper's, and input is the object itself: with METADATA custom.input: gatekeeper it is input.review.object")
	}
}

// shown is a reference with the names that its author gave.
func (s *Set) shown(r ast.Ref) string {
	out := r.Copy()
	for i, t := range out[1:] {
		if v, ok := t.Value.(ast.Var); ok && v.IsGenerated() {
			own, named := s.compiler.RewrittenVars[v]
			if !named {
				own = "…"
			}
			out[i+1] = ast.VarTerm(string(own))
		}
	}
	return out.String()
}

// Wholes are the places where policies that admission asks read all of a kind at once, which is an error there.
func (s *Set) Wholes() (out Problems) {
	asked := s.asked()
	for _, p := range asked.policies {
		if p.rule.Admission == rules.Off {
			continue
		}
		for _, w := range asked.wholes(p) {
			out = append(out, at(w.loc, "%s is read as a whole, which is an error in admission: name the %s", w.ref, w.lacks))
		}
	}
	return out.sorted()
}

// wholeRead is a reference to all that is behind a part of the keys of an index.
type wholeRead struct {
	ref, lacks string
	loc        *ast.Location
}

// wholes are those of the rules of a policy that are evaluated: what is known before there is an object is no key to look for.
func (s *Set) wholes(p *policy) (out []wholeRead) {
	f := &wholeFinder{set: s}
	asked := func(r *ast.Rule) bool { // not one that admission leaves out
		word, _, _ := strings.Cut(headName(r), "_")
		return !slices.Contains(verdicts, word) || len(r.Head.Args) > 0 || slices.ContainsFunc(p.Rules, func(v Verdict) bool { return v.Name == headName(r) })
	}
	for _, file := range s.sources.files {
		if m := s.folded.Modules[file]; strings.Join(packagePath(m.Package.Path), ".") == p.Package {
			for _, r := range m.Rules {
				if asked(r) {
					f.rule(r)
				}
			}
		}
	}
	return f.found
}

// wholeFinder goes through compiled rules as they are evaluated: a variable that nothing before has set stands for every key.
type wholeFinder struct {
	set   *Set
	loc   *ast.Location // the last that is the author's
	found []wholeRead
}

func (f *wholeFinder) rule(r *ast.Rule) {
	for ; r != nil; r = r.Else {
		f.loc = r.Location
		bound := ast.ReservedVars.Copy()
		for _, t := range r.Head.Args {
			bound.Update(varsIn(t))
		}
		f.in(r.Head, f.body(r.Body, bound))
	}
}

// body gives what is set at the end of it.
func (f *wholeFinder) body(b ast.Body, bound ast.VarSet) ast.VarSet {
	bound = bound.Copy()
	for _, e := range b {
		if e.Location != nil && e.Location.File != "" {
			f.loc = e.Location
		}
		f.in(e, bound)
		bound.Update(ast.OutputVarsFromExpr(f.set.folded, e, bound))
	}
	return bound
}

// in goes through what one expression says, and the bodies within.
func (f *wholeFinder) in(x any, bound ast.VarSet) {
	closure := func(body ast.Body, parts ...*ast.Term) bool {
		inner := f.body(body, bound)
		for _, t := range parts {
			f.in(t, inner)
		}
		return true
	}
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension:
			return closure(x.Body, x.Term)
		case *ast.SetComprehension:
			return closure(x.Body, x.Term)
		case *ast.ObjectComprehension:
			return closure(x.Body, x.Key, x.Value)
		case *ast.Every:
			f.in(x.Domain, bound)
			inner := bound.Copy()
			for _, t := range []*ast.Term{x.Key, x.Value} {
				if t != nil {
					inner.Update(varsIn(t))
				}
			}
			f.body(x.Body, inner)
			return true
		case *ast.With: // its target is no reading
			f.in(x.Value, bound)
			return true
		case ast.Ref:
			f.ref(x, bound)
		}
		return false
	}).Walk(x)
}

func (f *wholeFinder) ref(r ast.Ref, bound ast.VarSet) {
	x, ok := indexes[key(r, 3)]
	if !ok || !r.HasPrefix(ast.DefaultRootRef) || key(r, 1) != root || key(r, 2) != "mesh" {
		return
	}
	keys := r[4:min(len(r), 4+len(x.keys))]
	n := slices.IndexFunc(keys, func(t *ast.Term) bool { v, is := t.Value.(ast.Var); return is && !bound.Contains(v) })
	if n < 0 && len(keys) == len(x.keys) {
		return
	}
	if n < 0 {
		n = len(keys)
	}
	f.found = append(f.found, wholeRead{f.set.shown(r[:4+n]), strings.Join(x.keys[n:], " and the "), f.loc})
}

func varsIn(t *ast.Term) ast.VarSet {
	vis := ast.NewVarVisitor()
	vis.Walk(t)
	return vis.Vars()
}
