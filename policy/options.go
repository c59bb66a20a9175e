package policy

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// Options say which policies there are and what they may do.
type Options struct {
	Paths      []string // .rego files, folders, bundles (.tar.gz), library:NAME
	Namespaces []string // the packages under which policies are evaluated; none: gatelint
	Allow      []string // builtin functions allowed by name, beside those of capabilities.json
	Params     map[string]map[string]any
	Taken      []*rules.Rule // rules whose names no policy may have
	BundleKey  string        // a file with the public key that all bundles must be signed for; "": none need be
	Timeout    time.Duration // of one policy on one object; 0: five seconds
	Reviews    bool          // requests will be asked about: no first one waits until policies are ready for it
}

// Join adds what a config file says of policies; "" is no file. Its paths are relative to its folder, and shown says how messages name
// them.
func (o Options) Join(file string, shown func(string) string) (Options, error) {
	if file == "" {
		return o, nil
	}
	c, err := settings.ReadPolicies(file, shown(file))
	if err != nil {
		return o, err
	}
	local := func(p string) string {
		if filepath.IsAbs(p) || strings.HasPrefix(p, Library) {
			return p
		}
		return shown(filepath.Join(filepath.Dir(file), p))
	}
	o.Paths = slices.Clone(o.Paths)
	for _, p := range c.Paths {
		o.Paths = append(o.Paths, local(p))
	}
	for _, name := range c.Library {
		o.Paths = append(o.Paths, Library+name)
	}
	if len(o.Namespaces) == 0 {
		o.Namespaces = c.Namespaces
	}
	if o.BundleKey == "" && c.BundleKey != "" {
		o.BundleKey = local(c.BundleKey)
	}
	o.Allow, o.Params = slices.Concat(o.Allow, c.Allow), c.Params
	return o, nil
}
