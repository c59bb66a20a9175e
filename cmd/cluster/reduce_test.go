package cluster

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const noise = `
  uid: 1-2-3
  resourceVersion: "12"
  managedFields: [{manager: kubectl}]
  ownerReferences: [{name: other}]
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "all of it", team.example.com/owner: me`

// What is not named in kept goes; what verdicts hang on stays. (That it is all of it, the snapshots of the linter's fixtures prove.)
func TestReduce(t *testing.T) {
	for name, c := range map[string]struct{ from, to string }{
		"a Service": {`
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels: {app: web}` + noise + `, networking.istio.io/exportTo: "."}
spec:
  selector: {app: web}
  clusterIP: 10.0.0.1
  clusterIPs: [10.0.0.1]
  sessionAffinity: None
  loadBalancerIP: 192.0.2.1
  ports: [{name: http, port: 80, targetPort: web, protocol: TCP, appProtocol: http2, nodePort: 30080}]
status: {loadBalancer: {}}
`, `
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels: {app: web}
  annotations: {networking.istio.io/exportTo: "."}
spec:
  selector: {app: web}
  clusterIP: 10.0.0.1
  clusterIPs: [10.0.0.1]
  ports: [{name: http, port: 80, targetPort: web, protocol: TCP, appProtocol: http2}]
`},
		"a Deployment": {`
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web` + noise + `}
spec:
  replicas: 3
  template:
    metadata:
      labels: {app: web}
      annotations: {inject.istio.io/templates: gateway, prometheus.io/scrape: "true", proxy.istio.io/config: "{gatewayTopology: {numTrustedProxies: 2}, image: {}}"}
    spec:
      hostNetwork: true
      serviceAccountName: web
      containers:
      - {name: app, image: private/app, args: [--token=x], env: [{name: A, value: b}], ports: [{name: http, containerPort: 80, hostPort: 80, protocol: TCP}]}
      - {name: istio-proxy, image: auto, args: [proxy, router]}
`, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata:
      labels: {app: web}
      annotations: {inject.istio.io/templates: gateway, proxy.istio.io/config: "gatewayTopology: {}"}
    spec:
      hostNetwork: true
      containers:
      - {name: app, ports: [{name: http, containerPort: 80, hostPort: 80}]}
      - {name: istio-proxy, args: [proxy, router]}
`},
		"an EnvoyFilter": {`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: lua}
spec:
  workloadSelector: {labels: {istio: ingress}}
  configPatches: [{applyTo: HTTP_ROUTE, match: {context: GATEWAY}, patch: {operation: MERGE, value: {token: x}}}]
`, `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: lua}
spec:
  workloadSelector: {labels: {istio: ingress}}
  configPatches: [{applyTo: HTTP_ROUTE}]
`},
		"a VirtualService": {`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: web` + noise + `, gatelint.io/ignore: "no-effect: later"}
spec: {hosts: [a], http: [{route: [{destination: {host: web}, weight: 0}]}]}
`, `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, annotations: {gatelint.io/ignore: "no-effect: later"}}
spec: {hosts: [a], http: [{route: [{destination: {host: web}, weight: 0}]}]}
`},
		"a MeshConfig": {`
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    rootNamespace: istio-config
    defaultConfig: {gatewayTopology: {numTrustedProxies: 1}, tracing: {}}
    extensionProviders: [{name: otel}]
  meshNetworks: "networks: {}"
`, `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultConfig:
      gatewayTopology:
        numTrustedProxies: 1
    rootNamespace: istio-config
`},
		"a WorkloadEntry": {`{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm}, spec: {address: 192.0.2.7}}`, `{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm}}`},
		"a Gateway of the Gateway API": {
			`{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g}, spec: {gatewayClassName: istio, addresses: [{type: Hostname, value: a.b}]}}`,
			`{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g}, spec: {addresses: [{value: a.b}]}}`,
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			u, want := &unstructured.Unstructured{}, map[string]any{}
			require.NoError(t, yaml.Unmarshal([]byte(c.from), &u.Object))
			require.NoError(t, yaml.Unmarshal([]byte(c.to), &want))
			Reduce(u)
			require.Equal(t, want, u.Object)
		})
	}
}
