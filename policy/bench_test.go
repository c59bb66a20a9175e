package policy_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
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

// sets are twenty policies with their defaults, the twelve of the library with parameters by which each has something to do, and twenty
// with such.
var sets = []struct {
	name   string
	number int
	params map[string]map[string]any
}{{"20-default", 20, fleet.Quiet()}, {"12-active", 12, fleet.Active()}, {"20-active", 20, fleet.Active()}}

// BenchmarkLibrary measures what policies add to a run of the linter, as a share and for each object.
func BenchmarkLibrary(b *testing.B) {
	cli.Hurry()
	for _, n := range []int{1000, 10_000} {
		for _, by := range sets {
			b.Run(fmt.Sprint(by.name, "/", n), func(b *testing.B) { added(b, n, fleet.Policies(b, by.number, by.params)) })
		}
	}
}

// BenchmarkEach measures the same for each VirtualService alone: what is asked about one costs what it does among a tenth as many. No
// garbage is collected, as the collector walks all that is held beside.
func BenchmarkEach(b *testing.B) {
	for _, by := range sets {
		for _, n := range []int{1000, 10_000} {
			b.Run(fmt.Sprint(by.name, "/", n), func(b *testing.B) {
				policies, in := fleet.Policies(b, by.number, by.params).Rules(1), world(n)
				asked(in, policies) // what is worked out once is
				var s spent
				allocs := uint64(0)
				for b.Loop() {
					took, more := asked(in, policies)
					s.wall, s.cpu, allocs = s.wall+took.wall, s.cpu+took.cpu, allocs+more
				}
				b.ReportMetric(float64(s.cpu.Nanoseconds())/float64(1000*b.N*n), "cpu-µs/VirtualService")
				b.ReportMetric(float64(allocs)/float64(b.N*n), "allocs/VirtualService")
			})
		}
	}
}

// TestFlat holds BenchmarkEach to what does not hang on the machine.
func TestFlat(t *testing.T) {
	policies := fleet.Policies(t, 20, fleet.Active()).Rules(1)
	of := func(n int) float64 {
		_, allocs := asked(world(n), policies)
		return float64(allocs) / float64(n)
	}
	of(20)
	require.InEpsilon(t, of(100), of(1000), 0.05)
}

func world(n int) mesh.Input {
	return mesh.Split(manifest.Parse("-", fleet.Timed(n), manifest.Options{Plain: true}).Objects)[0]
}

// asked asks policies about every object, and gives what that took, and the allocations.
func asked(in mesh.Input, policies []*rules.Rule) (s spent, allocs uint64) {
	tables := routing.Build(mesh.New(in.Objects, mesh.Options{Variants: in.Variants})) // anew: what was found in the last is kept
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s.add(func() { rules.Run(tables, policies) })
	runtime.ReadMemStats(&after)
	return s, after.Mallocs - before.Mallocs
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
	text := fleet.Timed(n)
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
