package admission

import (
	"context"
	"encoding/json"
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/fixtures/fleet"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
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
			b.Run(name, func(b *testing.B) { decideFleet(b, n, shared, nil) })
		}
	}
}

// BenchmarkPolicies measures what twenty policies add to the verdicts of BenchmarkDecide: compare its none with their defaults, and with
// parameters by which each has something to do.
func BenchmarkPolicies(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint("none/", n), func(b *testing.B) { decideFleet(b, n, false, nil) })
		b.Run(fmt.Sprint("default/", n), func(b *testing.B) { decideFleet(b, n, false, fleet.Policies(b, fleet.Quiet())) })
		b.Run(fmt.Sprint("active/", n), func(b *testing.B) { decideFleet(b, n, false, fleet.Policies(b, fleet.Active())) })
	}
}

func decideFleet(b *testing.B, n int, shared bool, policies *policy.Set) {
	e := NewEngine((&settings.Config{}).Heard(rules.All()), mesh.Options{Complete: mesh.Everything()})
	byKind := map[string][][]byte{}
	// What policies ask for is there.
	text := strings.NewReplacer("    route:\n", "    timeout: 5s\n    route:\n", "  - route:\n", "  - timeout: 5s\n    route:\n").Replace(string(fleet.YAML(n)))
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
	c := Config{Engine: e, Settings: &settings.Config{}, Policies: policies, Now: fixtureTime}
	list := []string{"VirtualService", "DestinationRule", "ServiceEntry", "Gateway"}
	if shared { // the Gateway of all VirtualServices gets a server
		byKind["TheGateway"] = byKind["Gateway"][len(byKind["Gateway"])-1:]
		list = append(list, "TheGateway")
	}
	for _, kind := range list {
		b.Run(kind, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				old := byKind[kind][i*7919%len(byKind[kind])]
				raw := update(b, kind, old, edited(kind, old))
				start := time.Now()
				var review admissionv1.AdmissionReview
				require.NoError(b, json.Unmarshal(raw, &review))
				d, err := Decide(context.Background(), c, review.Request)
				require.NoError(b, err)
				_, err = json.Marshal(d.Response)
				require.NoError(b, err)
				took = append(took, time.Since(start))
				require.Equal(b, Allowed, d.Outcome)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
			b.ReportMetric(float64(heap())/(1<<20), "MB-heap")
			b.Log("over everything:", e.Whole())
			goruntime.KeepAlive(e)
		})
	}
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
