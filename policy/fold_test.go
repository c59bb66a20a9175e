package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/stretchr/testify/require"
)

const folding = `package gatelint.folding

params := data.gatelint.params.folding

deny_kept contains "the limit is no more" if {
	params.limit > 3
	input.metadata.name == "web"
}

deny_dropped contains "never" if {
	params.limit > 4
	input.metadata.name == "web"
}

deny_negated contains "no names" if {
	not params.names[0]
	input.metadata.name == "web"
}

deny_empty contains "an empty set is there" if count(none) == 0

none contains name if {
	params.limit < 0
	name := input.metadata.name
}

deny_object contains "an empty object is there" if {
	count(nothing) == 0
	not nothing[input.metadata.name]
}

nothing[name] := 1 if {
	params.limit < 0
	name := input.metadata.name
}

deny_default contains sprintf("default %v", [chosen])

default chosen := "default"

chosen := "other" if params.limit < 0

deny_else contains word(input.metadata.name)

word(name) := "limit" if {
	params.limit < 0
	name
} else := "else of web" if {
	name == "web"
}

deny_function contains "a function that is nothing" if not f(input.metadata.name)

f(name) if {
	params.limit < 0
	name == "web"
}

deny_with contains "with" if low with input as {"limit": 1}

low if input.limit < params.limit

deny_every contains "every" if {
	every n in params.names {
		n == input.metadata.name
	}
}

deny_list contains sprintf("%v of %d", [step, total]) if {
	total := count(params.steps)
	some step in params.steps
	step > total
	input.metadata.name == "web"
}

deny_inner contains "inner" if {
	limit := params.limit
	count([s | some s in params.steps; s > limit]) == 2
	input.metadata.name == "web"
}

deny_through contains "a field that is not there" if through

through if some _ in [input.spec.nosuch]

deny_through contains "a function that looks at one" if looks(1)

looks(x) if {
	y := input.spec.nosuch
	x == 1
}

deny_through contains "a name" if looks_at("web")

looks_at(name) if input.metadata.name == name

deny_through contains sprintf("%v", [count(things)]) if count(things) < 5

things contains thing if some thing in input.spec.hosts

things contains thing if some thing in data.gatelint.params.folding.steps

deny_none contains sprintf("%v", [name]) if {
	some i, name in params.names
	name == input.metadata.name
}

deny_some contains sprintf("%d %v", [i, step]) if {
	some i, step in params.steps
	input.metadata.name == "web"
}

deny_list contains sprintf("%d", [count(large_steps)])

large_steps := [step | some step in params.steps; step > 100]

deny_part contains "an object of nothing is one" if part == {}

part.left := 1 if params.limit < 0

deny_mesh contains "mesh" if data.gatelint.mesh.objects.VirtualService.shop.web

deny_request contains "no request" if not data.gatelint.request

deny_table contains sprintf("%v", [table]) if table[input.metadata.name]

table := {name: n | some n in params.steps; some name in ["web", "other"]; n > 5}

deny_keyed contains sprintf("%v", [keyed]) if keyed[input.metadata.name] == 5

keyed[name] := step if {
	some step in params.steps
	name := {1: "other", 5: "web"}[step]
}

keyed.last := 9

deny_object_table contains sprintf("%v", [large]) if not large[input.metadata.name]

large[name] := n if {
	some n in params.steps
	name := sprintf("n%d", [n])
	n > 1
}

deny_set contains sprintf("%v %d", [steps, count(steps)]) if not input.spec.steps in steps

steps contains step + params.limit if some step in params.steps

steps contains 100

deny_asked contains "a table of the object" if names[input.metadata.name]

names[name] := "n" if some name in [input.metadata.name, "x"]

violation contains {"msg": "partial", "details": {}} if {
	data.gatelint.params.folding.limit == 4
	some _ in input.spec.hosts
}
`

// TestFold holds that what policies say is the same whether what is known at load was worked out then or not.
func TestFold(t *testing.T) {
	head := "# METADATA\n# custom:\n#   params: {limit: 4, names: [], steps: [1, 5, 25]}\n"
	for name, text := range map[string]string{
		"with": head + `package gatelint.folding

warn contains "with" if {
	low with data.gatelint.params.folding as {"limit": 1}
}

low if data.gatelint.params.folding.limit < 2
`,
		"all": head + folding,
		"error": head + `package gatelint.folding

deny contains "a builtin that fails does so on each object" if {
	input.kind
	to_number(concat("", ["x", data.gatelint.params.folding.names[_]])) > 0
}

warn contains "fine" if to_number("x") > 0
`,
		"type": head + "package gatelint.folding\n\np := data.gatelint.params.folding\n\nwarn contains \"in a list\" if p.steps.web\n\nwarn contains startswith(input.metadata.name, p.limit)\n",
		"long": head + "package gatelint.folding\n\nwarn contains \"long\" if {\n\tcount([n | some n in numbers.range(1, 100000000)]) > data.gatelint.params.folding.limit\n\tinput.kind != \"none\"\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t, Options{Timeout: 1e9}, map[string]string{"a.rego": text})
			if name == "all" {
				require.Equal(t, 8, rulesOf(s.compiler)-rulesOf(s.asked().folded))
			}
			folded := said(rules.Run(tables(t, shop), s.Rules(1)))
			require.NotEmpty(t, folded)
			plain, err := Unfolded(s)
			require.NoError(t, err)
			require.Equal(t, said(rules.Run(tables(t, shop), plain.Rules(1))), folded)
		})
	}
}

func rulesOf(c *ast.Compiler) (n int) {
	for name, m := range c.Modules {
		for _, r := range m.Rules {
			if name != joinedIn && !r.Body.Equal(never) {
				n++
			}
		}
	}
	return n
}

func said(r rules.Result) string {
	var out strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintln(&out, f.Object, f.Message)
	}
	for _, err := range r.Failed {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

// TestRequestsOnly holds that a rule which needs a request is not asked where there is none.
func TestRequestsOnly(t *testing.T) {
	s := set(t, Options{}, map[string]string{"a.rego": `package gatelint.a

deny contains "by eve" if data.gatelint.request.user == "eve"

deny contains "changed" if before != input

before := object.get(data.gatelint.request, "oldObject", {})

warn contains "nobody asks" if not data.gatelint.request
`})
	require.Equal(t, []string{"warn"}, askedOf(s.lone()))
	require.Equal(t, []string{"deny", "warn"}, askedOf(s.asked()))
	require.Len(t, rules.Run(tables(t, shop), s.Rules(1)).Findings, len(tables(t, shop).World.Objects))
}

func askedOf(s *Set) (out []string) {
	for _, q := range s.policies[0].queries {
		for _, v := range q.verdicts {
			out = append(out, v.Name)
		}
	}
	return out
}
