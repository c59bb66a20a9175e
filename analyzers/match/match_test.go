package match

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	networking "istio.io/api/networking/v1alpha3"
)

type (
	httpMatch = networking.HTTPMatchRequest
	stringMap = map[string]*networking.StringMatch
)

func is(s string) *networking.StringMatch {
	return &networking.StringMatch{MatchType: &networking.StringMatch_Exact{Exact: s}}
}

func begins(s string) *networking.StringMatch {
	return &networking.StringMatch{MatchType: &networking.StringMatch_Prefix{Prefix: s}}
}

func like(s string) *networking.StringMatch {
	return &networking.StringMatch{MatchType: &networking.StringMatch_Regex{Regex: s}}
}

func anything() *networking.StringMatch { return &networking.StringMatch{} }

func uri(m *networking.StringMatch) Box { return FromHTTP(&httpMatch{Uri: m}) }

func with(name string, m *networking.StringMatch) Box {
	return FromHTTP(&httpMatch{Headers: stringMap{name: m}})
}

func without(name string, m *networking.StringMatch) Box {
	return FromHTTP(&httpMatch{WithoutHeaders: stringMap{name: m}})
}

func param(name string, m *networking.StringMatch) Box {
	return FromHTTP(&httpMatch{QueryParams: stringMap{name: m}})
}

func anyCase(m *networking.StringMatch) Box {
	return FromHTTP(&httpMatch{Uri: m, IgnoreUriCase: true})
}

func TestEqualSpellings(t *testing.T) {
	for _, c := range []struct{ a, b Box }{
		{Box{}, FromHTTP(nil)},
		{Box{}, uri(nil)},
		{Box{}, uri(anything())},
		{Box{}, uri(begins(""))},
		{Box{}, uri(begins("/"))},
		{Box{}, uri(like(".*"))},
		{Box{}, uri(like("/.*"))},
		{Box{}, uri(like("[/].*"))},
		{Box{}, uri(like("^.*$"))},
		{Box{}, uri(like("^/.*$"))},
		{Box{}, uri(like(".+"))},
		{Box{}, uri(like("(.*)"))},
		{Box{}, uri(like("(/.*)?"))},
		{Box{}, anyCase(begins("/"))},
		{Box{}, FromHTTP(&httpMatch{Scheme: like("https?")})},
		{Box{}, FromHTTP(&httpMatch{Method: like(".*|GET")})},
		{Box{}, with(":method", anything())},
		{uri(is("/foo")), uri(like("/foo"))},
		{uri(is("/foo")), uri(like("^/foo$"))},
		{uri(is("/foo")), uri(like(`/f\x6fo`))},
		{uri(like("/[ab]")), uri(like("^/a$|^/b$"))},
		{uri(like("/a|/b.*")), uri(like("^(/a$|^/b.*)$"))},
		{uri(is("/1")), anyCase(is("/1"))},
		{uri(begins("/foo")), uri(like("/foo.*"))},
		{uri(begins("/foo")), uri(like("/foo|/foo.+"))},
		{uri(begins("/foo")), uri(like("/foo(.*)$"))},
		{uri(like("/(a|b)/.*")), uri(like("/b/.*|/a/.*"))},
		{uri(like("/v[0-9]+")), uri(like(`/v(?:\d)+`)).And(Box{})},
		{anyCase(begins("/Foo")), anyCase(begins("/foo"))},
		{with("X", is("1")), with("x", like("1"))},
		{with("x", anything()), with("x", like("*"))},
		{with("x", anything()), with("x", begins(""))},
		{with("x", nil), with("x", like(".*"))},
		{with("host", is("a.com")), FromHTTP(&httpMatch{Authority: is("a.com")})},
		{with(":method", is("GET")), FromHTTP(&httpMatch{Method: is("GET")})},
		{with(":scheme", is("http")), without(":scheme", is("https"))},
		{without("x", anything()), without("x", like("*"))},
		{without("x", is("")), with("x", like(".+"))},
		{with("@request.auth.claims.a.b", is("1")), with("@request.auth.claims[a][b]", is("1"))},
	} {
		require.True(t, c.a.Equal(c.b), "%s\n%s", c.a, c.b)
		require.True(t, c.b.Equal(c.a), "%s\n%s", c.b, c.a)
		require.False(t, c.a.Undecidable(), "%s", c.a)
	}
}

