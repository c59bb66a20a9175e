package policy_test

import (
	"fmt"
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

// BenchmarkLibrary measures what policies add to a run of the linter, as a share and for each object: twenty with their defaults, the
// twelve of the library with parameters by which each has something to do, and twenty with such.
func BenchmarkLibrary(b *testing.B) {
	cli.Hurry()
	for _, n := range []int{1000, 10_000} {
		for _, by := range []struct {
			name   string
			number int
			params map[string]map[string]any
		}{{"20-default", 20, fleet.Quiet()}, {"12-active", 12, fleet.Active()}, {"20-active", 20, fleet.Active()}} {
			b.Run(fmt.Sprint(by.name, "/", n), func(b *testing.B) { added(b, n, fleet.Policies(b, by.number, by.params)) })
		}
	}
}

// BenchmarkLoad measures what it takes to read twenty policies and to work out what is known of them before there is an object.
func BenchmarkLoad(b *testing.B) {
	for name, params := range map[string]map[string]map[string]any{"active": fleet.Active(), "default": fleet.Quiet()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				lintAll(b, nil, fleet.Policies(b, 20, params).Rules(0), true)
			}
		})
	}
}

func added(b *testing.B, n int, policies *policy.Set) {
	timeouts := strings.NewReplacer("    route:\n", "    timeout: 5s\n    route:\n", "  - route:\n", "  - timeout: 5s\n    route:\n")
	text := []byte(timeouts.Replace(string(fleet.YAML(n))))
	objects := len(manifest.Parse("-", text, manifest.Options{}).Objects)
	with := append(rules.All(), policies.Rules(0)...)
	lintAll(b, nil, with, true) // what is worked out once is
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
