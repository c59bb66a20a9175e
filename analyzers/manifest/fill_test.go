package manifest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"sigs.k8s.io/yaml"
)

var istioKinds = []string{"Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "WorkloadEntry", "WorkloadGroup", "EnvoyFilter", "ProxyConfig"}

// Specs that are right in the eyes of the API server and use every kind of field.
var specs = map[string]string{
	"Gateway": `
selector: {istio: ingress}
servers:
- port: {number: 443, name: https, protocol: HTTPS}
  hosts: [a/b.example.com, "*"]
  bind: 0.0.0.0
  name: x
  tls: {mode: MUTUAL, credentialName: c, minProtocolVersion: TLSV1_2, cipherSuites: [A], subjectAltNames: [b]}
- port: {number: 80, name: http, protocol: HTTP}
  hosts: [c]
  tls: {httpsRedirect: true}
`,
	"VirtualService": `
hosts: [a]
exportTo: [".", "*"]
http:
- name: x
  match:
  - uri: {prefix: /}
    headers: {a: {exact: b}, c: {}}
    withoutHeaders: {d: {regex: e}}
    queryParams: {q: {exact: ""}}
    ignoreUriCase: true
    port: 80
    sourceLabels: {a: b}
    gateways: [mesh]
  timeout: 1.5s
  retries: {attempts: 3, perTryTimeout: 2s, retryRemoteLocalities: false, retryOn: 5xx}
  fault: {delay: {fixedDelay: 5s, percentage: {value: 0.1}}, abort: {httpStatus: 500, percentage: {value: 100}}}
  corsPolicy: {allowOrigins: [{exact: x}], maxAge: 24h, allowCredentials: true}
  headers: {request: {set: {a: b}, add: {c: d}, remove: [e]}}
  mirrors: [{destination: {host: m}, percentage: {value: 1}}]
  route: [{destination: {host: a, port: {number: 1}, subset: s}, weight: 100}]
- directResponse: {status: 404, body: {string: x}}
- redirect: {uri: /, redirectCode: 302, port: 8080}
- redirect: {derivePort: FROM_REQUEST_PORT}
- delegate: {name: a, namespace: b}
- rewrite: {uriRegexRewrite: {match: a, rewrite: b}}
  route: [{destination: {host: a}}]
tls:
- match: [{sniHosts: [a], port: 443}]
  route: [{destination: {host: a}}]
tcp:
- match: [{destinationSubnets: [10.0.0.0/8]}]
  route: [{destination: {host: a}}]
`,
	"DestinationRule": `
host: a
subsets: [{name: s, labels: {a: b}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}]
workloadSelector: {matchLabels: {a: b}}
trafficPolicy:
  loadBalancer:
    consistentHash: {httpCookie: {name: a, ttl: 0s}, ringHash: {minimumRingSize: 1024}}
    localityLbSetting: {enabled: false, distribute: [{from: a, to: {b: 80, c: 20}}]}
    warmup: {duration: 10s, aggression: 1.5, minimumPercent: 10}
  outlierDetection: {consecutive5xxErrors: 0, interval: 1s, splitExternalLocalOriginErrors: true, maxEjectionPercent: 50}
  connectionPool: {tcp: {maxConnections: 1, connectTimeout: 30ms, tcpKeepalive: {probes: 3, time: 1s}}, http: {h2UpgradePolicy: UPGRADE}}
  tls: {mode: SIMPLE, insecureSkipVerify: true, sni: x}
  portLevelSettings: [{port: {number: 1}, tls: {mode: DISABLE}}]
  proxyProtocol: {version: V2}
`,
	"ServiceEntry": `
hosts: [a.example.com]
addresses: [1.2.3.4]
location: MESH_EXTERNAL
resolution: STATIC
ports: [{number: 443, name: tls, protocol: TLS, targetPort: 8443}]
endpoints: [{address: 1.1.1.1, ports: {tls: 1}, labels: {a: b}, weight: 2, locality: x}]
subjectAltNames: [s]
`,
	"Sidecar": `
workloadSelector: {labels: {a: b}}
ingress: [{port: {number: 1, name: a, protocol: HTTP}, defaultEndpoint: 127.0.0.1:1, connectionPool: {tcp: {maxConnections: 1}}}]
egress: [{hosts: ["./*"], captureMode: NONE}]
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
`,
	"WorkloadEntry": `{address: 1.1.1.1, ports: {a: 1}, serviceAccount: x, weight: 3}`,
	"WorkloadGroup": `
metadata: {labels: {a: b}}
template: {serviceAccount: a, ports: {x: 1}}
probe: {periodSeconds: 5, httpGet: {port: 1, httpHeaders: [{name: a, value: b}]}}
`,
	"EnvoyFilter": `
priority: -10
workloadSelector: {labels: {a: b}}
configPatches:
- applyTo: HTTP_FILTER
  match: {context: GATEWAY, listener: {portNumber: 1, filterChain: {filter: {name: a, subFilter: {name: b}}}}, proxy: {metadata: {a: b}}}
  patch: {operation: INSERT_BEFORE, filterClass: AUTHN, value: {a: [1, 1.5, true, null, x, {b: {}}], "@type": t}}
`,
	"ProxyConfig": `{selector: {matchLabels: {a: b}}, concurrency: 0, environmentVariables: {A: b}, image: {imageType: debug}}`,
}

func TestSpecsAreFilledAsIstioFillsThem(t *testing.T) {
	for _, kind := range istioKinds {
		version := map[string]string{"EnvoyFilter": "v1alpha3", "ProxyConfig": "v1beta1"}[kind]
		if version == "" {
			version = "v1"
		}
		raw, err := yaml.YAMLToJSON([]byte(specs[kind]))
		require.NoError(t, err)
		want := newSpec(networkingGroup, kind)
		require.NoError(t, json.Unmarshal(raw, want), kind) // Istio's own UnmarshalJSON

		object, err := json.Marshal(map[string]any{
			"apiVersion": networkingGroup + "/" + version, "kind": kind,
			"metadata": map[string]any{"name": "a"}, "spec": json.RawMessage(raw),
		})
		require.NoError(t, err)
		fromJSON, faults := ParseObject(object, Options{})
		require.Empty(t, faults, kind)
		require.True(t, proto.Equal(want, fromJSON.Spec), "%s\nwant %v\ngot  %v", kind, want, fromJSON.Spec)

		asYAML, err := yaml.JSONToYAML(object)
		require.NoError(t, err)
		s := Parse("f.yaml", asYAML, Options{})
		require.Empty(t, s.Faults, kind)
		require.True(t, proto.Equal(want, s.Objects[0].Spec), "%s\nwant %v\ngot  %v", kind, want, s.Objects[0].Spec)
	}
}

// Every field of every message that the CRDs know has a field of the message, of a kind the filler can fill.
func TestSchemaAndMessagesAgree(t *testing.T) {
	s := schemas()
	for _, kind := range istioKinds {
		for version, index := range s.Kinds[networkingGroup+"/"+kind] {
			seen := map[string]bool{}
			agree(t, s, kind+" "+version, s.Nodes[index], newSpec(networkingGroup, kind).ProtoReflect().Descriptor(), seen)
			require.NotEmpty(t, seen)
		}
	}
}

func agree(t *testing.T, s *schemaSet, path string, n *schema, md protoreflect.MessageDescriptor, seen map[string]bool) {
	for name, index := range n.Props {
		at, child := path+"."+name, s.Nodes[index]
		fd := fieldNamed(md.Fields(), name)
		if fd == nil {
			t.Errorf("%s has no field in %s", at, md.FullName())
			continue
		}
		seen[at] = true
		if fd.IsMap() {
			_, ok := mapKey(fd.MapKey(), "1")
			require.True(t, ok, at)
			fd = fd.MapValue()
			require.NotNil(t, child.Values, at)
			child = s.Nodes[*child.Values]
		} else if fd.IsList() {
			require.NotNil(t, child.Items, at)
			child = s.Nodes[*child.Items]
		}
		if fd.Kind() == protoreflect.MessageKind && child.Props != nil {
			agree(t, s, at, child, fd.Message(), seen)
		}
	}
}

func TestSlipsAreReadAsMeant(t *testing.T) {
	s := Parse("f.yaml", []byte(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: a}
spec:
  servers:
  - port: {number: "80", name: 1, protocol: HTTP}
    hosts: [null, b]
    tls: {mode: simple, httpsRedirect: "true"}
  - null
  - port: {number: [1]}
    hosts: [a]
`), Options{})
	require.Len(t, s.Faults, 9)
	got, err := protojson.Marshal(s.Objects[0].Spec)
	require.NoError(t, err)
	require.JSONEq(t, `{"servers":[{"port":{"number":80,"name":"1","protocol":"HTTP"},"hosts":["","b"],"tls":{"mode":"SIMPLE","httpsRedirect":true}},{},{"port":{},"hosts":["a"]}]}`, string(got))
}

// A misspelt kind, version or a second document: nothing of a Secret's values may reach a message.
func TestSecretsStaySecret(t *testing.T) {
	const secret = "hunter2"
	for _, text := range []string{
		"kind: Secret\napiVersion: v1\ndata:\n  a: *hunter2\n",
		"kind: Secret\napiVersion: v1\ndata:\n  a: \"hunter2\n",
		"kind: Secret\napiVersion: v1\ndata:\n  a: &hunter2 [*hunter2]\n",
		"kind: Secret\napiVersion: v1\nmetadata: {labels: {a: 1}}\ndata:\n  a: !!int hunter2\n  b: hunter2\n  b: hunter2\n  c: .inf\n",
		"kind: Secret\napiVersion: v1\nmetadata: hunter2\n",
		`{"apiVersion": "v1", "kind": "Secret", "data": {"a": hunter2,,}}`,
		"kind: Secret\napiVersion: v1\ndata:\n  a: %hunter2\n",
		"kind: Secret\napiVersion: v1\ndata:\n\ta: hunter2\n",
		"kind: Secret\napiVersion: v1\ndata:\n  a: !hunter2! x\n",
	} {
		s := Parse("f.yaml", []byte(text), Options{})
		require.NotEmpty(t, s.Faults, text)
		for _, f := range s.Faults {
			require.NotContains(t, f.Message, secret)
		}
	}
}
