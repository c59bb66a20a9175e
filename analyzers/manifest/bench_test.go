package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

// repository is what a mid-sized repository holds.
func repository() []byte {
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: shop-%[1]d
  namespace: shop
  labels:
    app.kubernetes.io/name: shop
spec:
  hosts:
  - shop-%[1]d.example.com
  gateways:
  - istio-system/public
  http:
  - match:
    - uri:
        prefix: /api/v1
      headers:
        x-version:
          exact: "2"
    - uri:
        exact: /login
    timeout: 5s
    retries:
      attempts: 3
      perTryTimeout: 2s
    route:
    - destination:
        host: shop-%[1]d.shop.svc.cluster.local
        port:
          number: 8080
        subset: v1
      weight: 90
    - destination:
        host: shop-%[1]d.shop.svc.cluster.local
        subset: v2
      weight: 10
  - route:
    - destination:
        host: fallback
---
apiVersion: v1
kind: Service
metadata:
  name: shop-%[1]d
  namespace: shop
spec:
  selector: {app: shop-%[1]d}
  ports:
  - name: http
    port: 8080
    targetPort: 8080
`, i)
	}
	return []byte(b.String())
}

func BenchmarkLoad(b *testing.B) {
	data := repository()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		Parse("f.yaml", data, Options{})
	}
}

// BenchmarkYAMLNodes is the yardstick: the same bytes, only parsed.
func BenchmarkYAMLNodes(b *testing.B) {
	data := repository()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		dec := yaml.NewDecoder(bytes.NewReader(data))
		for {
			var n yaml.Node
			if dec.Decode(&n) == io.EOF {
				break
			}
		}
	}
}

func BenchmarkParseObject(b *testing.B) {
	s := Parse("f.yaml", repository(), Options{})
	in, _ := readYAML(s.Objects[0].Doc.Text, nil, new(arena))
	data, err := json.Marshal(in.root.value())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		ParseObject(data, Options{})
	}
}
