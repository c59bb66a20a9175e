package policy

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/open-policy-agent/opa/v1/ast"
)

// capabilitiesJSON lists what a policy may call: nothing that reaches the network, the process or the clock, or that draws lots.
// TestCapabilities writes it; opa check, opa test and Regal take it too.
//
//go:embed capabilities.json
var capabilitiesJSON []byte

// capabilities gives what policies may call, with the builtins that are allowed by name.
func capabilities(allow []string) (*ast.Capabilities, error) {
	c, err := ast.LoadCapabilitiesJSON(bytes.NewReader(capabilitiesJSON))
	if err != nil {
		return nil, fmt.Errorf("reading the embedded capabilities: %w", err)
	}
	c.AllowNet = []string{} // no schema is fetched
	all := ast.CapabilitiesForThisVersion().Builtins
	for _, name := range allow {
		i := slices.IndexFunc(all, func(b *ast.Builtin) bool { return b.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no builtin function %q to allow%s", name, meant(name, builtinNames(all)))
		}
		if !slices.ContainsFunc(c.Builtins, func(b *ast.Builtin) bool { return b.Name == name }) {
			c.Builtins = append(c.Builtins, all[i])
		}
	}
	return c, nil
}

func builtinNames(list []*ast.Builtin) []string {
	var out []string
	for _, b := range list {
		out = append(out, b.Name)
	}
	return out
}

// wording says an error of OPA's compiler in our words where they help more.
func wording(e *ast.Error) string {
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok {
		all := builtinNames(ast.CapabilitiesForThisVersion().Builtins)
		if slices.Contains(all, name) {
			return fmt.Sprintf("%s is not allowed here: its answer hangs on more than what is reviewed; --policy-allow-builtin %s allows it", name, name)
		}
		return e.Message + meant(name, all)
	}
	if d, ok := e.Details.(*ast.RefErrInvalidDetail); ok && d.Pos < len(d.Ref) {
		var names []string
		for _, v := range d.OneOf {
			if s, ok := v.(ast.String); ok {
				names = append(names, string(s))
			}
		}
		if s, ok := d.Ref[d.Pos].Value.(ast.String); ok && len(names) > 0 {
			hint := meant(string(s), names)
			if hint == "" && len(names) <= 12 {
				hint = "; there is " + strings.Join(names, ", ")
			}
			return fmt.Sprintf("there is no %q in %s%s", string(s), d.Ref[:d.Pos], hint)
		}
	}
	if e.Message == "empty module" {
		return "there is no package in the file"
	}
	if rest, ok := strings.CutPrefix(e.Message, "unexpected eof token"); ok {
		return "the file ends in the middle of a rule" + rest
	}
	if rule, _, ok := strings.Cut(e.Message, " is recursive: "); ok { // the way round that OPA names is another one each time
		return rule + " is recursive: it reads what reads it; of data.gatelint name what is read, such as data.gatelint.request"
	}
	return e.Message
}

func meant(name string, names []string) string {
	if near := manifest.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
