package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
)

// kubeconfig writes one for a server and makes it the one that counts.
func kubeconfig(t *testing.T, server string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `{apiVersion: v1, kind: Config, current-context: here,
clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: {}}],
contexts: [{name: here, context: {cluster: c, user: u, namespace: shop}}]}`, server), 0o600))
	t.Setenv("KUBECONFIG", file)
}

// What is wrong with the way to the cluster is wrong usage, a cluster that does not answer is not.
func TestNoCluster(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", "")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for _, args := range [][]string{{"lint", "--cluster"}, {"routes", "--cluster"}, {"trace", "http://a/", "--cluster"}, {"snapshot", "--cluster"}} {
		code, out, errs := execute(rules.All(), "", args...)
		require.Equal(t, exitUsage, code, args)
		require.Empty(t, out)
		require.Contains(t, errs, "--cluster: there is no kubeconfig; name one with --kubeconfig or $KUBECONFIG", args)
	}
	code, _, errs := execute(rules.All(), "", "--cluster", "--kubeconfig", "nosuch")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "nosuch")
	kubeconfig(t, "http://127.0.0.1:1")
	code, _, errs = execute(rules.All(), "", "--cluster", "--context", "nosuch")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, `context "nosuch" does not exist`)
	for _, command := range []string{"lint", "snapshot"} {
		code, out, errs := execute(rules.All(), "", command, "--cluster")
		require.Equal(t, exitFailed, code)
		require.Empty(t, out)
		require.Contains(t, errs, "reading the cluster of context here: asking for API groups: ")
	}
}

// A cluster without a kind that is read is no error, and not silent.
func TestEmptyCluster(t *testing.T) {
	t.Chdir(t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/api/v1") {
			fmt.Fprint(w, `{"kind":"APIResourceList","resources":[]}`)
			return
		}
		fmt.Fprint(w, `{"kind":"APIGroupList","groups":[]}`)
	}))
	t.Cleanup(server.Close)
	kubeconfig(t, server.URL)
	code, _, errs := execute(rules.All(), "", "--cluster")
	require.Equal(t, exitClean, code)
	require.Contains(t, errs, "NOTHING WAS CHECKED: namespace shop of the cluster of context here has no object that is read; -n names another one, -A reports all")
	_, _, errs = execute(rules.All(), "", "--cluster", "-A")
	require.Contains(t, errs, "NOTHING WAS CHECKED: the cluster of context here has no object that is read")
	require.NoError(t, os.WriteFile("faulty.yaml", []byte(faulty), 0o644))
	code, out, errs := execute(rules.All(), "", "--cluster", "faulty.yaml")
	require.Equal(t, exitFindings, code)
	require.Empty(t, errs)
	require.Contains(t, out, "in 1 document (1 object) over the cluster of context here (0 objects)")
	require.NoError(t, os.WriteFile("world.yaml", []byte("{apiVersion: gatelint.io/v1, kind: GatelintWorld, takenAt: \"2026-01-01T00:00:00Z\"}"), 0o644))
	code, _, errs = execute(rules.All(), "", "--cluster", "--with", "world.yaml", "faulty.yaml")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--cluster and the snapshot world.yaml exclude each other")
}

// A manifest that states no namespace goes where kubectl would apply it. Where that is not known it may be any of its name, and
// replaces none.
func TestManifestsWithoutANamespace(t *testing.T) {
	object := func(kind, namespace, name string) *manifest.Object {
		return &manifest.Object{ID: manifest.ID{Group: "networking.istio.io", Kind: kind, Namespace: namespace, Name: name}}
	}
	live := []*manifest.Object{object("Gateway", "a", "one"), object("Gateway", "a", "two"), object("Gateway", "b", "two"), object("Sidecar", "b", "one")}
	for apply, want := range map[string]string{
		"":  "Gateway (no namespace)/one, Gateway (no namespace)/two, Gateway (no namespace)/new, Gateway c/${NAME}, Gateway a/one, Gateway a/two, Gateway b/two, Sidecar b/one",
		"b": "Gateway b/one, Gateway b/two, Gateway b/new, Gateway c/${NAME}, Gateway a/one, Gateway a/two, Sidecar b/one",
	} {
		files := []*manifest.Object{object("Gateway", "", "one"), object("Gateway", "", "two"), object("Gateway", "", "new"), object("Gateway", "c", "${NAME}")}
		b := &base{objects: live, apply: apply, held: mesh.Everything()}
		b.settle(files)
		var names []string
		for _, o := range b.under(files) {
			names = append(names, o.ID.String())
		}
		require.Equal(t, want, strings.Join(names, ", "))
		require.True(t, files[2].Fresh, "nobody has it")
		require.False(t, files[1].Fresh, "it is one that is there")
		require.False(t, files[3].Fresh, "it may be any")
	}
}