// Keys tell expressions apart, else one would be taken for the other.
func TestDifferentKeys(t *testing.T) {
	seen := map[string]string{}
	for _, source := range []string{
		"a", "(?i)a", "ab", "a|b", "a*", "a+", "a?", "a{2}", "a{3}", "a{2,}", "(a)", "(a)b", "(ab)", "^a", "a$", ".", "(?s).", "", "a||", `\Qa.`,
		`[\x{D800}-\x{DFFF}]`, `[\x{D801}-\x{DFFF}]`, `[\x{FFFD}]`, "[^/]", "[^a]", "(?:ab)*", "a(?:b)*", "(?:a(?:bc))*", "(?:ab|cd)*", "(?:ab|c)d*",
	} {
		p, err := newPattern(source)
		require.NoError(t, err)
		require.Empty(t, seen[p.key], source)
		seen[p.key] = source
	}
	quoted, err := newPattern(`\Qa.`)
	require.NoError(t, err)
	require.True(t, quoted.matches("a."))
	require.False(t, quoted.matches("ab"))
}

func TestDifferentSets(t *testing.T) {
	for _, c := range []struct{ a, b Box }{
		{uri(begins("/foo")), uri(begins("/foo/"))},
		{uri(begins("/foo")), uri(like("/foo"))},
		{uri(is("/v1")), uri(like("/v[0-9]"))},
		{uri(like("/foo.+")), uri(begins("/foo"))},
		{with("x", is("")), without("x", anything())},
		{with("x", is("a")), with("x", is("A"))},
		{with("x", anything()), param("x", anything())},
		{without("x", is("1")), Box{}},
		{with("@request.auth.claims[a.b]", is("1")), with("@request.auth.claims.a.b", is("1"))},
		{uri(like("(")), uri(like("["))},
	} {
		require.False(t, c.a.Equal(c.b), "%s\n%s", c.a, c.b)
	}
}

func TestOutsideTheUniverse(t *testing.T) {
	for _, b := range []Box{
		uri(is("foo")), uri(is("")), uri(begins("foo")), uri(is("/foo?x=1")), uri(is("/a#b")),
		uri(begins("/a\\")), uri(is("/a/../m")), uri(is("/a/.")), uri(begins("/a/./")), uri(begins("/%2E%2e/")),
		uri(like("foo.*")), uri(like("foo|")), uri(is("/ä")), uri(is("/a b")),
		FromHTTP(&httpMatch{Method: is("")}),
		FromHTTP(&httpMatch{Method: is("GET, POST")}),
		FromHTTP(&httpMatch{Scheme: is("ftp")}),
		FromHTTP(&httpMatch{Authority: is("a.com/x")}),
		with("x", is("a\nb")), param("p", is("a b")), param("p", is("a&b")),
		without("x", like(".*")), without("x", begins("")), without(":method", anything()),
		with("x", is("1")).And(without("x", anything())),
		with("x", is("1")).And(with("X", is("2"))),
		with("x", begins("a")).And(without("x", begins("a"))),
		uri(is("/foo")).And(uri(like("/[a-e].*"))),
		uri(begins("/foo")).And(uri(like("/bar[0-9]+"))),
	} {
		require.True(t, b.Empty(), "%s", b)
		_, ok := b.Witness()
		require.False(t, ok, "%s", b)
		verdict, _, covering := Subtract(b, []Box{{}}, nil)
		require.Equal(t, Empty, verdict)
		require.Empty(t, covering)
	}
	for _, b := range []Box{uri(begins("/a/.")), uri(begins("/a/..")), uri(is("/a/...")), uri(begins("//")), uri(is("/.well-known"))} {
		_, ok := b.Witness()
		require.True(t, ok, "%s", b)
	}
}

// How Envoy reads what lies beyond ASCII in a header hangs on its release; in a path and a query it does not come that far.
func TestTellsBeyondASCIIApart(t *testing.T) {
	for _, source := range []string{"é+", "[^é]", "[à-ü]", `\pL+`, `\x{80}`, "(?i:É)"} {
		require.True(t, with("x", like(source)).Undecidable(), source)
		require.True(t, without("x", like(source)).Undecidable(), source)
		require.False(t, uri(like("/"+source)).Undecidable(), source)
	}
	for _, source := range []string{".*", "[^a]", "(?i:sk.*)", "(?i:[a-z]+)", `\W\S\D`, `\bx\b`, `[^[:ascii:]]`, `[\x00-\x7f]+`} {
		require.False(t, with("x", like(source)).Undecidable(), source)
	}
}

