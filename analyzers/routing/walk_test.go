package routing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// oneServer is one VirtualService behind one server, up to its rules.
const oneServer = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [a.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: edge}
spec:
  hosts: [a.example.com]
  gateways: [g]
  http:
`

// world makes tables of oneServer with rules, and of what follows them.
func world(t testing.TB, http string) *routing.Tables {
	set := manifest.Parse("world.yaml", []byte(oneServer+http), manifest.Options{})
	require.Empty(t, set.Faults)
	return routing.Build(mesh.New(set.Objects, mesh.Options{Complete: mesh.Everything()}))
}

// What the destination gets is what Envoy's prefix_rewrite, regex_rewrite and host_rewrite_literal make of the request.
func TestSent(t *testing.T) {
	const to = "route: [{destination: {host: x}}]}"
	for _, c := range []struct{ rule, path, host, want string }{
		{"- {" + to, "/a/b?q=1", "a.example.com", "/a/b?q=1"},
		{"- {rewrite: {uri: /new}, " + to, "/a/b?q=1", "a.example.com", "/newa/b?q=1"},
		{"- {rewrite: {uri: /new/}, " + to, "/a", "a.example.com", "/new/a"},
		{"- {match: [{uri: {prefix: /a}}], rewrite: {uri: /}, " + to, "/a/b", "a.example.com", "//b"},
		{"- {match: [{uri: {prefix: /A/}, ignoreUriCase: true}], rewrite: {uri: /}, " + to, "/a/b", "a.example.com", "/b"},
		{"- {match: [{uri: {exact: /a}}], rewrite: {uri: /new, authority: in.example.com}, " + to, "/a?q", "in.example.com", "/new?q"},
		{"- {match: [{uri: {regex: /.*}}], rewrite: {uri: /new}, " + to, "/a/b", "a.example.com", "/new"},
		{`- {rewrite: {uriRegexRewrite: {match: "^/v([0-9]+)/(.*)$", rewrite: '/\2/$\1'}}, ` + to, "/v2/x", "a.example.com", "/x/$2"},
		{"- {headers: {request: {set: {Host: set.example.com}}}, " + to, "/a", "set.example.com", "/a"},
		{"- {headers: {request: {set: {Host: set.example.com}}}, rewrite: {authority: in.example.com}, " + to, "/a", "in.example.com", "/a"},
	} {
		w, err := world(t, "  "+c.rule).Walk(routing.Request{Port: 80, Host: "a.example.com", Path: c.path})
		require.NoError(t, err)
		require.NotNil(t, w.Entry, c.rule)
		host, path := w.Sent(0)
		require.Equal(t, []string{c.host, c.want}, []string{host, path}, c.rule)
	}
}

// A route of which it is not known what it takes makes an answer depend on it; behind one that certainly takes it does not.
func TestAlternatives(t *testing.T) {
	tables := world(t, `
  - {match: [{uri: {exact: /sure}}], route: [{destination: {host: x}}]}
  - {match: [{uri: {regex: "(?!x)"}}], redirect: {uri: /y}}
  - {directResponse: {status: 200}}`)
	a, err := tables.Ask(routing.Request{Port: 80, Host: "a.example.com", Path: "/sure"})
	require.NoError(t, err)
	require.Equal(t, routing.OutcomeNoCluster, a.Outcome)
	require.Empty(t, a.Alternatives)
	a, err = tables.Ask(routing.Request{Port: 80, Host: "a.example.com", Path: "/"})
	require.NoError(t, err)
	require.Equal(t, routing.OutcomeUnknown, a.Outcome)
	require.Len(t, a.Alternatives, 2)
	require.Equal(t, routing.OutcomeRedirect, a.Alternatives[0].Outcome)
	require.Contains(t, a.Alternatives[0].If, "edge/v spec.http[1].match[0] takes it (it has a condition that cannot be read: path")
	require.Equal(t, routing.OutcomeDirectResponse, a.Alternatives[1].Outcome)
	require.Equal(t, "spec.http[2]", a.Alternatives[1].Route)
}

func TestServerName(t *testing.T) {
	for _, c := range []struct {
		r    routing.Request
		want string
	}{
		{routing.Request{Host: "a.example.com"}, ""},
		{routing.Request{TLS: true, Host: "A.example.com:8443"}, "a.example.com"},
		{routing.Request{TLS: true, Host: "a.example.com", SNI: "B.example.com"}, "b.example.com"},
		{routing.Request{TLS: true, Host: "10.0.0.1"}, ""},
		{routing.Request{TLS: true, Host: "[2001:db8::1]"}, ""},
		{routing.Request{TLS: true, Host: "[2001:db8::1]:443"}, ""},
	} {
		require.Equal(t, c.want, c.r.ServerName(), c.r)
	}
}

// Header names that differ in letter case are one header; its value does not hang on the order of a map.
func TestHeaderTwice(t *testing.T) {
	r := routing.Request{Headers: map[string]string{"x-v": "3", "X-V": "1", "X-v": "2"}}
	for range 20 {
		require.Equal(t, "1,2,3", routing.MatchRequest(r).Headers["x-v"])
	}
}

// A VirtualService is a rival only by the first of its routes that fits, and only if its age is not known.
func TestRivals(t *testing.T) {
	tables := world(t, `
  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: x}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: same, namespace: edge}
