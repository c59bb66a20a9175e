package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var (
	commandLine = regexp.MustCompile(`(?m)^(?:    |  - |    sh ')(?:[a-z]+ [^|\n]*\| )?(gatelint [^|'\n]*)`)
	fenced      = regexp.MustCompile("(?s)```yaml\n(.*?)```")
)

// TestDocs runs every command of docs/ci.md over a small repository, and holds its snippets to the action and the hooks.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/ci.md")
	require.NoError(t, err)
	bin := t.TempDir()
	must(t, "../..", nil, "go", "build", "-o", bin+"/gatelint", ".")
	env := []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "GITHUB_STEP_SUMMARY="}
	commands := commandLine.FindAllStringSubmatch(string(page), -1)
	require.Len(t, commands, 8)
	for _, c := range commands {
		t.Run(c[1], func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(dir, "deploy"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "deploy/edge.yaml"), []byte(edge+clash), 0o644))
			out, failed := shell(t, dir, env, "sh", "-c", c[1]+" <deploy/edge.yaml")
			require.Equal(t, !strings.Contains(c[1], "--fail-on never"), failed, out)
			require.NotContains(t, out, "--help")
			for _, file := range regexp.MustCompile(`=(\S+\.\S+)`).FindAllStringSubmatch(c[1], -1) {
				require.FileExists(t, filepath.Join(dir, file[1]))
			}
		})
	}
	t.Run("snippets", func(t *testing.T) {
		hooks, err := os.ReadFile("../../.pre-commit-hooks.yaml")
		require.NoError(t, err)
		var list []struct{ ID, Entry, Language string }
		require.NoError(t, yaml.UnmarshalStrict(hooks, new(any)))
		require.NoError(t, yaml.Unmarshal(hooks, &list))
		for _, h := range list {
			require.Contains(t, string(page), "| `"+h.ID+"` |")
		}
		for _, snippet := range fenced.FindAllStringSubmatch(string(page), -1) {
			require.NoError(t, yaml.UnmarshalStrict([]byte(snippet[1]), new(any)))
			if _, with, found := strings.Cut(snippet[1], "gatelint/gatelint@"); found {
				with, _, _ = strings.Cut(with, "- uses:")
				for _, input := range regexp.MustCompile(`(?m)^        ([a-z-]+):`).FindAllStringSubmatch(with, -1) {
					require.Contains(t, readAction(t).Inputs, input[1])
				}
			}
		}
	})
}