func TestUndecidable(t *testing.T) {
	for _, b := range []Box{
		uri(like("(")), uri(like("*")), with("x", like("a**")), with(":path", is("/foo")), without(":path", anything()),
		param("p", like("*")), without("@request.auth.claims.a", is("1")), with("x", is("\xff")),
		uri(like(`a)(b`)),
	} {
		require.True(t, b.Undecidable(), "%s", b)
		require.False(t, b.Matches(Request{Path: "/foo", Method: "GET"}))
		verdict, _, _ := Subtract(b, []Box{{}}, nil)
		require.Equal(t, Undecided, verdict)
		verdict, _, _ = Subtract(Box{}, []Box{b}, nil)
		require.NotEqual(t, Empty, verdict)
		require.False(t, b.Empty())
	}
	// A claim that is a list can be both.
	a, b := with("@request.auth.claims.g", is("a")), with("@request.auth.claims.g", is("b"))
	_, verdict := Meet(a, b, nil)
	require.Equal(t, Undecided, verdict)
	_, verdict = Meet(a, with("@request.auth.claims.g", begins("a")), nil)
	require.Equal(t, Alive, verdict)

	// Whether the unreadable one takes all of /foo cannot be known, but /bar is left.
	unread := uri(begins("/foo")).And(with(":path", is("/foo")))
	verdict, _, _ = Subtract(uri(begins("/foo")), []Box{unread}, nil)
	require.Equal(t, Undecided, verdict)
	verdict, _, _ = Subtract(uri(begins("/bar")), []Box{unread}, nil)
	require.Equal(t, Alive, verdict)
}

// What a gateway changes of a request's headers cannot be told from what a client sends; the other conditions can.
func TestOnGateway(t *testing.T) {
	for _, name := range []string{"X-Forwarded-Proto", "x-request-id", "x-envoy-original-path", "te"} {
		b := uri(begins("/foo")).And(with(name, is("1")))
		require.False(t, b.Undecidable())
		seen := b.OnGateway()
		require.True(t, seen.Undecidable(), name)
		require.True(t, seen.Readable().Matches(Request{Path: "/foo", Headers: map[string]string{strings.ToLower(name): "1"}}))
		require.False(t, seen.Readable().Matches(Request{Path: "/bar", Headers: map[string]string{strings.ToLower(name): "1"}}))
	}
	require.True(t, with("x-request-id", is("1")).OnGateway().Readable().Matches(Request{Path: "/"}), "it is set")
	require.False(t, with("upgrade", is("1")).OnGateway().Readable().Matches(Request{Path: "/"}), "it is never set")
	require.True(t, without("upgrade", is("1")).OnGateway().Readable().Matches(Request{Path: "/", Headers: map[string]string{"upgrade": "1"}}), "it may be removed")
	require.False(t, with("x-forwarded-host", is("1")).OnGateway().Undecidable())
}

