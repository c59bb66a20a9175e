package routing

import (
	"maps"
	"strings"

	"github.com/gatelint/gatelint/analyzers/match"
	networking "istio.io/api/networking/v1alpha3"
)

// mergeMatches combines the matches of a root's rule with those of a delegate's, delegate-major; ok is false when a match of
// the delegate is compatible with none of the root's: istiod then drops the delegate's rule
// (pilot/pkg/model/virtualservice.go, mergeHTTPMatchRequests).
func mergeMatches(root, own []*Match) (out []*Match, ok bool) {
	if len(root) == 0 {
		return own, true
	}
	if len(own) == 0 {
		return root, true
	}
	for _, d := range own {
		n := len(out)
		for _, r := range root {
			if !conflict(r, d) {
				out = append(out, mergeMatch(r, d))
			}
		}
		if len(out) == n {
			return nil, false
		}
	}
	return out, true
}

func conflict(root, leaf *Match) bool {
	r, l := root.Spec, leaf.Spec
	if narrows(r.Uri, l.Uri) || narrows(r.Scheme, l.Scheme) || narrows(r.Method, l.Method) || narrows(r.Authority, l.Authority) {
		return true
	}
	if narrowsAny(r.Headers, l.Headers) || narrowsAny(r.WithoutHeaders, l.WithoutHeaders) || narrowsAny(r.QueryParams, l.QueryParams) {
		return true
	}
	if r.IgnoreUriCase != l.IgnoreUriCase || r.Port > 0 && l.Port > 0 && r.Port != l.Port {
		return true
	}
	if r.SourceNamespace != "" && r.SourceNamespace != l.SourceNamespace {
		return true
	}
	for k, v := range l.SourceLabels {
		if have, ok := r.SourceLabels[k]; ok && have != v {
			return true
		}
	}
	return gatewaysConflict(root.gateways, leaf.gateways)
}

func gatewaysConflict(root, leaf []string) bool {
	if len(root) == 0 || len(leaf) == 0 {
		return false
	}
	have := map[string]bool{}
	for _, g := range root {
		have[g] = true
	}
	for _, g := range leaf {
		if !have[g] {
			return true
		}
	}
	return len(root) < len(leaf)
}

func narrowsAny(root, leaf map[string]*networking.StringMatch) bool {
	for k, l := range leaf {
		if narrows(root[k], l) {
			return true
		}
	}
	return false
}

// narrows tells whether both sides set a condition and the delegate's is, to istiod, not within the root's
// (stringMatchConflict): plain string prefixes, and any regex beside another match conflicts. A presence match on the root's
// side conflicts with everything.
func narrows(root, leaf *networking.StringMatch) bool {
	if root == nil || leaf == nil {
		return false
	}
	set := func(m *networking.StringMatch) bool {
		return m.GetRegex() != "" || m.GetPrefix() != "" || m.GetExact() != ""
	}
	if root.GetRegex() != "" && set(leaf) || leaf.GetRegex() != "" && set(root) {
		return true
	}
	if exact := root.GetExact(); exact != "" {
		return leaf.GetExact() != exact
	}
	if prefix := root.GetPrefix(); prefix != "" {
		switch {
		case leaf.GetPrefix() != "":
			return !strings.HasPrefix(leaf.GetPrefix(), prefix)
		case leaf.GetExact() != "":
			return !strings.HasPrefix(leaf.GetExact(), prefix)
		}
	}
	return true
}

func mergeMatch(root, leaf *Match) *Match {
	r, l := root.Spec, leaf.Spec
	m := &networking.HTTPMatchRequest{
		Name: joinNames(r.Name, l.Name), IgnoreUriCase: l.IgnoreUriCase,
		Uri: or(l.Uri, r.Uri), Scheme: or(l.Scheme, r.Scheme), Method: or(l.Method, r.Method), Authority: or(l.Authority, r.Authority),
		Headers: union(r.Headers, l.Headers), WithoutHeaders: union(r.WithoutHeaders, l.WithoutHeaders), QueryParams: union(r.QueryParams, l.QueryParams),
		Port: l.Port, SourceLabels: union(r.SourceLabels, l.SourceLabels), SourceNamespace: l.SourceNamespace, Gateways: l.Gateways, StatPrefix: l.StatPrefix,
	}
	if m.Port == 0 {
		m.Port = r.Port
	}
	if m.SourceNamespace == "" {
		m.SourceNamespace = r.SourceNamespace
	}
	out := &Match{Spec: m, Index: root.Index, DelegateIndex: leaf.DelegateIndex, gateways: leaf.gateways}
	if len(leaf.gateways) == 0 {
		out.gateways, m.Gateways = root.gateways, r.Gateways
	}
	out.box = match.FromHTTP(m)
	return out
}

func or[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func union[V any](root, leaf map[string]V) map[string]V {
	out := maps.Clone(root)
	if out == nil {
		return leaf
	}
	maps.Copy(out, leaf)
	return out
}

func joinNames(root, leaf string) string {
	switch {
	case leaf == "":
		return root
	case root == "":
		return leaf
	}
	return root + "-" + leaf
}

// mergeActions gives the delegate's rule with what it leaves out taken from the root's; route and redirect come only from
// the delegate, headers as a whole (pilot/pkg/model/virtualservice.go, mergeHTTPRoute).
func mergeActions(root, d *networking.HTTPRoute) *networking.HTTPRoute {
	m := &networking.HTTPRoute{
		Name: joinNames(root.Name, d.Name), Route: d.Route, Redirect: d.Redirect,
		Rewrite: or(d.Rewrite, root.Rewrite), DirectResponse: or(d.DirectResponse, root.DirectResponse), Timeout: or(d.Timeout, root.Timeout),
		Retries: or(d.Retries, root.Retries), Fault: or(d.Fault, root.Fault), Mirror: or(d.Mirror, root.Mirror),
		MirrorPercentage: or(d.MirrorPercentage, root.MirrorPercentage), Mirrors: d.Mirrors,
		CorsPolicy: or(d.CorsPolicy, root.CorsPolicy), Headers: or(d.Headers, root.Headers),
	}
	if m.Mirrors == nil {
		m.Mirrors = root.Mirrors
	}
	return m
}
