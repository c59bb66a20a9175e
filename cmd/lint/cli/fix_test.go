package cli

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/fixtures/want"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
)

// TestFixProperties fixes every fixture, as it is and closed: nothing that was fixed is left, nothing else is wrong, no comment
// has changed, a second run has nothing to do, and what --diff shows is what was written.
func TestFixProperties(t *testing.T) {
	var files []string
	for _, glob := range []string{"*", "clean/*", "broken/*"} {
		found, err := filepath.Glob("../../../fixtures/" + glob + ".txtar")
		require.NoError(t, err)
		require.NotEmpty(t, found)
		files = append(files, found...)
	}
	for _, name := range []string{"GIT_CONFIG_GLOBAL", "GIT_CEILING_DIRECTORIES"} {
		t.Setenv(name, gitSettings[name])
	}
	mended := map[string]int{}
	for _, file := range files {
		_, cases, err := want.Read(file)
		require.NoError(t, err)
		for _, c := range cases {
			t.Run(filepath.Base(file)+"/"+c.Name, func(t *testing.T) {
				for rule, n := range fixCase(t, c, caseFlags(c)) {
					mended[rule] += n
				}
				for i, f := range c.Files {
					c.Files[i].Data = wants.ReplaceAll(f.Data, nil)
				}
				for rule, n := range fixCase(t, c, append(caseFlags(c), "--complete")) {
					mended[rule] += n
				}
			})
		}
	}
	for _, rule := range []string{"unknown-gateway", "unknown-host", "unknown-delegate", "missing-credential", "dangling-subset", "unused-ignore", "rejected-by-istiod", "shadowed-match"} {
		require.Positive(t, mended[rule], rule)
	}
	t.Log(mended)
}

// TestFixByTwoNames mends a file once that is read by two names, through the link, which stays.
func TestFixByTwoNames(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web, namespace: shop}\nspec: # gatelint:ignore no-effect -- gone\n" +
		"  hosts: [a.example.com, a.example.com]\n  gateways: [mesh]\n  http: [{directResponse: {status: 200}}]\n"
	require.NoError(t, os.MkdirAll("deploy", 0o755))
	require.NoError(t, os.WriteFile("deploy/web.yaml", []byte(text), 0o644))
	require.NoError(t, os.Symlink("web.yaml", "deploy/also.yaml"))
	fixRun(t, []string{"--no-config", "--fix", "deploy"})
	link, err := os.Readlink("deploy/also.yaml")
	require.NoError(t, err)
	require.Equal(t, "web.yaml", link)
	got, err := os.ReadFile("deploy/web.yaml")
	require.NoError(t, err)
	require.Equal(t, strings.NewReplacer(" # gatelint:ignore no-effect -- gone", "", "a.example.com, ", "").Replace(text), string(got))
	require.Empty(t, fixRun(t, []string{"--no-config", "--diff", "-q", "deploy"}))
}

// TestFixKeepsFailing tells files that cannot be written: it fails, and what can be is written.
func TestFixKeepsFailing(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everything")
	}
	t.Chdir(t.TempDir())
	text := "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: NAME, namespace: shop}\nspec: {selector: {a: b}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [NAME.example.com]}]} # gatelint:ignore no-effect -- gone\n"
	require.NoError(t, os.WriteFile("a.yaml", []byte(strings.ReplaceAll(text, "NAME", "x")), 0o444))
	require.NoError(t, os.WriteFile("b.yaml", []byte(strings.ReplaceAll(text, "NAME", "z")), 0o644))
	code, _, errs := execute(rules.All(), "", "--no-config", "--fix", "a.yaml", "b.yaml")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "writing a.yaml: ")
	got, err := os.ReadFile("b.yaml")
	require.NoError(t, err)
	require.NotContains(t, string(got), "gatelint:ignore")
}

var wants = regexp.MustCompile(`(?m) *# want .*$`)

func caseFlags(c *want.Case) (flags []string) {
	for _, line := range c.Flags {
		word, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
		flags = append(flags, strings.TrimSuffix("--"+word+"="+arg, "="))
	}
	return flags
}

// fixCase gives how many findings of which rule were fixed.
func fixCase(t *testing.T, c *want.Case, flags []string) map[string]int {
	t.Chdir(t.TempDir())
	require.NoError(t, c.Unpack("."))
	flags = append([]string{c.Name, "--no-config"}, flags...)
	if !slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, "--now") }) {
		flags = append(flags, "--now=2026-06-30")
	}
	diff := fixRun(t, append(flags, "--diff", "-q"))
	if diff == "" {
		return nil
	}
	before, old := faults(t, flags), texts(t)
	fixRun(t, append(flags, "--fix"))
	after, now := faults(t, flags), texts(t)

	mended := map[string]int{}
	for _, f := range before {
		if !slices.ContainsFunc(after, func(x fault) bool { return x == f }) {
			mended[f.Rule]++
		}
	}
	left := map[string]int{}
	for _, f := range before {
		left[f.Fingerprint]++
	}
	for _, f := range after {
		left[f.Fingerprint]--
		require.True(t, left[f.Fingerprint] >= 0 || f.Severity == "info", "new: %+v", f)
	}
	for name, text := range old {
		require.Equal(t, comments(text), comments(now[name]), name)
	}

	fixRun(t, append(flags, "--fix"))
	require.Equal(t, now, texts(t), "a second run")
	require.Empty(t, fixRun(t, append(flags, "--diff", "-q")))

	restore := func(change func(string) string) {
		for name, text := range old {
			require.NoError(t, os.WriteFile(name, []byte(change(text)), 0o644))
		}
	}
	restore(strings.Clone)
	require.Equal(t, diff, fixRun(t, append(flags, "--diff", "-q")))
	require.Equal(t, old, texts(t), "--diff writes nothing")
	apply := exec.Command("git", "apply", "-")
	apply.Stdin = strings.NewReader(diff)
	out, err := apply.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, diff)
	require.Equal(t, now, texts(t), "git apply")

	windows := func(text string) string { return "\xef\xbb\xbf" + strings.ReplaceAll(text, "\n", "\r\n") }
	restore(windows)
	fixRun(t, append(flags, "--fix"))
	for name, text := range texts(t) {
		require.Equal(t, windows(now[name]), text, name)
	}
	return mended
}

func fixRun(t *testing.T, args []string) string {
	var out, errs bytes.Buffer
	a := &app{rules: rules.All(), version: "v0.0.0-test", stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	require.LessOrEqual(t, a.main(args), exitFindings, errs.String())
	return out.String()
}

type fault struct{ Rule, Severity, Fingerprint, Message, Path string }

func faults(t *testing.T, flags []string) (out []fault) {
	var report struct {
		Findings []struct {
			fault
			Position struct{ Path string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(fixRun(t, append(flags, "-o", "json"))), &report))
	for _, f := range report.Findings {
		f.fault.Path = f.Position.Path
		out = append(out, f.fault)
	}
	return out
}

func texts(t *testing.T) map[string]string {
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			out[name] = string(data)
		}
		return err
	}))
	return out
}

// comments are all but ignores.
func comments(text string) (out []string) {
	for _, line := range strings.Split(text, "\n") {
		if _, c, ok := strings.Cut(line, " #"); ok && !strings.Contains(c, "gatelint:ignore") {
			out = append(out, c)
		}
	}
	return out
}
