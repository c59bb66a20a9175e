package rules_test

import (
	"os"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
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
	f.Fuzz(func(t *testing.T, data []byte) {
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
	})
}
