package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/spf13/cobra"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "Write, check and test policies in Rego",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q for gatelint policy", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.policyCheckCommand(), a.policyInspectCommand(), a.policyInputCommand(), a.policyNewCommand(), a.policyTestCommand())
	return cmd
}

// withPolicies is a command on the policies that its arguments, flags and config name.
func (a *app) withPolicies(use, short string, run func(*flags, *policy.Set) error) (*cobra.Command, *flags) {
	f := &flags{}
	cmd := &cobra.Command{
		Use: use, Short: short,
		RunE: func(_ *cobra.Command, args []string) error {
			f.policies.paths = append(f.policies.paths, args...)
			if _, err := a.findConfig(f); err != nil {
				return err
			}
			if a.policies == nil {
				return errors.New("no policy is named: give a path, or name some in the config")
			}
			return run(f, a.policies)
		},
	}
	f.settings(cmd)
	return cmd, f
}

func (a *app) policyCheckCommand() *cobra.Command {
	cmd, _ := a.withPolicies("check [PATH...]", "Say what is wrong with policies, without running them", func(_ *flags, set *policy.Set) error {
		var names []string
		for _, p := range set.Policies() {
			names = append(names, p.Name)
		}
		wholes := set.Wholes()
		for _, p := range wholes {
			if err := written(fmt.Fprintln(a.stdout, plainText(p.Error()))); err != nil {
				return err
			}
		}
		if len(wholes) > 0 {
			return written(fmt.Fprintf(a.stdout, "no other fault in %s\n", strings.Join(names, ", ")))
		}
		return written(fmt.Fprintf(a.stdout, "no fault in %s\n", strings.Join(names, ", ")))
	})
	return cmd
}

func written(_ int, err error) error {
	if err != nil {
		return failure{fmt.Errorf("writing the answer: %w", err)}
	}
	return nil
}

// policyJSON is one policy in `gatelint policy inspect -o json`.
type policyJSON struct {
	Name      string         `json:"name"`
	Package   string         `json:"package"`
	File      string         `json:"file"`
	Line      int            `json:"line"`
	Title     string         `json:"title"`
	Severity  string         `json:"severity"`
	Admission string         `json:"admission"`
	Ignorable bool           `json:"ignorable"`
	Kinds     []string       `json:"kinds"`
	Input     string         `json:"input"`
	Params    map[string]any `json:"params"`
	Rules     []verdictJSON  `json:"rules"`
}

type verdictJSON struct {
	Name      string   `json:"name"`
	File      string   `json:"file"`
	Line      int      `json:"line"`
	Severity  string   `json:"severity"`
	Admission string   `json:"admission"`
	Ignorable bool     `json:"ignorable"`
	Kinds     []string `json:"kinds"`
}

func (a *app) policyInspectCommand() *cobra.Command {
	var format string
	cmd, _ := a.withPolicies("inspect [PATH...]", "List policies with what their METADATA say", func(_ *flags, set *policy.Set) error {
		switch format {
		case "json":
			return writeJSON(a.stdout, policyList(set))
		case "text":
			return policyTable(a.stdout, set)
		}
		return fmt.Errorf("unknown format %q: use text or json", format)
	})
	oneOutput(cmd.Flags(), &format, "text", "text or json")
	return cmd
}

func policyList(set *policy.Set) []policyJSON {
	out := []policyJSON{}
	for _, p := range set.Policies() {
		x := policyJSON{
			Name: p.Name, Package: p.Package, File: p.File, Line: p.Line, Title: p.Title, Severity: p.Severity.String(), Admission: p.Admission.String(),
			Ignorable: p.Ignorable, Kinds: append([]string{}, p.Kinds...), Input: "object", Params: p.Params, Rules: []verdictJSON{},
		}
		if p.Gatekeeper {
			x.Input = "gatekeeper"
		}
		if x.Params == nil {
			x.Params = map[string]any{}
		}
		for _, v := range p.Rules {
			x.Rules = append(x.Rules, verdictJSON{v.Name, v.File, v.Line, v.Severity.String(), v.Admission.String(), v.Ignorable, append([]string{}, v.Kinds...)})
		}
		out = append(out, x)
	}
	return out
}

func policyTable(w io.Writer, set *policy.Set) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "POLICY\tPLACE\tRULES\tSEVERITY\tADMISSION\tKINDS\tTITLE")
	for _, p := range set.Policies() {
		var names, severities, admissions []string
		for _, v := range p.Rules {
			names, severities, admissions = append(names, v.Name), append(severities, v.Severity.String()), append(admissions, v.Admission.String())
		}
		kinds := strings.Join(p.Kinds, ", ")
		if kinds == "" {
			kinds = "all (fields are not checked)"
		}
		fmt.Fprintf(t, "%s\t%s:%d\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.File, p.Line, strings.Join(names, ", "), ofEach(severities), ofEach(admissions), kinds, p.Title)
	}
	return written(0, t.Flush())
}

