package settings

import (
	"strings"

	"github.com/gatelint/gatelint/rules"
	"go.yaml.in/yaml/v3"
)

// parametrised tells whether a rule has parameters, and refuses those of a rule that has none.
func (p *parser) parametrised(n *yaml.Node, rule string) bool {
	if r := p.rule(n, rule); len(r.Params) > 0 { // it is there
		return true
	}
	var with []string
	for _, x := range p.list {
		if len(x.Params) > 0 {
			with = append(with, x.Name)
		}
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		switch {
		case n.Content[i].Value != "params":
		case p.open && rules.Find(rule) == nil: // who knows what was meant
		case rules.Find(rule) == nil:
			p.fail(n.Content[i], "rules.%s is a rule of a policy: its parameters stand under policies.params.%s", rule, rule)
		default:
			p.fail(n.Content[i], "rule %q has no parameters, only %s; what can be set is severity, admission and ignorable, and a policy of your own can ask for more (gatelint policy new)",
				rule, strings.Join(with, ", "))
		}
	}
	return false
}

func (p *parser) ruleParams(n *yaml.Node, rule string) map[string]int {
	r := p.rule(n, rule)
	out := map[string]int{}
	in := "rules." + rule + ".params"
	known := keys{}
	for _, x := range r.Params {
		known[x.Key] = func(n *yaml.Node) {
			var value int
			if n = target(n); n.Tag != "!!int" || n.Decode(&value) != nil || value < x.Least || value > x.Most {
				p.fail(n, "%s.%s is %s, not a whole number from %d to %d", in, x.Key, kindOf(n), x.Least, x.Most)
			}
			out[x.Key] = value
		}
	}
	p.mapping(n, in, known)
	return out
}