func TestSubtract(t *testing.T) {
	get := FromHTTP(&httpMatch{Method: is("GET")})
	for _, c := range []struct {
		name     string
		box      Box
		earlier  []Box
		verdict  Verdict
		covering []int
	}{
		{"nothing before", Box{}, nil, Alive, nil},
		{"itself", uri(begins("/a")), []Box{uri(begins("/a"))}, Empty, []int{0}},
		{"first cover named", uri(is("/a")), []Box{uri(is("/b")), uri(begins("/a")), {}}, Empty, []int{1}},
		{"narrower path", uri(begins("/a")), []Box{uri(begins("/a/"))}, Alive, nil},
		{"method first", uri(begins("/a")), []Box{uri(begins("/a")).And(get)}, Alive, nil},
		{"both methods", uri(begins("/a")), []Box{get, uri(is("/x")), without(":method", is("GET"))}, Empty, []int{0, 2}},
		{"both schemes", Box{}, []Box{with(":scheme", is("http")), with(":scheme", is("https"))}, Empty, []int{0, 1}},
		{"present or not", get, []Box{with("x", anything()), without("x", anything())}, Empty, []int{0, 1}},
		{"missing counts as empty", get, []Box{with("x", is("1")), without("x", is("1"))}, Empty, []int{0, 1}},
		{"without x = empty", Box{}, []Box{with("x", is("")), without("x", is(""))}, Alive, nil},
		{
			"two headers, four corners",
			Box{},
			[]Box{
				with("x", anything()).And(with("y", anything())), with("x", anything()).And(without("y", anything())),
				without("x", anything()).And(with("y", anything())), without("x", anything()).And(without("y", anything())),
			},
			Empty,
			[]int{0, 1, 2, 3},
		},
		{
			"three corners",
			Box{},
			[]Box{
				with("x", anything()).And(with("y", anything())), with("x", anything()).And(without("y", anything())),
				without("x", anything()).And(with("y", anything())),
			},
			Alive, nil,
		},
		{"same regex", uri(like("/v[0-9]+")).And(get), []Box{uri(like("/v[0-9]+"))}, Empty, []int{0}},
		{"regex under prefix", uri(like("/api/v[0-9]+")), []Box{uri(begins("/api"))}, Empty, []int{0}},
		{"exact under regex", uri(is("/api/v1")), []Box{uri(like("/api/v[0-9]+"))}, Empty, []int{0}},
		{"alternatives one by one", uri(like("/(a|b)")), []Box{uri(is("/a")), uri(is("/b"))}, Empty, []int{0, 1}},
		{"regex leaves the rest", uri(begins("/api")), []Box{uri(like("/api/v[0-9]+"))}, Alive, nil},
		{"regex within regex", uri(like("/v[12]+x")), []Box{uri(like("/v[0-9]+x"))}, Empty, []int{0}},
		{"regex beyond regex", uri(like("/v[0-9]+x")), []Box{uri(like("/v[12]+x"))}, Alive, nil},
		{"letter case", uri(begins("/FOO/x")), []Box{anyCase(begins("/foo"))}, Empty, []int{0}},
		{"letter case exact", uri(is("/FOO")), []Box{anyCase(is("/foo"))}, Empty, []int{0}},
		{"letter case reversed", anyCase(is("/foo")), []Box{uri(is("/foo"))}, Alive, nil},
		{"header regex and its complement", Box{}, []Box{with("x", like("a+b")), without("x", like("a+b"))}, Empty, []int{0, 1}},
		{"regex without matches missing", without("x", anything()), []Box{without("x", like("a+b?"))}, Empty, []int{0}},
		{"source", Box{}.WithSource("a", nil), []Box{Box{}.WithSource("b", nil)}, Alive, nil},
		{"source labels", Box{}.WithSource("a", map[string]string{"app": "x"}), []Box{Box{}.WithSource("a", nil)}, Empty, []int{0}},
		{"not source labels", Box{}.WithSource("a", nil), []Box{Box{}.WithSource("a", map[string]string{"app": "x"})}, Alive, nil},
		{"query", param("p", is("1")), []Box{param("p", anything())}, Empty, []int{0}},
		{"claim", with("@request.auth.claims.g", is("a")), []Box{with("@request.auth.claims.g", begins("a"))}, Empty, []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict, rest, covering := Subtract(c.box, c.earlier, nil)
			require.Equal(t, c.verdict, verdict, "%s", rest)
			require.Equal(t, c.covering, covering)
			if verdict != Alive {
				return
			}
			r, ok := rest.Witness("*.example.com")
			require.True(t, ok)
			require.True(t, c.box.Matches(r))
			for _, e := range c.earlier {
				require.False(t, e.Matches(r), "%s takes %v", e, r)
			}
		})
	}
}

// The example of the package comment.
func TestWorkedExample(t *testing.T) {
	box := uri(begins("/shop"))
	earlier := []Box{box.And(with("x", is("1"))), uri(begins("/shop/"))}
	verdict, rest, _ := Subtract(box, earlier, nil)
	require.Equal(t, Alive, verdict)
	r, ok := rest.Witness()
	require.True(t, ok)
	require.Equal(t, Request{Path: "/shop", Method: "GET", Scheme: "http", Authority: "example.com"}, r)

	earlier = append(earlier, box.And(without("x", is("1"))))
	verdict, _, covering := Subtract(box, earlier, nil)
	require.Equal(t, Empty, verdict)
	require.Equal(t, []int{0, 2}, covering)
}

func TestExhaustedAlphabet(t *testing.T) {
	// A path has a finite alphabet, so its children do exhaust a prefix.
	earlier := []Box{uri(is("/a/"))}
	for _, r := range pathChars {
		earlier = append(earlier, uri(begins("/a/"+string(r))))
	}
	verdict, _, covering := Subtract(uri(begins("/a/")), earlier, nil)
	require.Equal(t, Empty, verdict)
	require.Len(t, covering, len(earlier))
	verdict, _, _ = Subtract(uri(begins("/a/")), earlier[:len(earlier)-1], nil)
	require.Equal(t, Alive, verdict)
}

