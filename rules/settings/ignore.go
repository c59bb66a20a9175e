package settings

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// Ignore accepts the findings of one rule, on one object or on one line of a file.
type Ignore struct {
	Rule   string
	Reason string
	Until  time.Time // holds to the end of this day (UTC); zero for ever
	Pos    manifest.Pos
	Object *manifest.Object // of an annotation; nil for a comment
	Line   int              // of a comment: the line whose findings it accepts

	problem string // why it is not valid, "" when it is
}

// Suppressed is a finding with the ignore that accepted it.
type Suppressed struct {
	Finding rules.Finding
	By      *Ignore
}

// Applied is what is left of findings after ignores.
type Applied struct {
	Kept       []rules.Finding
	Suppressed []Suppressed
	Unused     []rules.Finding // of rule unused-ignore
}

// Policy is what decides about ignores besides themselves.
type Policy struct {
	Rules []*rules.Rule // all there are: an ignore of any other rule is a mistake
	Ran   []*rules.Rule // those that ran: an ignore of another one may well match nothing
	Now   time.Time
	// Judge tells whether an ignore that matches nothing is reported; nil reports all.
	Judge func(*Ignore) bool
}

const unusedIgnore = "unused-ignore"

// Apply takes out the findings that a valid ignore accepts and reports the ignores that do nothing.
func Apply(findings []rules.Finding, ignores []*Ignore, p Policy) Applied {
	if len(ignores) == 0 {
		return Applied{Kept: findings}
	}
	ran := map[string]bool{}
	for _, r := range p.Ran {
		ran[r.Name] = true
	}
	index := indexIgnores(ignores, p)
	used := map[string]bool{}
	var out Applied
	for _, f := range findings {
		by := index.match(f)
		for _, g := range by {
			used[g.key()] = true
		}
		if len(by) > 0 {
			out.Suppressed = append(out.Suppressed, Suppressed{f, by[0]})
		} else {
			out.Kept = append(out.Kept, f)
		}
	}
	if !ran[unusedIgnore] {
		return out
	}
	for _, g := range ignores {
		why := g.mistake(p)
		if why == "" && ran[g.Rule] && !used[g.key()] {
			why = fmt.Sprintf("the ignore of %q matches no finding: %s", g.Rule, g.reach())
		}
		if why != "" && (p.Judge == nil || p.Judge(g)) {
			out.Unused = append(out.Unused, g.finding(why, p))
		}
	}
	return out
}

// mistake says why an ignore does not count, "" when it does.
func (g *Ignore) mistake(p Policy) string {
	if g.problem != "" {
		return g.problem
	}
	r, err := Lookup(g.Rule, p.Rules)
	switch {
	case err != nil:
		return "the ignore names an " + err.Error()
	case r.Unignorable || r.Name == unusedIgnore:
		return fmt.Sprintf("findings of %q cannot be ignored", g.Rule)
	case g.Reason == "":
		return fmt.Sprintf("the ignore of %q gives no reason, so it does not count", g.Rule)
	case !g.Until.IsZero() && !p.Now.Before(g.Until.AddDate(0, 0, 1)) && slices.Contains(p.Ran, r):
		return fmt.Sprintf("the ignore of %q has expired on %s", g.Rule, g.Until.Format(time.DateOnly))
	}
	return ""
}

func (g *Ignore) reach() string {
	if g.Object != nil {
		return fmt.Sprintf("%s has no finding of that rule", g.Object.ID)
	}
	if g.Line == 0 {
		return "no line follows it"
	}
	return fmt.Sprintf("line %d has no finding of that rule", g.Line)
}

// key is the same for the ignores of copies of one object: the finding is reported for one of them only.
func (g *Ignore) key() string {
	if g.Object != nil {
		return strings.Join([]string{"object", g.Object.Group, g.Object.ID.String(), g.Rule, g.Reason}, "\x00")
	}
	return fmt.Sprintf("line\x00%s\x00%d\x00%d\x00%s", g.Pos.File, g.Pos.Line, g.Line, g.Rule)
}

func (g *Ignore) finding(why string, p Policy) rules.Finding {
	f := rules.Finding{Rule: unusedIgnore, Severity: rules.Warning, Pos: g.Pos, Message: why}
	where := g.Pos.File
	if r, err := Lookup(unusedIgnore, p.Rules); err == nil {
		f.Severity, f.Admission = r.Severity, r.Admission
	}
	if g.Object != nil {
		f.Object, f.API, f.Source = g.Object.ID, g.Object.APIVersion, g.Object
		where = g.Object.Group + "/" + g.Object.ID.String()
	}
	f.Fingerprint = rules.Fingerprint(unusedIgnore, where, g.Rule, g.Reason)
	return f
}

type place struct {
	file string
	line int
	rule string
}

type owner struct {
	id   manifest.ID
	rule string
}

type ignoreIndex struct {
	lines   map[place]*Ignore
	objects map[owner][]*Ignore
}

// indexIgnores keeps the ignores that count.
func indexIgnores(ignores []*Ignore, p Policy) ignoreIndex {
	x := ignoreIndex{map[place]*Ignore{}, map[owner][]*Ignore{}}
	for _, g := range ignores {
		switch {
		case g.mistake(p) != "":
		case g.Object != nil:
			k := owner{g.Object.ID, g.Rule}
			x.objects[k] = append(x.objects[k], g)
		case g.Line > 0:
			k := place{g.Pos.File, g.Line, g.Rule}
			if x.lines[k] == nil {
				x.lines[k] = g
			}
		}
	}
	return x
}

// match gives the ignores that accept a finding.
func (x ignoreIndex) match(f rules.Finding) []*Ignore {
	var out []*Ignore
	if g := x.lines[place{f.Pos.File, f.Pos.Line, f.Rule}]; g != nil {
		out = append(out, g)
	}
	for _, g := range x.objects[owner{f.Object, f.Rule}] {
		if f.Source == g.Object || f.Source == nil && f.Pos.File == g.Object.File() {
			out = append(out, g)
		}
	}
	return out
}
