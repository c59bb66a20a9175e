package policy

import (
	"fmt"

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

// fits holds parameters against their schema: one that is misspelt deep in a list would be lost without a word.
func (c *checker) fits(p *Policy, params map[string]any) {
	if p.Schema == nil {
		return
	}
	match := topdown.GetBuiltin(ast.JSONMatchSchema.Name)
	err := match(topdown.BuiltinContext{}, []*ast.Term{ast.NewTerm(value(params)), ast.NewTerm(value(p.Schema))}, func(answer *ast.Term) error {
		return answer.Value.(*ast.Array).Elem(1).Value.(*ast.Array).Iter(func(e *ast.Term) error {
			text := func(key string) string {
				s, _ := e.Value.(ast.Object).Get(ast.StringTerm(key)).Value.(ast.String)
				return string(s)
			}
			place := "policies.params." + p.Name
			if f := text("field"); f != "(root)" {
				place += "." + f
			}
			c.problems = append(c.problems, &Problem{Message: fmt.Sprintf("%s: %s", place, text("desc"))})
			return nil
		})
	})
	if err != nil {
		c.problems = append(c.problems, &Problem{File: p.File, Line: p.Line, Message: "the schema of the parameters: " + err.Error()})
	}
}
