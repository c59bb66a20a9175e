package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shell runs a program in a folder and gives all that it prints; failed is whether it ends with an exit code.
func shell(t *testing.T, dir string, env []string, args ...string) (out string, failed bool) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	b, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		require.NoError(t, err)
	}
	return string(b), err != nil
}

func must(t *testing.T, dir string, env []string, args ...string) string {
	out, failed := shell(t, dir, env, args...)
	require.False(t, failed, "%v: %s", args, out)
	return out
}

// hookSource is this repository as it is now, committed: pre-commit clones it.
func hookSource(t *testing.T, env []string) (dir, rev string) {
	dir = t.TempDir()
	root := strings.TrimSpace(must(t, ".", nil, "git", "rev-parse", "--show-toplevel"))
	for _, name := range strings.Fields(must(t, root, nil, "git", "ls-files", "-co", "--exclude-standard")) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		info, err := os.Stat(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, info.Mode()))
	}
	commit(t, dir, env)
	return dir, strings.TrimSpace(must(t, dir, env, "git", "rev-parse", "HEAD"))
}

// commit makes a folder a repository with all that is in it.
func commit(t *testing.T, dir string, env []string) {
	must(t, dir, env, "git", "init", "-q")
	must(t, dir, env, "git", "add", "-A")
	must(t, dir, env, "git", "commit", "-qnm", "all")
}

const edge = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*.example.com"]
`

const clash = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: terminals, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 80, name: tcp, protocol: TCP}
    hosts: ["*"]
`

const routes = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: edge}
spec:
  hosts: [shop.example.com]
  gateways: [public]
  http:
  - route: [{destination: {host: web.example.com}}]
`

const goodPolicy = `package gatelint.named

deny contains "it has no name" if not input.metadata.name
`

const policyTest = `package gatelint.named_test

import data.gatelint.named

