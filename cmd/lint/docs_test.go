package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/gatelint/gatelint/fixtures/guide"
)

var update = flag.Bool("update", false, "rewrite what commands print in docs/")

// program builds gatelint, and gives the environment in which a shell finds it.
func program(t *testing.T) []string {
	bin := t.TempDir()
	must(t, "../..", nil, "go", "build", "-o", bin+"/gatelint", ".")
	return []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "GITHUB_STEP_SUMMARY=", "NO_COLOR=1"}
}

// ann commits, with git as it is out of the box.
var ann = []string{
	"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
	"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com",
}

// TestGuides does what the pages say, step by step, and holds commands to what is shown of them.
func TestGuides(t *testing.T) {
	env := append(program(t), ann...)
	for _, name := range []string{"getting-started", "coming-from", "policies", "verdicts"} {
		t.Run(name, func(t *testing.T) {
			file, err := filepath.Abs("../../docs/" + name + ".md")
			require.NoError(t, err)
			page, err := guide.Read(file)
			require.NoError(t, err)
			dir := t.TempDir()
			outputs, ran := map[int]string{}, 0
			for i, s := range page.Steps {
				if s.File != "" {
					require.NoError(t, s.Write(dir))
					continue
				}
				if elsewhere(t, name, s.Command) {
					continue
				}
				ran++
				out, failed := shell(t, dir, env, "sh", "-c", s.Command+"\ntest $? -lt 2")
				if s.Shown {
					outputs[i] = out
				}
				if !*update && s.Shown {
					require.Equal(t, s.Output, out, s.Command)
				}
				require.False(t, failed, "%s: %s", s.Command, out)
			}
			require.NotZero(t, ran)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(page.With(outputs)), 0o644))
			}
		})
	}
}

// elsewhere tells whether another test runs a command, or its like.
func elsewhere(t *testing.T, page, command string) bool {
	words := strings.Fields(command)
	switch words[0] {
	case "kubectl", "helm": // cmd/webhook/e2e
		return page == "policies"
	case "pre-commit": // TestPreCommit
		require.Equal(t, "pre-commit install", command)
		return true
	case "go": // TestInstall
		mod, err := os.ReadFile("../../go.mod")
		require.NoError(t, err)
		module, _, _ := strings.Cut(strings.TrimPrefix(string(mod), "module "), "\n")
		require.Equal(t, "go install "+module+"@latest", command)
		return true
	}
	return false
}

// TestDocs runs every command of docs/ci.md and README.md over a small repository, and holds snippets to the action and the hooks.
func TestDocs(t *testing.T) {
	env := program(t)
	for file, count := range map[string]int{"docs/ci.md": 8, "README.md": 7} {
		page, err := guide.Read("../../" + file)
		require.NoError(t, err)
		ran := 0
		for _, s := range page.Steps {
			if command := s.Gatelint(); command != "" {
				ran++
				t.Run(command, func(t *testing.T) { overSmall(t, env, command) })
			}
		}
		require.Equal(t, count, ran, file)
	}
	ci, err := os.ReadFile("../../docs/ci.md")
	require.NoError(t, err)
	t.Run("snippets", func(t *testing.T) { snippets(t, string(ci)) })
	t.Run("first", func(t *testing.T) { firstExample(t, env) })
	t.Run("shop", func(t *testing.T) {
		readme, err := os.ReadFile("../../README.md")
		require.NoError(t, err)
		command := regexp.MustCompile(`(?m)^    (go run \./cmd/lint fixtures/shop) .*exit code 1$`).FindStringSubmatch(string(readme))
		require.NotNil(t, command)
		out, failed := shell(t, "../..", env, "sh", "-c", command[1])
		require.True(t, failed)
		for _, fault := range []string{"overlapping-hosts", "unmerged-port", "shadowed-match", "missing-credential", "dangling-subset"} {
			require.Contains(t, out, "["+fault+"]")
		}
	})
	t.Run("trace", traceExample)
}

// own is a Gateway that claims the host of istio-system/public, as in docs/webhook.md.
const own = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: own, namespace: shop, creationTimestamp: "2026-01-02T00:00:00Z"}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: shop}
    hosts: [shop.example.com]
