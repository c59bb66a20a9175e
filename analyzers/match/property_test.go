package match

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	networking "istio.io/api/networking/v1alpha3"
)

// A small world in which every request can be tried.
var (
	somePaths  = []string{"/", "/a", "/A", "/ab", "/abc", "/b", "/ba", "/a/b", "/a/", "/aab", "/c"}
	someValues = []*string{nil, new(""), new("1"), new("12"), new("2"), new("A")}
	methods    = []string{"GET", "POST", "PUT"}

	pathTexts   = []string{"/", "", "/a", "/ab", "/A", "/b", "/a/", "a", "/a/../b"}
	pathRegexes = []string{
		"/.*", "/a.*", "/[ab]+", "/(a|b)", "/a(/.*)?", "/.+", "/a+b?", ".*b", "/[^a].*", "(?i)/AB?", "^/ab?c?$", "/a|/b.*", "",
	}
	valueTexts   = []string{"", "1", "12", "2", "A"}
	valueRegexes = []string{".*", ".+", "1.*", "[12]+", "1|2", "1?", "[^1]*", "*", "(?i)a"}
	claimName    = "@request.auth.claims.g"
)

func requests() []Request {
	var out []Request
	for _, p := range somePaths {
		for _, m := range methods {
			for _, x := range someValues {
				for _, q := range someValues[:4] {
					for _, g := range someValues[:3] {
						r := Request{Path: p, Method: m, Scheme: "http", Authority: "a.com"}
						put := func(d dimension, v *string) {
							if v != nil {
								r.set(d, *v)
							}
						}
						put(dimension{header, "x"}, x)
						put(dimension{query, "q"}, q)
						put(dimension{claim, "g"}, g)
						out = append(out, r)
					}
				}
			}
		}
	}
	return out
}

// choice turns numbers into matches: random ones in the property tests, input
// bytes in the fuzz target.
type choice func(n int) int

func (pick choice) from(list []string) string { return list[pick(len(list))] }

func (pick choice) value(texts, regexes []string) *networking.StringMatch {
	switch pick(7) {
	case 0, 1:
		return is(pick.from(texts))
	case 2, 3:
		return begins(pick.from(texts))
	case 4:
		return anything()
	case 5:
		if regexes != nil {
			return like(pick.from(regexes))
		}
	}
	return nil
}

func (pick choice) box(plain bool) Box {
	paths, values := pathRegexes, valueRegexes
	if plain {
		paths, values = nil, nil
	}
	m := &httpMatch{Uri: pick.value(pathTexts, paths), IgnoreUriCase: !plain && pick(4) == 0}
	if pick(3) == 0 {
		m.Method = is(pick.from(methods))
	}
	if pick(2) == 0 {
		m.Headers = stringMap{"x": pick.value(valueTexts, values)}
	}
	if pick(2) == 0 {
		m.WithoutHeaders = stringMap{"X": pick.value(valueTexts, values)}
	}
	switch pick(6) {
	case 0:
		m.QueryParams = stringMap{"q": pick.value(valueTexts, values)}
	case 1:
		m.Headers = stringMap{claimName: pick.value(valueTexts, values)}
	case 2:
		m.WithoutHeaders = stringMap{claimName: pick.value(valueTexts, values), ":method": is("PUT")}
	}
	return FromHTTP(m)
}

func random(seed uint64) choice {
	return choice(rand.New(rand.NewPCG(seed, 1)).IntN)
}

// checkSubtraction holds a verdict to what the plain evaluator says of every
// request of the small world.
func checkSubtraction(t require.TestingT, world []Request, b Box, earlier []Box) Verdict {
	budget := DefaultBudget
	verdict, rest, covering := Subtract(b, earlier, &budget)
	bare, without := Covered(b, earlier, nil)
	require.Equal(t, verdict, bare)
	require.Equal(t, covering, without)
	if verdict == Empty {
		for _, r := range world {
			if !b.Matches(r) {
				continue
			}
			taken := false
			for _, i := range covering {
				taken = taken || earlier[i].Matches(r)
			}
			require.True(t, taken, "%v of %s is not taken by %v", r, b, earlier)
		}
		return verdict
	}
	if !b.Undecidable() && !anyUndecidable(earlier) {
		require.Equal(t, Alive, verdict, "%s after %v", b, earlier)
	}
	if verdict == Alive {
		r, ok := rest.Witness("a.com")
		require.True(t, ok, "%s", rest)
		require.True(t, b.Matches(r) && rest.Matches(r))
		for _, e := range earlier {
			require.False(t, e.Matches(r))
		}
	}
	return verdict
}

func anyUndecidable(boxes []Box) bool {
	for _, b := range boxes {
		if b.Undecidable() {
			return true
		}
	}
	return false
}

func TestSubtractAgainstEveryRequest(t *testing.T) {
	world := requests()
	var seen [3]int
	for seed := range uint64(4000) {
		pick := random(seed)
		plain := seed%2 == 0
		b := pick.box(plain)
		var earlier []Box
		for range pick(7) {
			earlier = append(earlier, pick.box(plain))
		}
		seen[checkSubtraction(t, world, b, earlier)]++
	}
	for verdict, n := range seen {
		require.Greater(t, n, 40, "hardly any %s among %v", Verdict(verdict), seen)
	}
}

