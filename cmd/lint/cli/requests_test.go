package cli

import (
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/stretchr/testify/require"
)

func TestParseRequest(t *testing.T) {
	for _, c := range []struct {
		text string
		want routing.Request
	}{
		{"http://a", routing.Request{Method: "GET", Port: 80, Host: "a", Path: "/"}},
		{"https://a?q=1#x", routing.Request{Method: "GET", Port: 443, TLS: true, Host: "a", Path: "/?q=1"}},
		{"POST HTTPS://A.b:8443/x//y/../z", routing.Request{Method: "POST", Port: 8443, TLS: true, Host: "A.b:8443", Path: "/x//y/../z"}},
		{"https://a:443/", routing.Request{Method: "GET", Port: 443, TLS: true, Host: "a", Path: "/"}},
		{"http://a:443/", routing.Request{Method: "GET", Port: 443, Host: "a:443", Path: "/"}},
		{"https://[::1]:8443/%zz", routing.Request{Method: "GET", Port: 8443, TLS: true, Host: "[::1]:8443", Path: "/%zz"}},
	} {
		got, err := parseRequest(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
	}
}

func TestParseClient(t *testing.T) {
	for _, c := range []struct {
		text string
		want clientFlag
	}{
		{"edge/ingress", clientFlag{namespace: "edge", name: "ingress"}},
		{"ingress", clientFlag{name: "ingress"}},
		{"istio=edge", clientFlag{labels: map[string]string{"istio": "edge"}}},
		{"edge/app.kubernetes.io/name=x,istio=", clientFlag{namespace: "edge", labels: map[string]string{"app.kubernetes.io/name": "x", "istio": ""}}},
		{"app.kubernetes.io/name=x", clientFlag{labels: map[string]string{"app.kubernetes.io/name": "x"}}},
	} {
		got, err := parseClient(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, *got, c.text)
	}
}

// FuzzTrace asks whatever can be asked; it must answer, and write what is harmless on a terminal.
func FuzzTrace(f *testing.F) {
	f.Add("GET https://shop.example.com/api?x=1", "x-v: 1", `{"port":80,"host":"shop.example.com"}`)
	f.Add("http://[::1]:1/\x1b", "host: \x1b[31m", `{"port":80,"path":"/..","mesh":{"namespace":"shop"}}`)
	set := manifest.Parse("healthy.yaml", []byte(healthy+`---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: edge}
spec:
  hosts: [shop.example.com]
  gateways: [public, mesh]
  http:
  - match: [{uri: {prefix: /api}, headers: {x-v: {regex: "1+"}}}]
    rewrite: {uri: /}
    route: [{destination: {host: shop}}]
  - delegate: {name: unknown}
  - redirect: {uri: /x}
`), manifest.Options{})
	v := view{tables: routing.Build(mesh.New(set.Objects, mesh.Options{}))}
	f.Fuzz(func(t *testing.T, url, header, line string) {
		list, err := readRequests(strings.NewReader(line), "requests.jsonl")
		require.NoError(t, err)
		if r, err := parseRequest(url); err == nil && setHeaders(&r, []string{header}) == nil && r.Askable() == nil {
			list = append(list, question{request: r})
		}
		for _, q := range list {
			w, err := v.walk(q)
			if err != nil {
				continue
			}
			require.NotEmpty(t, w.Answer.Outcome)
			for _, r := range strings.ReplaceAll(traceStyle{}.render(w), "\n", "") {
				require.False(t, harmful(r), "%q", r)
			}
		}
	})
}
