package policy_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/cmd/lint/cli"
	"github.com/gatelint/gatelint/fixtures/fleet"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
)

// active are parameters by which every policy of the library has something to do in the fleet, and finds nothing.
func active() map[string]map[string]any {
	owners := map[string]any{"example.com": map[string]any{"namespaces": []any{"istio-system", "team-*"}}}
	for i := range 20 {
		owners[fmt.Sprintf("team%d.example.com", i)] = map[string]any{"namespaces": []any{fmt.Sprintf("team-%d", i)}}
	}
	return map[string]map[string]any{
		"host-ownership":               {"owners": owners},
		"no-wildcard-host":             {"namespaces": []any{"istio-*"}},
		"tls-minimum":                  {"modes": []any{"SIMPLE"}},
		"https-redirect-required":      {"ports": []any{80}},
		"gateway-namespace":            {"namespaces": []any{"istio-*"}, "bindings": []any{map[string]any{"namespaces": []any{"*"}, "gateways": []any{"istio-system/*"}}}},
		"route-timeout-required":       {"max": "30s"},
		"retries-bounded":              {"per_try_timeout": "5s"},
		"no-mesh-wide-virtualservice":  {"exports": "stated"},
		"destination-in-own-namespace": {"external": false},
		"canary-weights":               {"steps": []any{5, 25, 50}},
		"gateway-workloads":            {"selectors": []any{map[string]any{"namespaces": []any{"istio-*"}, "labels": map[string]any{"istio": "ingressgateway"}}}},
		"field-ownership":              {"fields": []any{map[string]any{"paths": []any{"spec.servers[*].tls"}, "groups": []any{"security"}}}},
	}
}

// quiet are the defaults, but for what keeps two policies from finding faults in the fleet.
func quiet() map[string]map[string]any {
	all := active()
	return map[string]map[string]any{"no-wildcard-host": all["no-wildcard-host"], "https-redirect-required": all["https-redirect-required"]}
}

// twenty are the library, and eight of its policies again under other names.
func twenty(b *testing.B, params map[string]map[string]any) *policy.Set {
	opt := policy.Options{Params: maps.Clone(params), Taken: rules.All()}
	dir := b.TempDir()
	copies := 20 - len(policy.LibraryNames())
	for i, name := range policy.LibraryNames() {
		opt.Paths = append(opt.Paths, policy.Library+name)
		if i >= copies {
			continue
		}
		element := strings.ReplaceAll(name, "-", "_")
		text, err := os.ReadFile(filepath.Join("library", element+".rego"))
		require.NoError(b, err)
		file := filepath.Join(dir, element+".rego")
		require.NoError(b, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), element, element+"_again")), 0o644))
		opt.Paths, opt.Params[name+"-again"] = append(opt.Paths, file), params[name]
	}
	set, err := policy.Load(context.Background(), opt)
	require.NoError(b, err)
	require.Len(b, set.Policies(), 20)
	return set
}

// lintAll reads a stream and lints it, as the command does.
func lintAll(b *testing.B, text []byte, list []*rules.Rule, policies bool) {
	set := manifest.Parse("-", text, manifest.Options{Plain: policies})
	inputs := mesh.Split(set.Objects)
	if len(inputs) == 0 {
		inputs = append(inputs, mesh.Input{})
	}
	for _, in := range inputs {
		res := rules.Run(routing.Build(mesh.New(in.Objects, mesh.Options{Variants: in.Variants})), list)
		require.Zero(b, len(res.Failed)+len(res.Findings))
	}
}

// BenchmarkLibrary measures what twenty policies add to a run of the linter, as a share and for each object: with their defaults, and
// with parameters by which each has something to do.
func BenchmarkLibrary(b *testing.B) {
	cli.Hurry()
	for _, n := range []int{1000, 10_000} {
		for _, by := range []struct {
			name   string
			params map[string]map[string]any
		}{{"active", active()}, {"default", quiet()}} {
			b.Run(fmt.Sprint(by.name, "/", n), func(b *testing.B) { added(b, n, by.params) })
		}
	}
}

func added(b *testing.B, n int, params map[string]map[string]any) {
	timeouts := strings.NewReplacer("    route:\n", "    timeout: 5s\n    route:\n", "  - route:\n", "  - timeout: 5s\n    route:\n")
	text := []byte(timeouts.Replace(string(fleet.YAML(n))))
	objects := len(manifest.Parse("-", text, manifest.Options{}).Objects)
	with := append(rules.All(), twenty(b, params).Rules(0)...)
	var bare, all spent
	for b.Loop() {
		bare.add(func() { lintAll(b, text, rules.All(), false) })
		all.add(func() { lintAll(b, text, with, true) })
		lintAll(b, nil, with, true) // the rules forget the World
	}
	b.ReportMetric(100*(all.wall.Seconds()/bare.wall.Seconds()-1), "%added")
	b.ReportMetric(100*(all.cpu.Seconds()/bare.cpu.Seconds()-1), "%cpu-added")
	b.ReportMetric(float64((all.cpu-bare.cpu).Microseconds())/float64(b.N*objects), "cpu-µs/object")
	b.ReportMetric(bare.cpu.Seconds()/float64(b.N)*1000, "cpu-ms/bare")
}

// spent is time by the clock, and that of all processors: the second is the same on a busy machine.
type spent struct{ wall, cpu time.Duration }

func (s *spent) add(f func()) {
	runtime.GC()
	start, used := time.Now(), processors()
	f()
	s.wall, s.cpu = s.wall+time.Since(start), s.cpu+processors()-used
}

func processors() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
