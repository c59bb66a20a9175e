package kustomize

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
}

// Documents name the files that they were made of, whether the kustomization asks for it or not, and the annotation that tells it is
// not in them.
func TestOrigins(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, map[string]string{
		"base/kustomization.yml":         "resources: [web.yaml]\nsecretGenerator: [{name: made, literals: [a=b]}]\n",
		"base/web.yaml":                  "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {own: kept}}\n",
		"plain/kustomization.yaml":       "resources: [../base]\n",
		"asked/Kustomization":            "resources: [../base]\nbuildMetadata: [originAnnotations]\n",
		"else/deep/er/kustomization.yml": "resources: [../../../base]\nbuildMetadata: [managedByLabel]\n",
	})
	abs, err := filepath.Abs("plain")
	require.NoError(t, err)
	require.NoError(t, os.Symlink("plain", "link"))
	for dir, want := range map[string]string{
		"plain": "base/web.yaml", "asked": "base/web.yaml", "else/deep/er": "base/web.yaml", "link": "base/web.yaml",
		abs: filepath.ToSlash(filepath.Join(filepath.Dir(abs), "base/web.yaml")),
	} {
		b, err := Run(dir)
		require.NoError(t, err)
		require.Len(t, b.Docs, 2)
		require.Equal(t, want, b.Docs[0].From, dir)
		require.Contains(t, string(b.Docs[0].Text), "own: kept")
		require.NotContains(t, string(b.Docs[0].Text), "origin")
		require.Empty(t, b.Docs[1].From, "a generator's")
		require.Len(t, b.Sources, 1)
		require.FileExists(t, b.File)
	}
}

func TestMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, map[string]string{
		"missing/kustomization.yaml": "resources: [nosuch.yaml]\n",
		"text/kustomization.yaml":    "just text\n",
		"unknown/kustomization.yaml": "resource: []\n",
		"empty/other.yaml":           "",
	})
	for dir, want := range map[string]string{
		"missing": "building missing: accumulating resources", "text": "building text: ", "unknown": "building unknown: ",
		"empty": "empty has no kustomization.yaml", "nowhere": "nowhere is no folder", "empty/other.yaml": "empty/other.yaml is no folder",
	} {
		_, err := Run(dir)
		require.ErrorContains(t, err, want)
	}
}
