package policy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/fixtures/fleet"
	"github.com/gatelint/gatelint/rules"
)

// twenty are policies such as platform teams write: half of them read only the object, half what Istio makes of it.
func twenty() map[string]string {
	out := map[string]string{}
	for i := range 10 {
		out[fmt.Sprintf("own%d.rego", i)] = fmt.Sprintf(`# METADATA
# custom: {kinds: [VirtualService, Gateway]}
package gatelint.own%d

deny contains {"msg": "x", "path": ["spec", "hosts", i]} if {
	some i, h in input.spec.hosts
	endswith(h, ".nowhere%d.example.org")
}

warn contains {"msg": "y", "path": ["spec", "http", i]} if {
	some i, r in input.spec.http
	r.retries.attempts > %d
}
`, i, i, i+50)
		out[fmt.Sprintf("mesh%d.rego", i)] = fmt.Sprintf(`# METADATA
# custom: {kinds: [VirtualService]}
package gatelint.mesh%d

deny contains {"msg": "x"} if {
	some h in input.spec.hosts
	count(data.gatelint.mesh.by_host[h].virtualservices) > %d
}

deny contains {"msg": "y", "path": d.path} if {
	some d in data.gatelint.mesh.this.destinations
	d.port == %d
}
`, i, i+50, i)
	}
	return out
}

// BenchmarkSweep measures twenty policies over a World, beside all built-in rules over the same.
func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		input := manifest.Parse("fleet.yaml", fleet.YAML(n), manifest.Options{})
		world := func() *routing.Tables { return routing.Build(mesh.New(input.Objects, mesh.Options{})) }
		b.Run(fmt.Sprintf("policies/%d", n), func(b *testing.B) {
			s := set(b, Options{}, twenty())
			for b.Loop() {
				b.StopTimer()
				t := world()
				b.StartTimer()
				res := rules.Run(t, s.Rules())
				require.Empty(b, res.Findings)
				require.Empty(b, res.Failed)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/object")
		})
		b.Run(fmt.Sprintf("rules/%d", n), func(b *testing.B) {
			for b.Loop() {
				rules.Run(world(), rules.All())
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/object")
		})
	}
}
