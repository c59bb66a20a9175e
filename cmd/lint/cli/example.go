package cli

import (
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
)

// example says in one sentence what becomes of a witness.
func example(w *rules.Witness) string { return requestText(w.Request) + " " + becomes(w.Answer) }

// requestText is a request as people write it, a connection without a method.
func requestText(r routing.Request) string {
	method := r.Method
	if method == "" && r.Host != "" {
		method = "GET"
	}
	var b strings.Builder
	b.WriteString(strings.TrimSpace(method + " " + r.URL()))
	for _, name := range manifest.Keys(r.Headers) {
		fmt.Fprintf(&b, " with %s: %s", name, r.Headers[name])
	}
	for _, name := range manifest.Keys(r.Claims) {
		fmt.Fprintf(&b, " with claim %s: %s", name, r.Claims[name])
	}
	if r.Address != "" {
		fmt.Fprintf(&b, " to address %s", r.Address)
	}
	if r.Host != "" && r.TLS && r.SNI != "" && !strings.HasPrefix(strings.ToLower(r.Host), strings.ToLower(r.SNI)) {
		fmt.Fprintf(&b, " over a connection to %s", r.SNI)
	}
	if r.Mesh != nil && r.Mesh.Namespace != "" {
		fmt.Fprintf(&b, " from namespace %s", r.Mesh.Namespace)
		if len(r.Mesh.Labels) > 0 {
			fmt.Fprintf(&b, " and pods with %s", mesh.LabelText(r.Mesh.Labels))
		}
	}
	return b.String()
}

// becomes says where an answer leads, by its outcome.
func becomes(a routing.Answer) string {
	by := ""
	if a.VirtualService != "" {
		by = " by VirtualService " + a.VirtualService
		if a.Route != "" {
			by += " " + a.Route
		}
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
		text := d.Host
		if d.Port > 0 {
			text = fmt.Sprintf("%s:%d", d.Host, d.Port)
		}
		if d.Subset != "" {
			text += " subset " + d.Subset
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "no destination"
	}
	return strings.Join(out, " or ")
}
