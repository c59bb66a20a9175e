package rules_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/fixtures/guide"
	"github.com/gatelint/gatelint/fixtures/want"
	"github.com/gatelint/gatelint/rules"
)

var update = flag.Bool("update", false, "rewrite rules/README.md")

const docsHead = `# Rules

Generated from the rules and their fixtures by ` + "`go test ./rules -run Docs -update`" + `; do not edit. Each rule shows the first case of its
fixture and what gatelint really says of it.

`

// TestDocs keeps README.md fresh, so that the documentation cannot lie.
func TestDocs(t *testing.T) {
	readme, err := filepath.Abs("README.md")
	require.NoError(t, err)
	text := docs(t)
	if *update {
		require.NoError(t, os.WriteFile(readme, []byte(text), 0o644))
	}
	have, err := os.ReadFile(readme)
	require.NoError(t, err, "run go test ./rules -run Docs -update")
	require.Equal(t, strings.Split(text, "\n"), strings.Split(string(have), "\n"), "README.md is stale: run go test ./rules -run Docs -update")
}

func docs(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(docsHead)
	b.WriteString("| rule | severity | admission | |\n|---|---|---|---|\n")
	for _, r := range rules.All() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", r.Name, r.Name, r.Severity, admission(r), r.Title())
	}
	fixtures, err := filepath.Abs(filepath.Join("..", "fixtures"))
	require.NoError(t, err)
	for _, r := range rules.All() {
		ruleDoc(t, &b, r, filepath.Join(fixtures, r.Name+".txtar"))
	}
	return b.String()
}

func admission(r *rules.Rule) string {
	switch {
	case r.Run == nil:
		return "–"
	case r.Admission == r.Elsewhere:
		return r.Admission.String()
	}
	return r.Admission.String() + ", " + r.Elsewhere.String() + " in another namespace"
}

func ruleDoc(t *testing.T, b *strings.Builder, r *rules.Rule, fixture string) {
	t.Helper()
	title, rest, _ := strings.Cut(r.Doc, "\n")
	fmt.Fprintf(b, "\n## %s\n\n**%s.**\n\n%s\n\n", r.Name, title, strings.TrimSpace(rest))
	b.WriteString("| severity | admission | also known as | since |\n|---|---|---|---|\n")
	known := strings.Join(r.AlsoKnownAs, ", ")
	if known == "" {
		known = "–"
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s |\n", r.Severity, admission(r), known, r.Since)
	if r.Name == "unused-ignore" {
		return // the command reports it; its fixtures are the command's
	}
	_, cases := readFixture(t, fixture)
	c := cases[0]
	unpack(t, c)
	findings, err := lintCase(c, []*rules.Rule{r})
	require.NoError(t, err)
	require.NotEmpty(t, findings, "the first case of %s shows no finding", r.Name)
	for _, f := range c.Files {
		fmt.Fprintf(b, "\n`%s`:\n\n```%s\n%s\n```\n", f.Name, strings.TrimPrefix(filepath.Ext(f.Name), "."), withoutWants(string(f.Data)))
	}
	b.WriteString("\n```text\n")
	for _, f := range findings {
		fmt.Fprintf(b, "%s:%d:%d: %s\n", f.Pos.File, f.Pos.Line, f.Pos.Column, want.Line(f))
	}
	b.WriteString("```\n")
}

var code = regexp.MustCompile(`(?:IST|KIA)\d{4}`)

// TestDocsComingFrom keeps the table of other tools' codes fresh, and what is said of codes without a rule true.
func TestDocsComingFrom(t *testing.T) {
	const file = "../docs/coming-from.md"
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	link := strings.NewReplacer("authentication is not modelled", "[authentication is not modelled](limits.md)", "not modelled", "[not modelled](limits.md)")
	with, without := "\n| code | what it is about | rule |\n|---|---|---|\n", "\n| code | what it is about | why there is no rule |\n|---|---|---|\n"
	known := map[string]bool{}
	for _, c := range rules.Codes {
		var links []string
		_, by, ok := rules.FindCode(c.Names[0])
		require.True(t, ok)
		require.Equal(t, len(by) == 0, c.Why != "", "%s: a rule, or why there is none", c.Names)
		for _, name := range c.Names {
			require.False(t, known[name], name)
			known[name] = true
		}
		for _, r := range by {
			links = append(links, fmt.Sprintf("[`%s`](../rules/README.md#%s)", r.Name, r.Name))
		}
		if len(links) > 0 {
			with += fmt.Sprintf("| %s | %s | %s |\n", strings.Join(c.Names, ", "), c.About, strings.Join(links, ", "))
		} else {
			without += fmt.Sprintf("| %s | %s | %s |\n", strings.Join(c.Names, ", "), c.About, link.Replace(c.Why))
		}
	}
	for _, r := range rules.All() {
		for _, c := range r.AlsoKnownAs {
			require.True(t, known[c], "%s of %s is not in Codes", c, r.Name)
		}
	}
	before, hadWith, rest, found := guide.Generated(string(page), "Rule.AlsoKnownAs")
	require.True(t, found)
	about, hadWithout, after, found := guide.Generated(rest, "rules.Codes")
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(before+with+"\n"+about+without+"\n"+after), 0o644))
		hadWith, hadWithout = with+"\n", without+"\n"
	}
	require.Equal(t, with+"\n", hadWith, "run go test ./rules -run Docs -update")
	require.Equal(t, without+"\n", hadWithout, "run go test ./rules -run Docs -update")
	about, _, found = strings.Cut(about, "## Codes without a rule")
	require.True(t, found)
	for _, c := range code.FindAllString(about, -1) {
		_, by, _ := rules.FindCode(c)
		require.NotEmpty(t, by, c)
	}
	for _, m := range regexp.MustCompile("`([a-z-]+)`(?:, | \\|)").FindAllStringSubmatch(about, -1) {
		require.True(t, slices.ContainsFunc(rules.All(), func(r *rules.Rule) bool { return r.Name == m[1] }), "no rule %s", m[1])
	}
}

