package routing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/fixtures/worlds"
	networking "istio.io/api/networking/v1alpha3"
)

// What is certain without the delegates of a world is so with them: a root's matches bound what its delegate can take. The
// conformance suite holds the answers of the whole world to istiod's.
func TestUnknownDelegates(t *testing.T) {
	others := mesh.ParseComplete("Gateway,Service,ServiceEntry,DestinationRule,Secret")
	certain, outside := 0, 0
	for seed := range uint64(150) {
		w := worlds.New(seed, 50, worlds.Options{})
		whole := manifest.Parse("world.yaml", []byte(w.YAML()), manifest.Options{}).Objects
		var rest []*manifest.Object
		for _, o := range whole {
			if vs, ok := o.Spec.(*networking.VirtualService); !ok || len(vs.Hosts) > 0 {
				rest = append(rest, o)
			}
		}
		full := routing.Build(mesh.New(whole, mesh.Options{Complete: mesh.Everything()}))
		part := routing.Build(mesh.New(rest, mesh.Options{Complete: others}))
		for _, r := range w.Requests {
			got, _ := part.Ask(r)
			if got.Outcome == routing.OutcomeUnknown {
				continue
			}
			want, _ := full.Ask(r)
			if want.Outcome == routing.OutcomeRejected || got.Outcome == routing.OutcomeRejected {
				continue // a value in a delegate takes every host along, and one behind a delegate that takes all none
			}
			require.Equal(t, want.VirtualService+want.Route+want.Match+want.VirtualHost, got.VirtualService+got.Route+got.Match+got.VirtualHost, "seed %d, %+v\n%+v\n%+v", seed, r, want, got)
			certain++
			walk, err := part.Walk(r)
			if err == nil && walk.Host != nil {
				for _, e := range walk.Tried {
					if e.Opaque {
						outside++
						break
					}
				}
			}
		}
	}
	require.Greater(t, certain, 1000)
	require.Greater(t, outside, 50, "requests that come past a route with an unknown delegate")
}

// What a delegate can widen is no bound: a longer prefix of withoutHeaders excludes less than the root's, and match-level gateways
// make the root's conditions on the source void.
func TestWideningDelegates(t *testing.T) {
	const delegate = `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: d, namespace: edge}
spec:
  http:
  - match: [{withoutHeaders: {x: {prefix: ab}}, gateways: [g]}]
    directResponse: {status: 200}
`
	const root = `
  - match: [{uri: {prefix: /in}, withoutHeaders: {x: {prefix: a}}, sourceLabels: {app: nobody}}]
    delegate: {name: d}
  - redirect: {uri: /}`
	ask := func(tables *routing.Tables, path string) string {
		a, err := tables.Ask(routing.Request{Port: 80, Host: "a.example.com", Path: path, Headers: map[string]string{"x": "ac"}})
		require.NoError(t, err)
		return a.Outcome
	}
	require.Equal(t, routing.OutcomeDirectResponse, ask(world(t, root+delegate), "/in"), "the delegate takes what its root alone would not")
	set := manifest.Parse("world.yaml", []byte(oneServer+root), manifest.Options{})
	open := routing.Build(mesh.New(set.Objects, mesh.Options{}))
	require.Equal(t, routing.OutcomeUnknown, ask(open, "/in"))
	require.Equal(t, routing.OutcomeRedirect, ask(open, "/out"))
}
