package routing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

func tables(t testing.TB, yaml string) *routing.Tables {
	set := manifest.Parse("world.yaml", []byte(yaml), manifest.Options{})
	require.Empty(t, set.Faults)
	return routing.Build(mesh.New(set.Objects, mesh.Options{Complete: mesh.Everything()}))
}

const data = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: data}
spec:
  selector: {istio: data}
  servers:
  - {port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ["*.x.com"]}
  - {port: {number: 3306, name: mysql, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 3307, name: replica, protocol: TCP}, bind: 10.1.1.1, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: data, creationTimestamp: "2021-01-01T00:00:00Z"}
spec:
  hosts: ["*.x.com"]
  gateways: [g]
`

const rival = `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %s, namespace: data}
spec:
  hosts: ["*.x.com"]
  gateways: [g]
`

// A dead tcp or tls match is shown by a connection that it asks for and that the router gives to the earlier one, by none where
// nothing listens. It is not called dead where another VirtualService, or its age, decides.
func TestDeadL4(t *testing.T) {
	tls := func(names ...string) string {
		out := "  tls:\n"
		for _, n := range names {
			out += "  - {match: [{sniHosts: [" + n + "]}], route: [{destination: {host: d}}]}\n"
		}
		return out
	}
	const (
		tcp   = "  tcp: [{route: [{destination: {host: d}}]}, {match: [{port: %d}], route: [{destination: {host: e}}]}]\n"
		plain = "  tcp: [{route: [{destination: {host: d}}]}]\n"
	)
	for _, c := range []struct{ name, rules, url, address string }{
		{"an exact name", tls("b.x.com", "b.x.com"), "tls://b.x.com:443", ""},
		{"a wildcard, of which a narrower match has the first example", tls(`"*.x.com"`, `"*.x.com"`, "a.x.com"), "tls://any.x.com:443", ""},
		{"a wildcard, of which narrower matches have all examples", tls(`"*.x.com"`, `"*.x.com"`, "a.x.com", "any.x.com", "b.x.com"), "tls://c.x.com:443", ""},
		{"a port", fmt.Sprintf(tcp, 3306), "tcp://:3306", ""},
		{"a port of one address", fmt.Sprintf(tcp, 3307), "tcp://:3307", "10.1.1.1"},
		{"a port that no server has", fmt.Sprintf(tcp, 3308), "", ""},
		{"a rival of another age", fmt.Sprintf(tcp+rival+plain, 3306, "a"), "live", ""},
		{"a rival of another age that its name puts behind", fmt.Sprintf(tcp+rival+plain, 3306, "w"), "live", ""},
		{"a rival for another name", tls("b.x.com", "b.x.com") + fmt.Sprintf(rival, "w") + tls("c.x.com"), "tls://b.x.com:443", ""},
		{"a rival for the name", tls("b.x.com", "b.x.com") + fmt.Sprintf(rival, "w") + tls("b.x.com"), "live", ""},
		{"one name of several", tls("b.x.com, c.x.com", "d.x.com, c.x.com"), "tls://c.x.com:443", ""},
		{"a name that an older rival keeps the earlier one from", tls("b.x.com, c.x.com", "d.x.com, c.x.com") + fmt.Sprintf(rival, `older, creationTimestamp: "2020-01-01T00:00:00Z"`) + tls("b.x.com"), "live", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := tables(t, data+c.rules)
			v := all.World.VirtualServices[slices.IndexFunc(all.World.VirtualServices, func(v *mesh.VirtualService) bool { return v.Name == "v" })]
			dead := all.DeadL4(v)
			if c.url == "live" {
				require.Empty(t, dead)
				return
			}
			require.Len(t, dead, 1)
			r, a, ok := dead[0].Shown()
			require.Equal(t, c.url != "", ok)
			if !ok {
				return
			}
			require.Equal(t, c.url, r.URL())
			require.Equal(t, c.address, r.Address)
			again, err := all.Ask(r)
			require.NoError(t, err)
			require.Equal(t, a, again)
			where := a.Match
			if where == "" {
				where = a.Route
			}
			require.Equal(t, dead[0].Text(dead[0].Earlier), where)
		})
	}
}

// Which authorities come to a wildcard host hangs on the narrower ones that a match can be for, however many there are.
func TestNarrowerHosts(t *testing.T) {
	world := func(hosts int, taken string) *routing.Tables {
		var b strings.Builder
		b.WriteString(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: edge}
spec:
  selector: {istio: edge}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wild, namespace: edge}
spec:
  hosts: ["*.x.com"]
  gateways: [g]
  http:
  - {match: [{authority: {regex: "n[.]x[.]com(:[0-9]+)?"}}], route: [{destination: {host: a}}]}
  - {match: [{authority: {regex: "n7?[.]x[.]com(:[0-9]+)?"}}], route: [{destination: {host: b}}]}
  - {match: [{authority: {exact: n8.x.com}}], route: [{destination: {host: c}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: narrow, namespace: edge}
spec:
  gateways: [g]
  http: [{route: [{destination: {host: d}}]}]
  hosts: [` + taken)
		for i := range hosts {
			fmt.Fprintf(&b, ", h%d.x.com", i)
		}
		return tables(t, b.String()+"]\n")
	}
	for _, hosts := range []int{0, 19, 21, 2000} {
		for taken, dead := range map[string]bool{"n7.x.com": true, "n9.x.com": false} {
			for _, f := range world(hosts, taken).Fates() {
				if f.VS.Name == "wild" && f.Rule == 1 {
					require.Equal(t, dead, f.Dead(), "%d hosts and %s", hosts, taken)
				}
			}
		}
		for taken, never := range map[string]bool{"n8.x.com": true, "'*.n8.x.com'": false} {
			for _, f := range world(hosts, taken).Fates() {
				if f.VS.Name == "wild" && f.Rule == 2 {
					require.Equal(t, never, f.Never(), "%d hosts and %s", hosts, taken)
				}
			}
		}
	}
}
