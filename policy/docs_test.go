package policy_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/cmd/lint/cli"
	"github.com/gatelint/gatelint/fixtures/want"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
)

const docsHead = `# The library of policies

Generated from the policies and their fixtures by ` + "`go test ./policy -run Docs -update`" + `; do not edit. Each policy shows the first case of its
fixture and what gatelint really says of it. How policies are written is told in [docs/policies.md](../docs/policies.md).

Nothing of this runs until it is named, in ` + "`.gatelint.yaml`" + ` or by ` + "`--policy library:NAME`" + `:

` + "```yaml" + `
version: 1
policies:
  library: [no-wildcard-host, host-ownership]
  params:
    host-ownership:
      owners: {shop.example.com: {namespaces: [shop]}}
` + "```" + `

From then on a policy is a rule like any other: ` + "`rules:`" + ` sets its severity, ` + "`gatelint.io/ignore`" + ` and ` + "`gatelint explain`" + ` know its name.
Where the description says so, no ignore counts. Namespaces, users and groups are patterns, in which ` + "`*`" + ` stands for any letters.
Placeholders are never a fault, nor is an object whose manifest leaves the namespace open where the answer hangs on it.

`

// TestDocs keeps README.md fresh, so that the documentation cannot lie.
func TestDocs(t *testing.T) {
	text := docs(t)
	if flag.Lookup("update").Value.String() == "true" { // of the tests inside the package
		require.NoError(t, os.WriteFile("README.md", []byte(text), 0o644))
	}
	have, err := os.ReadFile("README.md")
	require.NoError(t, err, "run go test ./policy -run Docs -update")
	require.Equal(t, strings.Split(text, "\n"), strings.Split(string(have), "\n"), "README.md is stale: run go test ./policy -run Docs -update")
}

func brought(t *testing.T) []*policy.Policy {
	t.Helper()
	opt := policy.Options{Taken: rules.All()}
	for _, name := range policy.LibraryNames() {
		opt.Paths = append(opt.Paths, policy.Library+name)
	}
	set, err := policy.Load(context.Background(), opt)
	require.NoError(t, err)
	return set.Policies()
}

func docs(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(docsHead + "| policy | kinds | severity | admission | |\n|---|---|---|---|---|\n")
	list := brought(t)
	for _, p := range list {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s | %s |\n", p.Name, p.Name, strings.Join(p.Kinds, ", "), p.Severity, p.Admission, p.Title)
	}
	for _, p := range list {
		fmt.Fprintf(&b, "\n## %s\n\n**%s.**\n\n%s\n\n", p.Name, p.Title, strings.TrimSpace(p.Text))
		params(t, &b, p)
		t.Run(p.Name, func(t *testing.T) { example(t, &b, p) })
	}
	b.WriteString("\n# Helpers\n\nEvery policy can import these packages; they need not be named. `import data.gatelint.lib.hosts` gives `hosts.covers(…)`.\n")
	helpers(t, &b)
	return b.String()
}

// params lists the parameters with their defaults, and the keys of those that are lists or mappings of objects.
func params(t *testing.T, b *strings.Builder, p *policy.Policy) {
	t.Helper()
	b.WriteString("| parameter | type | default | |\n|---|---|---|---|\n")
	properties := p.Schema["properties"].(map[string]any)
	for _, name := range manifest.Keys(properties) {
		s := properties[name].(map[string]any)
		value, err := yaml.Marshal(p.Params[name])
		require.NoError(t, err)
		short := strings.TrimSpace(string(value))
		if list, ok := p.Params[name].([]any); ok && len(list) > 0 {
			short = fmt.Sprintf("[%s]", strings.ReplaceAll(strings.TrimPrefix(short, "- "), "\n- ", ", "))
		}
		param(b, name, s, "`"+short+"`")
	}
	b.WriteString("\n")
}

// param is one line, and those of the keys below.
func param(b *strings.Builder, name string, s map[string]any, value string) {
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, typeOf(s), value, text(s["description"]))
	for _, sub := range [...]struct{ key, suffix string }{{"items", "[]."}, {"additionalProperties", ".*."}, {"", "."}} {
		in, _ := s[sub.key].(map[string]any)
		if sub.key == "" {
			in = s
		}
		properties, _ := in["properties"].(map[string]any)
		for _, key := range manifest.Keys(properties) {
			fmt.Fprintf(b, "| `%s%s%s` | %s | | %s |\n", name, sub.suffix, key, typeOf(properties[key].(map[string]any)), text(properties[key].(map[string]any)["description"]))
		}
	}
}

func text(v any) string {
	s, _ := v.(string)
	return strings.ReplaceAll(s, "\n", " ")
}

