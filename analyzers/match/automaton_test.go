package match

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// expression writes a random one of a small language.
func (pick choice) expression(depth int) string {
	if depth == 0 {
		return pick.from([]string{"a", "b", "/", "1", ".", "[ab]", "[^a]", `\d`, `\w`, "(?i:k)", "é", "[à-ü]", `\pL`, "aab", ""})
	}
	switch sub := pick.expression(depth - 1); pick(9) {
	case 0:
		return sub + "|" + pick.expression(depth-1)
	case 1:
		return "(?:" + sub + ")*"
	case 2:
		return "(" + sub + ")+"
	case 3:
		return "(?:" + sub + ")?"
	case 4:
		return "(?:" + sub + "){1,3}"
	case 5:
		return pick.from([]string{"^", "$", `\b`, `\B`, "(?m:^)", "(?m:$)"}) + sub
	default:
		return sub + pick.expression(depth-1)
	}
}

func (pick choice) text() string {
	var b strings.Builder
	for range pick(7) {
		b.WriteString(pick.from([]string{"a", "b", "/", "1", "K", "k", "\u212a", "é", "-", "\n", "_"}))
	}
	return b.String()
}

func TestAutomatonAgainstRegexp(t *testing.T) {
	matched := 0
	for seed := range uint64(3000) {
		pick := random(seed)
		source := pick.expression(pick(4))
		p, err := newPattern(source)
		require.NoError(t, err)
		want := regexp.MustCompile(`\A(?:` + source + `)\z`)
		for range 30 {
			text := pick.text()
			state, budget := begin, DefaultBudget
			for _, r := range text {
				state = p.auto.step(state, r, &budget)
			}
			accepts, ahead := p.auto.at(state)
			require.Equal(t, want.MatchString(text), accepts, "%q on %q", source, text)
			require.True(t, !accepts || ahead == 0)
			if want.MatchString(text) {
				matched++
			}
		}
	}
	require.Greater(t, matched, 3000)
}

// On any UTF-8 an automaton says what regexp says of its bytes. An expression that tells no characters beyond ASCII apart says the
// same if each of them is another one, and so a single byte in Latin-1: how Envoy reads them makes no difference.
func TestBeyondASCII(t *testing.T) {
	matched, alike := 0, 0
	for seed := range uint64(3000) {
		pick := random(seed)
		source := pick.expression(pick(4))
		p, err := newPattern(source)
		require.NoError(t, err)
		want := regexp.MustCompile(`\A(?:` + source + `)\z`)
		accepts := func(text string) bool {
			state, budget := begin, DefaultBudget
			for _, r := range text {
				state = p.auto.step(state, r, &budget)
			}
			accepts, _ := p.auto.at(state)
			return accepts
		}
		for range 20 {
			var text, latin1 []rune
			for range pick(6) {
				r, other := rune(pick(utf8.RuneSelf)), rune(0)
				if other = r; pick(2) == 0 {
					r, other = rune(utf8.RuneSelf+pick(0xd800-utf8.RuneSelf)), rune(utf8.RuneSelf+pick(utf8.RuneSelf))
				}
				text, latin1 = append(text, r), append(latin1, other)
			}
			require.Equal(t, want.MatchString(string(text)), accepts(string(text)), "%q on %q", source, string(text))
			if accepts(string(text)) {
				matched++
			}
			if !p.auto.beyond && !strings.ContainsAny(string(text), "\u017f\u212a") {
				require.Equal(t, accepts(string(text)), accepts(string(latin1)), "%q on %q and %q", source, string(text), string(latin1))
				alike++
			}
		}
	}
	require.Greater(t, matched, 1000)
	require.Greater(t, alike, 10_000)
}

// What a difference of expressions is said to be, every short string says too.
func TestDifferencesAgainstEveryText(t *testing.T) {
	texts := []string{"/"}
	for from := 0; len(texts) < 3000; from++ {
		for _, r := range "ab/1k" {
			texts = append(texts, texts[from]+string(r))
		}
	}
	var seen [3]int
	for seed := range uint64(1500) {
		pick := random(seed)
		draw := func() Box { return uri(like("/" + pick.expression(pick(4)))) }
		b, earlier := draw(), []Box{draw(), draw()}
		verdict, rest, _ := Subtract(b, earlier, nil)
		seen[verdict]++
		left := ""
		for _, text := range texts {
			r := Request{Path: text}
			if universes[path].holds(text) && b.Matches(r) && !earlier[0].Matches(r) && !earlier[1].Matches(r) {
				left = text
				break
			}
		}
		require.NotEqual(t, Undecided, verdict)
		if verdict == Empty {
			require.Empty(t, left, "%s after %s", b, earlier)
			continue
		}
		r, ok := rest.Witness()
		require.True(t, ok, "%s", rest)
		if left != "" {
			require.LessOrEqual(t, len([]rune(r.Path)), len(left), "%s is not the shortest, %s is", r.Path, left)
		}
	}
	require.Greater(t, seen[Empty], 200)
	require.Greater(t, seen[Alive], 200)
}

// Expressions made to explode end in time, decided or not.
func TestNastyExpressions(t *testing.T) {
	long := make([]string, 50)
	for i := range long {
		long[i] = ".*" + strings.Repeat(string(rune('a'+i%26)), i%5+2) + ".*"
	}
	nasty := []string{
		"/(a|aa)*b", "/.*a.{20}", "/(.*a){12}.*", "/" + strings.Join(long, "|"), "/(?:a?){60}a{60}", `/(\pL{1,40})+`, "/((a+)+)+c",
		"/.*(a|b).{15}(c|d).{15}", "/[ab]*a[ab]{24}",
	}
	for _, a := range nasty {
		for _, b := range nasty {
			start, budget := time.Now(), DefaultBudget
			verdict, _, _ := Subtract(uri(like(a)), []Box{uri(like(b)), uri(like(b + "?"))}, &budget)
			require.Less(t, time.Since(start), 3*time.Second, "%s after %s", a, b)
			if a == b {
				require.Equal(t, Empty, verdict)
			}
		}
	}
	verdict, _, _ := Subtract(uri(like("/(a|aa)*b")), []Box{uri(like("/a*b"))}, nil)
	require.Equal(t, Empty, verdict)
	verdict, _, _ = Subtract(uri(like("/.*a.{20}")), []Box{uri(like("/.*a.{19}"))}, nil)
	require.NotEqual(t, Empty, verdict)
}
