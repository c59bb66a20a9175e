package rules

import (
	"fmt"
	"slices"
	"strings"
)

var unscopedGateway = &Rule{
	Name: "unscoped-gateway", Severity: Warning, Admission: Warn, Elsewhere: Deny, Since: "0.1.0",
	Doc: `A Gateway without selector

An empty selector selects everything: istiod adds the servers to every gateway workload of the mesh, to those of other teams, to
the egress and the east-west ones. Their ports open there, their hosts are served there, and where they clash with servers that
are there already one of the two falls.

Fix: select the pods that are meant, selector: {istio: ingressgateway} for the usual ones.`,
	Run: func(p *Pass) {
		if p.World.Scoped {
			return // a Gateway reaches no further than its namespace then
		}
		for _, g := range p.World.Gateways {
			if g.Ingress || len(g.Spec.Selector) > 0 || !g.Known("spec", "selector") || slices.ContainsFunc(g.Dropped, ofSpec) {
				continue
			}
			if g.Annotations["internal.istio.io/gateway-service"] != "" || g.Annotations["internal.istio.io/gateway-semantics"] != "" {
				continue // it is put on the workloads of a Service
			}
			p.Report(Fault{
				On: g.Object, Path: []any{"spec", "selector"}, Severity: Warning, Words: "no selector",
				Message: fmt.Sprintf("Gateway %s has no selector: its servers are put on every gateway workload of the mesh", g.ID()),
			})
		}
	},
}

// ofSpec tells a key of spec itself: the selector may be what it was meant to be.
func ofSpec(path string) bool {
	return strings.HasPrefix(path, "spec.") && strings.Count(path, ".") == 1
}
