//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatelint/gatelint/fixtures/apiserver"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// The load: fleet.YAML's world of so many VirtualServices, requests a second, and for how long. Beside them a webhook that does
// nothing gets some.
const (
	loadWorld   = 10_000
	loadRate    = 200
	noopRate    = 40
	loadTime    = time.Minute
	noopService = "load-noop"
)

// added is asserted by make load alone: a machine that does other things says nothing of it.
var added = flag.Duration("p99-added", 0, "by how much the p99 of requests may exceed that of a webhook that does nothing; 0 for any")

// crowd is a client without a limit, and what it has made.
type crowd struct {
	*testing.T
	client *dynamic.DynamicClient
	made   map[string][]*unstructured.Unstructured // by kind
}

func newCrowd(t *testing.T) *crowd {
	config := rest.CopyConfig(cluster.env.Config)
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	return &crowd{t, client, map[string][]*unstructured.Unstructured{}}
}

// create makes objects, many at once.
func (l *crowd) create(list []*unstructured.Unstructured) {
	made, err := apiserver.Create(l.client, list)
	require.NoError(l, err)
	for _, o := range made {
		l.made[o.GetKind()] = append(l.made[o.GetKind()], o)
	}
}

func (l *crowd) of(o *unstructured.Unstructured) dynamic.ResourceInterface {
	return apiserver.Of(l.client, o)
}

func object(text string) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	err := yaml.Unmarshal([]byte(text), &o.Object)
	return o, err
}

// fleet makes the world, without asking the webhook.
func (l *crowd) fleet() {
	lists, err := apiserver.Fleet(loadWorld)
	require.NoError(l, err)
	for _, list := range lists {
		l.create(list)
	}
	l.Log("gateways", len(l.made["Gateway"]), "virtual services", len(l.made["VirtualService"]))
}

// noop registers a webhook that allows everything, for one namespace.
func (l *crowd) noop() {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is cut short has no uid, and fails there
		uid := regexp.MustCompile(`"uid":"([^"]*)"`).FindSubmatch(body)
		fmt.Fprintf(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"uid":%q}}`, uid[1])
	}))
	l.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	_, err := kubectl(fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":%[1]q},
"webhooks":[{"name":"noop.example.com","clientConfig":{"url":%[2]q,"caBundle":%[3]q},"sideEffects":"None","admissionReviewVersions":["v1"],"failurePolicy":"Fail",
"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":%[1]q}},
"rules":[{"apiGroups":["networking.istio.io"],"apiVersions":["*"],"resources":["*"],"operations":["*"]}]}]}`, noopService, server.URL, base64.StdEncoding.EncodeToString(ca)), "apply", "-f", "-")
	require.NoError(l, err)
	l.Cleanup(func() { _, _ = kubectl("", "delete", "validatingwebhookconfiguration", noopService) })
	_, err = kubectl("", "patch", "validatingwebhookconfiguration", "gatelint-webhook", "--type", "json", "-p",
		`[{"op":"add","path":"/webhooks/0/namespaceSelector/matchExpressions/-","value":{"key":"kubernetes.io/metadata.name","operator":"NotIn","values":["`+noopService+`"]}}]`)
	require.NoError(l, err)
}

