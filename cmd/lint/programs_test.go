package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/fixtures/guide"
)

// guides is an environment with the real reviewdog, OPA, crane and gatelint.
func guides(t *testing.T) []string {
	dir := os.Getenv("GUIDES")
	if dir == "" {
		t.Skip("GUIDES names no folder with reviewdog, OPA and crane; make guides makes one")
	}
	env := program(t)
	env[0] += string(os.PathListSeparator) + dir
	return append(env, ann...)
}

// TestReviewdog has the real reviewdog send what gatelint finds to a pull request: its end of GitHub's API is played here.
func TestReviewdog(t *testing.T) {
	env := guides(t)
	page, err := guide.Read("../../docs/ci.md")
	require.NoError(t, err)
	var command string
	for _, s := range page.Steps {
		if strings.Contains(s.Command, "reviewdog") {
			command = s.Command
		}
	}
	dir := t.TempDir()
	misspelt := strings.Replace(routes, "[public]", "[publik]", 1)
	require.NoError(t, (&guide.Step{File: "deploy/edge.yaml", Text: edge + misspelt}).Write(dir))
	commit(t, dir, env)
	diff := must(t, dir, env, "git", "show", "--format=")
	type comment struct {
		Path, Body string
		Line       int
	}
	var review struct{ Comments []comment }
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]string{
			"GET /repos/o/r/pulls/1": diff, "GET /repos/o/r/pulls/1/comments": "[]", "GET /repos/o/r": `{"html_url": "https://example.com/o/r"}`,
			"POST /repos/o/r/pulls/1/reviews": "{}",
		}[r.Method+" "+r.URL.Path]
		if r.Method == http.MethodPost {
			_ = json.NewDecoder(r.Body).Decode(&review)
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer github.Close()
	event := filepath.Join(t.TempDir(), "event.json")
	rev := strings.TrimSpace(must(t, dir, env, "git", "rev-parse", "HEAD"))
	request := `{"pull_request": {"number": 1, "head": {"sha": "` + rev + `"}}, "repository": {"name": "r", "owner": {"login": "o"}}}`
	require.NoError(t, os.WriteFile(event, []byte(request), 0o644))
	must(t, dir, append(env, "GITHUB_ACTIONS=true", "GITHUB_EVENT_PATH="+event, "GITHUB_API="+github.URL+"/", "REVIEWDOG_GITHUB_API_TOKEN=x"), "sh", "-c", command)
	require.Len(t, review.Comments, 1)
	c := review.Comments[0]
	require.Equal(t, "deploy/edge.yaml", c.Path)
	require.Equal(t, 1+strings.Count(strings.Split(edge+misspelt, "[publik]")[0], "\n"), c.Line)
	require.Contains(t, c.Body, "[unknown-gateway]")
	require.Contains(t, c.Body, `did you mean "public"?`)
	require.Contains(t, c.Body, "```suggestion\n  gateways: [public]\n```")
}

// TestOPA rewrites a policy of conftest as docs/policies.md says, and gatelint takes it then.
func TestOPA(t *testing.T) {
	env := guides(t)
	page, err := guide.Read("../../docs/policies.md")
	require.NoError(t, err)
	const rewrite, check = "opa fmt --v0-v1 --write", "gatelint policy check"
	require.Contains(t, page.Said(), rewrite)
	require.Contains(t, page.Said(), check)
	dir := t.TempDir()
	const old = "package main\n\ndeny[msg] {\n\tinput.kind == \"Gateway\"\n\tnot input.spec.selector\n\tmsg := \"no selector\"\n}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.rego"), []byte(old), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "edge.yaml"), []byte(strings.Replace(edge, "  selector: {istio: edge}\n", "", 1)), 0o644))
	out, failed := shell(t, dir, env, "sh", "-c", check+" --policy-namespace main main.rego")
	require.True(t, failed)
	require.Contains(t, out, rewrite)
	must(t, dir, env, "sh", "-c", rewrite+" main.rego")
	must(t, dir, env, "sh", "-c", check+" --policy-namespace main main.rego")
	out, failed = shell(t, dir, env, "sh", "-c", "gatelint -q --policy-namespace main -p main.rego edge.yaml")
	require.True(t, failed)
	require.Contains(t, out, "error: no selector [")
}

// TestMaintainers runs the commands for maintainers that CI does not run as they are, in a copy of the repository. What they write is
// what is there.
func TestMaintainers(t *testing.T) {
	env := guides(t)
	ci := inCI(t)
	dir, _ := hookSource(t, env)
	ran := map[string]bool{}
	for _, file := range commandPages(t) {
		if file == "README.md" || strings.HasPrefix(file, "docs/") {
			continue
		}
		page, err := guide.Read("../../" + file)
		require.NoError(t, err)
		commands := page.Said()
		if inBlocks[file] == "TestMaintainers" {
			for _, s := range page.Steps {
				commands = append(commands, s.Command)
			}
		}
		for _, command := range commands {
			at := dir
			if strings.HasPrefix(file, "fixtures/") {
				at = filepath.Join(dir, filepath.Dir(file))
			}
			command, to := command, ""
			if rest, found := strings.CutPrefix(command, "cd "); found {
				to, command, _ = strings.Cut(rest, " && ")
			}
			at = filepath.Join(at, to)
			if strings.HasPrefix(command, "gatelint ") || ci[command] || byName[command] != "" && command != "make generate" || ran[at+command] {
				continue
			}
			ran[at+command] = true
			t.Run(command, func(t *testing.T) {
				out := must(t, at, env, "sh", "-c", command)
				require.NotContains(t, out, "no tests to run")
				require.NotContains(t, out, "testing: warning")
				require.Empty(t, must(t, dir, env, "git", "status", "--porcelain"), "it changes what is there")
			})
		}
	}
	require.True(t, ran[dir+"make generate"])
	require.Greater(t, len(ran), 7)
}
