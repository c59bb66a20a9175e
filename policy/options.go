package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/open-policy-agent/opa/v1/ast"
)

// Options say which policies there are and what they may do.
type Options struct {
	Paths      []string                  // .rego files, folders, bundles (.tar.gz), library:NAME
	Namespaces []string                  // the packages under which policies are evaluated; none: gatelint
	Allow      []string                  // builtin functions allowed by name, beside those of capabilities.json
	Params     map[string]map[string]any // by name of the rule
	Taken      []*rules.Rule             // rules whose names no policy may have
	BundleKey  string                    // a file with the public key that all bundles must be signed for; "": none need be
	Places     map[string]manifest.Pos   // where in the config names stand, see settings.Policies
	Timeout    time.Duration             // of one policy on one object; 0: five seconds
	Reviews    bool                      // requests will be asked about: no first one waits until policies are ready for it
}

// wrong is a Problem of what the config says under a name, which stands there itself or in what holds it: policies.params.NAME.KEY.
func (o Options) wrong(name, message string) *Problem {
	for in := name; in != ""; in = in[:max(0, strings.LastIndexByte(in, '.'))] {
		if pos, ok := o.Places[in]; ok {
			return &Problem{File: pos.File, Line: pos.Line, Column: pos.Column, Message: message}
		}
	}
	return &Problem{Message: message}
}

// Join adds what the text of a config file says of policies. Its paths are relative to its folder, and shown says how messages name
// them.
func (o Options) Join(text []byte, file string, shown func(string) string) (Options, error) {
	c, wrong := settings.ReadPolicies(text, file, shown(file))
	fail := func(place, message string) {
		pos := c.Places[place]
		wrong = append(wrong, &settings.Error{File: pos.File, Line: pos.Line, Column: pos.Column, Message: message})
	}
	local := func(p string) string {
		if filepath.IsAbs(p) || strings.HasPrefix(p, Library) {
			return p
		}
		return shown(filepath.Join(filepath.Dir(file), p))
	}
	o.Paths = slices.Clone(o.Paths)
	for _, name := range c.Library {
		c.Paths = append(c.Paths, Library+name)
	}
	for _, p := range c.Paths {
		o.Paths = append(o.Paths, local(p))
		if _, lack := brought(p); lack != "" {
			fail(p, lack)
		}
	}
	if len(o.Namespaces) == 0 {
		o.Namespaces = c.Namespaces
	}
	if o.BundleKey == "" && c.BundleKey != "" {
		o.BundleKey = local(c.BundleKey)
		if _, err := os.ReadFile(o.BundleKey); err != nil {
			fail("policies.bundleKey", fmt.Sprintf("policies.bundleKey: %s cannot be read: %s; name the file with the public key", c.BundleKey, reason(err)))
		}
	}
	all := builtinNames(ast.CapabilitiesForThisVersion().Builtins)
	for _, name := range c.Allow {
		if !slices.Contains(all, name) {
			fail("policies.allow."+name, fmt.Sprintf("policies.allow: there is no builtin function %q%s", name, meant(name, all)))
		}
	}
	if len(wrong) > 0 {
		return o, wrong
	}
	o.Allow, o.Params, o.Places = slices.Concat(o.Allow, c.Allow), c.Params, c.Places
	return o, nil
}
