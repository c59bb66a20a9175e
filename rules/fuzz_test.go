package rules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
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

// FuzzLint: no input makes a rule panic, and every finding has a place and says something.
func FuzzLint(f *testing.F) {
	for _, file := range fixtureFiles(f, "*.txtar") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range txtar.Parse(data).Files {
			f.Add(part.Data)
		}
	}
	for _, found := range []string{ // a thing left out, and a name that cannot be
		`{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: a, namespace: b}, spec: {servers: [{hosts: ["*"], tls: {httpsRedirect: true}}]}}`,
		`{apiVersion: v1, kind: Service, metadata: {name: "*", namespace: b}, spec: {ports: [{name: http, port: 80}]}}`,
	} {
		f.Add([]byte(found))
	}
	f.Fuzz(faultless)
}

// FuzzOdd: nor does a manifest in which one thing is left out, or is of another kind than it should be.
func FuzzOdd(f *testing.F) {
	var worlds []string
	for _, file := range fixtureFiles(f, "*.txtar") {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		for _, part := range txtar.Parse(data).Files {
			var docs []any
			for _, doc := range strings.Split(string(part.Data), "\n---\n") {
				var v any
				if yaml.Unmarshal([]byte(doc), &v) == nil {
					docs = append(docs, v)
				}
			}
			for n := 0; n < things(docs); n += 11 {
				f.Add(uint16(len(worlds)), uint16(n), uint8(n))
			}
			text, err := json.Marshal(docs)
			require.NoError(f, err)
			worlds = append(worlds, string(text))
		}
	}
	odd := []any{gone, nil, 5, "x", "", "*", true, map[string]any{}, []any{}, []any{nil}, []any{"x"}}
	f.Fuzz(func(t *testing.T, world, thing uint16, to uint8) {
		var docs []any
		require.NoError(t, json.Unmarshal([]byte(worlds[int(world)%len(worlds)]), &docs))
		if len(docs) == 0 {
			return
		}
		n := int(thing) % things(docs)
		var text bytes.Buffer
		for _, doc := range change(docs, &n, odd[int(to)%len(odd)]).([]any) {
			line, err := json.Marshal(doc)
			require.NoError(t, err)
			fmt.Fprintf(&text, "%s\n---\n", line)
		}
		faultless(t, text.Bytes())
	})
}

// gone stands for what is left out.
var gone = new(int)

// change puts something else for the nth thing within a value, counted down to below 0.
func change(v any, n *int, to any) any {
	each := func(was any) any {
		if *n--; *n == -1 {
			return to
		}
		return change(was, n, to)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range manifest.Keys(v) {
			if v[key] = each(v[key]); v[key] == any(gone) {
				delete(v, key)
			}
		}
	case []any:
		for i := range v {
			v[i] = each(v[i])
		}
		return slices.DeleteFunc(v, func(x any) bool { return x == any(gone) })
	}
	return v
}

// things counts what there is to change.
func things(v any) int {
	n := math.MaxInt
	change(v, &n, nil)
	return math.MaxInt - n
}

func faultless(t *testing.T, data []byte) {
	set := manifest.Parse("f.yaml", data, manifest.Options{})
	for _, complete := range []mesh.Complete{{}, mesh.Everything()} {
		for _, in := range mesh.Split(set.Objects) {
			tables := routing.Build(mesh.New(in.Objects, mesh.Options{Complete: complete, Variants: in.Variants}))
			for _, x := range rules.Run(tables, rules.All()).Findings {
				if x.Pos.Line < 1 || x.Message == "" {
					t.Fatalf("no place or no words: %+v", x)
				}
			}
		}
	}
}
