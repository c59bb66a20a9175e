package cli

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the transcripts in fixtures/cli")

// TestScripts runs fixtures/cli/*.txtar: the commands of "run" in a folder with the other files, against the transcript
// "want". A line of standard error stands behind "! ".
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../../../fixtures/cli/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		file, err := filepath.Abs(file)
		require.NoError(t, err)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			require.NoError(t, err)
			t.Setenv("NO_COLOR", "")
			t.Setenv("GITHUB_STEP_SUMMARY", "summary.md")
			t.Chdir(t.TempDir())
			run, want := unpack(t, ar)
			for name, value := range gitSettings {
				t.Setenv(name, value)
			}
			got := transcript(t, run)
			if *update {
				want.Data = []byte(got)
				require.NoError(t, os.WriteFile(file, txtar.Format(ar), 0o644))
				return
			}
			require.Equal(t, string(want.Data), got)
		})
	}
}

// gitSettings make the commits of a script the same everywhere.
var gitSettings = map[string]string{
	"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": os.TempDir(),
	"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com", "GIT_AUTHOR_DATE": "2026-06-01T12:00:00Z",
	"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com", "GIT_COMMITTER_DATE": "2026-06-01T12:00:00Z",
}

// TestReadme holds the trace that README shows to the one that fixtures/cli/trace.txtar proves.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```\n$ gatelint trace ")
	require.True(t, found)
	shown, _, _ := strings.Cut(rest, "```")
	proven, err := os.ReadFile("../../../fixtures/cli/trace.txtar")
	require.NoError(t, err)
	require.Contains(t, string(proven), "\n$ gatelint trace "+shown+"[exit 0]")
}

// unpack writes the files of an archive into the working directory. A tab, an escape, a zero-width space and a byte order mark are spelt out
// in archives, as <TAB>, <ESC>, <ZWSP> and <BOM>, so that they survive editors.
func unpack(t *testing.T, ar *txtar.Archive) (run string, want *txtar.File) {
	for i := range ar.Files {
		switch f := &ar.Files[i]; f.Name {
		case "run":
			run = string(f.Data)
		case "want":
			want = f
		default:
			require.NoError(t, os.MkdirAll(filepath.Dir(f.Name), 0o755))
			data := strings.NewReplacer("<TAB>", "\t", "<ESC>", "\x1b", "<ZWSP>", "\u200b", "<BOM>", "\ufeff").Replace(string(f.Data))
			require.NoError(t, os.WriteFile(f.Name, []byte(data), 0o644))
		}
	}
	if want == nil {
		ar.Files = append(ar.Files, txtar.File{Name: "want"})
		want = &ar.Files[len(ar.Files)-1]
	}
	return run, want
}

// transcript runs the commands gatelint (with "< FILE", behind NAME=VALUE), cat, cd, cp, rm and git.
func transcript(t *testing.T, script string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		fmt.Fprintf(&b, "$ %s\n", line)
		command, redirect, _ := strings.Cut(line, " < ")
		words := split(command)
		var set []string
		for name, value, ok := strings.Cut(words[0], "="); ok; name, value, ok = strings.Cut(words[0], "=") {
			require.NoError(t, os.Setenv(name, value))
			set, words = append(set, name), words[1:]
		}
		switch words[0] {
		case "cp":
			data, err := os.ReadFile(words[1])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(words[2], data, 0o644))
		case "rm":
			require.NoError(t, os.Remove(words[1]))
		case "git":
			out, err := exec.Command("git", words[1:]...).CombinedOutput()
			require.NoError(t, err, "%s", out)
		case "cd":
			require.NoError(t, os.Chdir(words[1]))
		case "cat":
			data, err := os.ReadFile(words[1])
			require.NoError(t, err)
			b.Write(data)
		case "gatelint":
			var in io.Reader = strings.NewReader("")
			if redirect != "" {
				data, err := os.ReadFile(redirect)
				require.NoError(t, err)
				in = bytes.NewReader(data)
			}
			b.WriteString(run(in, words[1:]))
		default:
			require.Fail(t, "unknown command", line)
		}
		for _, name := range set {
			require.NoError(t, os.Unsetenv(name))
		}
	}
	return b.String()
}

// split parts a command at spaces; single quotes keep them.
func split(command string) []string {
	var words []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func run(in io.Reader, args []string) string {
	var out, errs bytes.Buffer
	a := &app{rules: rules.All(), version: "v0.0.0-test", stdin: in, stdout: &out, stderr: &errs}
	code := a.main(args)
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(out.String(), "\x1b", "<ESC>"))
	for _, line := range strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n") {
		if line != "" {
			b.WriteString("! " + line + "\n")
		}
	}
	fmt.Fprintf(&b, "[exit %d]\n\n", code)
	return b.String()
}
