package manifest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const madeFrom = `kind: Service
apiVersion: v1
metadata: {name: web}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [a, b, a]
  http:
  - name: first
    route:
    - destination: {host: x}
  - name: second
    route:
    - destination: {host: z}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: webs}
`

// A place in what was made is the one in what it was made of, as far down as both say the same.
func TestPlacesInWhatItWasMadeOf(t *testing.T) {
	made := func(name, spec string) *Object {
		text := "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec + "\n"
		set := ParseRendered("kustomization.yaml", []Rendered{{[]byte(text), "web.yaml"}}, []File{{"web.yaml", []byte(madeFrom)}}, Options{})
		require.Empty(t, set.Faults)
		require.Equal(t, "shop", set.Objects[0].Namespace)
		return set.Objects[0]
	}
	const first, second = "{name: first, route: [{destination: {host: x}}]}", "{name: second, route: [{destination: {host: z}}]}"
	http := func(items string) string { return "{hosts: [a, b], http: [" + items + "]}" }
	for name, c := range map[string]struct {
		spec string
		path []any
		line int
	}{
		"nothing is changed":               {http(first + "," + second), []any{"spec", "http", 1, "name"}, 14},
		"an item comes before it":          {http("{name: new}," + first + "," + second), []any{"spec", "http", 2, "route", 0, "destination", "host"}, 16},
		"an item goes":                     {http(second), []any{"spec", "http", 0}, 14},
		"the item is new":                  {http("{name: new}," + first + "," + second), []any{"spec", "http", 0, "name"}, 10},
		"a field of it is changed":         {http(first + ",{name: other, route: [{destination: {host: z}}]}"), []any{"spec", "http", 1, "route", 0}, 16},
		"the value itself is changed":      {http(first + ",{name: other, route: [{destination: {host: z}}]}"), []any{"spec", "http", 1, "name"}, 14},
		"all items are changed":            {http("{name: p},{name: q}"), []any{"spec", "http", 1, "name"}, 10},
		"the item stands twice in the end": {http(first + "," + first + "," + second), []any{"spec", "http", 1}, 11},
		"the field is not there":           {http(first + "," + second), []any{"spec", "tls"}, 8},
		"a scalar of a list":               {"{hosts: [b]}", []any{"spec", "hosts", 0}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			pos := made("pre-web", c.spec).At(c.path...)
			require.Equal(t, "web.yaml", pos.File)
			require.Equal(t, c.line, pos.Line)
			require.Equal(t, FieldPath(c.path...), pos.Path)
		})
	}
	require.Equal(t, 11, made("web", "{hosts: [a, b, a]}").At("spec", "hosts", 0).Column, "it stands there twice: its index tells")
	require.Equal(t, 20, made("pre-webs", "{hosts: [a]}").At("metadata", "name").Line, "the longest name is it")
	require.Equal(t, Pos{File: "kustomization.yaml", Line: 1, Column: 1, EndLine: 1, EndColumn: 2, Path: "spec"}, made("else", "{hosts: [a]}").At("spec"), "nothing there could be it")
}

func TestFaultsOfWhatWasMade(t *testing.T) {
	text := "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\nspec: {hosts: [a, b], htp: []}\n"
	for from, want := range map[string]Pos{
		"web.yaml": {File: "web.yaml", Line: 8, Column: 1, EndLine: 8, EndColumn: 5, Path: "spec.htp"},
		"":         {File: "kustomization.yaml", Line: 1, Column: 1, EndLine: 1, EndColumn: 2, Path: "spec.htp"},
	} {
		set := ParseRendered("kustomization.yaml", []Rendered{{[]byte(text), from}}, []File{{"web.yaml", []byte(madeFrom)}}, Options{})
		require.Len(t, set.Faults, 1)
		require.Equal(t, "unknown-field", set.Faults[0].Rule)
		require.Equal(t, want, set.Faults[0].Pos)
	}
}

func TestParsePath(t *testing.T) {
	for _, path := range [][]any{{"spec"}, {"spec", "http", 2, "route", 0}, {"metadata", "annotations", `a.b/c"]`}, {"items", 3}} {
		got, ok := ParsePath(FieldPath(path...))
		require.True(t, ok)
		require.Equal(t, path, got)
	}
	got, ok := ParsePath("metadata.labels[a.b/c].d")
	require.True(t, ok)
	require.Equal(t, []any{"metadata", "labels", "a.b/c", "d"}, got)
	for _, text := range []string{"", ".", "a.", "a[", "a[x]", "a[1", "a]", "a[-1]", "a[b.c", `a["b.c]`, "a[[b.c]]"} {
		_, ok := ParsePath(text)
		require.False(t, ok && text != "a]", text)
	}
}