spec:
  hosts: [a.example.com]
  gateways: [g]
  http:
  - {match: [{uri: {prefix: /a/b}}], route: [{destination: {host: x}}]}
  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: w}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: nominal, namespace: edge, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  hosts: [a.example.com]
  gateways: [g]
  http:
  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: x}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: later, namespace: edge, creationTimestamp: "2026-01-02T00:00:00Z"}
spec:
  hosts: [a.example.com]
  gateways: [g]
  http:
  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: z}}]}
`)
	ask := func(path string) routing.Answer {
		w, err := tables.Walk(routing.Request{Port: 80, Host: "a.example.com", Path: path})
		require.NoError(t, err)
		require.Equal(t, "edge/nominal", w.Answer.VirtualService)
		return w.Verdict()
	}
	require.Equal(t, routing.OutcomeNoCluster, ask("/a/b").Outcome, "the only rivals fare the same, or come later for certain")
	a := ask("/a")
	require.Equal(t, routing.OutcomeUnknown, a.Outcome)
	require.Len(t, a.Alternatives, 2)
	require.Equal(t, "edge/nominal is the older one", a.Alternatives[0].If)
	require.Equal(t, "edge/same is the older one", a.Alternatives[1].If)
	require.Equal(t, "spec.http[1]", a.Alternatives[1].Route)
}

// A Service whose protocol the bytes tell has routes of its own, which a second "*" on its port does not spoil.
func TestServedApart(t *testing.T) {
	tables := world(t, `  - {directResponse: {status: 200}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: second, namespace: edge}
spec:
  hosts: ["*.edge.svc.cluster.local"]
  ports: [{name: http, number: 8081, protocol: HTTP}]
  resolution: NONE
---
apiVersion: v1
kind: Service
metadata: {name: sniffed, namespace: edge}
spec: {clusterIP: 10.0.0.4, ports: [{name: any, port: 8081}]}
---
apiVersion: v1
kind: Service
metadata: {name: plain, namespace: edge}
spec: {clusterIP: 10.0.0.5, ports: [{name: http, port: 8081}]}
`)
	for host, want := range map[string]string{"sniffed": routing.OutcomeRouted, "plain": routing.OutcomeRejected, "none": routing.OutcomeRejected} {
		a, err := tables.Ask(routing.Request{Port: 8081, Host: host, Path: "/", Mesh: &routing.Client{Namespace: "edge"}})
		require.NoError(t, err)
		require.Equal(t, want, a.Outcome, host)
	}
}