// ofEach gives what is said of each rule of a policy, or of all.
func ofEach(list []string) string {
	if same := slices.Compact(slices.Clone(list)); len(same) == 1 {
		list = same
	}
	return strings.Join(list, ", ")
}

// policyInputCommand prints what policies see, one JSON object a line.
func (a *app) policyInputCommand() *cobra.Command {
	var facts bool
	f := &flags{}
	cmd := &cobra.Command{
		Use: "input PATH...", Short: "Print what a policy sees of each object", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r := &request{paths: args, stdinName: f.stdinName}
			if err := a.setInput(r, f); err != nil {
				return err
			}
			jobs, err := a.loadAll(r)
			if err != nil {
				return err
			}
			for _, l := range jobs {
				for _, f := range l.set.Faults {
					if f.Rule == "syntax" {
						a.say("%s:%d: %s", f.Pos.File, f.Pos.Line, f.Message)
						a.code = exitFindings
					}
				}
				for _, in := range l.inputs {
					opt := r.mesh
					opt.Complete, opt.Variants = l.complete, in.Variants
					if err := a.inputs(in, opt, facts); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	f.input(cmd)
	cmd.Flags().BoolVar(&facts, "facts", false, "print {\"input\": …, \"this\": …, \"findings\": …}, with what data.gatelint.mesh says of the object")
	return cmd
}

func (a *app) inputs(in mesh.Input, opt mesh.Options, facts bool) error {
	var t *routing.Tables
	found := map[*manifest.Object][]rules.Finding{}
	if facts {
		t = routing.Build(mesh.New(in.Objects, opt))
		for _, f := range rules.Run(t, rules.All()).Findings {
			found[f.Source] = append(found[f.Source], f)
		}
	}
	for _, o := range in.Objects {
		v, err := policy.Input(o)
		if err != nil {
			return err
		}
		if facts {
			v = map[string]any{"input": v, "this": policy.This(t, o), "findings": policy.Findings(found[o])}
		}
		if err := writeJSON(a.stdout, v); err != nil {
			return err
		}
	}
	return nil
}

var policyName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func (a *app) policyNewCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "new NAME", Short: "Write a first policy with its tests", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !policyName.MatchString(args[0]) {
				return fmt.Errorf("%q is no name for a rule: write it like host-ownership", args[0])
			}
			if why := policy.NameFault(args[0]); why != "" {
				return fmt.Errorf("%q can be no policy: %s", args[0], why)
			}
			for _, r := range a.rules {
				if r.Name == args[0] {
					return fmt.Errorf("rule %q exists already: gatelint has it built in", args[0])
				}
			}
			return a.scaffold(dir, args[0])
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "policy", "`FOLDER` to write to")
	return cmd
}

func (a *app) scaffold(dir, name string) error {
	element := strings.ReplaceAll(name, "-", "_")
	fill := strings.NewReplacer("NAME", name, "ELEMENT", element)
	files := []struct{ name, text string }{
		{element + ".rego", newPolicy}, {element + "_test.rego", newPolicyTest}, {element + ".txtar", newPolicyFixture},
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return failure{err}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s exists already", filepath.ToSlash(path))
		}
		if err == nil {
			_, err = out.WriteString(fill.Replace(f.text))
			err = errors.Join(err, out.Close())
		}
		if err != nil {
			return failure{err}
		}
		if err := written(fmt.Fprintln(a.stdout, filepath.ToSlash(path))); err != nil {
			return err
		}
	}
	return nil
}

const newPolicy = `# METADATA
# title: What the rule demands, in a few words
# description: |
#   What happens in production when it is broken.
#
#   Fix: what its reader should do.
# custom:
#   kinds: [VirtualService]
#   severity: error
#   params: {suffix: .example.com}
package gatelint.ELEMENT

deny contains {"msg": msg, "path": ["spec", "hosts", i]} if {
	some i, host in input.spec.hosts
	not endswith(host, data.gatelint.params.ELEMENT.suffix)
	msg := sprintf("host %q does not end in %q", [host, data.gatelint.params.ELEMENT.suffix])
}
`

const newPolicyTest = `package gatelint.ELEMENT_test

import data.gatelint.ELEMENT

found(host) := result if {
	result := ELEMENT.deny with input as {"spec": {"hosts": [host]}}
		with data.gatelint.params.ELEMENT as {"suffix": ".example.com"}
}

test_other_host if {
	some x in found("shop.example.org")
	x.path == ["spec", "hosts", 0]
}

test_own_host if count(found("shop.example.com")) == 0
`

const newPolicyFixture = `NAME: manifests, and on their lines what is found there.

-- first/flags --
--only=NAME
-- first/routes.yaml --
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts:
  - shop.example.com
  - shop.example.org # want "host .shop.example.org. does not end in"
  http:
  - route:
    - destination: {host: shop}
`
