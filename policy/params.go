package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// paramSchema is the JSON Schema that METADATA give for data.gatelint.params.<element>, under schemas: as OPA has it.
func paramSchema(a *ast.Annotations, x *Policy) map[string]any {
	params := ast.DefaultRootRef.Append(ast.StringTerm(root)).Append(ast.StringTerm("params")).Append(ast.StringTerm(x.Element))
	for _, s := range a.Schemas {
		if s.Path.Equal(params) && s.Definition != nil {
			schema, _ := (*s.Definition).(map[string]any)
			return schema
		}
	}
	return nil
}

// parameters are the names that METADATA list: those with a default, and beside them those of the schema. None: any name is one.
func (p *Policy) parameters() []string {
	if len(p.Params) == 0 {
		return nil
	}
	properties, _ := p.Schema["properties"].(map[string]any)
	names := slices.Concat(manifest.Keys(p.Params), manifest.Keys(properties), texts(p.Schema["required"]))
	slices.Sort(names)
	return slices.Compact(names)
}

// remote tells what of a schema would be looked up elsewhere: a policy makes nobody fetch a URL or open a file. An $id moves what the
// references below it mean.
func remote(schema any) string {
	switch x := schema.(type) {
	case []any:
		for _, e := range x {
			if r := remote(e); r != "" {
				return r
			}
		}
	case map[string]any:
		for _, key := range manifest.Keys(x) {
			text, ok := x[key].(string)
			if !ok {
				if r := remote(x[key]); r != "" {
					return r
				}
				continue
			}
			id := (key == "$id" || key == "id") && strings.HasPrefix(strings.ToLower(text), "file:")
			if id || key == "$ref" && !strings.HasPrefix(text, "#") {
				return fmt.Sprintf("%s %q", key, text)
			}
		}
	}
	return ""
}

// checkSchemas refuses schemas that would be looked up elsewhere, before OPA compiles them.
func checkSchemas(m *ast.Module) error {
	for _, a := range m.Annotations {
		for _, s := range a.Schemas {
			if s.Definition == nil {
				continue
			}
			if r := remote(*s.Definition); r != "" {
				return at(a.Location, "METADATA schemas: %s leads out of the schema: a reference begins with #", r)
			}
		}
	}
	return nil
}

// fits holds parameters against their schema: one that is misspelt deep in a list would be lost without a word.
func (c *checker) fits(p *Policy, set, params map[string]any) {
	if p.Schema == nil {
		return
	}
	in := "policies.params." + p.Name
	wrong := map[string]string{} // by place: one mistake can be against several words of a schema
	formats(wrong, in, p.Schema, map[string]any(params), manifest.Kinds())
	formed := maps.Clone(wrong)
	match := topdown.GetBuiltin(ast.JSONMatchSchema.Name)
	none := topdown.BuiltinContext{Capabilities: &ast.Capabilities{AllowNet: []string{}}}
	err := match(none, []*ast.Term{ast.NewTerm(value(params)), ast.NewTerm(value(p.Schema))}, func(answer *ast.Term) error {
		return answer.Value.(*ast.Array).Elem(1).Value.(*ast.Array).Iter(func(e *ast.Term) error {
			text := func(key string) string {
				s, _ := e.Value.(ast.Object).Get(ast.StringTerm(key)).Value.(ast.String)
				return string(s)
			}
			place := in
			if f := text("field"); !strings.EqualFold(f, "(root)") {
				place += "." + f
			}
			switch {
			case formed[place] != "":
			case wrong[place] != "":
				wrong[place] += "; " + text("desc")
			default:
				wrong[place] = text("desc")
			}
			return nil
		})
	})
	for place, why := range wrong {
		below := strings.TrimPrefix(place, in)
		key, _, _ := strings.Cut(strings.TrimPrefix(below, "."), ".")
		if _, stated := set[key]; key != "" && !stated {
			c.problems = append(c.problems, &Problem{File: p.File, Line: p.Line, Message: "METADATA custom.params" + below + ": " + why})
			continue
		}
		c.problems = append(c.problems, c.opt.wrong(place, place+": "+why))
	}
	if err != nil {
		c.problems = append(c.problems, &Problem{File: p.File, Line: p.Line, Message: "the schema of the parameters: " + err.Error()})
	}
}
