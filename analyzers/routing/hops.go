package routing

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
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
		table := w.tables.front(x)
		if table == nil || x.Exists == mesh.No || x.Weight == 0 && len(w.Targets) > 1 {
			continue
		}
		h := Hop{Target: x, Walk: &Walk{Request: w.onward(i, table), Table: table, tables: w.tables}}
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
		if w.tables.front(&w.Targets[i]) != nil {
			return true
		}
	}
	return false
}

// front is the table of a gateway workload that a destination leads to, nil for none.
func (t *Tables) front(x *Target) *Table {
	for _, svc := range x.Services {
		if len(t.fronted[svc]) > 0 {
			return t.fronted[svc][0]
		}
	}
	return nil
}

// behind is the table of the gateway workload that a destination's Service stands before; nil unless it is known, alone behind
// that Service, and exactly modelled.
func (t *Tables) behind(x *Target) *Table {
	if len(x.Services) != 1 || len(t.fronted[x.Services[0]]) != 1 || x.Exists != mesh.Yes {
		return nil
	}
	if table := t.fronted[x.Services[0]][0]; len(table.Opaque) == 0 {
		return table
	}
	return nil
}

// onward is the request as the next gateway workload gets it from destination i.
func (w *Walk) onward(i int, table *Table) Request {
	r, x := w.Request, &w.Targets[i]
	if w.Entry == nil { // the connection goes on as it is, but for TLS that ends here
		r.SNI, r.TLS = r.ServerName(), r.TLS && !w.Chain.TLS
	} else {
		r, _ = w.Entry.sent(r, i)
		r.TLS, r.SNI = false, ""
	}
	r.ID = ""
	return arrive(r, x, table, w.Rule(x).tls(x))
}

// Rule is the DestinationRule that the client of the walk gets for a destination, nil for none.
func (w *Walk) Rule(x *Target) *EffectiveRule {
	if x.Rule != nil {
		return x.Rule
	}
	return w.tables.rules.choose(w.client(), x.service(w.tables.World))
}

// tls is what a DestinationRule says of TLS to a destination, nil for nothing (networking/util/util.go, MergeSubsetTrafficPolicy).
func (r *EffectiveRule) tls(x *Target) (tls *networking.ClientTLSSettings) {
	if r == nil {
		return nil
	}
	for _, d := range r.From {
		if d.Spec.TrafficPolicy != nil {
			tls, _ = portTLS(d.Spec.TrafficPolicy, x.Port)
			break
		}
	}
	if s := r.Subsets[x.Spec.GetSubset()]; s != nil {
		own, whole := portTLS(s.Rule.Spec.Subsets[s.Index].TrafficPolicy, x.Port)
		if own != nil || whole {
			tls = own
		}
	}
	return tls
}

// portTLS reads a policy for a port; whole tells that the port has settings of its own, which inherit nothing.
func portTLS(p *networking.TrafficPolicy, port uint32) (tls *networking.ClientTLSSettings, whole bool) {
	for _, s := range p.GetPortLevelSettings() {
		if s.GetPort() != nil && s.Port.Number == port {
			return s.Tls, true
		}
	}
	return p.GetTls(), false
}

// arrive is a request as it comes to a gateway workload. It has TLS if the client sent TLS that is passed on, or if the client's
// DestinationRule begins it; gateway pods take part in no automatic mutual TLS.
func arrive(r Request, x *Target, table *Table, tls *networking.ClientTLSSettings) Request {
	r.Port, r.Address, r.Mesh, r.Workload = x.Port, "", nil, &Client{Namespace: table.Workload.Namespace, Labels: table.Workload.Labels}
	if tls == nil || tls.Mode == networking.ClientTLSSettings_DISABLE {
		return r
	}
	r.TLS, r.SNI = true, tls.Sni
	switch {
	case r.SNI != "":
	case tls.Mode == networking.ClientTLSSettings_ISTIO_MUTUAL:
		r.SNI = fmt.Sprintf("outbound_.%d_.%s_.%s", x.Port, x.Spec.GetSubset(), x.Host)
	default:
		r.SNI = hostName(r.Host)
	}
	return r
}

// certainly is arrive for the one known workload behind a destination; ok is false where that, or the TLS, cannot be told.
func (t *Tables) certainly(r Request, x *Target, c proxy) (Request, bool) {
	table, rule := t.behind(x), t.rules.choose(c, x.service(t.World))
	if table == nil || rule != nil && (!rule.Certain || rule.tls(x).GetCredentialName() != "") {
		return r, false
	}
	return arrive(r, x, table, rule.tls(x)), true
}

// Sent are the host and the path that destination i gets, after the rewrite.
func (w *Walk) Sent(i int) (host, path string) {
	r := w.Request
	if w.Entry != nil {
		r, _ = w.Entry.sent(r, i)
	}
	return r.Host, r.Path
}

// sent is a request as a route sends it to its destination i; ok is false where that cannot be told.
func (e *Entry) sent(r Request, i int) (out Request, ok bool) {
	if e.Rule == nil {
		return r, true
	}
	h := e.Rule.HTTP
	ok = h.Fault.GetAbort() == nil && h.Rewrite.GetUriRegexRewrite() == nil
	if h.Rewrite.GetUri() != "" || h.Rewrite.GetUriRegexRewrite() != nil {
		path, query, asked := strings.Cut(r.Path, "?")
		if r.Path = e.rewritten(normalise(path)); asked {
			r.Path += "?" + query
		}
	}
	r.Headers = maps.Clone(r.Headers)
	if r.Headers == nil {
		r.Headers = map[string]string{}
	}
	all := []*networking.Headers{h.Headers}
	if i < len(h.Route) {
		all = append(all, h.Route[i].Headers)
	}
	for _, ops := range all {
		for _, set := range []map[string]string{ops.GetRequest().GetAdd(), ops.GetRequest().GetSet()} {
			for _, k := range manifest.Keys(set) {
				r.Headers[k] = set[k]
				ok = ok && !strings.Contains(set[k], "%")
				if strings.EqualFold(k, "host") || strings.EqualFold(k, ":authority") {
					r.Host = set[k]
				}
			}
		}
		for _, k := range ops.GetRequest().GetRemove() {
			delete(r.Headers, k)
		}
	}
	if a := h.Rewrite.GetAuthority(); a != "" {
		r.Host = a
	}
	return r, ok
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
