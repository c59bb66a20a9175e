package match

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// Box is the set of requests that satisfy every one of its conditions. The zero
// Box is every request. Boxes are immutable.
type Box struct {
	conditions []condition
	sides      []side   // sorted, one for each dimension that is restricted
	unknown    []string // what the algebra cannot read
	rest       bool     // the sides say more than the conditions do
	less       []Box    // of a remainder: what took its share
}

// side is what a box admits in one dimension.
type side struct {
	dimension
	values values
}

const (
	claimPrefix = "@request.auth.claims"
	// A claim may be a list, and then one value does not exclude another.
	manyClaims = "a claim may have several values"
)

// FromHTTP reads the match block as Envoy will evaluate it; nil is every
// request. What istiod decides while it generates routes (port, gateways,
// sourceLabels, sourceNamespace) is not part of it.
func FromHTTP(m *networking.HTTPMatchRequest) Box {
	var b Box
	b = b.uri(m.GetUri(), m.GetIgnoreUriCase())
	b = b.adding(dimension{kind: method}, m.GetMethod(), false)
	b = b.adding(dimension{kind: scheme}, m.GetScheme(), false)
	b = b.adding(dimension{kind: authority}, m.GetAuthority(), false)
	for _, name := range manifest.Keys(m.GetHeaders()) {
		b = b.header(name, m.GetHeaders()[name], false)
	}
	for _, name := range manifest.Keys(m.GetWithoutHeaders()) {
		b = b.header(name, m.GetWithoutHeaders()[name], true)
	}
	for _, name := range manifest.Keys(m.GetQueryParams()) {
		on := dimension{kind: query, name: name}
		if m := m.GetQueryParams()[name]; m.GetMatchType() != nil {
			b = b.adding(on, m, false)
		} else {
			b = b.with(condition{on: on})
		}
	}
	return b
}

// Undecidable reports that the box has a condition the algebra cannot read: a
// regular expression that does not parse, the header :path, a claim that must
// not have a value. Nothing is claimed about such a box.
func (b Box) Undecidable() bool { return len(b.unknown) > 0 }

// Asks reports that the box has a condition on "path", "method", "scheme" or
// "authority".
func (b Box) Asks(noun string) bool {
	return slices.ContainsFunc(b.sides, func(s side) bool { return s.kind < header && s.universe().noun == noun })
}

// Empty reports that certainly no request satisfies the box, for its own reasons.
func (b Box) Empty() bool {
	return !b.Undecidable() && b.void(new(DefaultBudget))
}

func (b Box) void(budget *int) bool {
	return slices.ContainsFunc(b.sides, func(s side) bool { return s.values.void(budget) })
}

// WithSource adds what a sidecar's match asks of the client. An empty namespace
// asks nothing.
func (b Box) WithSource(namespace string, labels map[string]string) Box {
	if namespace != "" {
		b = b.with(condition{on: dimension{kind: sourceNamespace}, op: exact, text: namespace})
	}
	for _, key := range manifest.Keys(labels) {
		b = b.with(condition{on: dimension{sourceLabel, key}, op: exact, text: labels[key]})
	}
	return b
}

// And is the box of the requests in both.
func (b Box) And(c Box) Box {
	if len(c.conditions)+len(c.sides)+len(c.unknown)+len(c.less) == 0 {
		return b
	}
	out := Box{
		conditions: slices.Concat(b.conditions, c.conditions),
		sides:      b.sides,
		unknown:    slices.Concat(b.unknown, c.unknown),
		rest:       b.rest || c.rest,
		less:       slices.Concat(b.less, c.less),
	}
	for _, s := range c.sides {
		if v := admits(b.sides, s.dimension); s.kind == claim && !v.within(s.values) && !s.values.within(v) {
			out.unknown = append(out.unknown, s.String()+" ("+manyClaims+")")
		}
		out.sides = narrow(out.sides, s.dimension, s.values)
	}
	return out
}

func (b Box) uri(m *networking.StringMatch, anyCase bool) Box {
	if m.GetMatchType() == nil {
		return b
	}
	c, err := newCondition(dimension{kind: path}, m)
	if err == nil && anyCase {
		c, err = c.foldCase()
	}
	if err != nil {
		return b.unread(c, err.Error())
	}
	return b.with(c)
}

// adding reads a condition that asks nothing when it is empty.
func (b Box) adding(on dimension, m *networking.StringMatch, not bool) Box {
	if m.GetMatchType() == nil && !not {
		return b
	}
	c, err := newCondition(on, m)
	if c.not = not; err != nil {
		return b.unread(c, err.Error())
	}
	return b.with(c)
}