func typeOf(s map[string]any) string {
	if choice, ok := s["enum"].([]any); ok {
		var words []string
		for _, c := range choice {
			words = append(words, fmt.Sprint(c))
		}
		return strings.Join(words, ", ")
	}
	if s["type"] == "array" {
		items := s["items"].(map[string]any)
		switch kinds, several := items["type"].([]any); {
		case several:
			return "list of " + fmt.Sprint(kinds[0]) + " or " + fmt.Sprint(kinds[1])
		case items["enum"] != nil:
			return "list of " + typeOf(items)
		}
		return "list of " + fmt.Sprint(items["type"])
	}
	return fmt.Sprint(s["type"])
}

var anyWant = regexp.MustCompile(`(?m)[ \t]*# want ".*$`)

// example is the first case of the fixture with what the command says of it.
func example(t *testing.T, b *strings.Builder, p *policy.Policy) {
	t.Helper()
	_, cases, err := want.Read(filepath.Join("..", "fixtures", "policies", p.Name+".txtar"))
	require.NoError(t, err)
	c := cases[0]
	for i := range c.Files {
		c.Files[i].Data = append(bytes.TrimSpace(anyWant.ReplaceAll(c.Files[i].Data, nil)), '\n')
	}
	dir := t.TempDir()
	require.NoError(t, c.Unpack(dir))
	for _, f := range c.Files {
		fmt.Fprintf(b, "`%s`:\n\n```yaml\n%s```\n\n", filepath.Base(f.Name), f.Data)
	}
	t.Chdir(filepath.Join(dir, c.Name))
	var out, errors bytes.Buffer
	code := cli.Main([]string{"-q", "--only", p.Name, "."}, nil, &out, &errors)
	require.Empty(t, errors.String())
	if p.Name == "field-ownership" { // only admission knows
		require.Equal(t, 0, code)
		b.WriteString("In the webhook:\n\n```text\n" + inAdmission(t) + "```\n")
		return
	}
	require.Equal(t, 1, code, "the first case of %s shows no finding", p.Name)
	fmt.Fprintf(b, "```console\n$ gatelint -q .\n%s```\n", out.String())
}

// inAdmission is what the example of field-ownership says to somebody of another group.
func inAdmission(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(".gatelint.yaml")
	require.NoError(t, err)
	var config struct {
		Policies struct{ Params map[string]map[string]any }
	}
	require.NoError(t, yaml.Unmarshal(data, &config))
	set, err := policy.Load(context.Background(), policy.Options{Paths: []string{policy.Library + "field-ownership"}, Params: config.Policies.Params})
	require.NoError(t, err)
	in, err := manifest.Load([]string{"."}, manifest.Options{})
	require.NoError(t, err)
	o := in.Objects[0]
	review := policy.Review{Object: o, Request: &policy.Request{Operation: "CREATE", User: "eve", Groups: []string{"shop-team"}}}
	res := rules.Run(routing.Build(mesh.New(in.Objects, mesh.Options{})), set.Of(context.Background(), review))
	require.Len(t, res.Findings, 1)
	return fmt.Sprintf("%s: %s\n", res.Findings[0].Pos.Path, want.Line(res.Findings[0]))
}

// helpers lists the functions of the helpers, by package.
func helpers(t *testing.T, b *strings.Builder) {
	t.Helper()
	files, err := filepath.Glob("helpers/*.rego")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.rego") {
			continue
		}
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		m, err := ast.ParseModuleWithOpts(file, string(data), ast.ParserOptions{ProcessAnnotation: true})
		require.NoError(t, err)
		for _, a := range m.Annotations {
			if a.Scope == "package" {
				about := strings.TrimSpace(a.Title + ". " + text(a.Description))
				fmt.Fprintf(b, "\n## %s\n\n%s\n\n| | |\n|---|---|\n", strings.TrimPrefix(m.Package.Path.String(), "data."), about)
				continue
			}
			i := slices.IndexFunc(m.Rules, func(r *ast.Rule) bool { return r.Location.Row > a.Location.Row })
			var args []string
			for _, arg := range m.Rules[i].Head.Args {
				args = append(args, strings.TrimPrefix(arg.String(), "_"))
			}
			fmt.Fprintf(b, "| `%s(%s)` | %s |\n", m.Rules[i].Head.Name, strings.Join(args, ", "), text(strings.TrimSpace(a.Description)))
		}
	}
}

// TestDocTexts holds the words of the policies to the house style.
func TestDocTexts(t *testing.T) {
	for _, p := range brought(t) {
		require.Regexp(t, `^[A-Z].*[^.]$`, p.Title)
		require.Contains(t, p.Text, "\n\nFix: ", p.Name)
		require.NotEmpty(t, p.Kinds, p.Name)
		properties := p.Schema["properties"].(map[string]any)
		require.Equal(t, manifest.Keys(properties), manifest.Keys(p.Params), "%s: parameters and their schema", p.Name)
		for name, s := range properties {
			require.NotEmpty(t, s.(map[string]any)["description"], "%s: %s", p.Name, name)
		}
	}
}
