package routing

import (
	"runtime"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"golang.org/x/sync/errgroup"
	networking "istio.io/api/networking/v1alpha3"
)

// Rule is one http rule as istiod programs it: of a VirtualService, or of a delegate merged under a root's rule.
type Rule struct {
	VS            *mesh.VirtualService // the root
	Index         int                  // spec.http[Index] of the root
	Delegate      *mesh.VirtualService // nil for a rule of the root itself
	DelegateIndex int
	HTTP          *networking.HTTPRoute // merged
	Namespace     string                // what short destination names are expanded with
	MirrorSpace   string                // the same for mirrors: a delegate inherits the root's
	Matches       []*Match              // empty: the rule takes everything
	// Opaque is set for a rule whose content is not known: an unresolved delegate, a placeholder in a number.
	Opaque   bool
	bounded  bool // opaque, but what it takes lies within its matches
	rejected bool // Envoy refuses the route configuration in which it stands
}

// Match is one match of a rule, with gateway names resolved.
type Match struct {
	Spec          *networking.HTTPMatchRequest
	Index         int // in the root's rule, -1 when the match is the delegate's alone
	DelegateIndex int // in the delegate's rule, -1 when it is the root's alone
	gateways      []string
	box           match.Box
}

// Source is the VirtualService in which the rule is written, with its path there.
func (r *Rule) Source() (*mesh.VirtualService, []any) {
	if r.Delegate != nil {
		return r.Delegate, []any{"spec", "http", r.DelegateIndex}
	}
	return r.VS, []any{"spec", "http", r.Index}
}

// MatchPath is where match i of the rule is written; the rule itself for -1.
func (r *Rule) MatchPath(i int) (*mesh.VirtualService, []any) {
	vs, path := r.Source()
	if i < 0 {
		return vs, path
	}
	m := r.Matches[i]
	switch {
	case r.Delegate == nil:
		return vs, append(path, "match", m.Index)
	case m.DelegateIndex >= 0:
		return vs, append(path, "match", m.DelegateIndex)
	}
	return r.VS, []any{"spec", "http", r.Index, "match", m.Index}
}

// At is the place of match i of the rule, of the rule itself for -1.
func (r *Rule) At(i int) manifest.Pos {
	vs, path := r.MatchPath(i)
	return vs.At(path...)
}

// vsRules is a VirtualService as programmed.
type vsRules struct {
	rules   []*Rule
	dropped []DroppedRule
}

// expand gives the rules of a VirtualService with its delegates merged in.
func (t *Tables) expand(v *mesh.VirtualService) *vsRules { return t.expanded[v] }

// expandAll expands every VirtualService, many on all processors.
func (t *Tables) expandAll() {
	const batch = 128 // small enough to share evenly
	list := t.World.VirtualServices
	expanded := make([]*vsRules, len(list))
	expand := func(from int) {
		for i := from; i < min(from+batch, len(list)); i++ {
			expanded[i] = t.newRules(list[i])
		}
	}
	if len(list) <= batch {
		expand(0)
	} else {
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for from := 0; from < len(list); from += batch {
			group.Go(func() error { expand(from); return nil })
		}
		_ = group.Wait() // newRules has no errors
	}
	for i, v := range list {
		t.expanded[v] = expanded[i]
	}
}

// newRules merges delegates into the rules of a VirtualService (pilot/pkg/model/virtualservice_controller.go).
func (t *Tables) newRules(v *mesh.VirtualService) *vsRules {
	x := &vsRules{}
	for i, h := range v.Spec.Http {
		switch {
		case h == nil:
		case h.Delegate == nil:
			r := &Rule{VS: v, Index: i, HTTP: h, Namespace: v.Namespace, MirrorSpace: v.Namespace, Opaque: opaqueAt(v, "http", i)}
			for j, m := range h.Match {
				r.Matches = append(r.Matches, t.newMatch(v, m, j, -1))
			}
			x.rules = append(x.rules, r)
		default:
			t.expandDelegate(x, v, i, h)
		}
	}
	for _, r := range x.rules {
		r.rejected = r.refused()
	}
	return x
}

