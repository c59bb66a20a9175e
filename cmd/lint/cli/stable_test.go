package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
)

// manifestFolders gives the manifests of every fixture by folder, as documents: each folder is a world of its own.
func manifestFolders(t *testing.T) map[string][]string {
	out := map[string][]string{}
	files, err := filepath.Glob("../../../fixtures/*.txtar")
	require.NoError(t, err)
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		require.NoError(t, err)
		for _, f := range ar.Files {
			folder := filepath.Base(file) + "/" + filepath.Dir(f.Name)
			if filepath.Ext(f.Name) == ".yaml" && filepath.Base(f.Name) != "kustomization.yaml" {
				out[folder] = append(out[folder], regexp.MustCompile(`(?m)^---.*\n`).Split(string(f.Data), -1)...)
			}
		}
	}
	require.NotEmpty(t, out)
	return out
}

// found lints documents, each in a file of its own, and gives what identifies the findings, sorted.
func found(t *testing.T, docs []string, what func(findingJSON) string) []string {
	t.Chdir(t.TempDir())
	for i, d := range docs {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%03d.yaml", i), []byte(d), 0o644))
	}
	return foundIn(t, ".", what)
}

// foundIn lints a folder.
func foundIn(t *testing.T, dir string, what func(findingJSON) string) []string {
	code, out, errs := execute(rules.All(), "", "-o", "json", "--no-config", dir)
	require.LessOrEqual(t, code, exitFindings, errs)
	var report reportJSON
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	list := []string{}
	for _, f := range report.Findings {
		list = append(list, what(f))
	}
	slices.Sort(list)
	return list
}

func whole(f findingJSON) string {
	return fmt.Sprint(f.Rule, " ", f.Severity, " ", f.Evidence, " ", f.Object, " ", f.Position.Path, " ", f.Message, " ", f.Fingerprint)
}

func identifiedFinding(f findingJSON) string { return f.Rule + " " + f.Severity + " " + f.Fingerprint }

// Findings do not depend on the order of files.
func TestStableOverOrder(t *testing.T) {
	for folder, docs := range manifestFolders(t) {
		t.Run(folder, func(t *testing.T) {
			want := found(t, docs, whole)
			slices.Reverse(docs)
			require.Equal(t, want, found(t, docs, whole))
		})
	}
}

// Fingerprints do not depend on the working directory, nor on how a path is spelt.
func TestStableOverPaths(t *testing.T) {
	for folder, docs := range manifestFolders(t) {
		t.Run(folder, func(t *testing.T) {
			want := found(t, docs, identifiedFinding)
			dir, err := os.Getwd()
			require.NoError(t, err)
			require.Equal(t, want, foundIn(t, dir, identifiedFinding))
			t.Chdir(filepath.Dir(dir))
			require.Equal(t, want, foundIn(t, filepath.Base(dir), identifiedFinding))
		})
	}
}

// Findings do not depend on how a document is indented.
func TestStableOverIndentation(t *testing.T) {
	for folder, docs := range manifestFolders(t) {
		t.Run(folder, func(t *testing.T) {
			var wide []string
			for _, d := range docs {
				wide = append(wide, rewritten(t, d, 7, func(*yaml.Node) {}))
			}
			require.Equal(t, found(t, docs, whole), found(t, wide, whole))
		})
	}
}

// A route above that takes nothing of the others moves every line and list index, and no fingerprint. It may have faults of its own:
// in a wider host, or beside VirtualServices whose order is not known.
func TestStableBelowUnrelatedRoute(t *testing.T) {
	for folder, docs := range manifestFolders(t) {
		t.Run(folder, func(t *testing.T) {
			var more []string
			for i, d := range docs {
				more = append(more, rewritten(t, d, 2, func(n *yaml.Node) { withUnrelatedRoute(n, i) }))
			}
			after := found(t, more, identifiedFinding)
			for _, f := range found(t, docs, identifiedFinding) {
				i, still := slices.BinarySearch(after, f)
				require.True(t, still, f)
				after = slices.Delete(after, i, i+1)
			}
		})
	}
}

// rewritten is a document changed and written with another indentation; one that cannot be read stays as it is.
func rewritten(t *testing.T, doc string, indent int, change func(*yaml.Node)) string {
	var n yaml.Node
	if yaml.Unmarshal([]byte(doc), &n) != nil || n.Kind != yaml.DocumentNode {
		return doc
	}
	change(n.Content[0])
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(indent)
	require.NoError(t, e.Encode(&n))
	return b.String()
}

// withUnrelatedRoute puts a route above those of a root that delegates nothing: merging multiplies the routes of delegates.
func withUnrelatedRoute(n *yaml.Node, number int) {
	if kind := child(n, "kind"); kind == nil || kind.Value != "VirtualService" || child(child(n, "spec"), "hosts") == nil {
		return
	}
	http := child(child(n, "spec"), "http")
	if http == nil || http.Kind != yaml.SequenceNode || slices.ContainsFunc(http.Content, func(r *yaml.Node) bool { return child(r, "delegate") != nil }) {
		return
	}
	var route yaml.Node
	text := fmt.Sprintf("{name: unrelated, match: [{uri: {exact: /unrelated/%d}}], directResponse: {status: 418}}", number)
	if yaml.Unmarshal([]byte(text), &route) == nil {
		http.Content = append(route.Content, http.Content...)
	}
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
