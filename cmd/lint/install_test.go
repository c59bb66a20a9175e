package main

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInstall installs gatelint as README.md and docs/ say, from a module proxy that has this repository as its only release.
func TestInstall(t *testing.T) {
	const module, version = "github.com/gatelint/gatelint", "v0.0.1-test"
	proxy, bin := t.TempDir(), t.TempDir()
	at := filepath.Join(proxy, module, "@v")
	require.NoError(t, os.MkdirAll(at, 0o755))
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	for name, text := range map[string]string{"list": version + "\n", version + ".info": fmt.Sprintf(`{"Version": %q}`, version), version + ".mod": string(mod)} {
		require.NoError(t, os.WriteFile(filepath.Join(at, name), []byte(text), 0o644))
	}
	f, err := os.Create(filepath.Join(at, version+".zip"))
	require.NoError(t, err)
	w := zip.NewWriter(f)
	files := strings.Split(strings.TrimSuffix(must(t, "../..", nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00"), "\x00")
	for _, name := range files {
		data, err := os.ReadFile("../../" + name)
		if os.IsNotExist(err) || nested(name) {
			continue
		}
		require.NoError(t, err)
		entry, err := w.Create(module + "@" + version + "/" + name)
		require.NoError(t, err)
		_, err = entry.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())

	cache := strings.TrimSpace(must(t, ".", nil, "go", "env", "GOMODCACHE"))
	forget := func() { // the next run has other files
		for _, dir := range []string{module + "@" + version, "cache/download/" + module} {
			require.NoError(t, os.RemoveAll(filepath.Join(cache, filepath.FromSlash(dir))))
		}
	}
	forget()
	t.Cleanup(forget)
	others := strings.TrimSpace(must(t, ".", nil, "go", "env", "GOPROXY"))
	env := []string{"GOPROXY=file://" + filepath.ToSlash(proxy) + "," + others, "GONOSUMDB=" + module, "GOFLAGS=-modcacherw", "GOBIN=" + bin, "GOWORK=off"}
	must(t, proxy, env, "sh", "-c", "go install "+module+"@latest")
	require.Contains(t, must(t, proxy, env, filepath.Join(bin, "gatelint"), "version"), version)
}

// nested tells a file of another module of this repository: a release of this one does not hold it.
func nested(name string) bool {
	for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join("../..", dir, "go.mod")); err == nil {
			return true
		}
	}
	return false
}
