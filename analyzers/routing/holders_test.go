package routing_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

const onMesh = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: shop, creationTimestamp: ALL}
spec:
  hosts: [web.shop.svc.cluster.local]
  http: [{route: [{destination: {host: web.shop.svc.cluster.local}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: private, namespace: other}
spec:
  hosts: [web.shop.svc.cluster.local]
  exportTo: [.]
  http: [{directResponse: {status: 403}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: same, namespace: shop}
spec:
  hosts: [web.shop.svc.cluster.local]
  http: [{match: [{sourceLabels: {app: same}}], route: [{destination: {host: web.shop.svc.cluster.local}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: some, namespace: shop, creationTimestamp: SOME}
spec:
  hosts: [web.shop.svc.cluster.local]
  http: [{match: [{sourceLabels: {app: client}}], redirect: {uri: /x}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wide, namespace: shop}
spec:
  hosts: ["*.shop.svc.cluster.local"]
  http: [{directResponse: {status: 200}}]
`

// On the sidecars the oldest VirtualService that has routes for a client takes a host whole: where ages are not known the answer
// hangs on them, unless the other is not for this client, fares the same, or is ruled out by the visibility or by a narrower host.
func TestContenders(t *testing.T) {
	ask := func(all, some, namespace, app string) routing.Answer {
		text := strings.NewReplacer("ALL", all, "SOME", some).Replace(onMesh)
		set := manifest.Parse("world.yaml", []byte(text), manifest.Options{})
		require.Empty(t, set.Faults)
		w, err := routing.Build(mesh.New(set.Objects, mesh.Options{Complete: mesh.Everything()})).
			Walk(routing.Request{Port: 80, Host: "web.shop", Mesh: &routing.Client{Namespace: namespace, Labels: map[string]string{"app": app}}})
		require.NoError(t, err)
		return w.Verdict()
	}
	const earlier, later = `"2020-01-01T00:00:00Z"`, `"2021-01-01T00:00:00Z"`
	open := ask("null", "null", "shop", "client")
	require.Equal(t, routing.OutcomeUnknown, open.Outcome)
	require.Len(t, open.Alternatives, 2)
	require.Equal(t, "shop/all is the older one", open.Alternatives[0].If)
	require.Equal(t, ask(earlier, later, "shop", "client"), open.Alternatives[0].Answer)
	require.Equal(t, "shop/some is the older one", open.Alternatives[1].If)
	require.Equal(t, ask(later, earlier, "shop", "client"), open.Alternatives[1].Answer)
	require.Equal(t, routing.OutcomeRedirect, open.Alternatives[1].Outcome)

	for _, app := range []string{"else", "same"} {
		require.Equal(t, routing.OutcomeRouted, ask("null", "null", "shop", app).Outcome, app)
	}
	require.Equal(t, routing.OutcomeDirectResponse, ask("null", "null", "other", "client").Outcome, "the private one comes first, whatever its age")
}
