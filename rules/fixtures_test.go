package rules_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/fixtures/want"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// readFixture gives the cases of an archive in the order in which their first files stand.
func readFixture(t *testing.T, file string) (comment string, cases []*want.Case) {
	t.Helper()
	comment, cases, err := want.Read(file)
	require.NoError(t, err)
	return comment, cases
}

// unpack writes the files of a case to a folder of the test and goes there.
func unpack(t *testing.T, c *want.Case) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, c.Unpack(dir))
	t.Chdir(dir)
}

// lintCase lints the files of an unpacked case as one tree. list are the rules that run; the loader's always report.
func lintCase(c *want.Case, list []*rules.Rule) ([]rules.Finding, error) {
	var load manifest.Options
	var world mesh.Options
	var err error
	for _, line := range c.Flags {
		word, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "complete":
			world.Complete = mesh.ParseComplete(arg)
		case "namespace":
			load.Namespace = func(string) string { return arg }
		case "now":
			if world.Now, err = time.Parse(time.DateOnly, arg); err != nil {
				return nil, err
			}
		case "only":
			list = []*rules.Rule{rules.Find(arg)}
		default:
			return nil, fmt.Errorf("flags: no such setting: %q", line)
		}
		if list[0] == nil {
			return nil, fmt.Errorf("flags: no such rule: %q", arg)
		}
	}
	set, err := manifest.Load([]string{c.Name}, load)
	if err != nil {
		return nil, err
	}
	var out []rules.Finding
	for _, f := range set.Faults {
		out = append(out, rules.FromFault(f))
	}
	for _, in := range mesh.Split(set.Objects) {
		world.Variants = in.Variants
		out = append(out, rules.Run(routing.Build(mesh.New(in.Objects, world)), list).Findings...)
	}
	ignores := append(settings.Annotations(set.Objects), settings.Mistakes(settings.Yields(set.Objects, fixtureTime))...)
	for _, f := range set.Files {
		ignores = append(ignores, settings.Comments(f.Name, f.Data, nil)...)
	}
	applied := settings.Apply(out, ignores, settings.Policy{Rules: rules.All(), Ran: list, Now: fixtureTime})
	out = append(applied.Kept, applied.Unused...)
	rules.Sort(out)
	return slices.CompactFunc(out, func(a, b rules.Finding) bool {
		return a.Rule == b.Rule && a.Pos == b.Pos && a.Message == b.Message
	}), nil
}

var fixtureTime = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)

// dump is everything that a report can say of findings, for comparing two runs.
func dump(list []rules.Finding) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s:%d:%d-%d:%d %s %s %v %s\n", f.Pos.File, f.Pos.Line, f.Pos.Column, f.Pos.EndLine, f.Pos.EndColumn, f.Pos.Path, want.Line(f), f.Suspect, f.Fingerprint)
		for _, r := range f.Related {
			fmt.Fprintf(&b, "  %s:%d:%d %s %s %s\n", r.Pos.File, r.Pos.Line, r.Pos.Column, r.Pos.Path, r.Object, r.Message)
		}
		if f.Witness != nil {
			witness, err := json.Marshal(f.Witness)
			if err != nil {
				panic(err) // plain data
			}
			fmt.Fprintf(&b, "  %s\n", witness)
		}
	}
	return b.String()
}

// compare reports every finding that no want asks for and every want without its finding.
func compare(t *testing.T, c *want.Case, findings []rules.Finding) {
	t.Helper()
	differences, err := c.Compare(findings)
	require.NoError(t, err)
	for _, d := range differences {
		t.Error(d)
	}
}

