package routing

import (
	"fmt"
	"maps"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// mergeMatches combines the matches of a root's rule with those of a delegate's, delegate-major. lone is the match of the
// delegate that is compatible with none of the root's: istiod then drops the delegate's rule; nil if it keeps it
// (pilot/pkg/model/virtualservice.go, mergeHTTPMatchRequests).
func mergeMatches(root, own []*Match) (out []*Match, lone *Match) {
	if len(root) == 0 {
		return own, nil
	}
	if len(own) == 0 {
		return root, nil
	}
	for _, d := range own {
		n := len(out)
		for _, r := range root {
			if _, clashes := conflict(r, d); !clashes {
				out = append(out, mergeMatch(r, d))
			}
		}
		if len(out) == n {
			return nil, d
		}
	}
	return out, nil
}

// bounds are matches that every merge of a root's with a delegate's lies within (mergeMatch): without what a delegate can undo. Its
// prefix of withoutHeaders, longer than the root's, excludes less; match-level gateways make the source conditions void. Conditions
// on claims are left out because requests here have none.
func bounds(root []*Match) []*Match {
	out := make([]*Match, len(root))
	for i, m := range root {
		s := proto.Clone(m.Spec).(*networking.HTTPMatchRequest)
		s.SourceLabels, s.SourceNamespace = nil, ""
		maps.DeleteFunc(s.WithoutHeaders, func(_ string, v *networking.StringMatch) bool { return v.GetPrefix() != "" })
		for _, headers := range []map[string]*networking.StringMatch{s.Headers, s.WithoutHeaders} {
			maps.DeleteFunc(headers, func(name string, _ *networking.StringMatch) bool { return strings.HasPrefix(name, "@") })
		}
		out[i] = &Match{Spec: s, Index: m.Index, DelegateIndex: -1, gateways: m.gateways, box: match.FromHTTP(s)}
	}
	return out
}

// DroppedRule is a delegate rule that istiod leaves out because it conflicts with its root.
type DroppedRule struct {
	Root          *mesh.VirtualService
	Index         int
	Delegate      *mesh.VirtualService
	DelegateIndex int
	Match         int    // the delegate's match that fits none of the root's
	Text          string // that match in words
	Why           string // what the two disagree about
	root, own     []*Match
}

// DroppedRules lists the delegates' rules that conflict with their roots, in the order of the roots. A rule that another root
// takes is left out where no request fits both it and the root that drops it: nothing is lost there.
func (t *Tables) DroppedRules() []DroppedRule {
	type source struct {
		vs   *mesh.VirtualService
		rule int
	}
	taken := map[source]bool{}
	var all, out []DroppedRule
	for _, v := range t.World.VirtualServices {
		if v.IsDelegate() {
			continue
		}
		x := t.expand(v)
		for _, r := range x.rules {
			taken[source{r.Delegate, r.DelegateIndex}] = r.Delegate != nil
		}
		all = append(all, x.dropped...)
	}
	for _, d := range all {
		if !taken[source{d.Delegate, d.DelegateIndex}] || !disjoint(d.root, d.own) {
			out = append(out, d)
		}
	}
	return out
}

// disagreement says why a delegate's match fits none of the root's.
func disagreement(root []*Match, lone *Match) string {
	c, _ := conflict(root[0], lone)
	text := c.String()
	if len(root) > 1 {
		text += ", and it fits no other match of the root either"
	}
	return text
}

// pairBudget bounds the pairs of matches of which disjoint looks at the requests in common.
const pairBudget = 10_000

// disjoint tells whether no request fits a match of both sides, as far as the budget allows to look.
func disjoint(root, own []*Match) bool {
	if len(root)*len(own) > pairBudget {
		return true
	}
	for _, r := range root {
		for _, l := range own {
			if r.Spec.Port != 0 && l.Spec.Port != 0 && r.Spec.Port != l.Spec.Port {
				continue
			}
			if _, verdict := match.Meet(r.box, l.box, nil); verdict != match.Empty {
				return false
			}
		}
	}
	return true
}

func (m *Match) hasPlaceholder() bool { return manifest.Placeholder(m.Spec.String()) }

// clash is a condition of a root's match and one of a delegate's that istiod takes for contradictory.
type clash struct {
	field      string
	root, leaf any // *networking.StringMatch, or a plain value
}

// conflict gives the first clash of two matches, false if there is none (hasConflict).
func conflict(root, leaf *Match) (clash, bool) {
	r, l := root.Spec, leaf.Spec
	for _, c := range [...]struct {
		field      string
		root, leaf *networking.StringMatch
	}{{"uri", r.Uri, l.Uri}, {"scheme", r.Scheme, l.Scheme}, {"method", r.Method, l.Method}, {"authority", r.Authority, l.Authority}} {
		if narrows(c.root, c.leaf) {
			return clash{c.field, c.root, c.leaf}, true
		}
	}
	for _, c := range [...]struct {
		field      string
		root, leaf map[string]*networking.StringMatch
	}{{"header", r.Headers, l.Headers}, {"withoutHeaders", r.WithoutHeaders, l.WithoutHeaders}, {"query parameter", r.QueryParams, l.QueryParams}} {
		for _, k := range manifest.Keys(c.leaf) {
			if narrows(c.root[k], c.leaf[k]) {
				return clash{c.field + " " + k, c.root[k], c.leaf[k]}, true
			}
		}
	}
	if r.IgnoreUriCase != l.IgnoreUriCase {
		return clash{"ignoreUriCase", r.IgnoreUriCase, l.IgnoreUriCase}, true
	}
	if r.Port > 0 && l.Port > 0 && r.Port != l.Port {
		return clash{"port", r.Port, l.Port}, true
	}
	if r.SourceNamespace != "" && r.SourceNamespace != l.SourceNamespace {
		return clash{"sourceNamespace", r.SourceNamespace, l.SourceNamespace}, true
	}
	for _, k := range manifest.Keys(l.SourceLabels) {
		if have, ok := r.SourceLabels[k]; ok && have != l.SourceLabels[k] {
			return clash{"source label " + k, have, l.SourceLabels[k]}, true
		}
	}
	if gatewaysConflict(root.gateways, leaf.gateways) {
		return clash{"gateways", strings.Join(r.Gateways, ", "), strings.Join(l.Gateways, ", ")}, true
	}
	return clash{}, false
}

// String says in words what the two sides ask.
func (c clash) String() string {
	text := fmt.Sprintf("%s is %s in the root and %s in the delegate", c.field, condition(c.root), condition(c.leaf))
	r, _ := c.root.(*networking.StringMatch)
	l, _ := c.leaf.(*networking.StringMatch)
	switch {
	case r.GetRegex() != "" || l.GetRegex() != "":
		text += ", and a regex goes with no other condition"
	case r != nil && r.GetExact() == "" && r.GetPrefix() == "":
		text += ", and a presence goes with no other condition"
	}
	return text
}

func condition(v any) string {
	switch v := v.(type) {
	case *networking.StringMatch:
		switch m := v.MatchType.(type) {
		case *networking.StringMatch_Exact:
			return fmt.Sprintf("%q", m.Exact)
		case *networking.StringMatch_Prefix:
			return fmt.Sprintf("prefix %q", m.Prefix)
		case *networking.StringMatch_Regex:
			return fmt.Sprintf("regex %q", m.Regex)
		}
		return "any value"
	case string:
		if v == "" {
			return "not given"
		}
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
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
