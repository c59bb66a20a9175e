package routing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/routing"
)

// standings are those of the one virtual host of the tables; live is exactly what has a witness.
func standings(t testing.TB, tables *routing.Tables) (states []string, witnesses []*routing.Request) {
	for _, c := range tables.Gateways[0].Listeners[0].Chains {
		for _, d := range c.HTTP.Domains() {
			for _, s := range tables.Standings(c.HTTP.Hosts[d], false) {
				require.Equal(t, s.State == routing.StateLive, s.Witness != nil)
				states, witnesses = append(states, s.State), append(witnesses, s.Witness)
			}
		}
	}
	return states, witnesses
}

// A route that comes through two Gateways stands in its own way through none of them, whichever is the older; one that comes
// through one of them alone does.
func TestStandingsThroughTwoGateways(t *testing.T) {
	const yaml = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: %s, namespace: edge}
spec:
  selector: {istio: edge}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [%q]}]
---
`
	both := fmt.Sprintf(yaml, "one", "*") + fmt.Sprintf(yaml, "two", "b.example.com") + `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: edge}
spec:
  hosts: [b.example.com]
  gateways: [one, two]
  http:
`
	for rules, want := range map[string][]string{
		`
  - {match: [{uri: {prefix: /a/b}}], route: [{destination: {host: d}}]}
  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: d}}]}
  - {match: [{uri: {prefix: /a/c}}], route: [{destination: {host: d}}]}
  - {route: [{destination: {host: d}}]}
  - {match: [{uri: {prefix: /late}}], route: [{destination: {host: d}}]}
`: {"live", "live", "shadowed", "live", "shadowed"},
		`
  - {match: [{uri: {prefix: /a/b}, gateways: [one]}], route: [{destination: {host: d}}]}
  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: d}}]}
`: {"undecided", "live"},
		`
  - {match: [{uri: {prefix: /a}, gateways: [one]}], route: [{destination: {host: d}}]}
  - {match: [{uri: {prefix: /a/b}}], route: [{destination: {host: d}}]}
`: {"live", "undecided"},
		`
  - {match: [{uri: {prefix: /a}, gateways: [two]}], route: [{destination: {host: d}}]}
  - {match: [{uri: {prefix: /a/b}}], route: [{destination: {host: d}}]}
`: {"undecided", "live"}, // in the order of the Gateways' names
	} {
		states, _ := standings(t, tables(t, both+rules))
		require.Equal(t, want, states, rules)
	}
}

// BenchmarkStandings measures one virtual host with many routes, at three sizes in one run: the metric is time against the size
// before, 2 if it grows with the number of routes.
func BenchmarkStandings(b *testing.B) {
	for _, kind := range []struct {
		name, match string
		largest     int
	}{
		{"prefixes", "uri: {prefix: /service-%d/}", 4000},
		{"queries", "queryParams: {p%d: {exact: x}}", 4000},
		{"asked", "headers: {x-%d: {}}", 4000},
		{"regexes", `uri: {regex: "/.*/v%d/[^/]+/items(/.*)?"}`, 1000},
	} {
		b.Run(kind.name, func(b *testing.B) {
			var took [3]time.Duration
			for b.Loop() {
				for i := range took {
					all := many(b, kind.largest>>(2-i), kind.match)
					begin := time.Now()
					states, _ := standings(b, all)
					took[i] += time.Since(begin)
					require.NotContains(b, states, "undecided")
				}
			}
			b.ReportMetric(took[2].Seconds()/float64(b.N), "s/largest")
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "x/first-doubling")
			b.ReportMetric(took[2].Seconds()/took[1].Seconds(), "x/second-doubling")
		})
	}
}

func many(t testing.TB, n int, match string) *routing.Tables {
	var rules strings.Builder
	for i := range n {
		fmt.Fprintf(&rules, "  - {match: [{"+match+"}], route: [{destination: {host: d}}]}\n", i)
	}
	return world(t, rules.String())
}

// Many routes cost no more than they are worth: beyond the budget they are undecided.
func TestStandingsHaveABudget(t *testing.T) {
	states, _ := standings(t, many(t, 400, `uri: {regex: "/.*(a|b).{15}(c|d).{15}x{0,%d}"}`))
	require.Len(t, states, 400)
	require.Contains(t, states, "undecided")
}

// No request is shown for a header whose name is not known, and none reaches one whose name is none.
func TestStandingsOfNames(t *testing.T) {
	states, _ := standings(t, world(t, `
  - {match: [{headers: {"${NAME}": {exact: a}}}], route: [{destination: {host: d}}]}
  - {match: [{headers: {"a b": {exact: a}}}], route: [{destination: {host: d}}]}
  - {match: [{queryParams: {"a=b": {exact: a}}}], route: [{destination: {host: d}}]}
  - {match: [{queryParams: {"a%20b": {exact: a}}}], route: [{destination: {host: d}}]}
  - {match: [{withoutHeaders: {"a b": {exact: a}}}], route: [{destination: {host: d}}]}
  - {match: [{withoutHeaders: {"a b": {}}}], route: [{destination: {host: d}}]}
`))
	require.Equal(t, []string{"undecided", "shadowed", "shadowed", "live", "live", "shadowed"}, states)
}

// Sidecars whose routes Envoy refuses for a second "*" have no witness; those of any other namespace have.
func TestSecondCatchAllStanding(t *testing.T) {
	tables := world(t, `  - {directResponse: {status: 200}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: m, namespace: edge}
spec:
  hosts: [plain.io]
  http: [{directResponse: {status: 200}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: second, namespace: edge}
spec:
  hosts: ["*.default.svc.cluster.local"]
  ports: [{name: http, number: 80, protocol: HTTP}]
  resolution: NONE
`)
	states := map[string]string{}
	for _, m := range tables.MeshTables() {
		for _, vh := range m.Hosts {
			states[m.Namespace] = tables.Standings(vh, vh.Config.Rejected)[0].State
		}
	}
	require.Equal(t, map[string]string{"": routing.StateLive, "default": routing.StateUndecided}, states)
}
