package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// Refusal is a field that istiod passes on and for which Envoy refuses the whole resource that it becomes part of. Each follows
// from the rules that Envoy's API states for its own fields (the validate annotations of its protos).
type Refusal struct {
	Path     []any
	Message  string // a clause about the field
	Resource string // what Envoy refuses
}

// What Envoy refuses as a whole; it keeps the version that it had.
const (
	RouteConfiguration = "route configuration"
	ListenerResource   = "listener"
	ClusterResource    = "cluster"
)

// Refused lists the fields of one object that Envoy will not take.
func Refused(o *manifest.Object) []Refusal {
	f := &refusals{}
	switch s := o.Spec.(type) {
	case *networking.VirtualService:
		for i, h := range s.Http {
			f.at = []any{"spec", "http", i}
			f.http(h)
			for k, m := range h.GetMatch() {
				f.at = []any{"spec", "http", i, "match", k}
				f.match(m)
			}
		}
		f.resource = ListenerResource
		for i, r := range s.Tls {
			for k, m := range r.GetMatch() {
				for n, sni := range m.GetSniHosts() {
					f.at = []any{"spec", "tls", i, "match", k, "sniHosts", n}
					f.sni(sni)
				}
			}
		}
	case *networking.Gateway:
		f.resource = ListenerResource
		for i, srv := range s.Servers {
			f.at = []any{"spec", "servers", i, "tls"}
			f.fingerprints(srv.GetTls())
		}
	case *networking.DestinationRule:
		f.destinationRule(s)
	}
	return f.list
}

type refusals struct {
	list     []Refusal
	at       []any
	resource string
}

func (f *refusals) add(path []any, format string, args ...any) {
	resource := f.resource
	if resource == "" {
		resource = RouteConfiguration
	}
	f.list = append(f.list, Refusal{slices.Concat(f.at, path), fmt.Sprintf(format, args...), resource})
}

// refused tells whether Envoy rejects the route configuration in which the rule stands.
func (r *Rule) refused() bool {
	if r.Opaque {
		return false
	}
	f := &refusals{}
	f.http(r.HTTP)
	for _, m := range r.Matches {
		f.match(m.Spec)
	}
	return len(f.list) > 0
}

// http finds what Envoy refuses of a rule's actions. Of several actions istiod takes the redirect, then the direct response
// (networking/core/route/route.go): a redirect with another code than Envoy's becomes a route without action.
func (f *refusals) http(h *networking.HTTPRoute) {
	switch {
	case h.Redirect != nil:
		r := h.Redirect
		switch r.RedirectCode {
		case 0, 301, 302, 303, 307, 308:
		default:
			f.add([]any{"redirect", "redirectCode"}, "redirectCode %d is none of 301, 302, 303, 307 and 308", r.RedirectCode)
		}
		f.oneLine("redirect", "uri", r.Uri)
		f.oneLine("redirect", "prefixRewrite", r.PrefixRewrite)
		f.oneLine("redirect", "authority", r.Authority)
	case h.DirectResponse != nil:
		if s := h.DirectResponse.Status; s < 200 || s >= 600 {
			f.add([]any{"directResponse", "status"}, "status %d of the direct response is not between 200 and 599", s)
		}
	default:
		f.oneLine("rewrite", "uri", h.Rewrite.GetUri())
		f.oneLine("rewrite", "authority", h.Rewrite.GetAuthority())
		if strings.ContainsAny(h.Rewrite.GetUriRegexRewrite().GetRewrite(), lineEnds) {
			f.add([]any{"rewrite", "uriRegexRewrite", "rewrite"}, "the rewrite has a line break")
		}
		f.weights(h.Route)
	}
	if s := h.Fault.GetAbort().GetHttpStatus(); s >= 600 {
		f.add([]any{"fault", "abort", "httpStatus"}, "httpStatus %d of the fault is not between 200 and 599", s)
	}
	f.headers([]any{"headers"}, h.Headers)
	for i, d := range h.Route {
		f.headers([]any{"route", i, "headers"}, d.GetHeaders())
	}
}

func (f *refusals) weights(list []*networking.HTTPRouteDestination) {
	if len(list) > 1 && !slices.ContainsFunc(list, func(d *networking.HTTPRouteDestination) bool { return d.GetWeight() != 0 }) {
		f.add([]any{"route"}, "the weights of the %d destinations add up to nothing", len(list))
	}
}

const lineEnds = "\x00\r\n"

func (f *refusals) oneLine(action, field, text string) {
	if strings.ContainsAny(text, lineEnds) {
		f.add([]any{action, field}, "%s %q has a line break", field, text)
	}
}

func (f *refusals) headers(at []any, h *networking.Headers) {
	for _, part := range [...]struct {
		name string
		ops  *networking.Headers_HeaderOperations
	}{{"request", h.GetRequest()}, {"response", h.GetResponse()}} {
		for _, op := range [...]struct {
			name string
			to   map[string]string
		}{{"add", part.ops.GetAdd()}, {"set", part.ops.GetSet()}} {
			for _, k := range manifest.Keys(op.to) {
				if strings.ContainsAny(k, lineEnds) {
					f.add(append(slices.Clone(at), part.name, op.name, k), "the name of header %q has a line break", k)
				}
			}
		}
		for i, k := range part.ops.GetRemove() {
			if strings.ContainsAny(k, lineEnds) {
				f.add(append(slices.Clone(at), part.name, "remove", i), "the name of header %q has a line break", k)
			}
		}
	}
}

