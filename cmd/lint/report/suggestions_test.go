package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/cmd/lint/cli"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

type diagnostic struct {
	Message  string
	Location struct{ Path string }
	Code     struct{ Value string }

	Suggestions []struct {
		Text  string
		Range struct{ Start, End struct{ Line, Column int } }
	}
}

func diagnostics(t *testing.T) (out []diagnostic) {
	var stdout, stderr bytes.Buffer
	require.LessOrEqual(t, cli.Main([]string{"--no-config", "-o", "rdjsonl"}, strings.NewReader(""), &stdout, &stderr), 1, stderr.String())
	for _, line := range strings.Split(strings.TrimSpace(stdout.String()), "\n") {
		if line != "" {
			var d diagnostic
			require.NoError(t, json.Unmarshal([]byte(line), &d))
			out = append(out, d)
		}
	}
	return out
}

// TestSuggestions applies every suggestion for the fixtures, byte for byte as reviewdog does: the finding is gone then.
func TestSuggestions(t *testing.T) {
	files, err := filepath.Glob("../../../fixtures/*.txtar")
	require.NoError(t, err)
	applied := map[string]int{}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		require.NoError(t, err)
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Chdir(t.TempDir())
			for _, f := range ar.Files {
				require.NoError(t, os.MkdirAll(filepath.Dir(f.Name), 0o755))
				require.NoError(t, os.WriteFile(f.Name, f.Data, 0o644))
			}
			for _, d := range diagnostics(t) {
				for _, s := range d.Suggestions {
					before, err := os.ReadFile(d.Location.Path)
					require.NoError(t, err)
					lines := strings.SplitAfter(string(before), "\n")
					line := lines[s.Range.Start.Line-1]
					require.Equal(t, s.Range.Start.Line, s.Range.End.Line)
					lines[s.Range.Start.Line-1] = line[:s.Range.Start.Column-1] + s.Text + line[s.Range.End.Column-1:]
					require.NoError(t, os.WriteFile(d.Location.Path, []byte(strings.Join(lines, "")), 0o644))
					for _, after := range diagnostics(t) {
						require.NotEqual(t, d.Code.Value+d.Message, after.Code.Value+after.Message, "%s: %q", d.Location.Path, line)
					}
					require.NoError(t, os.WriteFile(d.Location.Path, before, 0o644))
					applied[d.Code.Value]++
				}
			}
		})
	}
	for _, rule := range []string{"unknown-gateway", "unknown-host", "unknown-delegate", "dangling-subset", "unbound-host", "missing-credential", "unknown-field", "invalid-value"} {
		require.Positive(t, applied[rule], rule)
	}
}
