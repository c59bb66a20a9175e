package fix

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
)

// TestDiff holds diffs of random edits to git: applied, they give the new text.
func TestDiff(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		var before, after strings.Builder
		ends := [...]string{"\n", "\r\n"}[i%2]
		for n := range 1 + random.IntN(60) {
			line := fmt.Sprint("line ", random.IntN(8), ends)
			switch before.WriteString(line); random.IntN(12) {
			case 0:
			case 1:
				fmt.Fprint(&after, "other ", n, ends)
			case 2:
				fmt.Fprint(&after, line, "more", ends)
			default:
				after.WriteString(line)
			}
		}
		old, now := before.String(), after.String()
		if i%3 == 0 {
			old, now = strings.TrimSuffix(old, ends), strings.TrimSuffix(now, ends)
		}
		name := [...]string{"x.yaml", "a b.yaml", "line\nbreak.yaml", `q"u\o.yaml`, "tab\tand\x7f.yaml", "ä.yaml"}[i%6]
		diff := Diff(name, []byte(old), []byte(now), func(int) bool { return false })
		require.Equal(t, old == now, diff == "")
		if diff == "" || now == "" {
			continue
		}
		require.NoError(t, os.WriteFile(name, []byte(old), 0o644))
		apply := exec.Command("git", "apply", "-")
		apply.Stdin = strings.NewReader(diff)
		out, err := apply.CombinedOutput()
		require.NoError(t, err, "%s\n%s", out, diff)
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, now, string(got), diff)
	}
}

// TestDiffHides keeps what is hidden out of the lines around a change.
func TestDiffHides(t *testing.T) {
	diff := Diff("/x.yaml", []byte("a\nb\nc\nd\ne\n"), []byte("A\nb\nc\nd\nE\n"), func(line int) bool { return line == 2 })
	require.Equal(t, "--- /x.yaml\n+++ /x.yaml\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -4,2 +4,2 @@\n d\n-e\n+E\n", diff)
}

// TestExact sees an edit that does more than it should, of which a test of commands knows nothing.
func TestExact(t *testing.T) {
	const head = `{"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "a", "annotations": {`
	text := head + `"x": "y", "z": "w"}}}`
	object := manifest.Parse("", []byte(text), manifest.Options{}).Objects[0]
	e := Edit{From: len(head) + len(`"x": "y"`), To: len(text) - len("}}}")}
	e.Finding = rules.Finding{Source: object, Pos: manifest.Pos{Path: "metadata.annotations.z"}, Fix: new(string)}
	require.True(t, Exact([]byte(text), []Edit{e}))
	e.From++
	require.False(t, Exact([]byte(text), []Edit{e}), "YAML forgives the comma, JSON does not")
	e.From--
	e.Finding.Pos.Path = "metadata.annotations.x"
	require.False(t, Exact([]byte(text), []Edit{e}), "not the one that the finding is about")
}

func TestWrite(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("real", 0o755))
	require.NoError(t, os.WriteFile("real/a.yaml", []byte("\xef\xbb\xbfold\r\n"), 0o600))
	require.NoError(t, os.Chmod("real/a.yaml", 0o640))
	require.NoError(t, os.Symlink("real/a.yaml", "link.yaml"))

	require.NoError(t, Write("link.yaml", []byte("old\r\n"), []byte("new\r\n")))
	link, err := os.Readlink("link.yaml")
	require.NoError(t, err)
	require.Equal(t, "real/a.yaml", link)
	data, err := os.ReadFile("real/a.yaml")
	require.NoError(t, err)
	require.Equal(t, "\xef\xbb\xbfnew\r\n", string(data))
	info, err := os.Stat("real/a.yaml")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())

	require.NoError(t, os.Link("real/a.yaml", "hard.yaml"))
	require.NoError(t, Write("hard.yaml", []byte("new\r\n"), []byte("n\r\n")))
	data, err = os.ReadFile("real/a.yaml")
	require.NoError(t, err)
	require.Equal(t, "\xef\xbb\xbfn\r\n", string(data))
	require.NoError(t, Write("hard.yaml", []byte("n\r\n"), []byte("new\r\n")))
	require.NoError(t, Write("real/a.yaml", []byte("n\r\n"), []byte("new\r\n")), "the other name is mended already")

	require.ErrorContains(t, Write("link.yaml", []byte("old\r\n"), []byte("newer\r\n")), "writing link.yaml: it has changed meanwhile")
	require.ErrorContains(t, Write("gone.yaml", nil, nil), "gone.yaml")
	if os.Getuid() != 0 {
		require.NoError(t, os.Chmod("real/a.yaml", 0o440))
		require.ErrorIs(t, Write("real/a.yaml", []byte("new\r\n"), []byte("x")), os.ErrPermission)
	}
	left, err := filepath.Glob("real/.*")
	require.NoError(t, err)
	require.Empty(t, left)
}
