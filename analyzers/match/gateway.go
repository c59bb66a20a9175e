package match

import (
	"fmt"
	"slices"
	"strings"
)

// Headers of a client's request that are other ones when a gateway's Envoy looks for a route, for istiod has it use the remote
// address (networking/core/gateway.go, createGatewayHTTPFilterChainOpts). It writes some itself. Others belong to one connection,
// and it takes them off; a request to upgrade keeps its own. Tried with Envoy 1.40.0.
var (
	rewritten = []string{"x-forwarded-client-cert", "x-forwarded-for", "x-forwarded-proto", "x-request-id"}
	takenOff  = []string{"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)

// OnGateway is the box as a gateway reads it: conditions on headers that it changes itself are unknown, for what a client sends does
// not tell.
func (b Box) OnGateway() Box {
	if !slices.ContainsFunc(b.conditions, func(c condition) bool { return c.changed() != "" }) {
		return b
	}
	out := Box{unknown: b.unknown}
	for _, c := range b.conditions {
		why := c.changed()
		if why != "" {
			out.unknown = append(slices.Clip(out.unknown), fmt.Sprintf("%s (%s)", c, why))
		}
		if why == "" || !c.not && slices.Contains(takenOff, c.on.name) { // who does not send it does not have it
			out.conditions = append(out.conditions, c)
			out.sides = narrow(out.sides, c.on, c.values())
		}
	}
	return out
}

// changed says why what a client sends of a header is not what a gateway compares, "" if it is.
func (c condition) changed() string {
	switch {
	case c.on.kind != header:
		return ""
	case slices.Contains(rewritten, c.on.name) || strings.HasPrefix(c.on.name, "x-envoy-"):
		return "a header that gateways set or remove themselves"
	case slices.Contains(takenOff, c.on.name):
		return "a header that gateways remove, but for a request to upgrade"
	}
	return ""
}

// Readable is what of the conditions can be read: no request outside it satisfies the box.
func (b Box) Readable() Box {
	b.unknown = nil
	return b
}
