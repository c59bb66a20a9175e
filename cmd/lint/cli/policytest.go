package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/fixtures/want"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
	"golang.org/x/tools/txtar"
)

func (a *app) policyTestCommand() *cobra.Command {
	var format, run string
	var coverage bool
	var fixtures []string
	cmd, _ := a.withPolicies("test [PATH...]", "Run the tests of policies: *_test.rego, and fixtures (*.txtar)", func(f *flags, set *policy.Set) error {
		if _, err := regexp.Compile(run); err != nil {
			return fmt.Errorf("--run: %w", err)
		}
		report := &testReport{}
		if coverage {
			report.Coverage = &policy.Coverage{}
		}
		var err error
		if report.results, err = set.Test(context.Background(), run, report.Coverage); err != nil {
			return err
		}
		for _, file := range set.Fixtures() {
			if !slices.Contains(fixtures, file) {
				fixtures = append(fixtures, file)
			}
		}
		for _, file := range fixtures {
			if err := report.fixture(f, file, run); err != nil {
				return err
			}
		}
		return a.reportTests(report, format)
	})
	inner := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		isFixture := func(p string) bool { return strings.HasSuffix(p, ".txtar") }
		for _, p := range args {
			if isFixture(p) {
				fixtures = append(fixtures, filepath.Clean(p))
			}
		}
		return inner(cmd, slices.DeleteFunc(args, isFixture))
	}
	s := cmd.Flags()
	oneOutput(s, &format, "text", "text, json or junit")
	s.StringVar(&run, "run", "", "run only the tests whose names match `REGEXP`")
	s.BoolVar(&coverage, "coverage", false, "say which lines of the policies no test ran")
	return cmd
}

type testReport struct {
	results  []policy.TestResult
	Coverage *policy.Coverage
}

// fixture lints each case of a fixture with the policies under test, or with its own if it has some.
func (r *testReport) fixture(f *flags, file, run string) error {
	_, cases, err := want.Read(file)
	if err != nil {
		return err
	}
	match, err := regexp.Compile(run)
	if err != nil {
		return err
	}
	for _, c := range cases {
		t := policy.TestResult{Name: filepath.ToSlash(file) + "/" + c.Name, File: filepath.ToSlash(file), Line: c.Line}
		if !match.MatchString(t.Name) {
			continue
		}
		differences, err := runFixture(f, c)
		if err != nil {
			differences = []string{err.Error()}
		}
		t.Failed, t.Why = len(differences) > 0, strings.Join(differences, "\n")
		r.results = append(r.results, t)
	}
	return nil
}

func runFixture(f *flags, c *want.Case) ([]string, error) {
	dir, err := os.MkdirTemp("", "gatelint-*")
	if err != nil {
		return nil, failure{err}
	}
	defer os.RemoveAll(dir)
	if err := c.Unpack(dir); err != nil {
		return nil, failure{err}
	}
	own, cmd := &flags{}, &cobra.Command{}
	own.lint(cmd)
	if err := cmd.ParseFlags(c.Flags); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	here := filepath.Join(dir, c.Name)
	own.policies.paths = append(own.policies.paths, f.policies.paths...)
	own.policies.namespaces, own.policies.allow = append(own.policies.namespaces, f.policies.namespaces...), append(own.policies.allow, f.policies.allow...)
	own.policies.bundleKey = f.policies.bundleKey
	if slices.ContainsFunc(c.Files, func(f txtar.File) bool { return strings.HasSuffix(f.Name, ".rego") }) {
		own.policies.paths, own.policies.bundleKey = []string{here}, ""
	}
	own.config, own.noConfig = f.config, f.noConfig
	if config := filepath.Join(here, settings.FileName); slices.ContainsFunc(c.Files, func(f txtar.File) bool { return f.Name == c.Name+"/"+settings.FileName }) {
		own.config, own.noConfig = config, false
	}
	findings, err := lintWith(own, here)
	if err != nil {
		return placed(err, dir, c), nil
	}
	for i := range findings {
		findings[i].Pos.File = strings.TrimPrefix(findings[i].Pos.File, filepath.ToSlash(dir)+"/")
	}
	return c.Compare(findings)
}

// placed says what is wrong with policies: with those of a case, which is unpacked in a folder, at their lines of the archive.
func placed(err error, dir string, c *want.Case) (out []string) {
	for _, err := range each(err) {
		if p := (*policy.Problem)(nil); errors.As(err, &p) {
			moved := *p
			if file, wrong := filepath.Abs(p.File); wrong == nil && inside(file, dir) {
				file, _ = filepath.Rel(dir, file)
				moved.File, moved.Line = c.At(filepath.ToSlash(file), p.Line)
			}
			err = &moved
		}
		out = append(out, err.Error())
	}
	return out
}

// lintWith gives what the policies and the loader find under a folder.
func lintWith(f *flags, dir string) ([]rules.Finding, error) {
	sub := &app{rules: rules.All(), stdout: io.Discard, stderr: io.Discard}
	r, err := sub.request(f, []string{dir})
	if err != nil {
		return nil, err
	}
	built := func(name string) bool { b := rules.Find(name); return b != nil && b.Run != nil }
	if !slices.ContainsFunc(r.list, func(r *rules.Rule) bool { return r.Last }) { // no policy reads what they find
		r.list = slices.DeleteFunc(slices.Clone(r.list), func(r *rules.Rule) bool { return built(r.Name) })
	}
	res, err := sub.analyse(r)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(res.findings, func(f rules.Finding) bool { return built(f.Rule) })
	return found, errors.Join(res.failures()...)
}
