//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var worlds atomic.Int64

// world is a namespace of its own with a gateway workload of its own, so that tests do not meet.
type world struct {
	*testing.T
	ns string
}

// base is what every world begins with. NS is its namespace, and the label of its gateway workload.
const base = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: NS, namespace: istio-system, labels: {istio: NS}}
spec:
  selector: {matchLabels: {istio: NS}}
  template:
    metadata:
      labels: {istio: NS}
      annotations: {inject.istio.io/templates: gateway}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: Service
metadata: {name: NS, namespace: istio-system}
spec:
  clusterIP: None
  selector: {istio: NS}
  ports: [{name: http, port: 80}, {name: https, port: 443}]
---
apiVersion: v1
kind: Secret
metadata: {name: NS, namespace: istio-system}
data: {tls.crt: eA==, tls.key: eA==}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: NS}
spec:
  clusterIP: None
  selector: {app: cart}
  ports: [{name: http, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: NS}
spec:
  host: cart
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: NS, namespace: istio-system}
spec:
  selector: {istio: NS}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*/*"]
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: NS}
    hosts: ["*/shop.example.com"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: NS}
spec:
  hosts: [shop.example.com]
  gateways: [istio-system/NS]
  http:
  - match: [{uri: {prefix: /cart}}]
    route: [{destination: {host: cart, subset: v1}}]
`

// newWorld makes a world and waits until the webhook has seen it.
func newWorld(t *testing.T, more ...string) *world {
	w := &world{t, fmt.Sprintf("shop-%d", worlds.Add(1))}
	_, err := kubectl("", "create", "namespace", w.ns)
	require.NoError(t, err)
	for _, text := range append([]string{base}, more...) {
		out := w.apply(text)
		require.NotContains(t, out, "Warning", "what a world begins with is healthy")
	}
	w.seen()
	time.Sleep(time.Second) // istiod's order counts seconds: what comes now is younger
	return w
}

func (w *world) text(text string) string { return strings.ReplaceAll(text, "NS", w.ns) }

// apply applies manifests as a user does and wants no refusal.
func (w *world) apply(text string, args ...string) string {
	w.Helper()
	out, err := kubectl(w.text(text), append([]string{"apply", "-f", "-"}, args...)...)
	require.NoError(w, err)
	return out
}

// refused applies manifests and wants a refusal.
func (w *world) refused(text string, args ...string) string {
	w.Helper()
	out, err := kubectl(w.text(text), append([]string{"apply", "-f", "-"}, args...)...)
	exit := (*exec.ExitError)(nil)
	require.ErrorAs(w, err, &exit, "it was accepted: %s", out)
	require.Contains(w, out, `.gatelint.io" denied the request: gatelint refuses`)
	return out
}

// seen waits until the webhook holds as many objects of each kind as the API server.
func (w *world) seen() {
	w.Helper()
	var held []string // as metrics
	for kind, resource := range kindsHeld {
		out, err := kubectl("", append([]string{"get", "-A", "-o", "name"}, strings.Fields(resource)...)...)
		require.NoError(w, err)
		held = append(held, fmt.Sprintf("gatelint_cache_objects{kind=%q} %d\n", kind, strings.Count(out, "\n")))
	}
	require.Eventually(w, func() bool {
		status, page := cluster.hook.get(cluster.hook.metrics)
		require.Equal(w, 200, status)
		return !slices.ContainsFunc(held, func(metric string) bool { return !strings.Contains(page, metric) })
	}, 20*time.Second, 50*time.Millisecond, "the webhook does not hold what the API server has")
}

var kindsHeld = map[string]string{
	"Gateway.networking.istio.io":         "gateways.networking.istio.io",
	"VirtualService.networking.istio.io":  "virtualservices.networking.istio.io",
	"DestinationRule.networking.istio.io": "destinationrules.networking.istio.io",
	"Service":                             "services",
	"Deployment.apps":                     "deployments -l istio",
	"Namespace":                           "namespaces",
}

func replace(text, old, with string) string {
	return strings.ReplaceAll(text, old, with)
}
