package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/cmd/cluster"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// TestSnapshotsSayWhatTheClusterSays holds the findings over a snapshot to those over the objects that it was taken of, in every
// fixture: what Reduce drops, no verdict hangs on. Pods of applications are not in it, and what two rules see of them is left out.
func TestSnapshotsSayWhatTheClusterSays(t *testing.T) {
	files, err := filepath.Glob("../../../fixtures/*.txtar")
	require.NoError(t, err)
	clean, err := filepath.Glob("../../../fixtures/clean/*.txtar")
	require.NoError(t, err)
	list := slices.DeleteFunc(slices.Clone(rules.All()), func(r *rules.Rule) bool { return r.Name == "empty-destination" || r.Name == "ignored-credential" })
	wanted := map[string]cluster.Resource{}
	for _, r := range cluster.All(cluster.Wanted{SecretNamespaces: []string{"*"}, IstiodNamespace: "istio-system"}) {
		wanted[r.Group+"/"+r.Kind] = r
	}
	compared := 0
	for _, file := range append(files, clean...) {
		ar, err := txtar.ParseFile(file)
		require.NoError(t, err)
		for name, docs := range folders(ar) {
			live, reading := &cluster.Reading{}, &cluster.Reading{Texts: map[*manifest.Object][]byte{}}
			seen := map[manifest.ID]bool{}
			for _, doc := range docs {
				whole, id := object(t, wanted, doc, false)
				if whole == nil || seen[id] {
					continue
				}
				seen[id] = true
				live.Objects = append(live.Objects, whole)
				reduced, _ := object(t, wanted, doc, true)
				if !wanted[id.Group+"/"+id.Kind].Metadata {
					u := unstructured.Unstructured{}
					require.NoError(t, yaml.Unmarshal([]byte(doc), &u.Object))
					cluster.Reduce(&u)
					reading.Texts[reduced], err = json.Marshal(u.Object)
					require.NoError(t, err)
				}
				reading.Objects = append(reading.Objects, reduced)
			}
			var text bytes.Buffer
			require.NoError(t, writeWorld(&text, reading, "istio-system", time.Now()))
			set := manifest.Parse("world.yaml", text.Bytes(), manifest.Options{})
			for _, complete := range []mesh.Complete{{}, mesh.Everything()} {
				want := said(live.Objects, list, complete)
				require.Equal(t, want, said(set.Objects[1:], list, complete), "%s %s\n%s", file, name, text.String())
				compared += len(want)
			}
		}
	}
	require.Greater(t, compared, 500)
}

// folders are the documents of each folder of an archive: those live together.
func folders(ar *txtar.Archive) map[string][]string {
	out := map[string][]string{}
	for _, f := range ar.Files {
		if strings.HasSuffix(f.Name, ".yaml") {
			dir, _, _ := strings.Cut(f.Name, "/")
			out[dir] = append(out[dir], strings.Split(string(f.Data), "\n---\n")...)
		}
	}
	return out
}

// object makes of a document what a Reader makes of it; nil if it would not read it.
func object(t *testing.T, wanted map[string]cluster.Resource, doc string, reduce bool) (*manifest.Object, manifest.ID) {
	u := &unstructured.Unstructured{}
	if yaml.Unmarshal([]byte(doc), &u.Object) != nil || u.Object == nil {
		return nil, manifest.ID{}
	}
	r, ok := wanted[u.GroupVersionKind().Group+"/"+u.GetKind()]
	if !ok || u.GetName() == "" {
		return nil, manifest.ID{}
	}
	r.Version = u.GroupVersionKind().Version
	var arrives runtime.Object = u
	if r.Metadata {
		fields := map[string]any{}
		for _, data := range []string{"data", "stringData"} {
			values, _, _ := unstructured.NestedMap(u.Object, data)
			for k := range values {
				fields["f:"+k] = map[string]any{}
			}
		}
		text, err := json.Marshal(map[string]any{"f:data": fields})
		require.NoError(t, err)
		arrives = &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: u.GetName(), Namespace: u.GetNamespace(), Labels: u.GetLabels(), CreationTimestamp: u.GetCreationTimestamp(),
			ManagedFields: []metav1.ManagedFieldsEntry{{FieldsV1: metav1.NewFieldsV1(string(text))}},
		}}
	} else if reduce {
		cluster.Reduce(u)
	}
	o, err := cluster.Convert(r, arrives)
	require.NoError(t, err)
	return o, o.ID
}

// said are the findings, without their places.
func said(objs []*manifest.Object, list []*rules.Rule, complete mesh.Complete) []string {
	out := []string{}
	for _, f := range rules.Run(routing.Build(mesh.New(objs, mesh.Options{Complete: complete})), list).Findings {
		line := fmt.Sprintf("%s %s %s %s %s", f.Severity, f.Rule, f.Object, f.Pos.Path, f.Message)
		for _, r := range f.Related {
			line += fmt.Sprintf(" | %s %s %s", r.Object, r.Pos.Path, r.Message)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}
