package admission

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"
)

// TestBothFrontDoors holds the engine, fed as the API server feeds it, to what the linter finds in the files of every fixture.
func TestBothFrontDoors(t *testing.T) {
	compared := 0
	for _, pattern := range []string{"*.txtar", "clean/*.txtar", "broken/*.txtar"} {
		files, err := filepath.Glob("../../../fixtures/" + pattern)
		require.NoError(t, err)
		for _, file := range files {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			for _, f := range archive.Files {
				set := manifest.Parse(f.Name, f.Data, manifest.Options{})
				inputs := mesh.Split(set.Objects)
				if len(inputs) != 1 || len(set.Objects) == 0 {
					continue
				}
				live, ok := asLive(set.Objects)
				if !ok {
					continue
				}
				for _, opt := range []mesh.Options{{}, {Complete: mesh.Everything()}} {
					want := rules.Run(routing.Build(mesh.New(inputs[0].Objects, opt)), rules.All()).Findings
					got := rules.Run(routing.Build(mesh.New(live, opt)), rules.All()).Findings
					require.Equal(t, words(want), words(got), "%s: %s", file, f.Name)
					compared += len(want)
				}
			}
		}
	}
	require.Greater(t, compared, 200)
}

// asLive gives objects as they come from the API server; ok is false for what never could: placeholders, objects without a
// name, one identity twice.
func asLive(objs []*manifest.Object) (live []*manifest.Object, ok bool) {
	seen := map[manifest.ID]bool{}
	for _, o := range objs {
		text := o.Doc.Text
		raw, err := yaml.YAMLToJSON(text)
		if err != nil || o.Item >= 0 || o.Name == "" || seen[o.ID] || len(o.Opaque) > 0 {
			return nil, false
		}
		seen[o.ID] = true
		same, _ := manifest.ParseObject(raw, manifest.Options{})
		if same == nil {
			return nil, false
		}
		live = append(live, same)
	}
	return live, true
}

// words is what two reports must agree on; places differ, as a cluster has no files.
func words(list []rules.Finding) []string {
	var out []string
	for _, f := range list {
		text := fmt.Sprintf("%s %s %s %s [%s] %v", f.Object, f.Pos.Path, f.Severity, f.Message, f.Rule, f.Fingerprint)
		for _, r := range f.Related {
			text += "\n  " + r.Object.String() + " " + r.Pos.Path + " " + r.Message
		}
		out = append(out, strings.TrimSpace(text))
	}
	slices.Sort(out)
	return out
}
