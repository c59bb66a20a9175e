package cli

import (
	"context"
	"slices"

	"github.com/gatelint/gatelint/policy"
	"github.com/spf13/cobra"
)

// policyFlags say which policies there are, beside those of the config.
type policyFlags struct {
	paths, namespaces, allow []string
	bundleKey                string
}

func (f *policyFlags) add(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringArrayVarP(&f.paths, "policy", "p", nil, "run the policies in `PATH` too: a .rego file, a folder, a bundle (.tar.gz), or library:NAME; repeatable")
	s.StringArrayVar(&f.namespaces, "policy-namespace", nil, "evaluate the packages under `PACKAGE` (default gatelint); repeatable")
	s.StringArrayVar(&f.allow, "policy-allow-builtin", nil, "let policies call the builtin function of this `NAME`, such as time.now_ns; repeatable")
	s.StringVar(&f.bundleKey, "bundle-key", "", "a `FILE` with the public key (PEM) that every bundle must be signed for; folders and .rego files are refused then")
}

// options joins flags and config.
func (f *policyFlags) options(text []byte, file, dir string) (policy.Options, error) {
	opt := policy.Options{Paths: f.paths, Namespaces: f.namespaces, Allow: f.allow, BundleKey: f.bundleKey}
	return opt.Join(text, file, func(p string) string { return shown(dir, p) })
}

// loadPolicies makes rules of the policies that flags and config name.
func (a *app) loadPolicies(f *flags, text []byte, file, dir string) error {
	opt, err := f.policies.options(text, file, dir)
	if err != nil || len(opt.Paths) == 0 {
		return err
	}
	opt.Taken = a.rules
	set, err := policy.Load(context.Background(), opt)
	if err != nil {
		return err
	}
	list := set.Rules(0)
	if f.asWebhook {
		list = set.Created()
	}
	a.policies, a.rules = set, append(slices.Clone(a.rules), list...)
	return nil
}
