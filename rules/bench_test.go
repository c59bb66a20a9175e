package rules_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/cmd/lint/cli"
	"github.com/gatelint/gatelint/fixtures/fleet"
	"github.com/gatelint/gatelint/rules"
)

func lint(set *manifest.Set) []rules.Finding {
	var out []rules.Finding
	for _, in := range mesh.Split(set.Objects) {
		w := mesh.New(in.Objects, mesh.Options{Variants: in.Variants})
		out = append(out, rules.Run(routing.Build(w), rules.All()).Findings...)
	}
	return out
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

// fleetOf writes a fleet and gives its folder and its bytes in one stream.
func fleetOf(b *testing.B, n int) (string, []byte) {
	dir := b.TempDir()
	require.NoError(b, fleet.Write(dir, n))
	set, err := manifest.Load([]string{dir}, manifest.Options{})
	require.NoError(b, err)
	require.Empty(b, set.Faults)
	require.Empty(b, lint(set))
	return dir, fleet.YAML(n)
}

// BenchmarkFleet measures a whole run over a folder and over one stream, and in each round their ratio to only decoding the
// same bytes.
func BenchmarkFleet(b *testing.B) {
	cli.Hurry() // as the command does, for both sides of the ratio
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir, text := fleetOf(b, n)
			var decoding, folder, stream time.Duration
			for b.Loop() {
				decoding += timed(func() { decode(text) })
				folder += timed(func() { run(b, dir) })
				stream += timed(func() { require.Empty(b, lint(manifest.Parse("-", text, manifest.Options{}))) })
			}
			b.ReportMetric(folder.Seconds()/float64(b.N)*1000, "ms/lint")
			b.ReportMetric(folder.Seconds()/decoding.Seconds(), "folder/decode")
			b.ReportMetric(stream.Seconds()/decoding.Seconds(), "stream/decode")
		})
	}
}

// BenchmarkGrowth measures ten times the objects in one run: the metric is the factor in time.
func BenchmarkGrowth(b *testing.B) {
	cli.Hurry()
	small, _ := fleetOf(b, 1000)
	large, _ := fleetOf(b, 10_000)
	var one, ten time.Duration
	for b.Loop() {
		one += timed(func() { run(b, small) })
		ten += timed(func() { run(b, large) })
	}
	b.ReportMetric(ten.Seconds()/one.Seconds(), "x/10x-objects")
}

func run(b *testing.B, dir string) {
	set, err := manifest.Load([]string{dir}, manifest.Options{})
	require.NoError(b, err)
	require.Empty(b, lint(set))
}

func timed(f func()) time.Duration {
	runtime.GC()
	start := time.Now()
	f()
	return time.Since(start)
}
