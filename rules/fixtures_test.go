package rules_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// fixtureCase is one group of files of a fixture, those under one folder: one input, linted by itself.
type fixtureCase struct {
	name  string
	files []txtar.File // names as "case/file.yaml"
	flags []string     // the lines of the group's file "flags"
}

// readFixture gives the cases of an archive in the order in which their first files stand.
func readFixture(t *testing.T, file string) (comment string, cases []*fixtureCase) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	byName := map[string]*fixtureCase{}
	for _, f := range archive.Files {
		name, rest, ok := strings.Cut(f.Name, "/")
		require.True(t, ok, "%s: %s lies in no case", file, f.Name)
		c := byName[name]
		if c == nil {
			c = &fixtureCase{name: name}
			byName[name] = c
			cases = append(cases, c)
		}
		if rest == "flags" {
			c.flags = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
			continue
		}
		c.files = append(c.files, f)
	}
	return strings.TrimSpace(string(archive.Comment)), cases
}

// unpack writes the files of a case to a folder of the test and goes there.
func (c *fixtureCase) unpack(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range c.files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, f.Data, 0o644))
	}
	t.Chdir(dir)
}

// lintCase lints the files of an unpacked case as one tree. list are the rules that run; the loader's always report.
func lintCase(c *fixtureCase, list []*rules.Rule) ([]rules.Finding, error) {
	var load manifest.Options
	var world mesh.Options
	var err error
	for _, line := range c.flags {
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
	set, err := manifest.Load([]string{c.name}, load)
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
	ignores := settings.Annotations(set.Objects)
	for _, f := range set.Files {
		ignores = append(ignores, settings.Comments(f.Name, f.Data)...)
	}
	applied := settings.Apply(out, ignores, settings.Policy{Rules: rules.All(), Ran: list, Now: fixtureTime})
	out = append(applied.Kept, applied.Unused...)
	rules.Sort(out)
	return slices.CompactFunc(out, func(a, b rules.Finding) bool {
		return a.Rule == b.Rule && a.Pos == b.Pos && a.Message == b.Message
	}), nil
}

var fixtureTime = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)

// line is a finding as the reporter's first line without its place.
func line(f rules.Finding) string {
	return fmt.Sprintf("%s: %s [%s]", f.Severity, f.Message, f.Rule)
}

// dump is everything that a report can say of findings, for comparing two runs.
func dump(list []rules.Finding) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s:%d:%d-%d:%d %s %s %v %s\n", f.Pos.File, f.Pos.Line, f.Pos.Column, f.Pos.EndLine, f.Pos.EndColumn, f.Pos.Path, line(f), f.Suspect, f.Fingerprint)
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

var (
	wantComment = regexp.MustCompile(`#\s*want((?:\s+"(?:[^"\\]|\\.)*")+)\s*$`)
	wantPattern = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// wanted reads the expectations of a file, by line.
func wanted(t *testing.T, f txtar.File) map[int][]*regexp.Regexp {
	t.Helper()
	out := map[int][]*regexp.Regexp{}
	for i, text := range strings.Split(string(f.Data), "\n") {
		m := wantComment.FindStringSubmatch(text)
		if m == nil {
			require.NotContains(t, text, "# want", "%s:%d: a want that does not parse", f.Name, i+1)
			continue
		}
		for _, quoted := range wantPattern.FindAllString(m[1], -1) {
			pattern, err := strconv.Unquote(quoted)
			require.NoError(t, err, "%s:%d", f.Name, i+1)
			re, err := regexp.Compile(pattern)
			require.NoError(t, err, "%s:%d", f.Name, i+1)
			out[i+1] = append(out[i+1], re)
		}
	}
	return out
}

// compare reports every finding that no want asks for and every want without its finding.
func compare(t *testing.T, c *fixtureCase, findings []rules.Finding) {
	t.Helper()
	want := map[string]map[int][]*regexp.Regexp{}
	for _, f := range c.files {
		want[f.Name] = wanted(t, f)
	}
	for _, f := range findings {
		open := want[f.Pos.File][f.Pos.Line]
		i := slices.IndexFunc(open, func(re *regexp.Regexp) bool { return re.MatchString(line(f)) })
		if i < 0 {
			t.Errorf("%s:%d:%d: unexpected: %s", f.Pos.File, f.Pos.Line, f.Pos.Column, line(f))
			continue
		}
		want[f.Pos.File][f.Pos.Line] = slices.Delete(slices.Clone(open), i, i+1)
	}
	for _, f := range c.files {
		for n := range strings.Count(string(f.Data), "\n") + 2 {
			for _, re := range want[f.Name][n] {
				t.Errorf("%s:%d: missing: %s", f.Name, n, re)
			}
		}
	}
}

// runCase lints a case in every way that must not matter: twice, with the rules reversed, on one processor and on many.
func runCase(t *testing.T, c *fixtureCase, list []*rules.Rule) []rules.Finding {
	t.Helper()
	reversed := slices.Clone(list)
	slices.Reverse(reversed)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c.unpack(t)
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
		require.Positive(t, f.Pos.Line, "%s has no place", line(f))
		require.NotEmpty(t, f.Fingerprint)
		require.False(t, f.Suspect && f.Severity == rules.Error, "a suspicion is no error: %s", line(f))
		require.NotContains(t, f.Message, "\n")
		require.NotContains(t, f.Message, "invalid", "the message must say what is wrong")
		require.NotRegexp(t, `\.$`, f.Message, "a message is a clause")
		key := f.Object.String() + f.Pos.Path + f.Message
		require.Equal(t, "", seen[f.Fingerprint+key], "one finding twice: %s", line(f))
		seen[f.Fingerprint+key] = key
		for _, r := range f.Related {
			require.Positive(t, r.Pos.Line, "%s: an end has no place", line(f))
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
				for _, f := range c.files {
					require.Empty(t, wanted(t, f), "%s: a clean fixture wants nothing", f.Name)
				}
			}
			runFixture(t, file, rules.All())
			for _, c := range cases {
				if c.name == "everything" {
					t.Run("complete", func(t *testing.T) {
						c.flags = append(c.flags, "complete") // nothing is missing either
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
		t.Run(c.name, func(t *testing.T) {
			findings := runCase(t, c, list)
			compare(t, c, findings)
			checkSanity(t, findings)
		})
	}
}