func TestBudget(t *testing.T) {
	earlier := []Box{with("x", anything()), without("x", anything())}
	budget := 3 * comparison
	verdict, _, _ := Subtract(uri(begins("/a")), earlier, &budget)
	require.Equal(t, Undecided, verdict)
	budget = 100 * comparison
	verdict, _, _ = Subtract(uri(begins("/a")), earlier, &budget)
	require.Equal(t, Empty, verdict)
	require.Positive(t, budget)
	require.Less(t, budget, 100*comparison)
}

func TestMeet(t *testing.T) {
	both, verdict := Meet(uri(begins("/foo")), uri(like("/foo/[0-9]+")), nil)
	require.Equal(t, Alive, verdict)
	require.True(t, both.Matches(Request{Path: "/foo/7"}))
	_, verdict = Meet(uri(begins("/foo")), uri(begins("/bar")), nil)
	require.Equal(t, Empty, verdict)
	_, verdict = Meet(uri(like("/[a-c]+x")), uri(like("/[d-f]+x")), nil)
	require.Equal(t, Empty, verdict)
	_, verdict = Meet(uri(like("/[a-c]+x")), uri(like("/.*x")), nil)
	require.Equal(t, Alive, verdict)
}

// What a box asks of the authority, for those who look up names rather than compare with each host.
func TestAuthorities(t *testing.T) {
	for _, c := range []struct {
		ask  *networking.StringMatch
		list []string
		may  map[string]bool
	}{
		{nil, nil, map[string]bool{"*": true, "a.x.com": true}},
		{is("a.x.com:80"), []string{"a.x.com:80"}, map[string]bool{"*": true, "a.x.com": true, "*.x.com": true, "b.x.com": false}},
		{like("(a|b)[.]x[.]com"), []string{"a.x.com", "b.x.com"}, map[string]bool{"*": true, "B.x.com": true, "c.x.com": false}},
		{begins("a."), nil, map[string]bool{"*": true, "*.x.com": true, "a.x.com": true, "b.x.com": false, "*.b.x.com": true}},
		{like(".*[.]org"), nil, map[string]bool{"*": true, "*.x.com": false, "a.org": true}},
	} {
		b := FromHTTP(&httpMatch{Authority: c.ask})
		list, _ := b.Authorities()
		require.Equal(t, c.list, list, b)
		for host, want := range c.may {
			require.Equal(t, want, b.MayBeFor(host), "%s at %s", b, host)
		}
	}
}

func TestHost(t *testing.T) {
	wild := Host("*.x.com", "a.x.com", "*.b.x.com")
	for authority, want := range map[string]bool{
		"c.x.com": true, "C.X.com:80": true, "d.c.x.com": true, "a.x.com": false, "A.X.COM:8080": false,
		"e.b.x.com": false, "b.x.com": true, "x.com": false, "axxcom": false,
	} {
		require.Equal(t, want, wild.Matches(Request{Authority: authority}), authority)
	}
	r, ok := wild.Witness("*.x.com")
	require.False(t, ok && r.Authority == "a.x.com")
	r, ok = Host("Shop.Example.com").Witness("shop.example.com")
	require.True(t, ok)
	require.Equal(t, "shop.example.com", r.Authority)
	require.True(t, Host("*").Equal(Box{}))
	for _, odd := range []string{"a..x.com", ".x.com", "a.x.com:80.x.com", "[::1].x.com"} {
		require.False(t, Host("*.x.com").Matches(Request{Authority: odd}), odd)
	}
	for host, names := range map[string]int{"*": 2, "*.x.com": 2, "x.com": 1} {
		require.Len(t, Examples(host), names)
		for _, n := range Examples(host) {
			require.True(t, Host(host).Matches(Request{Authority: n}), n)
		}
	}

	in := Host("a.com")
	verdict, _, _ := Subtract(in.And(uri(begins("/x"))), []Box{in}, nil)
	require.Equal(t, Empty, verdict)
	_, verdict = Meet(in, FromHTTP(&httpMatch{Authority: is("b.com")}), nil)
	require.Equal(t, Empty, verdict)
	verdict, _, _ = Subtract(in, []Box{in.And(FromHTTP(&httpMatch{Authority: is("a.com")}))}, nil)
	require.Equal(t, Alive, verdict)
}

