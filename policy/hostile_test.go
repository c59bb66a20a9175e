package policy_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/fixtures/fleet"
	"github.com/gatelint/gatelint/fixtures/want"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
)

// TestLibraryOnHostileObjects puts values of every other type in the place of each value of the fixtures' objects: a builtin function
// that is given one is an error, and an object that the API refuses must not be one of ours.
func TestLibraryOnHostileObjects(t *testing.T) {
	opt := policy.Options{Params: fleet.Active(), Taken: rules.All()}
	for _, name := range policy.LibraryNames() {
		opt.Paths = append(opt.Paths, policy.Library+name)
	}
	set, err := policy.Load(context.Background(), opt)
	require.NoError(t, err)
	unfolded, err := policy.Unfolded(set)
	require.NoError(t, err)
	found := 0
	for _, name := range policy.LibraryNames() {
		_, cases, err := want.Read(filepath.Join("..", "fixtures", "policies", name+".txtar"))
		require.NoError(t, err)
		for _, f := range cases[len(cases)-1].Files {
			in := manifest.Parse(f.Name, f.Data, manifest.Options{})
			world := routing.Build(mesh.New(in.Objects, mesh.Options{}))
			for _, o := range in.Objects {
				for n, plain := range mutants(t, o.Plain()) {
					text, err := json.Marshal(plain)
					require.NoError(t, err)
					mutant, _ := manifest.ParseObject(text, manifest.Options{Plain: true})
					if mutant == nil {
						continue // admission refuses it
					}
					request := &policy.Request{Operation: "UPDATE", User: "eve", Groups: []string{"a"}, OldObject: o}
					res := rules.Run(world, set.Of(context.Background(), policy.Review{Object: mutant, Request: request}))
					require.Empty(t, res.Failed, "%s %d: %s", o.ID, n, text)
					as := rules.Run(world, unfolded.Of(context.Background(), policy.Review{Object: mutant, Request: request}))
					require.Equal(t, as.Findings, res.Findings, "%s %d: %s", o.ID, n, text)
					found += len(res.Findings)
				}
			}
		}
	}
	require.Greater(t, found, 1000)
}

// mutants are an object with one of its values replaced.
func mutants(t *testing.T, plain map[string]any) (out []map[string]any) {
	t.Helper()
	text, err := json.Marshal(plain)
	require.NoError(t, err)
	var paths [][]any
	var walk func(v any, path []any)
	walk = func(v any, path []any) {
		if len(path) > 0 {
			paths = append(paths, append([]any{}, path...))
		}
		switch v := v.(type) {
		case map[string]any:
			for _, k := range manifest.Keys(v) {
				walk(v[k], append(path, k))
			}
		case []any:
			for i, e := range v {
				walk(e, append(path, i))
			}
		}
	}
	walk(plain, nil)
	for _, path := range paths {
		for _, other := range []any{nil, 5.0, "text", []any{5.0}} {
			var v any
			require.NoError(t, json.Unmarshal(text, &v))
			set(v, path, other)
			out = append(out, v.(map[string]any))
		}
	}
	return out
}

func set(v any, path []any, to any) {
	for i, e := range path {
		switch e := e.(type) {
		case string:
			if m := v.(map[string]any); i == len(path)-1 {
				m[e] = to
			} else {
				v = m[e]
			}
		case int:
			if l := v.([]any); i == len(path)-1 {
				l[e] = to
			} else {
				v = l[e]
			}
		}
	}
}