// header sorts out the names that mean something else than a header.
func (b Box) header(name string, m *networking.StringMatch, not bool) Box {
	if m.GetRegex() == "*" && !strings.HasPrefix(name, claimPrefix) {
		m = nil // istiod's other spelling of presence
	}
	on := headerDimension(name)
	c, err := newCondition(on, m)
	switch c.not = not; {
	case err != nil:
		return b.unread(c, err.Error())
	case on.kind == header && strings.HasPrefix(on.name, ":"):
		return b.unread(c, "a pseudo-header")
	case on.kind == claim && not && c.op != present:
		return b.unread(c, manyClaims)
	}
	return b.with(c)
}

// claimKeys is what follows the name of a claim, which is in any letter case.
func claimKeys(name, separator string) (string, bool) {
	n := len(claimPrefix) + 1
	if len(name) < n || !strings.EqualFold(name[:n], claimPrefix+separator) {
		return "", false
	}
	return name[n:], true
}

func headerDimension(name string) dimension {
	if keys, ok := claimKeys(name, "."); ok {
		return dimension{claim, keys}
	}
	if keys, ok := claimKeys(name, "["); ok {
		keys = strings.TrimSuffix(keys, "]")
		if strings.Contains(keys, ".") {
			return dimension{claim, "[" + keys + "]"} // the dot belongs to a key
		}
		return dimension{claim, strings.ReplaceAll(keys, "][", ".")}
	}
	switch name = strings.ToLower(name); name {
	case ":method":
		return dimension{kind: method}
	case ":scheme":
		return dimension{kind: scheme}
	case ":authority", "host":
		return dimension{kind: authority}
	}
	return dimension{header, name}
}

// unread notes a condition that can only make the box smaller than it looks.
func (b Box) unread(c condition, why string) Box {
	b.unknown = append(slices.Clip(b.unknown), fmt.Sprintf("%s (%s)", c, why))
	return b
}

func (b Box) with(c condition) Box {
	b.conditions = append(slices.Clip(b.conditions), c)
	if c.on.never() {
		if !c.holds(Request{}) {
			b.sides = narrow(b.sides, c.on, c.on.universe().set())
		}
		return b
	}
	b.sides = narrow(b.sides, c.on, c.values())
	return b
}

// narrow intersects one dimension.
func narrow(sides []side, on dimension, v values) []side {
	i, found := find(sides, on)
	if found {
		sides = slices.Clone(sides)
		sides[i].values = sides[i].values.intersect(v)
		return sides
	}
	return slices.Insert(slices.Clip(sides), i, side{on, v})
}

func find(sides []side, on dimension) (int, bool) {
	return slices.BinarySearchFunc(sides, on, func(s side, d dimension) int { return s.compare(d) })
}

// admits is what sides leave of a dimension.
func admits(sides []side, on dimension) values {
	if i, found := find(sides, on); found {
		return sides[i].values
	}
	return on.universe().everything()
}

// Matches evaluates the conditions as they were written, without the algebra.
// Of a remainder it accepts what lies in it. An undecidable box matches nothing.
func (b Box) Matches(r Request) bool { return !b.Undecidable() && b.mayMatch(r) }

// mayMatch takes what cannot be read for true.
func (b Box) mayMatch(r Request) bool {
	for _, c := range b.conditions {
		if !c.holds(r) {
			return false
		}
	}
	for _, taken := range b.less {
		if taken.mayMatch(r) {
			return false
		}
	}
	return !b.rest || !slices.ContainsFunc(b.sides, func(s side) bool {
		return !s.values.has(r.value(s.dimension))
	})
}

// Equal reports that both are the same set as far as the algebra can tell;
// undecidable boxes are equal if they cannot be read in the same way.
func (b Box) Equal(c Box) bool {
	return slices.Equal(b.unknown, c.unknown) && (b.Empty() && c.Empty() || within(b, c) && within(c, b))
}

func within(b, c Box) bool {
	return !slices.ContainsFunc(c.sides, func(s side) bool {
		return !admits(b.sides, s.dimension).within(s.values)
	})
}

// String writes the conditions: path /foo* and header x = "1".
func (b Box) String() string {
	var words []string
	for _, c := range b.conditions {
		words = append(words, c.String())
	}
	words = append(words, b.unknown...)
	if len(words) == 0 {
		words = []string{"any request"}
	}
	out := strings.Join(words, " and ")
	for i, taken := range b.less {
		out += [...]string{" less ", " and less "}[min(i, 1)] + "(" + taken.String() + ")"
	}
	return out
}
