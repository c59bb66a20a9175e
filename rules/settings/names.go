package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"
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

// CheckNamespace refuses what is no name of a namespace; one that is filled in later may be.
func CheckNamespace(text string) error {
	return fits(text, "name of a namespace", "at most 63 small letters, digits and dashes, such as shop", validation.IsDNS1123Label)
}

// CheckDomain refuses what is no domain of a cluster.
func CheckDomain(text string) error {
	return fits(text, "domain", "small letters, digits, dashes and dots, such as cluster.local", validation.IsDNS1123Subdomain)
}

// CheckRevision refuses what no label istio.io/rev can have.
func CheckRevision(text string) error {
	return fits(text, "revision", "at most 63 letters, digits, dashes and dots, such as canary", validation.IsValidLabelValue)
}

func fits(text, what, such string, check func(string) []string) error {
	if manifest.Placeholder(text) || len(check(text)) == 0 {
		return nil
	}
	return fmt.Errorf("%q is no %s: %s", text, what, such)
}

// name gives a text that is checked; an empty one says nothing.
func (p *parser) name(n *yaml.Node, in, text string, check func(string) error) string {
	if err := check(text); text != "" && err != nil {
		p.fail(n, "%s: %v", in, err)
	}
	return text
}

// closable are the kinds of which complete can say that all are there.
var closable = []string{"ConfigMap", "DestinationRule", "Gateway", "Pod", "Secret", "Service", "ServiceEntry", "Sidecar", "VirtualService"}

// CheckComplete refuses KIND[/NAMESPACE],… where a kind is none that can be closed: it would close nothing.
func CheckComplete(text string) error {
	for _, part := range strings.Split(text, ",") {
		kind, ns, slash := strings.Cut(strings.TrimSpace(part), "/")
		there := !slash || ns == "*" || len(validation.IsDNS1123Label(ns)) == 0
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
	var said []string
	p.texts(n, "complete", func(n *yaml.Node, text string) {
		if text == "" {
			return
		}
		if err := CheckComplete(text); err != nil {
			p.fail(n, "complete: %v", err)
		}
		said = append(said, text)
	})
	return strings.Join(said, ",")
}