func TestSetsAgainstEveryRequest(t *testing.T) {
	world := requests()
	for seed := range uint64(600) {
		pick := random(seed)
		a, b := pick.box(false), pick.box(false)
		both, verdict := Meet(a, b, nil)
		if both.Undecidable() {
			continue
		}
		for _, r := range world {
			require.Equal(t, a.Matches(r) && b.Matches(r), both.Matches(r))
			if verdict == Empty {
				require.False(t, both.Matches(r), "%v in %s", r, both)
			}
			if a.Undecidable() {
				continue
			}
			inside := true
			for _, s := range a.sides {
				inside = inside && s.values.has(r.value(s.dimension))
			}
			require.Equal(t, a.Matches(r), inside, "%s on %v", a, r)
		}
		if r, ok := both.Witness(); ok {
			require.True(t, a.Matches(r) && b.Matches(r))
		}
		require.True(t, a.Equal(a.And(a)) || a.Undecidable(), "%s", a)
	}
}

// One-dimension sets obey the laws of sets, literals included.
func TestValuesAreSets(t *testing.T) {
	for seed := range uint64(3000) {
		pick := random(seed)
		draw := func() values {
			return FromHTTP(&httpMatch{Uri: pick.value(pathTexts, pathRegexes)}).path()
		}
		a, b, c := draw(), draw(), draw()
		meet, minus := a.intersect(b).subtract(c), a.subtract(b).subtract(c)
		for _, p := range somePaths {
			in, inB, inC := a.has(p, true), b.has(p, true), c.has(p, true)
			require.Equal(t, in && inB && !inC, meet.has(p, true))
			require.Equal(t, in && !inB && !inC, minus.has(p, true))
			if in && !inB && !inC {
				require.False(t, minus.empty())
			}
		}
		require.True(t, a.subtract(a).empty())
		require.True(t, a.intersect(b).subtract(a).empty())
		require.True(t, minus.intersect(b).empty())
	}
}

func TestIndexFindsWhatMatters(t *testing.T) {
	for seed := range uint64(400) {
		pick := random(seed)
		var x Index
		var boxes []Box
		for i := range 12 {
			b := pick.box(false)
			boxes = append(boxes, b)
			x.Add(i, b)
		}
		for i, b := range boxes[6:] {
			checkCandidates(t, &x, boxes, i+6, b)
		}
	}
}

func checkCandidates(t *testing.T, x *Index, boxes []Box, i int, b Box) {
	t.Helper()
	var over []Box
	for _, j := range x.Over(b) {
		if j < i {
			over = append(over, boxes[j])
		}
	}
	all, _, _ := Subtract(b, boxes[:i], nil)
	some, _, _ := Subtract(b, over, nil)
	require.Equal(t, all == Empty, some == Empty, "%s", b)

	near := append(x.Meeting(b), x.Inside(b)...)
	for j, c := range boxes {
		_, verdict := Meet(b, c, nil)
		require.False(t, verdict == Alive && !contains(near, j), "%s and %s", b, c)
		require.False(t, b.path().intersect(c.path()).empty() && contains(near, j), "%s and %s", b, c)
		if verdict == Alive {
			require.True(t, contains(x.Meeting(b), j) || contains(x.Meeting(c), i))
		}
	}
}

func contains(list []int, i int) bool {
	for _, j := range list {
		if i == j {
			return true
		}
	}
	return false
}

func FuzzSubtract(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte("shadowed by everything before it"))
	world := requests()
	f.Fuzz(func(t *testing.T, data []byte) {
		pick := choice(func(n int) int {
			if len(data) == 0 {
				return 0
			}
			b := data[0]
			data = data[1:]
			return int(b) % n
		})
		plain := pick(2) == 0
		b := pick.box(plain)
		var earlier []Box
		for len(data) > 0 && len(earlier) < 8 {
			earlier = append(earlier, pick.box(plain))
		}
		checkSubtraction(t, world, b, earlier)
	})
}

// FuzzPattern holds the reading of expressions to the regexp package.
func FuzzPattern(f *testing.F) {
	for _, s := range append(pathRegexes, valueRegexes...) {
		f.Add(s, "/ab")
	}
	f.Add(`\Q/a.b`, "/a.b")
	f.Add("/"+strings.Repeat("(", 60)+"a"+strings.Repeat("+)", 60)+"b", "/aab")
	f.Add(`(?i:/K)(?:x{2,3}|\b)$`, "/kxx")
	f.Fuzz(func(t *testing.T, source, text string) {
		b := uri(like(source))
		if b.Undecidable() || !universes[path].holds(text) {
			return
		}
		require.Equal(t, b.Matches(Request{Path: text}), b.path().has(text, true))
		if r, ok := b.Witness(); ok {
			require.True(t, b.conditions[0].pattern.matches(r.Path))
		}
		require.False(t, b.Empty() && b.Matches(Request{Path: text}))
	})
}
