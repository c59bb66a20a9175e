package cli

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
)

// policyFlags say which policies there are, beside those of the config.
type policyFlags struct{ paths, namespaces, allow []string }

func (f *policyFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringArrayVarP(&f.paths, "policy", "p", nil, "run the policies in `PATH` too: a .rego file, a folder, or a bundle (.tar.gz); repeatable")
	s.StringArrayVar(&f.namespaces, "policy-namespace", nil, "evaluate the packages under `PACKAGE` (default gatelint); repeatable")
	s.StringArrayVar(&f.allow, "policy-allow-builtin", nil, "let policies call the builtin function of this `NAME`, such as time.now_ns; repeatable")
}

// options joins flags and config. The config's paths are relative to its folder.
func (f *policyFlags) options(file, dir string) (policy.Options, error) {
	opt := policy.Options{Paths: f.paths, Namespaces: f.namespaces, Allow: f.allow}
	if file == "" {
		return opt, nil
	}
	c, err := settings.ReadPolicies(file, shown(dir, file))
	if err != nil {
		return opt, err
	}
	for _, p := range c.Paths {
		if !filepath.IsAbs(p) {
			p = shown(dir, filepath.Join(filepath.Dir(file), p))
		}
		opt.Paths = append(opt.Paths, p)
	}
	if len(opt.Namespaces) == 0 {
		opt.Namespaces = c.Namespaces
	}
	opt.Allow, opt.Params = append(slices.Clone(opt.Allow), c.Allow...), c.Params
	return opt, nil
}

// loadPolicies makes rules of the policies that flags and config name.
func (a *app) loadPolicies(f *policyFlags, file, dir string) error {
	opt, err := f.options(file, dir)
	if err != nil || len(opt.Paths) == 0 {
		return err
	}
	opt.Taken = a.rules
	set, err := policy.Load(context.Background(), opt)
	if err != nil {
		return err
	}
	a.policies, a.rules = set, append(slices.Clone(a.rules), set.Rules()...)
	return nil
}
