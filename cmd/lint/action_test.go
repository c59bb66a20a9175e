package main

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

type action struct {
	Inputs map[string]struct{ Default string } `json:"inputs"`
	Runs   struct {
		Steps []struct {
			Run   string            `json:"run"`
			Shell string            `json:"shell"`
			Env   map[string]string `json:"env"`
		} `json:"steps"`
	} `json:"runs"`
}

func readAction(t *testing.T) (a action) {
	data, err := os.ReadFile("../../action.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(data, new(any)))
	require.NoError(t, yaml.Unmarshal(data, &a))
	return a
}

var inputExpression = regexp.MustCompile(`^\$\{\{ inputs\.([a-z-]+) \}\}$`)

// TestAction runs the steps of action.yml as a runner does, with inputs that try to become a part of the script.
func TestAction(t *testing.T) {
	a := readAction(t)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	temp := t.TempDir()
	elsewhere := filepath.Join(temp, "elsewhere.sarif")
	for _, c := range []struct {
		name   string
		inputs map[string]string
		code   string
		want   string
		sarif  string // "" for the default
	}{
		{"findings", nil, "1", "::error file=deploy/terminals.yaml,line=7,", ""},
		{"text", map[string]string{"annotations": "false"}, "1", "deploy/terminals.yaml:7:5: error: ", ""},
		{"never", map[string]string{"fail-on": "never"}, "0", "::error ", ""},
		{"the config's", map[string]string{"config": "quiet.yaml"}, "0", "::error file=deploy/terminals.yaml,line=7,", ""},
		{"its paths", map[string]string{"config": "narrow.yaml"}, "0", "no findings in 1 document", ""},
		{"args", map[string]string{"args": "--disable=unmerged-port\n--quiet\n"}, "0", "no findings", ""},
		{"paths", map[string]string{"paths": "deploy/edge.yaml\ndeploy/a file.yaml"}, "0", "no findings in 2 documents", ""},
		{"another report", map[string]string{"sarif-file": "deploy/out.sarif"}, "1", "::error ", "deploy/out.sarif"},
		{"a report elsewhere", map[string]string{"sarif-file": elsewhere}, "1", "::error ", elsewhere},
		{"no such config", map[string]string{"config": "no.yaml"}, "2", "no.yaml", ""},
		{"a command for a path", map[string]string{"paths": "$(touch pwned)"}, "2", "does not exist", ""},
		{"more commands", map[string]string{"args": "--only=x; touch pwned", "fail-on": `"; touch pwned; "`}, "2", "touch pwned", ""},
		{"a flag for a path", map[string]string{"paths": "--fail-on=never"}, "2", "does not exist", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, ".git"), 0o755))
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "deploy"), 0o755))
			for name, text := range map[string]string{"edge.yaml": edge, "terminals.yaml": strings.TrimPrefix(clash, "---\n"), "a file.yaml": strings.Replace(edge, "public", "other", 1)} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "deploy", name), []byte(text), 0o644))
			}
			for name, text := range map[string]string{"quiet.yaml": "version: 1\nfail-on: never\n", "narrow.yaml": "version: 1\npaths: [deploy/edge.yaml]\n"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
			}
			output, summary := filepath.Join(dir, "output"), filepath.Join(dir, "summary")
			env := []string{"GITHUB_ACTION_PATH=" + root, "RUNNER_TEMP=" + temp, "GITHUB_OUTPUT=" + output, "GITHUB_STEP_SUMMARY=" + summary}
			out := a.run(t, dir, env, c.inputs)
			require.Contains(t, out, c.want)
			got, err := os.ReadFile(output)
			require.NoError(t, err, out)
			require.Contains(t, string(got), "exit-code="+c.code+"\n")
			require.NoFileExists(t, filepath.Join(dir, "pwned"))
			if c.code < "2" {
				sarif := cmp.Or(c.sarif, "gatelint.sarif")
				if !filepath.IsAbs(sarif) {
					sarif = filepath.Join(dir, sarif)
				}
				require.Contains(t, string(got), "sarif-file="+sarif+"\n")
				require.FileExists(t, sarif)
			}
			if c.code < "2" && c.inputs["annotations"] == "" {
				require.FileExists(t, summary)
			}
		})
	}
}

// run runs the steps that are scripts, with inputs in the environment alone, and gives what the last one prints.
func (a action) run(t *testing.T, dir string, env []string, inputs map[string]string) (out string) {
	for _, step := range a.Runs.Steps {
		if step.Run == "" {
			continue
		}
		require.NotContains(t, step.Run, "${{")
		require.Equal(t, "bash", step.Shell)
		own := slices.Clone(env)
		for key, value := range step.Env {
			m := inputExpression.FindStringSubmatch(value)
			require.NotNil(t, m, value)
			input, declared := a.Inputs[m[1]]
			require.True(t, declared, m[1])
			text, given := inputs[m[1]]
			if !given {
				text = input.Default
			}
			own = append(own, key+"="+text)
		}
		script := filepath.Join(t.TempDir(), "step.sh")
		require.NoError(t, os.WriteFile(script, []byte(step.Run), 0o644))
		out, _ = shell(t, dir, own, "bash", "--noprofile", "--norc", "-eo", "pipefail", script)
	}
	return out
}
