package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/fixtures/guide"
)

// inBlocks are the tests that run every command in the blocks of a page, but for make.
var inBlocks = map[string]string{
	"docs/getting-started.md": "TestGuides", "docs/coming-from.md": "TestGuides", "docs/policies.md": "TestGuides", "docs/verdicts.md": "TestGuides",
	"docs/configuration.md": "TestConfigDocs", "docs/cluster.md": "TestDocs of cmd/lint/e2e", "docs/webhook.md": "TestPages of cmd/webhook/e2e",
	"policy/README.md": "TestDocs of policy", "CONTRIBUTING.md": "TestMaintainers", "fixtures/istiod/README.md": "TestMaintainers",
}

// byName are commands with what runs them, or their like.
var byName = map[string]string{
	"go run ./cmd/lint fixtures/shop":                "TestDocs",
	"go install github.com/gatelint/gatelint@latest": "TestInstall",
	"go install ./...":                               "TestPreCommit: what pre-commit does with a hook in Go",
	"go test ./...":                                  "make unit, make conformance",
	"ENVOY=/path/to/envoy go test -run Envoy .":      "make envoy",
	"go test ./rules -run Rules":                     "make unit",
	"INVALID=1 go test -run Conformance .":           "make conformance",
	"opa fmt --v0-v1 --write":                        "TestOPA",
	"bash .ci/run":                                   "CI",
	"make load":                                      "make e2e; the latency needs a machine that does nothing else",
	"make generate":                                  "TestMaintainers",
	"make release":                                   "make release-check; it publishes",
	"make image":                                     "TestImage",
	"KO_DOCKER_REPO=… make image":                    "TestImage",
	"git tag -s v1.2.3":                              "nothing: it is the release",
}

func commandPages(t *testing.T) (out []string) {
	for _, pattern := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "rules/README.md", "policy/README.md", "fixtures/*/README.md"} {
		files, err := filepath.Glob("../../" + pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			out = append(out, strings.TrimPrefix(file, "../../"))
		}
	}
	return out
}

// TestCommands fails for a command of any page that no test runs.
func TestCommands(t *testing.T) {
	ci, names := inCI(t), map[string]bool{}
	for _, file := range commandPages(t) {
		page, err := guide.Read("../../" + file)
		require.NoError(t, err)
		for _, s := range page.Steps {
			if s.Command == "" {
				continue
			}
			names[s.Command] = true
			ran := inBlocks[file] != "" && !strings.Contains(s.Command, "make ") || byName[s.Command] != "" || ci[s.Command]
			if file == "README.md" || file == "docs/ci.md" { // TestDocs, here and in cmd/lint/e2e; TestReviewdog
				ran = ran || regexp.MustCompile(`^(?:helm [^|]+\| |kubectl [^|]+\| )?gatelint [^|]+(?:\| reviewdog [^|]+)?$`).MatchString(s.Command)
			}
			require.True(t, ran, "%s: no test runs the block's %q", file, s.Command)
		}
		for _, command := range page.Said() {
			names[command] = true
			words := strings.Fields(command)
			ran := byName[command] != "" || ci[command]
			switch words[0] {
			case "gatelint":
				ran = true // TestSaid, TestWebhookPage, TestDocs of cmd/lint/e2e
			case "go", "cd":
				ran = ran || !strings.HasPrefix(file, "docs/") && file != "README.md" // TestMaintainers
			case "kubectl", "helm":
				ran = len(words) == 2 || file == "docs/webhook.md" // TestPages, which fails for one that it does not run
			case "opa", "git", "istioctl":
				ran = ran || len(words) == 2 // the name of a program, not a line to run
			}
			require.True(t, ran, "%s: no test runs %q", file, command)
		}
		for _, m := range regexp.MustCompile("`(Benchmark\\w+)` in `([^`]+)`").FindAllStringSubmatch(page.Text, -1) {
			require.True(t, strings.Contains(testsOf(t, m[2]), "func "+m[1]+"("), "%s: no %s in %s", file, m[1], m[2])
		}
	}
	for command := range byName {
		require.True(t, names[command], "%s is on no page", command)
	}
}

