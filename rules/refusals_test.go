package rules

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// The rules of a run that ask what istiod refuses of an object share one answer, whichever asks first.
func TestRefusedOnce(t *testing.T) {
	set := manifest.Parse("vs.yaml", []byte(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web.example.com]
  http:
  - match: [{uri: {regex: "("}}]
    route: [{destination: {host: web}}]
`), manifest.Options{})
	var shared sync.Map
	answers := make([]any, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = &(&Pass{refusals: &shared}).refusalsOf(set.Objects[0])[0] })
	}
	wg.Wait()
	for _, a := range answers {
		require.Same(t, answers[0], a)
	}
}
