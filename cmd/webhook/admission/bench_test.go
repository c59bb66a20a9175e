package admission

import (
	"context"
	"encoding/json"
	"fmt"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/fixtures/fleet"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// BenchmarkDecide measures a request from its bytes to the response, over fleets of which the larger has ten times the objects.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		for _, shared := range []bool{false, true} {
			name := fmt.Sprint(n)
			if shared {
				name += "-shared"
			}
			b.Run(name, func(b *testing.B) {
				f := newRequests(b, n, shared)
				for _, kind := range f.kinds {
					b.Run(kind, func(b *testing.B) {
						var took times
						for i := 0; b.Loop(); i++ {
							wall, _ := f.decide(b, kind, i, nil)
							took = append(took, wall)
						}
						b.ReportMetric(took.percentile(50), "ms/p50")
						b.ReportMetric(took.percentile(99), "ms/p99")
						b.ReportMetric(float64(heap())/(1<<20), "MB-heap")
						b.Log("over everything:", f.engine.Whole())
					})
				}
				goruntime.KeepAlive(f)
			})
		}
	}
}

// BenchmarkPolicies measures what policies add to the verdicts of BenchmarkDecide: twenty with their defaults, the twelve of the library with
// parameters by which each has something to do, and twenty with such. They take turns of a second, requests come at the rate of TestLoad, and
// garbage is collected as the chart has it. By the clock p99 is what the machine does beside; processor time leaves out most of that.
func BenchmarkPolicies(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(500 << 20))
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := newRequests(b, n, false)
			for _, kind := range f.kinds { // what the engine keeps of verdicts is not the policies'
				for i := range 1000 {
					f.decide(b, kind, i, nil)
				}
			}
			debug.FreeOSMemory() // nor is what reading took
			bare := heap()
			names := []string{"none", "20-default", "12-active", "20-active"}
			sets := map[string]*policy.Set{}
			load := func(name string, number int, params map[string]map[string]any) {
				sets[name] = fleet.Policies(b, number, params)
				f.decide(b, "VirtualService", 0, sets[name]) // the webhook is ready when they are
			}
			load("20-active", 20, fleet.Active())
			held := heap()
			load("12-active", 12, fleet.Active())
			load("20-default", 20, fleet.Quiet())
			for _, kind := range f.kinds {
				b.Run(kind, func(b *testing.B) {
					took := map[string]map[string]times{"ms": {}, "cpu-ms": {}}
					i := 0
					for b.Loop() {
						for _, by := range names {
							wall, cpu := f.paced(b, kind, &i, sets[by])
							took["ms"][by], took["cpu-ms"][by] = append(took["ms"][by], wall...), append(took["cpu-ms"][by], cpu...)
						}
					}
					for unit, took := range took {
						for _, p := range []int{50, 99} {
							none := took["none"].percentile(p)
							b.ReportMetric(none, fmt.Sprintf("%s/p%d", unit, p))
							for _, by := range names[1:] {
								b.ReportMetric(took[by].percentile(p)-none, fmt.Sprintf("%s-added/p%d-%s", unit, p, by))
							}
						}
					}
					b.ReportMetric(100*float64(held-bare)/float64(bare), "%heap-added")
				})
			}
			goruntime.KeepAlive(f)
		})
	}
}

// paced is a second of requests, each some time after the one before it has come, answered side by side as a server does.
func (f *requests) paced(b *testing.B, kind string, i *int, policies *policy.Set) (took, used times) {
	each := time.Second / 200
	if kind == "Gateway" {
		each = time.Second / 10 // nobody changes more: a verdict looks at all that it serves
	}
	took, used = make(times, time.Second/each), make(times, time.Second/each)
	came := time.Now()
	var group sync.WaitGroup
	for n := range took {
		start, at := came, *i
		*i++
		group.Go(func() {
			late := time.Since(start)
			wall, cpu := f.decide(b, kind, at, policies)
			took[n], used[n] = late+wall, cpu
		})
		if came = came.Add(each); time.Until(came) > 0 {
			time.Sleep(time.Until(came))
			came = time.Now() // who sleeps too long is the benchmark
		}
	}
	group.Wait()
	return took, used
}

type times []time.Duration

// percentile is in milliseconds.
func (t times) percentile(p int) float64 {
	slices.Sort(t)
	return float64(t[len(t)*p/100].Microseconds()) / 1000
}

// requests are updates of objects of a fleet. They are made before: what a client does is no part of a verdict, nor its garbage.
type requests struct {
	engine *Engine
	kinds  []string
	of     map[string][][]byte // by kind
}

