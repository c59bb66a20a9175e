package settings

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/rules"
	"go.yaml.in/yaml/v3"
)

// Enforcement says how hard the webhook is; "" where nothing is said.
type Enforcement string

const (
	Strict   Enforcement = "strict"   // every proven error and warning that a request introduces is denied
	Standard Enforcement = "standard" // as each rule's admission says
	WarnOnly Enforcement = "warn"     // nothing is denied
	Silent   Enforcement = "off"
)

var enforcements = []string{string(Strict), string(Standard), string(WarnOnly), string(Silent)}

// Admission is the config of the webhook.
type Admission struct {
	Enforcement Enforcement
	Rules       map[string]RuleAdmission
	Namespaces  []NamespaceAdmission
	// Users and Groups get warnings where others are denied: delivery controllers.
	Users, Groups []string
	DenyDeletes   bool // errors that a DELETE introduces are denied
}

// RuleAdmission is how hard the webhook is about one rule.
type RuleAdmission struct {
	Enforcement Enforcement
	NoIgnore    bool // an ignore does not turn its denials into warnings
}

// NamespaceAdmission is how hard the webhook is in some namespaces: those named, or those with all of the labels.
type NamespaceAdmission struct {
	Names       []string
	Labels      map[string]string
	Enforcement Enforcement
	Rules       map[string]RuleAdmission
}

// For gives the enforcement of a rule for requests in a namespace with these labels. What is said of the rule in the namespace
// goes before what is said of the rule, that before the namespace, that before all; a namespace's name before its labels.
func (a *Admission) For(rule, namespace string, labels map[string]string) Enforcement {
	list := a.matching(namespace, labels)
	for _, n := range list {
		if e := n.Rules[rule].Enforcement; e != "" {
			return e
		}
	}
	if e := a.Rules[rule].Enforcement; e != "" {
		return e
	}
	for _, n := range list {
		if n.Enforcement != "" {
			return n.Enforcement
		}
	}
	if a.Enforcement != "" {
		return a.Enforcement
	}
	return Standard
}

// Somewhere tells whether the enforcement of a rule can be e in some namespace.
func (a *Admission) Somewhere(rule string, e Enforcement) bool {
	said := func(all Enforcement, each map[string]RuleAdmission) bool {
		return all == e || each[rule].Enforcement == e
	}
	return said(a.Enforcement, a.Rules) || slices.ContainsFunc(a.Namespaces, func(n NamespaceAdmission) bool { return said(n.Enforcement, n.Rules) })
}

// CanDeny tells whether any finding can be denied in a namespace with these labels.
func (a *Admission) CanDeny(namespace string, labels map[string]string) bool {
	return slices.ContainsFunc(rules.All(), func(r *rules.Rule) bool {
		e := a.For(r.Name, namespace, labels)
		return e == Standard || e == Strict
	})
}

func (a *Admission) matching(namespace string, labels map[string]string) []NamespaceAdmission {
	var named, labelled []NamespaceAdmission
	for _, n := range a.Namespaces {
		all := len(n.Labels) > 0
		for k, v := range n.Labels {
			have, ok := labels[k]
			all = all && ok && have == v
		}
		switch {
		case slices.Contains(n.Names, namespace):
			named = append(named, n)
		case all:
			labelled = append(labelled, n)
		}
	}
	return append(named, labelled...)
}

// Exempt tells whether a user, or a group of the user's, is warned where others are denied.
func (a *Admission) Exempt(user string, groups []string) bool {
	return slices.Contains(a.Users, user) || slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(a.Groups, g) })
}

// NoIgnore tells whether denials of a rule stand in spite of an ignore, in a namespace with these labels.
func (a *Admission) NoIgnore(rule, namespace string, labels map[string]string) bool {
	of := func(n NamespaceAdmission) bool { return n.Rules[rule].NoIgnore }
	return a.Rules[rule].NoIgnore || slices.ContainsFunc(a.matching(namespace, labels), of)
}

// NoIgnore tells whether findings of a rule stand in spite of an ignore in a manifest, in a namespace with these labels.
func (c *Config) NoIgnore(rule, namespace string, labels map[string]string) bool {
	return c.Rules[rule].NoIgnore || c.Admission.NoIgnore(rule, namespace, labels)
}

func (p *parser) admission(n *yaml.Node) Admission {
	var a Admission
	p.mapping(n, "admission", keys{
		"enforcement": func(n *yaml.Node) { a.Enforcement = p.enforcement(n, "admission.enforcement") },
		"rules":       func(n *yaml.Node) { a.Rules = p.ruleAdmissions(n, "admission.rules") },
		"namespaces":  func(n *yaml.Node) { a.Namespaces = p.namespaceAdmissions(n) },
		"exempt": func(n *yaml.Node) {
			p.mapping(n, "admission.exempt", keys{
				"users":  func(n *yaml.Node) { a.Users = p.strings(n, "admission.exempt.users") },
				"groups": func(n *yaml.Node) { a.Groups = p.strings(n, "admission.exempt.groups") },
			})
		},
		"deletes": func(n *yaml.Node) {
			d, err := rules.ParseDecision(target(n).Value)
			if err != nil || d == rules.Off {
				p.fail(n, "admission.deletes is %s: use warn or deny", textOf(target(n)))
			}
			a.DenyDeletes = d == rules.Deny
		},
	})
	return a
}

func (p *parser) enforcement(n *yaml.Node, in string) Enforcement {
	text := offText(n)
	if !slices.Contains(enforcements, text) {
		p.fail(n, "%s: %s is no enforcement: use %s%s", in, textOf(target(n)), strings.Join(enforcements, ", "), meant(text, enforcements))
	}
	return Enforcement(text)
}

func (p *parser) ruleAdmissions(n *yaml.Node, in string) map[string]RuleAdmission {
	out := map[string]RuleAdmission{}
	p.each(n, in, func(key, value *yaml.Node) {
		if p.rule(key, key.Value) == nil {
			return
		}
		var r RuleAdmission
		at := in + "." + key.Value
		if target(value).Kind == yaml.ScalarNode {
			r.Enforcement = p.enforcement(value, at)
		} else {
			p.mapping(value, at, keys{
				"enforcement": func(n *yaml.Node) { r.Enforcement = p.enforcement(n, at+".enforcement") },
				"ignorable":   func(n *yaml.Node) { r.NoIgnore = !p.boolean(n, at+".ignorable") },
			})
		}
		out[key.Value] = r
	})
	return out
}

func (p *parser) namespaceAdmissions(n *yaml.Node) []NamespaceAdmission {
	var out []NamespaceAdmission
	const in = "admission.namespaces"
	p.items(n, in, func(item *yaml.Node) {
		var x NamespaceAdmission
		p.mapping(item, in, keys{
			"names": func(n *yaml.Node) { x.Names = p.strings(n, in+".names") },
			"labels": func(n *yaml.Node) {
				x.Labels = map[string]string{}
				p.each(n, in+".labels", func(k, v *yaml.Node) { x.Labels[k.Value] = p.scalar(v, in+".labels."+k.Value) })
			},
			"enforcement": func(n *yaml.Node) { x.Enforcement = p.enforcement(n, in+".enforcement") },
			"rules":       func(n *yaml.Node) { x.Rules = p.ruleAdmissions(n, in+".rules") },
		})
		if len(x.Names) == 0 && len(x.Labels) == 0 {
			p.fail(item, "an entry of %s has neither names nor labels: it means no namespace", in)
		}
		out = append(out, x)
	})
	return out
}
