package policy

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
)

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
}

func tables(t testing.TB, yaml string) *routing.Tables {
	t.Helper()
	set := manifest.Parse("in.yaml", []byte(yaml), manifest.Options{})
	require.Empty(t, set.Faults)
	return routing.Build(mesh.New(set.Objects, mesh.Options{}))
}

const shop = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [edge/public]
  http:
  - route:
    - destination: {host: catalog, port: {number: 80}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
`

func TestFirst(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.rego": `# METADATA
# title: A first one
# custom:
#   kinds: [VirtualService]
package gatelint.first_one

deny contains {"msg": msg, "path": ["spec", "hosts", i]} if {
	some i, h in input.spec.hosts
	some g in data.gatelint.mesh.by_host[h].gateways
	msg := sprintf("%s is on %s", [h, g.name])
}

warn contains sprintf("goes to %s port %d", [d.host, d.port]) if {
	some d in data.gatelint.mesh.this.destinations
}
`})
	set, err := Load(context.Background(), Options{Paths: []string{dir}})
	require.NoError(t, err)
	res := rules.Run(tables(t, shop), set.Rules())
	require.Empty(t, res.Failed)
	for _, f := range res.Findings {
		t.Log(f.Pos, f.Severity, f.Message, f.Rule)
	}
	require.Len(t, res.Findings, 2)
}