// request is one dry run of a healthy change: of ten eight are of a VirtualService, every other one of them new, one adds a subset to a
// DestinationRule and one a host to a Gateway.
func (l *crowd) request(i int, namespace string) error {
	kind := "VirtualService"
	switch i % 10 {
	case 3:
		kind = "DestinationRule"
	case 7:
		kind = "Gateway"
	}
	list := l.made[kind]
	o := list[i*7919%len(list)].DeepCopy()
	create := namespace != "" || kind == "VirtualService" && i%2 == 1
	spec := o.Object["spec"].(map[string]any)
	switch kind {
	case "VirtualService":
		spec["http"] = spec["http"].([]any)[1:]
		if create {
			spec["hosts"] = []any{fmt.Sprint("load-", i, strings.TrimLeft(spec["hosts"].([]any)[0].(string), "ap0123456789"))}
		}
	case "DestinationRule":
		spec["subsets"] = append(spec["subsets"].([]any), map[string]any{"name": "v9", "labels": map[string]any{"version": "v9"}})
	case "Gateway":
		server := spec["servers"].([]any)[0].(map[string]any)
		server["hosts"] = append(server["hosts"].([]any), fmt.Sprint("load-", i, ".example.org"))
	}
	dry := []string{metav1.DryRunAll}
	if !create {
		_, err := l.of(o).Update(context.Background(), o, metav1.UpdateOptions{DryRun: dry})
		return err
	}
	if namespace != "" {
		o.SetNamespace(namespace)
	}
	o.SetName(fmt.Sprint("load-", i))
	for _, field := range []string{"resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	_, err := l.of(o).Create(context.Background(), o, metav1.CreateOptions{DryRun: dry})
	return err
}

// send sends requests at a rate, whether they are answered or not, and gives how long each took.
func (l *crowd) send(rate int, namespace string) ([]time.Duration, error) {
	var mu sync.Mutex
	var took []time.Duration
	var failed []error
	var running sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range rate * int(loadTime/time.Second) {
		<-tick.C
		running.Go(func() {
			start := time.Now()
			err := l.request(i, namespace)
			mu.Lock()
			defer mu.Unlock()
			if took = append(took, time.Since(start)); err != nil {
				failed = append(failed, err)
			}
		})
	}
	running.Wait()
	slices.Sort(took)
	return took, errors.Join(failed[:min(3, len(failed))]...)
}

func percentile(took []time.Duration, p int) time.Duration { return took[len(took)*p/100] }

var resident = regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`)

func (p *process) resident(t *testing.T) float64 {
	var found []string
	require.Eventually(t, func() bool { // two cores are still busy with what came before
		_, page := p.get(p.metrics)
		found = resident.FindStringSubmatch(page)
		return found != nil
	}, time.Minute, 200*time.Millisecond, "the metrics do not say how much memory there is")
	n, err := strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return n / (1 << 20)
}

// TestLoad asks 200 times a second about a world of 10,000 VirtualServices. It is the last test: what it makes stays.
func TestLoad(t *testing.T) {
	l := newCrowd(t)
	config, err := kubectl("", "get", "validatingwebhookconfiguration", "gatelint-webhook", "-o", "json")
	require.NoError(t, err)
	_, err = kubectl("", "delete", "validatingwebhookconfiguration", "gatelint-webhook")
	require.NoError(t, err)
	_, err = kubectl("", "create", "namespace", noopService)
	require.NoError(t, err)
	l.fleet()
	(&world{T: t}).seen()

	t.Run("start", func(t *testing.T) {
		cluster.hook.kill()
		start := time.Now()
		require.NoError(t, cluster.hook.start())
		require.NoError(t, cluster.hook.ready())
		t.Logf("ready after %.1f s", time.Since(start).Seconds())
		t.Logf("resident: %.0f MB", cluster.hook.resident(t))
	})
	object, err := object(config)
	require.NoError(t, err)
	unstructured.RemoveNestedField(object.Object, "metadata", "resourceVersion")
	unstructured.RemoveNestedField(object.Object, "metadata", "uid")
	text, err := object.MarshalJSON()
	require.NoError(t, err)
	_, err = kubectl(string(text), "create", "-f", "-")
	require.NoError(t, err)
	l.noop()
	require.NoError(t, asked())
	// Some seconds in ten minutes, on the leader, are not what requests meet.
	require.Eventually(t, func() bool {
		_, page := cluster.hook.get(cluster.hook.metrics)
		return strings.Contains(page, `gatelint_audit_runs_total{result="ok"} 1`)
	}, time.Minute, 100*time.Millisecond)

	t.Run("requests", func(t *testing.T) {
		share := 1
		if *added == 0 {
			share = 4 // such a machine may not get through all of them, and no error is asserted everywhere
		}
		before := cluster.hook.resident(t)
		var ours, theirs []time.Duration
		var both errgroup.Group
		both.Go(func() (err error) { ours, err = l.send(loadRate/share, ""); return err })
		both.Go(func() (err error) { theirs, err = l.send(noopRate/share, noopService); return err })
		require.NoError(t, both.Wait())
		after := cluster.hook.resident(t)
		for _, p := range []int{50, 90, 99} {
			t.Logf("p%d: %v, no-op %v", p, percentile(ours, p), percentile(theirs, p))
		}
		_, page := cluster.hook.get(cluster.hook.metrics)
		for _, line := range regexp.MustCompile(`(?m)^gatelint_admission_(requests|whole|failures)_total.*$`).FindAllString(page, -1) {
			t.Log(line)
		}
		t.Logf("resident: %.0f MB before, %.0f MB after", before, after)
		if *added > 0 {
			require.Less(t, percentile(ours, 99)-percentile(theirs, 99), *added, "p99 added over a webhook that does nothing")
		}
		require.Less(t, after, 600.0, "resident MB")
		require.Less(t, after, before*1.25+50, "memory grows with requests")
	})
}