var anyWant = regexp.MustCompile(`(?m)[ \t]*# want ".*$`)

func withoutWants(text string) string {
	return strings.TrimRight(anyWant.ReplaceAllString(text, ""), "\n")
}

// TestDocTexts holds the words of the rules to the house style.
func TestDocTexts(t *testing.T) {
	for _, r := range rules.All() {
		t.Run(r.Name, func(t *testing.T) {
			require.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)*$`, r.Name)
			require.Regexp(t, `^[A-Z].*[^.]$`, r.Title())
			require.Contains(t, r.Doc, "\n\nFix: ", "Doc must say what to do")
			require.NotEmpty(t, r.Since)
			for i, text := range strings.Split(r.Doc, "\n") {
				require.LessOrEqual(t, len([]rune(text)), 130, "line %d of Doc", i+1)
			}
		})
	}
}

// TestShop holds the demo to its promise: each of the five faults, proven or suspected without a flag, and nothing beside them.
func TestShop(t *testing.T) {
	t.Chdir(filepath.Join("..", "fixtures"))
	set, err := manifest.Load([]string{"shop"}, manifest.Options{})
	require.NoError(t, err)
	require.Empty(t, set.Faults)
	inputs := mesh.Split(set.Objects)
	require.Len(t, inputs, 1, "the demo has no variants")
	res := rules.Run(routing.Build(mesh.New(inputs[0].Objects, mesh.Options{Variants: inputs[0].Variants})), rules.All())
	count := map[string]int{}
	for _, f := range res.Findings {
		require.NotEqual(t, rules.Info, f.Severity, want.Line(f))
		count[f.Rule]++
	}
	require.Equal(t, map[string]int{
		"overlapping-hosts": 1, "unmerged-port": 1, "shadowed-match": 1, "missing-credential": 1, "dangling-subset": 1,
	}, count)
	checkSanity(t, res.Findings)
}
