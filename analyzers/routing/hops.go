package routing

import (
	"regexp"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// maxHops bounds how many gateway workloads are followed behind the first.
const maxHops = 3

// Hop is a destination that is itself a Service of a gateway workload, with what becomes of the request there.
type Hop struct {
	Target *Target
	Walk   *Walk
	Next   []Hop
	Loop   bool // the route that takes the request has taken it before: it goes round
	Cut    bool // there is more behind, which is not followed
}

// Hops follows a walk into the gateway workloads that its destinations lead to.
func (w *Walk) Hops() []Hop { return w.hops([]*Walk{w}) }

func (w *Walk) hops(before []*Walk) []Hop {
	var out []Hop
	if w.Answer.Outcome != OutcomeRouted && w.Answer.Outcome != OutcomeTCP {
		return nil
	}
	for i := range w.Targets {
		x := &w.Targets[i]
		table := w.tables.behind(x)
		if table == nil || x.Exists == mesh.No || x.Weight == 0 && len(w.Targets) > 1 {
			continue
		}
		h := Hop{Target: x, Walk: &Walk{Request: w.onward(x, table), Table: table, tables: w.tables}}
		h.Walk.connect()
		for _, b := range before {
			h.Loop = h.Loop || h.Walk.again(b)
		}
		switch next := append(before[:len(before):len(before)], h.Walk); {
		case h.Loop:
		case len(before) < maxHops:
			h.Next = h.Walk.hops(next)
		default:
			h.Cut = h.Walk.leadsOn()
		}
		out = append(out, h)
	}
	return out
}

// again tells whether the same route of the same workload takes both.
func (w *Walk) again(b *Walk) bool {
	if w.Table != b.Table || w.Entry == nil || b.Entry == nil {
		return w.Table == b.Table && w.Chain != nil && w.Chain == b.Chain && w.Chain.TCP != nil
	}
	return w.Host == b.Host && w.Entry.Route == b.Entry.Route
}

func (w *Walk) leadsOn() bool {
	for i := range w.Targets {
		if w.tables.behind(&w.Targets[i]) != nil {
			return true
		}
	}
	return false
}

// behind is the gateway workload that a destination leads to, nil for none.
func (t *Tables) behind(x *Target) *Table {
	for _, table := range t.Gateways {
		for _, front := range table.Workload.Services {
			for _, svc := range x.Services {
				if front == svc {
					return table
				}
			}
		}
	}
	return nil
}

// onward is the request as the next gateway workload gets it: rewritten, and in the TLS that the DestinationRule asks for.
func (w *Walk) onward(x *Target, table *Table) Request {
	r := w.Request
	r.ID, r.Mesh, r.Port = "", nil, x.Port
	r.Workload = &Client{table.Workload.Namespace, table.Workload.Labels}
	if w.Entry == nil { // the connection goes on as it is, but for TLS that ends here
		r.SNI, r.TLS = r.ServerName(), r.TLS && !w.Chain.TLS
	} else {
		r.Host, r.Path = w.Sent()
		r.TLS, r.SNI = false, ""
	}
	tls := clientTLS(x, w.Rule(x))
	switch tls.GetMode() {
	case networking.ClientTLSSettings_DISABLE: // no settings too
		return r
	case networking.ClientTLSSettings_ISTIO_MUTUAL:
		r.SNI = "outbound_." + itoa(x.Port) + "_." + x.Spec.GetSubset() + "_." + x.Host
	}
	r.TLS = true
	if tls.Sni != "" {
		r.SNI = tls.Sni
	}
	return r
}

// Rule is the DestinationRule that the client of the walk gets for a destination, nil for none.
func (w *Walk) Rule(x *Target) *EffectiveRule {
	if x.Rule != nil {
		return x.Rule
	}
	return w.tables.rules.choose(w.client(), x.service(w.tables.World))
}

// Sent are the host and the path that the destination gets, after the rewrite.
func (w *Walk) Sent() (host, path string) {
	host, path = w.Request.Host, w.Request.Path
	if w.Entry == nil || w.Entry.Rule == nil {
		return host, path
	}
	for name, v := range w.Entry.Rule.HTTP.GetHeaders().GetRequest().GetSet() {
		if n := strings.ToLower(name); n == "host" || n == ":authority" {
			host = v
		}
	}
	to := w.Entry.Rule.HTTP.GetRewrite()
	if to.GetAuthority() != "" {
		host = to.Authority
	}
	if to.GetUri() == "" && to.GetUriRegexRewrite() == nil {
		return host, path
	}
	_, query, ok := strings.Cut(path, "?")
	if path = w.Entry.rewritten(w.Seen.Path); ok {
		path += "?" + query
	}
	return host, path
}

// rewritten is the path after the rewrite of the route: what the match's path condition took is replaced, the prefix of a
// prefix match, of others the whole (networking/core/route/route.go, applyHTTPRouteDestination).
func (e *Entry) rewritten(path string) string {
	to := e.Rule.HTTP.Rewrite
	if x := to.GetUriRegexRewrite(); x != nil {
		re, err := regexp.Compile(x.Match)
		if err != nil {
			return path
		}
		return re.ReplaceAllString(path, group.ReplaceAllString(strings.ReplaceAll(x.Rewrite, "$", "$$"), "$${$1}"))
	}
	taken := "/"
	if e.Match >= 0 && e.Rule.Matches[e.Match].Spec.GetUri().GetMatchType() != nil {
		if taken = e.Rule.Matches[e.Match].Spec.Uri.GetPrefix(); taken == "" {
			return to.Uri
		}
	}
	return to.Uri + path[min(len(path), len(taken)):]
}

// group is a reference to a group in a substitution, as Envoy writes it.
var group = regexp.MustCompile(`\\([0-9])`)

// clientTLS are the TLS settings with which a client connects to a destination, nil for plaintext: what a DestinationRule
// says, as gateway workloads are not made for automatic mutual TLS (networking/util/util.go, MergeSubsetTrafficPolicy).
func clientTLS(x *Target, rule *EffectiveRule) *networking.ClientTLSSettings {
	if rule == nil {
		return nil
	}
	tls, _ := tlsOf(rule.From[0].Spec.TrafficPolicy, x.Port)
	if s := rule.Subsets[x.Spec.GetSubset()]; s != nil {
		own, port := tlsOf(s.Rule.Spec.Subsets[s.Index].TrafficPolicy, x.Port)
		if own != nil || port {
			tls = own
		}
	}
	return tls
}

func tlsOf(p *networking.TrafficPolicy, port uint32) (tls *networking.ClientTLSSettings, forPort bool) {
	for _, s := range p.GetPortLevelSettings() {
		if s.GetPort().GetNumber() == port {
			return s.Tls, true
		}
	}
	return p.GetTls(), false
}