func (t *Tables) expandDelegate(x *vsRules, v *mesh.VirtualService, i int, h *networking.HTTPRoute) {
	var root []*Match
	for j, m := range h.Match {
		root = append(root, t.newMatch(v, m, j, -1))
	}
	open := slices.ContainsFunc(root, (*Match).hasPlaceholder)
	unknown := &Rule{VS: v, Index: i, HTTP: h, Namespace: v.Namespace, MirrorSpace: v.Namespace, Opaque: true}
	if len(root) > 0 && !open {
		unknown.Matches, unknown.bounded = bounds(root), true
	}
	found := t.World.Delegate(v, h.Delegate)
	if len(found) == 0 {
		// istiod leaves out the root's rule; only a closed world tells that the delegate is not there.
		if !t.World.Closed("VirtualService", mesh.DelegateName(v, h.Delegate).Namespace) {
			x.rules = append(x.rules, unknown)
		}
		return
	}
	d := found[0]
	visible := d.ExportTo.Covers(v.Namespace)
	if len(found) > 1 || len(d.Opaque) > 0 || visible == mesh.Maybe && v.Namespace != "" {
		x.rules = append(x.rules, unknown)
		return
	}
	if !d.IsDelegate() || visible == mesh.No {
		return
	}
	for k, dh := range d.Spec.Http {
		if dh == nil {
			continue
		}
		var own []*Match
		for j, m := range dh.Match {
			own = append(own, t.newMatch(d, m, -1, j))
		}
		merged, lone := mergeMatches(root, own)
		if lone != nil {
			if open || lone.hasPlaceholder() {
				x.rules = append(x.rules, unknown)
				continue
			}
			x.dropped = append(x.dropped, DroppedRule{v, i, d, k, lone.DelegateIndex, lone.box.String(), disagreement(root, lone), root, own})
			continue
		}
		mirror := d.Namespace
		if dh.Mirror == nil && dh.Mirrors == nil {
			mirror = v.Namespace
		}
		x.rules = append(x.rules, &Rule{
			VS: v, Index: i, Delegate: d, DelegateIndex: k, HTTP: mergeActions(h, dh), Namespace: d.Namespace, MirrorSpace: mirror, Matches: merged,
		})
	}
}