// runCase lints a case in every way that must not matter: twice, with the rules reversed, on one processor and on many.
func runCase(t *testing.T, c *want.Case, list []*rules.Rule) []rules.Finding {
	t.Helper()
	reversed := slices.Clone(list)
	slices.Reverse(reversed)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	unpack(t, c)
	first, err := lintCase(c, list)
	require.NoError(t, err)
	for _, procs := range []int{1, 8} {
		runtime.GOMAXPROCS(procs)
		for _, order := range [][]*rules.Rule{list, reversed} {
			again, err := lintCase(c, order)
			require.NoError(t, err)
			was, is := strings.Split(dump(first), "\n"), strings.Split(dump(again), "\n")
			for i := range max(len(was), len(is)) {
				if i >= len(was) || i >= len(is) || was[i] != is[i] {
					require.FailNow(t, "two runs differ", "%d processors, line %d:\n%s\n%s", procs, i, was[min(i, len(was)-1)], is[min(i, len(is)-1)])
				}
			}
		}
	}
	return first
}

// checkSanity holds every finding to what the report needs.
func checkSanity(t *testing.T, findings []rules.Finding) {
	t.Helper()
	seen := map[string]string{}
	for _, f := range findings {
		require.Positive(t, f.Pos.Line, "%s has no place", want.Line(f))
		require.NotEmpty(t, f.Fingerprint)
		require.False(t, f.Suspect && f.Severity == rules.Error, "a suspicion is no error: %s", want.Line(f))
		require.NotContains(t, f.Message, "\n")
		require.NotContains(t, f.Message, "invalid", "the message must say what is wrong")
		require.NotRegexp(t, `\.$`, f.Message, "a message is a clause")
		key := f.Object.String() + f.Pos.Path + f.Message
		require.Equal(t, "", seen[f.Fingerprint+key], "one finding twice: %s", want.Line(f))
		seen[f.Fingerprint+key] = key
		for _, r := range f.Related {
			require.Positive(t, r.Pos.Line, "%s: an end has no place", want.Line(f))
			require.NotEmpty(t, r.Message)
		}
	}
}

func fixtureFiles(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "fixtures", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func baseName(file string) string { return strings.TrimSuffix(filepath.Base(file), ".txtar") }

// TestRules runs one rule on its fixture; ignores are judged with all rules at work.
func TestRules(t *testing.T) {
	have := map[string]bool{}
	for _, file := range fixtureFiles(t, "*.txtar") {
		rule := rules.Find(baseName(file))
		require.NotNil(t, rule, "%s is named for no rule", file)
		have[rule.Name] = true
		list := []*rules.Rule{rule}
		if rule.Name == "unused-ignore" {
			list = rules.All()
		}
		t.Run(rule.Name, func(t *testing.T) { runFixture(t, file, list) })
	}
	for _, r := range rules.All() {
		require.True(t, have[r.Name], "fixtures/%s.txtar is missing", r.Name)
	}
}

// TestClean runs all rules on healthy setups, which want nothing.
func TestClean(t *testing.T) {
	for _, file := range fixtureFiles(t, "clean/*.txtar") {
		t.Run(baseName(file), func(t *testing.T) {
			_, cases := readFixture(t, file)
			for _, c := range cases {
				for _, f := range c.Files {
					wanted, err := c.Wanted(f)
					require.NoError(t, err)
					require.Empty(t, wanted, "%s: a clean fixture wants nothing", f.Name)
				}
			}
			runFixture(t, file, rules.All())
			for _, c := range cases {
				if c.Name == "everything" {
					t.Run("complete", func(t *testing.T) {
						c.Flags = append(c.Flags, "complete") // nothing is missing either
						compare(t, c, runCase(t, c, rules.All()))
					})
				}
			}
		})
	}
}

// TestBroken runs all rules on the same setups with one fault planted in each.
func TestBroken(t *testing.T) {
	for _, file := range fixtureFiles(t, "broken/*.txtar") {
		t.Run(baseName(file), func(t *testing.T) { runFixture(t, file, rules.All()) })
	}
}

func runFixture(t *testing.T, file string, list []*rules.Rule) {
	comment, cases := readFixture(t, file)
	require.NotEmpty(t, comment, "%s does not say why its cases exist", file)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			findings := runCase(t, c, list)
			compare(t, c, findings)
			checkSanity(t, findings)
		})
	}
}
