package rules_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/fixtures/fleet"
	"github.com/gatelint/gatelint/rules"
)

func lint(text []byte) ([]manifest.Fault, []rules.Finding) {
	set := manifest.Parse("fleet.yaml", text, manifest.Options{})
	var out []rules.Finding
	for _, in := range mesh.Split(set.Objects) {
		w := mesh.New(in.Objects, mesh.Options{Variants: in.Variants})
		out = append(out, rules.Run(routing.Build(w), rules.All()).Findings...)
	}
	return set.Faults, out
}

func decode(text []byte) {
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var n yaml.Node
		if err := dec.Decode(&n); err == io.EOF {
			return
		} else if err != nil {
			panic(err)
		}
	}
}

// BenchmarkFleet measures the growth of a whole run, and its ratio to only decoding the same bytes.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		text := fleet.YAML(n)
		faults, findings := lint(text)
		require.Empty(b, faults)
		require.Empty(b, findings)
		b.Run(fmt.Sprintf("decode/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				decode(text)
			}
		})
		b.Run(fmt.Sprintf("lint/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				lint(text)
			}
		})
	}
}
