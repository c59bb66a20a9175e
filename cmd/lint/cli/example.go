package cli

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
)

// example says in one sentence what becomes of a witness.
func example(w *rules.Witness) string { return w.Request.String() + " " + becomes(w.Answer) }

// becomes says where an answer leads, by its outcome.
func becomes(a routing.Answer) string {
	by := ""
	if a.VirtualService != "" {
		by = " by VirtualService " + a.VirtualService
		if a.Route != "" {
			by += " " + a.Route
		}
		by += byDelegate(a.Delegate)
	}
	switch a.Outcome {
	case routing.OutcomeRouted, routing.OutcomeTCP:
		return "goes to " + targets(a.Destinations) + by
	case routing.OutcomeNoListener:
		return "is refused: nothing listens on the port"
	case routing.OutcomeNoTLSServer:
		return "fails in the TLS handshake: no server takes the connection"
	case routing.OutcomeNoHost:
		return "gets 404: no virtual host has the name"
	case routing.OutcomeNoRoute:
		return "gets 404: no route takes it"
	case routing.OutcomeHTTPSRedirect:
		return "is redirected to HTTPS"
	case routing.OutcomeRedirect:
		return "is redirected" + by
	case routing.OutcomeDirectResponse:
		return "is answered directly" + by
	case routing.OutcomeNoCluster:
		return "gets 503: there is no cluster for " + targets(a.Destinations) + by
	case routing.OutcomeRejected:
		return "meets a configuration that Envoy refuses"
	case routing.OutcomeBadRequest:
		return "is refused as a bad request"
	}
	return "has an outcome that depends on what is not known"
}

func targets(list []routing.AnswerTarget) string {
	var out []string
	for _, d := range list {
		out = append(out, destinationText(d.Host, d.Port, d.Subset))
	}
	if len(out) == 0 {
		return "no destination"
	}
	return strings.Join(out, " or ")
}
