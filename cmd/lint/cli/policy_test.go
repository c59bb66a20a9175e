package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/fixtures/want"
	"github.com/stretchr/testify/require"
)

// TestPolicies runs fixtures/policies/*.txtar as gatelint policy test does: each case with its own policies.
func TestPolicies(t *testing.T) {
	files, err := filepath.Glob("../../../fixtures/policies/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		comment, cases, err := want.Read(file)
		require.NoError(t, err)
		require.NotEmpty(t, comment, "%s does not say why its cases exist", file)
		for _, c := range cases {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+c.Name, func(t *testing.T) {
				differences, err := runFixture(&flags{}, c)
				require.NoError(t, err)
				for _, d := range differences {
					t.Error(d)
				}
			})
		}
	}
}

// TestFailingFixture holds that a fixture which wants something else fails.
func TestFailingFixture(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("a.rego", []byte("package gatelint.a\n\nwarn contains \"found\"\n"), 0o644))
	const fixture = "Why.\n\n-- one/vs.yaml --\napiVersion: v1\nkind: Service # want \"missed\"\nmetadata: {name: a, namespace: b}\n-- one/flags --\n--only=a\n-- two/vs.yaml --\nkind: [\n"
	require.NoError(t, os.WriteFile("a.txtar", []byte(fixture), 0o644))
	var out bytes.Buffer
	require.Equal(t, exitFindings, Main([]string{"policy", "test", "a.rego", "a.txtar"}, strings.NewReader(""), &out, &out))
	require.Equal(t, `a.txtar:3: failed: a.txtar/one
  a.txtar:4:1: unexpected: warning: found [a]
  a.txtar:5: missing: missed
a.txtar:9: failed: a.txtar/two
  a.txtar:10:1: unexpected: error: `, out.String()[:strings.Index(out.String(), "error: ")+7])
	out.Reset()
	require.Equal(t, exitFindings, Main([]string{"policy", "test", "-o", "junit", "a.rego", "a.txtar"}, strings.NewReader(""), &out, &out))
	require.Contains(t, out.String(), `<testcase classname="a.txtar" name="a.txtar/two" file="a.txtar" line="9">`)
	for text, want := range map[string]string{
		"-- one/p.rego --\npackage gatelint.p\n\nwarn contains \"a\" if to_number(input.metadata.name) > 1\n": "a.txtar:6: to_number: ",
		"-- one/p.rego --\npackage gatelint.p\n\nwarn contains \"a\" if nosuch(1)\n":                          "a.txtar:6: undefined function nosuch",
		"-- one/a.yaml --\n{} # want a\n": "a.txtar:4: a want that does not parse",
	} {
		text += "-- one/vs.yaml --\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\n"
		require.NoError(t, os.WriteFile("a.txtar", []byte("Why.\n\n"+text), 0o644))
		out.Reset()
		require.Equal(t, exitFindings, Main([]string{"policy", "test", "a.rego", "a.txtar"}, strings.NewReader(""), &out, &out))
		require.Contains(t, out.String(), "a.txtar:3: failed: a.txtar/one\n  "+want)
	}
	require.NoError(t, os.WriteFile("a.txtar", []byte("Nothing.\n"), 0o644))
	out.Reset()
	require.Equal(t, exitUsage, Main([]string{"policy", "test", "a.rego", "a.txtar"}, strings.NewReader(""), &out, &out))
	require.Contains(t, out.String(), "a.txtar holds no case")
}

// TestFixturesOfConfig runs the fixtures beside policies however these are named, each once.
func TestFixturesOfConfig(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("policy/deep", 0o755))
	for name, text := range map[string]string{
		"policy/a.rego":       "package gatelint.a\n\nwarn contains \"found\"\n",
		"policy/deep/a.txtar": "Why.\n\n-- one/vs.yaml --\napiVersion: v1 # want \"found\"\nkind: Service\nmetadata: {name: a, namespace: b}\n",
		"rules.yaml":          "version: 1\npolicies: [policy]\n",
	} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	for _, args := range []string{"-c rules.yaml", "-p policy", "./policy", "policy policy/deep/a.txtar", "-p policy -c rules.yaml policy/"} {
		var out bytes.Buffer
		Main(append([]string{"policy", "test"}, strings.Fields(args)...), strings.NewReader(""), &out, &out)
		require.Equal(t, "1 test, 0 failed\n", out.String(), args)
	}
}

// TestFailedPolicyInSARIF holds that a run in which a policy gave no answer does not look like a good one.
func TestFailedPolicyInSARIF(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("a.rego", []byte("package gatelint.a\n\nwarn contains \"a\" if to_number(input.metadata.name) > 1\n"), 0o644))
	require.NoError(t, os.WriteFile("a.yaml", []byte("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\n"), 0o644))
	var out bytes.Buffer
	require.Equal(t, exitUsage, Main([]string{"-q", "-o", "sarif", "-p", "a.rego", "a.yaml"}, strings.NewReader(""), &out, io.Discard))
	require.Regexp(t, `(?s)"executionSuccessful": false.*"text": "a.rego:3: to_number: .*, on Service b/a"`, out.String())
}
