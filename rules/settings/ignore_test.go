package settings

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
)

func now(t *testing.T, day string) time.Time {
	at, err := time.Parse(time.DateOnly, day)
	require.NoError(t, err)
	return at
}

// Which lines of a file have a comment, and which line each is about.
func TestComments(t *testing.T) {
	text := strings.Join([]string{
		/*  1 */ "a: 1 # gatelint:ignore r1 -- behind a value",
		/*  2 */ "# gatelint:ignore r2,r3 until=2027-03-01 -- two rules",
		/*  3 */ "",
		/*  4 */ "# prose",
		/*  5 */ "b: |- # gatelint:ignore r4 -- on the head of a block",
		/*  6 */ "  # gatelint:ignore no -- in the block",
		/*  7 */ "",
		/*  8 */ "c: \"x # gatelint:ignore no",
		/*  9 */ "  # gatelint:ignore no \\\" -- still\" # gatelint:ignore r5 -- after the string",
		/* 10 */ "d: it's # gatelint:ignore r6 -- an apostrophe opens nothing",
		/* 11 */ "e: [ 'it''s # gatelint:ignore no', \"# gatelint:ignore no\", {f: g#gatelint:ignore no} ] # gatelint:ignore r7 -- flow",
		/* 12 */ "- - key: >2",
		/* 13 */ "       # gatelint:ignore no -- folded",
		/* 14 */ "    # gatelint:ignore r8 -- left of the block",
		/* 15 */ "g: 'open",
		/* 16 */ "---",
		/* 17 */ "h: !!str |",
		/* 18 */ " # gatelint:ignore no",
		/* 19 */ "i: # gatelint-webhook:ignore nothing",
		/* 20 */ "# gatelint:ignore r9 -- at the end\r",
	}, "\n")
	type mark struct {
		rule         string
		at, for_     int
		reason, when string
	}
	var got []mark
	for _, g := range Comments("f", []byte(text), nil) {
		require.Empty(t, g.problem)
		when := ""
		if !g.Until.IsZero() {
			when = g.Until.Format(time.DateOnly)
		}
		got = append(got, mark{g.Rule, g.Pos.Line, g.Line, g.Reason, when})
	}
	require.Equal(t, []mark{
		{"r1", 1, 1, "behind a value", ""},
		{"r2", 2, 5, "two rules", "2027-03-01"},
		{"r3", 2, 5, "two rules", "2027-03-01"},
		{"r4", 5, 5, "on the head of a block", ""},
		{"r5", 9, 9, "after the string", ""},
		{"r6", 10, 10, "an apostrophe opens nothing", ""},
		{"r7", 11, 11, "flow", ""},
		{"r8", 14, 15, "left of the block", ""},
		{"r9", 20, 0, "at the end", ""},
	}, got)
}

// What is nearly a directive, or annotation, of ours is told; prose and what other programs read is not.
func TestNearlyOurs(t *testing.T) {
	for text, told := range map[string]string{
		"# gatelint:disable x":                                 "gatelint:disable",
		"a: 1 # gatelint-ignore":                               "gatelint-ignore",
		"#gatelint:ignores x -- y":                             "gatelint:ignores",
		"# gatelint:ingore: x":                                 "gatelint:ingore",
		"# gatelint-disable-next-line x":                       "gatelint-disable-next-line",
		"# gatelint_ignore":                                    "gatelint_ignore",
		"# GATELINT:IGNORE shadowed-match":                     "GATELINT:IGNORE",
		"# Gatelint: ignore shadowed-match":                    "Gatelint: ignore",
		"# gatelint/ignore shadowed-match":                     "gatelint/ignore",
		"a: 1 # gatelint ignore rewrite-slash,no-effect -- x":  "gatelint ignore",
		"# gatelint  disable: shadowed-match":                  "gatelint  disable",
		"# gatelint: ignored by the webhook":                   "",
		"# Gatelint-ignore comments go here":                   "",
		"# gatelint ignore":                                    "",
		"# gatelint ignore the rest":                           "",
		"# gatelint ignores shadowed-match":                    "",
		"# gatelint/ignore lists them":                         "",
		"# gatelint.io/ignore: no-effect":                      "",
		"# gatelint ignores this":                              "",
		"# gatelint-webhook takes this":                        "",
		"# gatelint:ignore.yaml is ours":                       "",
		"# see gatelint:disable":                               "",
		"# gatelint: ignore of this file is decided in c.yaml": "",
		"# gatelint: ignore everything else that it says":      "",
		"# gatelint-ignore files are not used here":            "",
		"# gatelint: ignore":                                   "gatelint: ignore",
		"# gatelint: ignore shadowd-match":                     "gatelint: ignore",
		"# gatelint: ignore my-own -- a policy":                "gatelint: ignore",
		"# gatelint-ignore shadowd-match":                      "gatelint-ignore",
		"a: \"# gatelint:disable x\"":                          "",
	} {
		var got string
		for _, g := range Comments("f", []byte(text), nil) {
			got += g.problem
		}
		if told != "" {
			told = fmt.Sprintf("%q is not read: write \"# gatelint:ignore rule -- reason\"", told)
		}
		require.Equal(t, told, got, text)
	}
	o := &manifest.Object{Annotations: map[string]string{
		"gatelint.io/ignores": "a: b", "gatlint.io/Ignore": "a: b", "gatelint.io/hand-over": "x", "gatelint.io/hosts": "x", "example.com/ignore": "x",
	}}
	var got []string
	for _, g := range Annotations([]*manifest.Object{o}) {
		got = append(got, g.problem)
	}
	require.Equal(t, []string{
		`the annotation "gatelint.io/hand-over" is not read; did you mean "gatelint.io/handover"?`,
		`the annotation "gatelint.io/ignores" is not read; did you mean "gatelint.io/ignore"?`,
		`the annotation "gatlint.io/Ignore" is not read; did you mean "gatelint.io/ignore"?`,
	}, got)
}