func TestWitness(t *testing.T) {
	for _, c := range []struct {
		box  Box
		want Request
	}{
		{Box{}, Request{Path: "/"}},
		{uri(begins("/foo/")), Request{Path: "/foo/"}},
		{uri(like("/api/(v1|v2)/users/[0-9]{3}")), Request{Path: "/api/v1/users/111"}},
		{uri(like("/foo.+")), Request{Path: "/fooa"}},
		{uri(like(".*[.]png")), Request{Path: "/.png"}},
		{anyCase(is("/Foo")), Request{Path: "/foo"}},
		{with("x", anything()), Request{Path: "/", Headers: map[string]string{"x": "1"}}},
		{with("x", is("")), Request{Path: "/", Headers: map[string]string{"x": ""}}},
		{without("x", is("")), Request{Path: "/", Headers: map[string]string{"x": "1"}}},
		{without("x", is("1")), Request{Path: "/"}},
		{with("User-Agent", like(".*Mobile.*")), Request{Path: "/", Headers: map[string]string{"user-agent": "Mobile"}}},
		{with("cookie", like("^(.*?;)?(user=jason)(;.*)?$")), Request{Path: "/", Headers: map[string]string{"cookie": "user=jason"}}},
		{param("p", like("a[0-9]+")), Request{Path: "/", Query: map[string]string{"p": "a1"}}},
		{uri(begins("/a/b")).And(uri(like("/.*/c"))), Request{Path: "/a/b/c"}},
		{
			Box{}.WithSource("ns", map[string]string{"app": "web"}),
			Request{Path: "/", SourceNamespace: "ns", SourceLabels: map[string]string{"app": "web"}},
		},
	} {
		c.want.Method, c.want.Scheme, c.want.Authority = "GET", "http", "a.x.com"
		r, ok := c.box.Witness("*.x.com")
		require.True(t, ok, "%s", c.box)
		if c.want.SourceNamespace == "" {
			c.want.SourceNamespace = r.SourceNamespace
		}
		require.Equal(t, c.want, r, "%s", c.box)
	}
}

func TestString(t *testing.T) {
	b := FromHTTP(&httpMatch{
		Uri: begins("/foo"), IgnoreUriCase: true, Method: is("GET"),
		Headers:        stringMap{"X": is("1"), "y": like("a+"), "z": anything(), ":path": is("/")},
		WithoutHeaders: stringMap{"v": begins("1"), "w": anything()},
		QueryParams:    stringMap{"p": begins("a")},
	})
	require.Equal(t, `path /foo* in any letter case and method = "GET" and header x = "1" and header y matching "a+"`+
		` and header z present and header v not = "1"* and no header w and query parameter p = "a"*`+
		` and header :path = "/" (a pseudo-header)`, b.String())
	require.Equal(t, `path /foo* and header x = "1"`, uri(begins("/foo")).And(with("x", is("1"))).String())
	require.Equal(t, "any request", Box{}.String())
	_, rest, _ := Subtract(uri(begins("/a")), []Box{uri(is("/a"))}, nil)
	require.Equal(t, "path /a* less (path /a)", rest.String())
}

// A name that no request can carry is one of an absent value: conditions that want one are empty, others ask nothing.
func TestNamesOfNothing(t *testing.T) {
	query := func(key string, m *networking.StringMatch) Box {
		return FromHTTP(&networking.HTTPMatchRequest{QueryParams: map[string]*networking.StringMatch{key: m}})
	}
	for _, name := range []string{"a b", "x:y", "", "é", "a(b"} {
		require.True(t, with(name, is("1")).Empty(), name)
		require.True(t, with(name, anything()).Empty(), name)
		require.True(t, without(name, like(".*")).Empty(), "an absent header is an empty one: %s", name)
		require.True(t, without(name, is("1")).Equal(Box{}), name)
		verdict, covering := Covered(Box{}, []Box{with(name, is("1")), without(name, anything())}, nil)
		require.Equal(t, Empty, verdict, name)
		require.Equal(t, []int{1}, covering, name)
	}
	for _, key := range []string{"a b", "a&b", "a=b", "a#b", "é", "a\tb"} {
		require.True(t, query(key, is("1")).Empty(), key)
		require.True(t, query(key, nil).Empty(), key)
	}
	for _, key := range []string{"", "a%20b", "a+b", "a?b", "a[]", "${X}", "{{ .Values.key }}"} {
		require.False(t, query(key, is("1")).Empty(), key)
	}
	for _, name := range []string{"X-Ok", "x_y", "$(NAME)", "${NAME}", "{{ .Values.name }}", "@request.auth.claims.a b"} {
		require.False(t, with(name, is("1")).Empty(), name)
	}
}