test_named if count(named.deny) == 1 with input as {"metadata": {}}
`

// hooks is where the real pre-commit runs: with a cache and a git config of its own.
type hooks struct {
	preCommit, source, rev string
	env                    []string
}

func newHooks(t *testing.T) *hooks {
	h := &hooks{preCommit: os.Getenv("PRE_COMMIT")}
	if h.preCommit == "" {
		t.Skip("PRE_COMMIT names no pre-commit; make pre-commit fetches one")
	}
	home := t.TempDir()
	git := filepath.Join(home, "gitconfig")
	require.NoError(t, os.WriteFile(git, []byte("[user]\nname = t\nemail = t@example.com\n[init]\ndefaultBranch = main\n"), 0o644))
	modules := strings.TrimSpace(must(t, ".", nil, "go", "env", "GOMODCACHE"))
	h.env = []string{"PRE_COMMIT_HOME=" + home, "GOMODCACHE=" + modules, "GIT_CONFIG_GLOBAL=" + git, "GIT_CONFIG_NOSYSTEM=1"}
	h.source, h.rev = hookSource(t, h.env)
	bin := t.TempDir() // for gatelint-system
	must(t, h.source, h.env, "go", "build", "-o", bin+"/gatelint", ".")
	h.env = append(h.env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return h
}

// use makes a repository with files and a hook.
func (h *hooks) use(t *testing.T, files map[string]string, hook string) string {
	dir := t.TempDir()
	config := fmt.Sprintf("repos:\n- repo: %s\n  rev: %s\n  hooks:\n  - %s\n", h.source, h.rev, hook)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".pre-commit-config.yaml"), []byte(config), 0o644))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	commit(t, dir, h.env)
	must(t, dir, h.env, h.preCommit, "install")
	return dir
}

// change commits a file.
func (h *hooks) change(t *testing.T, dir, file, text string) (out string, refused bool) {
	require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	must(t, dir, h.env, "git", "add", file)
	return shell(t, dir, h.env, "git", "commit", "-m", "change "+file)
}

// TestPreCommit runs the hooks with the real pre-commit on scratch repositories: a bad commit is refused, a good one taken.
func TestPreCommit(t *testing.T) {
	h := newHooks(t)
	list := []string{"gatelint", "gatelint-changed", "gatelint-system"}
	if _, failed := shell(t, ".", nil, "sh", "-c", "docker info"); !failed {
		list = append(list, "gatelint-docker")
	} else {
		t.Log("gatelint-docker is not tried: no Docker answers")
	}
	for _, hook := range list {
		t.Run(hook, func(t *testing.T) {
			dir := h.use(t, map[string]string{"edge.yaml": edge, "README.md": "x"}, "id: "+hook)
			out, refused := h.change(t, dir, "terminals.yaml", clash)
			require.True(t, refused, out)
			require.Regexp(t, `(?m)^terminals.yaml:8:5: error: .* cannot share the port .* \[unmerged-port\]$`, out)
			out, refused = h.change(t, dir, "terminals.yaml", strings.Replace(clash, "number: 80", "number: 81", 1))
			require.False(t, refused, out)
			require.Contains(t, out, "Passed")
			out, refused = h.change(t, dir, "README.md", "y")
			require.False(t, refused, out)
			if hook == "gatelint-changed" {
				require.Contains(t, out, "Skipped")
				return // it is about the files of a commit, and one that is deleted is none of them
			}
			require.Contains(t, out, "Passed")
			out, refused = h.change(t, dir, "routes.yaml", routes)
			require.False(t, refused, out)
			out, refused = h.change(t, dir, ".gatelint.yaml", "version: 1\ncomplete: Gateway\n")
			require.False(t, refused, out)
			must(t, dir, h.env, "git", "rm", "-q", "edge.yaml")
			out, refused = shell(t, dir, h.env, "git", "commit", "-m", "delete")
			require.True(t, refused, out)
			require.Contains(t, out, "[unknown-gateway]")
		})
	}
	for hook, files := range map[string]map[string]string{
		"gatelint-policy-test":   {".gatelint.yaml": "version: 1\npolicies: [.]\n", "policy.rego": goodPolicy, "policy_test.rego": strings.Replace(policyTest, "1", "2", 1)},
		"gatelint-config-verify": {".gatelint.yaml": "version: 1\nfail_on: warning\n"},
	} {
		t.Run(hook, func(t *testing.T) {
			dir := h.use(t, map[string]string{"README.md": "x"}, "id: "+hook)
			for name, text := range files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
			}
			must(t, dir, h.env, "git", "add", ".")
			out, refused := shell(t, dir, h.env, "git", "commit", "-m", "not good yet")
			require.True(t, refused, out)
			require.Regexp(t, `1 failed|did you mean "fail-on"`, out)
			for name, text := range map[string]string{"policy_test.rego": policyTest, ".gatelint.yaml": strings.Replace(files[".gatelint.yaml"], "fail_on", "fail-on", 1)} {
				if files[name] != "" {
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
				}
			}
			must(t, dir, h.env, "git", "add", ".")
			out, refused = shell(t, dir, h.env, "git", "commit", "-m", "good")
			require.False(t, refused, out)
			require.Contains(t, out, "Passed")
		})
	}
	t.Run("parallel", h.inParallel)
}

// inParallel: pre-commit parts a thousand files among several runs, which find together what one run finds.
func (h *hooks) inParallel(t *testing.T) {
	dir := h.use(t, thousandFiles(), "id: gatelint-changed\n    require_serial: false\n    args: [-q, --stats, --fail-on, warning]")
	// The program is looked up in this process's PATH, so that the shell has to find the one just built.
	one, _ := shell(t, dir, h.env, "sh", "-c", "gatelint lint -q --fail-on warning")
	several, failed := shell(t, dir, h.env, h.preCommit, "run", "--all-files", "gatelint-changed")
	require.True(t, failed)
	require.Greater(t, strings.Count(several, "gateway workloads"), 1, "pre-commit ran it once only")
	require.Greater(t, len(lines(one)), 100)
	require.Equal(t, lines(one), lines(several))
}

// lines are the first lines of findings, each once.
func lines(report string) []string {
	out := regexp.MustCompile(`(?m)^\S+:\d+:\d+: (?:error|warning|info): .*$`).FindAllString(report, -1)
	slices.Sort(out)
	return slices.Compact(out)
}

// thousandFiles has faults within files, and between files far from each other.
func thousandFiles() map[string]string {
	out := map[string]string{"edge.yaml": edge}
	for i := range 999 {
		name := fmt.Sprintf("%03d-%s.yaml", i, strings.Repeat("long", 30))
		switch {
		case i%10 == 0: // the second half claims what the first half has
			out[name] = fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g%[1]d, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 443, name: https-%[1]d, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: c%[1]d}
    hosts: [h%[2]d.example.org]
`, i, i%500)
		default:
			out[name] = fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v%[1]d, namespace: shop}
spec:
  hosts: [v%[1]d.example.com]
  gateways: [edge/public]
  http:
  - match: [{uri: {prefix: /api}}]
    route: [{destination: {host: a}}]
  - match: [{uri: {prefix: /%[2]s}}]
    route: [{destination: {host: b}}]
`, i, map[bool]string{true: "api/old", false: "new"}[i%7 == 0])
		}
	}
	return out
}