// The last day of an ignore is written in two ways; each says which is read there.
func TestUntil(t *testing.T) {
	for text, want := range map[string]string{
		"until=2026-01-01": "", "until 2026-01-01": `"until 2026-01-01" is not read here: write "until=2026-01-01"`,
		"until=": `"" is no date: write YEAR-MONTH-DAY`, "until then": `"then" is no date: write YEAR-MONTH-DAY`,
	} {
		got := parseComment("# gatelint:ignore a " + text + " -- x")
		require.Len(t, got, 1)
		require.Equal(t, "a", got[0].Rule)
		require.Equal(t, want, got[0].problem)
	}
}

func FuzzComments(f *testing.F) {
	f.Add("a: |\n  # gatelint:ignore x -- y\nb: 'c' # gatelint:ignore x")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		for _, g := range Comments("f", []byte(text), nil) {
			if g.Pos.Line < 1 || g.Pos.Line > lines || g.Line > lines || g.Line != 0 && g.Line < g.Pos.Line {
				t.Fatalf("%+v", g)
			}
		}
	})
}

func TestAnnotationText(t *testing.T) {
	type entry struct{ rule, until, reason, problem string }
	for text, want := range map[string][]entry{
		"a: because":                  {{"a", "", "because", ""}},
		"a, b: because":               {{"a", "", "because", ""}, {"b", "", "because", ""}},
		"a until 2027-03-01: x; b":    {{"a", "2027-03-01", "x", ""}, {"b", "", "", ""}},
		"a: x; b until=2027-03-01: y": {{"a", "", "x", ""}, {"b", "2027-03-01", "y", `"until=2027-03-01" is not read here: write "until 2027-03-01"`}},
		"a: this; and that":           {{"a", "", "this; and that", ""}},
		"a until then: x":             {{"a", "", "x", `"then" is no date: write YEAR-MONTH-DAY`}},
		" ":                           {{"", "", "", `gatelint.io/ignore is empty: write "rule: reason"`}},
		"just ignore it":              {{"", "", "", `"just ignore it" is no ignore: write "rule: reason"`}},
	} {
		var got []entry
		for _, g := range parseAnnotation(text) {
			until := ""
			if !g.Until.IsZero() {
				until = g.Until.Format(time.DateOnly)
			}
			got = append(got, entry{g.Rule, until, g.Reason, g.problem})
		}
		require.Equal(t, want, got, text)
	}
}

// The webhook's half: an object without a file.
func TestAnnotationsOfLiveObject(t *testing.T) {
	o := &manifest.Object{
		ID:          manifest.ID{Group: "networking.istio.io", Kind: "Gateway", Namespace: "edge", Name: "public"},
		Annotations: map[string]string{Annotation: "shadowed-match until 2026-06-30: moved; no-effect: nothing there"},
		Labels:      map[string]string{Annotation: "misplaced"},
	}
	other := *o
	other.Name, other.Annotations, other.Labels = "other", nil, nil
	findings := []rules.Finding{
		{Rule: "shadowed-match", Object: o.ID, Source: o, Fingerprint: "1"},
		{Rule: "shadowed-match", Object: other.ID, Source: &other, Fingerprint: "2"},
	}
	ignores := Annotations([]*manifest.Object{o, &other})
	messages := func(a Applied) (out []string) {
		for _, f := range a.Unused {
			out = append(out, f.Message)
		}
		return out
	}
	misplaced := `gatelint.io/ignore is read under metadata.annotations of Gateway edge/public only, not at metadata.labels["gatelint.io/ignore"]`
	nothing := `the ignore of "no-effect" matches no finding: Gateway edge/public has no finding of that rule`

	a := Apply(findings, ignores, Policy{Rules: list, Ran: list, Now: now(t, "2026-06-30").Add(23 * time.Hour)})
	require.Len(t, a.Kept, 1)
	require.Equal(t, "2", a.Kept[0].Fingerprint)
	require.Len(t, a.Suppressed, 1)
	require.Equal(t, "moved", a.Suppressed[0].By.Reason)
	require.Equal(t, []string{nothing, misplaced}, messages(a))

	a = Apply(findings, ignores, Policy{Rules: list, Ran: list, Now: now(t, "2026-07-01")})
	require.Len(t, a.Kept, 2)
	require.Equal(t, []string{`the ignore of "shadowed-match" has expired on 2026-06-30`, nothing, misplaced}, messages(a))

	ran := []*rules.Rule{list[0], list[3]}
	a = Apply(findings, ignores, Policy{Rules: list, Ran: ran, Now: now(t, "2026-01-01")})
	require.Equal(t, []string{misplaced}, messages(a), "no-effect did not run")

	a = Apply(findings, ignores, Policy{Rules: list, Ran: list[:1], Now: now(t, "2026-01-01")})
	require.Empty(t, a.Unused, "unused-ignore did not run")
	require.Len(t, a.Suppressed, 1)
}

