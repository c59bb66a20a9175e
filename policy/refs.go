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
		for _, i := range s.sources.modules[file].Imports {
			if r, ok := i.Path.Value.(ast.Ref); ok && r.HasPrefix(ast.DefaultRootRef) && len(r) > 1 {
				c.rooted(s, r, i.Location)
				c.known(s, r, i.Location)
			}
		}
		eachRef(s.compiler.Modules[file], func(r ast.Ref, loc *ast.Location) {
			if !r.HasPrefix(ast.DefaultRootRef) || len(r) < 2 {
				return
			}
			s.last = s.last || findings(r)
			switch key(r, 1) {
			case "inventory":
				if c.unrooted(s, r) {
					c.fail(loc, "data.inventory is Gatekeeper's: another object is data.%s.mesh.objects[KIND][NAMESPACE][NAME]", root)
				}
			case root:
				c.known(s, r, loc)
			default:
				c.foreign(s, r, loc)
			}
		})
	}
	for _, p := range s.policies {
		c.review(s, p)
		p.rule.Last = s.last
	}
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
	if s.compiler.RuleTree.Find(r[:2]) != nil {
		return
	}
	v := any(s.sources.data)
	for i := 1; i < len(r); i++ {
		m, _ := v.(map[string]any)
		name := key(r, i)
		if m == nil || name == "" {
			return
		}
		next, ok := m[name]
		if !ok {
			if hint := meant(name, manifest.Keys(m)); hint != "" {
				c.fail(loc, "there is no %q in %s%s", name, s.shown(r[:i]), hint)
			}
			return
		}
		v = next
	}
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
	node := s.compiler.RuleTree.Find(r[:2])
	for i := 2; i < len(r) && node != nil && len(node.Values) == 0; i++ {
		name := key(r, i)
		if name == "" || i == 2 && slices.Contains(told, name) {
			return
		}
		next := node.Children[ast.String(name)]
		if next == nil {
			var names []string
			for _, k := range node.Sorted {
				if text, ok := k.(ast.String); ok {
					names = append(names, string(text))
				}
			}
			if i == 2 {
				names = append(names, told...)
			}
			c.fail(loc, "there is no %q in %s%s", name, s.shown(r[:i]), meant(name, names))
			return
		}
		node = next
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

// imported is a reference with what its first name was imported as.
func imported(m *ast.Module, r ast.Ref) ast.Ref {
	for _, i := range m.Imports {
		if path, ok := i.Path.Value.(ast.Ref); ok && len(r) > 0 && r[0].Value.Compare(i.Name()) == 0 {
			return path.Concat(r[1:])
		}
	}
	return r
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

// Wholes are the places where policies that admission asks read all of a kind at once, which is an error there. A variable that stands
// for every key is not seen.
func (s *Set) Wholes() Problems {
	var out Problems
	for _, p := range s.policies {
		if p.rule.Admission == rules.Off {
			continue
		}
		for _, file := range s.sources.files {
			m := s.sources.modules[file] // compiled, some k in all reads like all[k]
			if strings.Join(packagePath(m.Package.Path), ".") != p.Package {
				continue
			}
			asked := &ast.Module{Rules: slices.DeleteFunc(slices.Clone(m.Rules), func(r *ast.Rule) bool {
				return slices.ContainsFunc(p.Rules, func(v Verdict) bool { return v.left() && v.Name == headName(r) })
			})}
			eachRef(asked, func(r ast.Ref, loc *ast.Location) {
				r = imported(m, r)
				x, ok := indexes[key(r, 3)]
				if !ok || key(r, 1) != root || key(r, 2) != "mesh" {
					return
				}
				keys := r[4:min(len(r), 4+len(x.keys))]
				n := slices.IndexFunc(keys, func(t *ast.Term) bool { v, ok := t.Value.(ast.Var); return ok && v.IsWildcard() })
				if n < 0 && len(keys) == len(x.keys) {
					return
				}
				if n < 0 {
					n = len(keys)
				}
				out = append(out, at(loc, "%s is read as a whole, which is an error in admission: name the %s", r[:4+n], strings.Join(x.keys[n:], " and the ")))
			})
		}
	}
	return out.sorted()
}