func testsOf(t *testing.T, folder string) (text string) {
	files, err := filepath.Glob("../../" + folder + "/*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		text += string(data)
	}
	return text
}

// inCI are the calls of make that CI makes, with those of the targets that these need.
func inCI(t *testing.T) map[string]bool {
	script, err := os.ReadFile("../../.ci/run")
	require.NoError(t, err)
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	needs := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9-]+):([^#\n]*)`).FindAllStringSubmatch(string(makefile), -1) {
		needs[m[1]] = strings.Fields(m[2])
	}
	out := map[string]bool{}
	var enter func(target string)
	enter = func(target string) {
		require.Contains(t, needs, target)
		out["make "+target] = true
		for _, other := range needs[target] {
			enter(other)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^make (\S+)$`).FindAllStringSubmatch(string(script), -1) {
		enter(m[1])
	}
	require.True(t, out["make conformance"])
	return out
}

// said are the whole calls of gatelint within sentences, with what they print; without that they stand in docs/cluster.md, whose commands
// TestDocs of cmd/lint/e2e runs.
var said = map[string]string{
	"gatelint explain IST0145":                     `(?s)^IST0145 of istioctl analyze .*\noverlapping-hosts: .*\nunmerged-port: `,
	"gatelint explain shadowed-match":              `(?s)^shadowed-match: .*Fix: `,
	"gatelint -p policy deploy":                    `deploy/edge.yaml:1:1: error: no Gateways here \[named\]`,
	"gatelint policy new NAME":                     `^policy/no_timeout\.rego\npolicy/no_timeout_test\.rego\npolicy/no_timeout\.txtar\n$`,
	"gatelint policy input FILE":                   `"kind": "Gateway"`,
	"gatelint policy input --facts FILE":           `"findings": `,
	"gatelint lint --with . FILE…":                 `changed\.yaml:\d+:5: error: .*\[unmerged-port\]`,
	"gatelint lint --cluster deploy/":              "",
	"gatelint lint --cluster --as-webhook deploy/": "",
}

// TestSaid runs the calls of gatelint within sentences, and of those that are but a name holds command and flags to the help.
func TestSaid(t *testing.T) {
	env := program(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"deploy/edge.yaml": edge, "changed.yaml": strings.TrimPrefix(clash, "---\n"),
		"policy/named.rego": "package gatelint.named\n\ndeny contains \"no Gateways here\" if input.kind == \"Gateway\"\n",
	} {
		require.NoError(t, (&guide.Step{File: name, Text: text}).Write(dir))
	}
	overCluster, err := os.ReadFile("../../docs/cluster.md")
	require.NoError(t, err)
	found := map[string]bool{}
	for _, file := range commandPages(t) {
		page, err := guide.Read("../../" + file)
		require.NoError(t, err)
		for _, command := range page.Said() {
			if !strings.HasPrefix(command, "gatelint ") || file == "docs/webhook.md" || found[command] {
				continue
			}
			found[command] = true
			want, whole := said[command]
			switch {
			case !whole:
				t.Run(command, func(t *testing.T) { isName(t, dir, env, strings.Fields(command)[1:]) })
			case want == "":
				require.Contains(t, string(overCluster), command)
			default:
				out, _ := shell(t, dir, env, "sh", "-c", strings.NewReplacer("FILE…", "changed.yaml", "FILE", "changed.yaml", "NAME", "no-timeout").Replace(command))
				require.Regexp(t, want, out, command)
			}
		}
	}
	for command := range said {
		require.True(t, found[command], "%s is on no page", command)
	}
}

// isName holds the name of a command, perhaps with flags, to the help. Other arguments make it a call, which is to be in said.
func isName(t *testing.T, dir string, env, words []string) {
	at := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") })
	if at < 0 {
		at = len(words)
	}
	help := must(t, dir, env, "sh", "-c", "gatelint "+strings.Join(words[:at], " ")+" --help")
	require.Regexp(t, `(?m)^  gatelint `+strings.Join(append(words[:at:at], ""), " "), help)
	for _, flag := range words[at:] {
		require.Regexp(t, `(?m)^ +(?:-\w, )?`+flag+`\b`, help)
	}
}