// An ignore in each of two copies of one object: the finding stands on one of them, neither ignore is unused.
func TestIgnoreOfCopies(t *testing.T) {
	id := manifest.ID{Kind: "Gateway", Name: "public"}
	text := map[string]string{Annotation: "shadowed-match: known"}
	a, b := &manifest.Object{ID: id, Annotations: text}, &manifest.Object{ID: id, Annotations: text}
	got := Apply([]rules.Finding{{Rule: "shadowed-match", Object: id, Source: a}}, Annotations([]*manifest.Object{a, b}), Policy{Rules: list, Ran: list})
	require.Empty(t, got.Kept)
	require.Empty(t, got.Unused)
}

// istioctl's annotation counts exactly as istioctl reads it: it compares what stands between commas with the code, and with "*".
func TestIstioAnnotation(t *testing.T) {
	for text, want := range map[string]struct {
		kept   bool
		unused int
	}{
		"IST0130": {}, "*": {}, "IST0101,IST0130": {}, "IST0130,": {}, "IST0103,*": {},
		"":                           {kept: true},
		"IST0101":                    {kept: true},
		"ist0130":                    {kept: true, unused: 1},
		" IST0130":                   {kept: true, unused: 1},
		"IST0101, IST0130":           {kept: true, unused: 1},
		"IST0130 , *":                {kept: true, unused: 2},
		"IST013*":                    {kept: true, unused: 1},
		"IST0130=Gateway public":     {kept: true, unused: 1},
		"IST0130=Gateway public.a,*": {unused: 1},
		"IST9999,*":                  {unused: 1},
		"IST130":                     {kept: true, unused: 1},
		"KIA1106,IST0130":            {unused: 1},
	} {
		o := &manifest.Object{ID: manifest.ID{Kind: "Gateway", Name: "public"}, Annotations: map[string]string{IstioAnnotation: text}}
		got := Apply([]rules.Finding{{Rule: "shadowed-match", Object: o.ID, Source: o}}, Annotations([]*manifest.Object{o}), Policy{Rules: list, Ran: list})
		require.Equal(t, want.kept, len(got.Kept) == 1, text)
		require.Len(t, got.Unused, want.unused, text)
		for _, f := range got.Unused {
			require.Regexp(t, "suppresses nothing: istioctl (reads codes there|1.31 has no such code)", f.Message, text)
		}
	}
}

// TestStands holds that nothing accepts a finding that stands, though others of its rule can be accepted.
func TestStands(t *testing.T) {
	a := &manifest.Object{ID: manifest.ID{Kind: "Gateway", Name: "a"}, Annotations: map[string]string{Annotation: "shadowed-match: agreed"}}
	b := &manifest.Object{ID: manifest.ID{Kind: "Gateway", Name: "b"}}
	stands, other := rules.Finding{Rule: "shadowed-match", Object: a.ID, Source: a, Stands: true}, rules.Finding{Rule: "shadowed-match", Object: a.ID, Source: a}
	exception := &Ignore{Rule: "shadowed-match", Reason: "agreed", Objects: []ObjectPattern{{Kind: "*", Namespace: "*", Name: "b"}}}
	p := Policy{Rules: list, Ran: list}
	got := Apply([]rules.Finding{stands, other}, Annotations([]*manifest.Object{a}), p)
	require.Equal(t, []rules.Finding{stands}, got.Kept)
	require.Empty(t, got.Unused)
	got = Apply([]rules.Finding{stands}, Annotations([]*manifest.Object{a}), p)
	require.Len(t, got.Unused, 1)
	require.Equal(t, `findings of "shadowed-match" cannot be ignored where their METADATA say ignorable: false`, got.Unused[0].Message)
	stands.Object, stands.Source, other.Object = b.ID, b, b.ID
	require.Equal(t, []rules.Finding{stands}, Apply([]rules.Finding{stands, other}, []*Ignore{exception}, p).Kept)
	c := &Config{Exceptions: []*Ignore{exception}}
	require.Equal(t, []rules.Finding{stands}, c.accepted([]rules.Finding{stands, other}, time.Time{}))
}