const claimHeader = "@request.auth.claims"

// match finds parameters and claims without a name, and claims of which only the presence is asked: Envoy matches no claim
// without a value.
func (f *refusals) match(m *networking.HTTPMatchRequest) {
	if _, ok := m.GetQueryParams()[""]; ok {
		f.add([]any{"queryParams"}, "a query parameter has an empty name")
	}
	for _, part := range [...]struct {
		name string
		on   map[string]*networking.StringMatch
	}{{"headers", m.GetHeaders()}, {"withoutHeaders", m.GetWithoutHeaders()}} {
		for _, k := range manifest.Keys(part.on) {
			names := claimNames(k)
			switch {
			case names == nil:
			case slices.Contains(names, ""):
				f.add([]any{part.name, k}, "claim %q has a part without a name", k)
			case part.on[k].GetMatchType() == nil:
				f.add([]any{part.name, k}, "a match on the mere presence of claim %q compares it with nothing", k)
			}
		}
	}
}

// claimNames are the parts of a claim's name (pkg/jwt/routing.go), nil for what is no claim.
func claimNames(header string) []string {
	if len(header) <= len(claimHeader)+1 || !strings.EqualFold(header[:len(claimHeader)], claimHeader) {
		return nil
	}
	rest := header[len(claimHeader):]
	switch {
	case rest[0] == '.':
		return strings.Split(rest[1:], ".")
	case rest[0] == '[' && rest[len(rest)-1] == ']' && len(rest) > 2:
		return strings.Split(rest[1:len(rest)-1], "][")
	}
	return nil
}

func (f *refusals) sni(name string) {
	if strings.HasPrefix(name, "*") && name != "*" && !strings.HasPrefix(name, "*.") && !manifest.Placeholder(name) {
		f.add(nil, "sniHosts %q has a wildcard that is not the whole first label", name)
	}
}

// fingerprints of client certificates are looked at where clients show one and the credential comes from a Secret.
func (f *refusals) fingerprints(t *networking.ServerTLSSettings) {
	mutual := t.GetMode() == networking.ServerTLSSettings_MUTUAL || t.GetMode() == networking.ServerTLSSettings_OPTIONAL_MUTUAL
	if !mutual || t.CredentialName == "" && len(t.CredentialNames) == 0 {
		return
	}
	for i, s := range t.VerifyCertificateSpki {
		if len(s) != 44 && !manifest.Placeholder(s) {
			f.add([]any{"verifyCertificateSpki", i}, "%q is no SHA-256 in base64, which has 44 characters", s)
		}
	}
	for i, s := range t.VerifyCertificateHash {
		if (len(s) < 64 || len(s) > 95) && !manifest.Placeholder(s) {
			f.add([]any{"verifyCertificateHash", i}, "%q is no SHA-256 in hexadecimal, which has 64 characters", s)
		}
	}
}

// largestRing is what Envoy allows of a consistent hash.
const largestRing = 8 << 20

func (f *refusals) destinationRule(d *networking.DestinationRule) {
	f.at = []any{"spec", "trafficPolicy"}
	f.policy(d.TrafficPolicy.GetLoadBalancer(), d.TrafficPolicy.GetTls())
	f.hash(d.TrafficPolicy.GetLoadBalancer().GetConsistentHash())
	for i, p := range d.TrafficPolicy.GetPortLevelSettings() {
		f.at = []any{"spec", "trafficPolicy", "portLevelSettings", i}
		f.policy(p.GetLoadBalancer(), p.GetTls())
	}
	for i, s := range d.Subsets {
		f.at = []any{"spec", "subsets", i, "trafficPolicy"}
		f.policy(s.GetTrafficPolicy().GetLoadBalancer(), s.GetTrafficPolicy().GetTls())
	}
}

func (f *refusals) policy(lb *networking.LoadBalancerSettings, tls *networking.ClientTLSSettings) {
	f.resource = ClusterResource
	h := lb.GetConsistentHash()
	if n := h.GetRingHash().GetMinimumRingSize(); n > largestRing {
		f.add([]any{"loadBalancer", "consistentHash", "ringHash", "minimumRingSize"}, "minimumRingSize %d is more than %d", n, largestRing)
	}
	//lint:ignore SA1019 istiod still reads it
	if n := h.GetMinimumRingSize(); n > largestRing && h.GetHashAlgorithm() == nil {
		f.add([]any{"loadBalancer", "consistentHash", "minimumRingSize"}, "minimumRingSize %d is more than %d", n, largestRing)
	}
	if len(tls.GetSni()) > 255 {
		f.add([]any{"tls", "sni"}, "sni has %d characters, more than 255", len(tls.Sni))
	}
}

// hash is written into every route to the host.
func (f *refusals) hash(h *networking.LoadBalancerSettings_ConsistentHashLB) {
	f.resource = RouteConfiguration
	switch k := h.GetHashKey().(type) {
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName:
		if k.HttpHeaderName == "" || strings.ContainsAny(k.HttpHeaderName, lineEnds) {
			f.add([]any{"loadBalancer", "consistentHash", "httpHeaderName"}, "httpHeaderName %q is no name of a header", k.HttpHeaderName)
		}
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpQueryParameterName:
		if k.HttpQueryParameterName == "" {
			f.add([]any{"loadBalancer", "consistentHash", "httpQueryParameterName"}, "httpQueryParameterName is empty")
		}
	}
}