func opaqueAt(v *mesh.VirtualService, section string, i int) bool {
	if len(v.Opaque) == 0 {
		return false
	}
	prefix := manifest.FieldPath("spec", section, i)
	for _, p := range v.Opaque {
		if rest, ok := strings.CutPrefix(p, prefix); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func (t *Tables) newMatch(v *mesh.VirtualService, m *networking.HTTPMatchRequest, index, delegateIndex int) *Match {
	if m == nil {
		m = &networking.HTTPMatchRequest{}
	}
	x := &Match{Spec: m, Index: index, DelegateIndex: delegateIndex, gateways: t.gatewayNames(m.Gateways, v)}
	x.box = match.FromHTTP(m)
	return x
}

// gatewayNames resolves match-level gateways to what gatewayKey gives for a Gateway.
func (t *Tables) gatewayNames(refs []string, v *mesh.VirtualService) []string {
	if len(refs) == 0 {
		return nil
	}
	out := make([]string, len(refs))
	for i, ref := range refs {
		if out[i] = ref; ref == mesh.Mesh {
			continue
		}
		r := t.World.ResolveGateway(mesh.GatewayRef{Name: mesh.GatewayName(ref, v.Namespace)})
		out[i] = r.Name.Namespace + "/" + r.Name.Name
		if len(r.Found) == 1 {
			out[i] = gatewayKey(r.Found[0])
		}
	}
	return out
}

func gatewayKey(g *mesh.Gateway) string { return g.Namespace + "/" + g.Name }

// catchAll tells whether istiod takes the match for a catch-all (networking/core/route/route.go, IsCatchAllRoute).
// One that asks for no more than presence of method, scheme or authority, as `method: {}`, is none: it has a header matcher.
func (m *Match) catchAll() bool {
	s := m.Spec
	if len(s.Headers)+len(s.WithoutHeaders)+len(s.QueryParams) > 0 || s.Method != nil || s.Scheme != nil || s.Authority != nil {
		return false
	}
	switch u := s.Uri.GetMatchType().(type) {
	case nil:
		return true
	case *networking.StringMatch_Prefix:
		return u.Prefix == "/"
	case *networking.StringMatch_Regex:
		return u.Regex == ".*"
	}
	return false
}

// client is the proxy for which routes are generated.
type client struct {
	gateway   string // gatewayKey, or "mesh"
	port      uint32
	labels    map[string]string
	namespace string
	anySource bool // keep what source conditions would remove: they are dimensions of the algebra then
	anyLabels bool // the same for labels alone
	anyPort   bool
}

// admits is istiod's static filter of a match (networking/core/route/route.go, sourceMatchHTTP): match-level gateways make
// the source conditions of the same match void.
func (c client) admits(m *Match) mesh.Truth {
	s := m.Spec
	if !c.anyPort && s.Port != 0 && s.Port != c.port {
		return mesh.No
	}
	if len(m.gateways) > 0 {
		for _, g := range m.gateways {
			if g == c.gateway {
				return mesh.Yes
			}
		}
		return mesh.No
	}
	if c.anySource {
		return mesh.Yes
	}
	if !c.anyLabels && !mesh.Subset(s.SourceLabels, c.labels) {
		return mesh.No
	}
	switch {
	case s.SourceNamespace == "" || s.SourceNamespace == c.namespace:
		return mesh.Yes
	case c.namespace == "":
		return mesh.Maybe
	}
	return mesh.No
}

// Route is one Envoy route: a match of a rule (-1: the rule has none), as generated for one gateway and port.
type Route struct {
	Rule     *Rule
	Match    int
	Box      match.Box
	CatchAll bool // istiod moves it behind all other routes of its virtual host
	Opaque   bool // what it takes is not known
	bounded  bool // opaque, but it takes nothing outside Box
}

// generate gives the routes of a VirtualService for a client, in order, up to and including its first catch-all. rest are
// the matches behind it, which istiod does not generate.
func (t *Tables) generate(v *mesh.VirtualService, c client) (routes, rest []*Route) {
	ended := false
	for _, r := range t.expand(v).rules {
		if len(r.Matches) == 0 {
			rt := &Route{Rule: r, Match: -1, Box: match.FromHTTP(nil), CatchAll: !r.Opaque, Opaque: r.Opaque}
			if ended {
				rest = append(rest, rt)
				continue
			}
			routes = append(routes, rt)
			ended = !r.Opaque
			continue
		}
		for i, m := range r.Matches {
			admitted := c.admits(m)
			if admitted == mesh.No {
				continue
			}
			rt := &Route{Rule: r, Match: i, Box: m.box, Opaque: r.Opaque || admitted == mesh.Maybe, bounded: r.bounded}
			rt.CatchAll = m.catchAll() && !rt.Opaque
			if c.gateway != mesh.Mesh {
				rt.Box = rt.Box.OnGateway()
			}
			if (c.anySource || c.anyLabels) && len(m.gateways) == 0 {
				namespace := m.Spec.SourceNamespace
				if !c.anySource {
					namespace = "" // decided
				}
				rt.Box = rt.Box.WithSource(namespace, m.Spec.SourceLabels)
				rt.CatchAll = rt.CatchAll && namespace == "" && len(m.Spec.SourceLabels) == 0
			}
			if ended {
				rest = append(rest, rt)
				continue
			}
			routes = append(routes, rt)
			ended = rt.CatchAll
		}
	}
	return routes, rest
}
