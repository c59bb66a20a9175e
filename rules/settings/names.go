package settings

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/rules"
	"go.yaml.in/yaml/v3"
)

// Lookup finds a rule by name. The error names what was probably meant: the nearest name, or the rule that another tool's
// code stands for.
func Lookup(name string, list []*rules.Rule) (*rules.Rule, error) {
	var names, known []string
	for _, r := range list {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
		if slices.ContainsFunc(r.AlsoKnownAs, func(code string) bool { return strings.EqualFold(code, name) }) {
			known = append(known, fmt.Sprintf("%q", r.Name))
		}
	}
	if len(known) > 0 {
		return nil, fmt.Errorf("unknown rule %q; that fault is reported by %s", name, strings.Join(known, ", "))
	}
	return nil, fmt.Errorf("unknown rule %q%s", name, meant(name, names))
}

// namespaceForm is how a namespace is named: as a DNS label.
var namespaceForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// closable are the kinds of which complete can say that all are there.
var closable = []string{"ConfigMap", "DestinationRule", "Gateway", "Pod", "Secret", "Service", "ServiceEntry", "Sidecar", "VirtualService"}

// CheckComplete refuses KIND[/NAMESPACE],… where a kind is none that can be closed: it would close nothing.
func CheckComplete(text string) error {
	for _, part := range strings.Split(text, ",") {
		kind, ns, slash := strings.Cut(strings.TrimSpace(part), "/")
		there := !slash || ns == "*" || namespaceForm.MatchString(ns)
		if kind == "true" && !slash || slices.Contains(closable, kind) && there {
			continue
		}
		if kind == "" || !there {
			return fmt.Errorf("%q is not KIND or KIND/NAMESPACE", part)
		}
		for _, k := range closable {
			if strings.EqualFold(k, strings.TrimSuffix(kind, "s")) {
				return fmt.Errorf("unknown kind %q; did you mean %q?", kind, k)
			}
		}
		return fmt.Errorf("unknown kind %q%s; the kinds are %s", kind, meant(kind, closable), strings.Join(closable, ", "))
	}
	return nil
}

// complete reads true, KIND[/NAMESPACE],…, or a list of such; false says nothing.
func (p *parser) complete(n *yaml.Node) string {
	if n = target(n); n.Tag == "!!bool" {
		if isBool(n, "true") {
			return "true"
		}
		return ""
	}
	text := strings.Join(p.strings(n, "complete"), ",")
	if err := CheckComplete(text); text != "" && err != nil {
		p.fail(n, "complete: %v", err)
	}
	return text
}