`

// TestWebhookPage runs the calls of gatelint in docs/webhook.md, and holds what the page shows of a refusal to what these say.
func TestWebhookPage(t *testing.T) {
	env := program(t)
	data, err := os.ReadFile("../../docs/webhook.md")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "all"), 0o755))
	public := strings.NewReplacer("name: own", "name: public", "namespace: shop", "namespace: istio-system", "2026-01-02", "2026-01-01").Replace(own)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all/public.yaml"), []byte(public), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "changed.yaml"), []byte(own), 0o644))
	refusal := regexp.MustCompile(`(?m)^- Gateway shop/own spec.servers\[0\]: (.*) … (\[overlapping-hosts\])$`).FindStringSubmatch(string(data))
	require.NotNil(t, refusal)
	var ran []string
	for _, m := range regexp.MustCompile("`(gatelint [^`]+)`").FindAllStringSubmatch(string(data), -1) {
		ran = append(ran, m[1])
		out, failed := shell(t, dir, env, "sh", "-c", m[1])
		require.NotContains(t, out, "--help")
		require.Equal(t, strings.HasPrefix(m[1], "gatelint lint"), failed, out)
		if strings.Contains(m[1], "--as-webhook") {
			require.Contains(t, out, "would be denied: Gateway ")
		}
		if strings.Contains(m[1], "--with") {
			require.Contains(t, out, refusal[1])
			require.Contains(t, out, refusal[2])
			require.Contains(t, out, "would be denied: Gateway shop/own")
		}
	}
	require.Contains(t, ran, "gatelint explain overlapping-hosts")
	require.Contains(t, ran, "gatelint lint --as-webhook --with all/ changed.yaml")
}

// overSmall runs a command in a repository with one error.
func overSmall(t *testing.T, env []string, command string) {
	if strings.Contains(command, "--cluster") {
		t.Skip("run in cmd/lint/e2e, as docs/cluster.md has it")
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "deploy"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deploy/edge.yaml"), []byte(edge+clash), 0o644))
	out, failed := shell(t, dir, env, "sh", "-c", command+" <deploy/edge.yaml")
	lints := !regexp.MustCompile(`^gatelint (explain|trace|routes) `).MatchString(command)
	require.Equal(t, lints && !strings.Contains(command, "--fail-on never"), failed, out)
	require.NotContains(t, out, "--help")
	for _, file := range regexp.MustCompile(`=(\S+\.\S+)`).FindAllStringSubmatch(command, -1) {
		require.FileExists(t, filepath.Join(dir, file[1]))
	}
}

// firstExample holds what README.md shows first to what gatelint says of it, beside a Gateway and the Services.
func firstExample(t *testing.T, env []string) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```\n\n```\n(.*?)```").FindStringSubmatch(string(readme))
	require.NotNil(t, m)
	dir := t.TempDir()
	beside := strings.NewReplacer("namespace: edge", "namespace: istio-system", "*.example.com", "shop.example.com").Replace(edge)
	for _, name := range []string{"catalog", "search"} {
		beside += "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "beside.yaml"), []byte(beside), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "routes.yaml"), []byte(m[1]), 0o644))
	out, _ := shell(t, dir, env, "sh", "-c", "gatelint -q routes.yaml beside.yaml")
	require.Equal(t, m[2]+"\n", out)
}

// traceExample holds what README.md shows of trace to a script.
func traceExample(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	script, err := os.ReadFile("../../fixtures/cli/trace.txtar")
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)```\n(\\$ gatelint trace .*?)```").FindStringSubmatch(string(readme))
	require.NotNil(t, m)
	require.Contains(t, string(script), m[1])
}

func snippets(t *testing.T, page string) {
	hooks, err := os.ReadFile("../../.pre-commit-hooks.yaml")
	require.NoError(t, err)
	var list []struct {
		ID, Entry, Language string
		AlwaysRun           bool `json:"always_run"`
	}
	require.NoError(t, yaml.UnmarshalStrict(hooks, new(any)))
	require.NoError(t, yaml.Unmarshal(hooks, &list))
	for _, h := range list {
		require.Contains(t, page, "| `"+h.ID+"` |")
		require.Equal(t, h.Entry == "gatelint lint", h.AlwaysRun, "docs/ci.md says so of the hooks of the whole repository")
	}
	for _, snippet := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page, -1) {
		require.NoError(t, yaml.UnmarshalStrict([]byte(snippet[1]), new(any)))
		if _, with, found := strings.Cut(snippet[1], "gatelint/gatelint@"); found {
			with, _, _ = strings.Cut(with, "- uses:")
			for _, input := range regexp.MustCompile(`(?m)^        ([a-z-]+):`).FindAllStringSubmatch(with, -1) {
				require.Contains(t, readAction(t).Inputs, input[1])
			}
		}
	}
}