func newRequests(b *testing.B, n int, shared bool) *requests {
	e := NewEngine((&settings.Config{}).Heard(rules.All()), mesh.Options{Complete: mesh.Everything()})
	byKind := map[string][][]byte{}
	text := string(fleet.Timed(n))
	if shared {
		text += sharedGateway
	}
	for i, doc := range strings.Split(text, "---\n") {
		if shared {
			doc = share(doc)
		}
		raw, err := yaml.YAMLToJSON([]byte(doc))
		require.NoError(b, err)
		created := time.Unix(int64(i), 0).UTC().Format(time.RFC3339)
		raw = []byte(strings.Replace(string(raw), `"metadata":{`, `"metadata":{"creationTimestamp":"`+created+`",`, 1))
		o, faults := manifest.ParseObject(raw, manifest.Options{})
		require.Empty(b, faults)
		e.Set(o)
		if judged(o) {
			byKind[o.Kind] = append(byKind[o.Kind], raw)
		}
	}
	entry := []byte(`{"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","metadata":{"name":"pay","namespace":"team-1"},
"spec":{"hosts":["pay.example.org"],"resolution":"DNS","ports":[{"number":443,"name":"tls","protocol":"TLS"}]}}`)
	o, _ := manifest.ParseObject(entry, manifest.Options{})
	e.Set(o)
	byKind[o.Kind] = [][]byte{entry}
	list := []string{"VirtualService", "DestinationRule", "ServiceEntry", "Gateway"}
	if shared { // the Gateway of all VirtualServices gets a server
		byKind["TheGateway"] = byKind["Gateway"][len(byKind["Gateway"])-1:]
		list = append(list, "TheGateway")
	}
	f := &requests{e, list, map[string][][]byte{}}
	for _, kind := range list {
		objects := byKind[kind]
		for i := range min(len(objects), 1000) {
			old := objects[i*7919%len(objects)]
			f.of[kind] = append(f.of[kind], update(b, kind, old, edited(kind, old)))
		}
	}
	return f
}

// decide gives the time from the bytes of a request to those of the response, by the clock and of the processor.
func (f *requests) decide(b *testing.B, kind string, i int, policies *policy.Set) (wall, cpu time.Duration) {
	raw := f.of[kind][i%len(f.of[kind])]
	goruntime.LockOSThread() // whose time is counted
	defer goruntime.UnlockOSThread()
	start, used := time.Now(), threadTime(b)
	var review admissionv1.AdmissionReview
	require.NoError(b, json.Unmarshal(raw, &review))
	d, err := Decide(context.Background(), Config{Engine: f.engine, Settings: &settings.Config{}, Policies: policies, Now: fixtureTime}, review.Request)
	require.NoError(b, err)
	_, err = json.Marshal(d.Response)
	require.NoError(b, err)
	wall, cpu = time.Since(start), threadTime(b)-used
	require.Equal(b, Allowed, d.Outcome)
	return wall, cpu
}

func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	require.NoError(b, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t))
	return time.Duration(t.Nano())
}

// heap is what is in use after garbage collection.
func heap() uint64 {
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}

const sharedGateway = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shared, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
`

// share binds a VirtualService to the one Gateway, and leaves the others out.
func share(doc string) string {
	i := strings.Index(doc, "istio-system/gw-")
	if i < 0 {
		return doc
	}
	return doc[:i] + "istio-system/shared" + doc[i+strings.IndexByte(doc[i:], '\n'):]
}

func edited(kind string, old []byte) []byte {
	text := map[string][2]string{
		"VirtualService":  {`"prefix":"/api/v1/"`, `"prefix":"/api/v9/"`},
		"DestinationRule": {`{"version":"v2"}`, `{"version":"v3"}`},
		"ServiceEntry":    {`"TLS"`, `"HTTPS"`},
		"Gateway":         {`"number":80`, `"number":81`},
		"TheGateway":      {`"protocol":"HTTP"}}]`, `"protocol":"HTTP"}},{"hosts":["new.example.com"],"port":{"number":443,"name":"tls","protocol":"HTTPS"},"tls":{"mode":"SIMPLE","credentialName":"cert-1"}}]`},
	}[kind]
	return []byte(strings.Replace(string(old), text[0], text[1], 1))
}

func update(b *testing.B, kind string, old, raw []byte) []byte {
	require.NotEqual(b, old, raw)
	var meta metav1.PartialObjectMetadata
	require.NoError(b, json.Unmarshal(old, &meta))
	review, err := json.Marshal(admissionv1.AdmissionReview{Request: &admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Update, Namespace: meta.Namespace, Name: meta.Name,
		Kind:   metav1.GroupVersionKind{Group: istio, Version: "v1", Kind: strings.TrimPrefix(kind, "The")},
		Object: runtime.RawExtension{Raw: raw}, OldObject: runtime.RawExtension{Raw: old},
	}})
	require.NoError(b, err)
	return review
}

// BenchmarkAudit measures an audit of a fleet.
func BenchmarkAudit(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e := NewEngine(rules.All(), mesh.Options{Complete: mesh.Everything()})
			for _, doc := range strings.Split(string(fleet.YAML(n)), "---\n") {
				raw, err := yaml.YAMLToJSON([]byte(doc))
				require.NoError(b, err)
				o, faults := manifest.ParseObject(raw, manifest.Options{})
				require.Empty(b, faults)
				e.Set(o)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, err := e.Audit(context.Background(), rules.All())
				require.NoError(b, err)
			}
		})
	}
}
