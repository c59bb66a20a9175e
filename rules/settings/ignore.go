package settings

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// Ignore accepts the findings of one rule, on one object, on one line of a file, or, as an exception of the config, on the objects
// that it names.
type Ignore struct {
	Rule   string
	Reason string
	Owner  string    // who answers for an exception
	Until  time.Time // holds to the end of this day (UTC); zero for ever
	Pos    manifest.Pos

	Object  *manifest.Object // of an annotation
	Code    string           // of istioctl's annotation, in the place of a rule: "IST0101", or "*" for all
	Line    int              // of a comment: the line whose findings it accepts
	Objects []ObjectPattern  // of an exception

	within  *manifest.Object // of a comment: the one that it stands in, nil if that is not told
	problem string           // why it is not valid, "" when it is
	rest    *string          // of the annotation or comment without it; nil where that is not told
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

	used map[string]int  // findings, by key of the ignore
	held map[string]bool // ignores of findings that stand
}

// Accepts is the number of findings that an ignore, or another one for a copy of its object, accepts.
func (a *Applied) Accepts(g *Ignore) int { return a.used[g.key()] }

// Policy is what decides about ignores besides themselves.
type Policy struct {
	Rules []*rules.Rule // all there are: an ignore of any other rule is a mistake
	Ran   []*rules.Rule // those that ran: an ignore of another one may well match nothing
	Now   time.Time
	// Failed tells the rules of which it is not known what else they would have found: an ignore of one may match that; nil for none.
	Failed func(rule string) bool
	// Held tells the rules of which only exceptions count, no ignore in a manifest; nil for none.
	Held func(rule string) bool
	// Judge tells whether an ignore that matches nothing is reported; nil reports all.
	Judge func(*Ignore) bool
}

// UnusedIgnore is the rule that finds ignores that do nothing.
const UnusedIgnore = "unused-ignore"

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
	out := Applied{used: map[string]int{}, held: map[string]bool{}}
	for _, f := range findings {
		by := index.match(f)
		for _, g := range by {
			if f.Stands {
				out.held[g.key()] = true
			} else {
				out.used[g.key()]++
			}
		}
		if len(by) > 0 && !f.Stands {
			out.Suppressed = append(out.Suppressed, Suppressed{f, by[0]})
		} else {
			out.Kept = append(out.Kept, f)
		}
	}
	if !ran[UnusedIgnore] {
		return out
	}
	for _, g := range ignores {
		why, fix := g.Mistake(p), (*string)(nil)
		if why == "" && ran[g.Rule] && !p.failed(g.Rule) && out.Accepts(g) == 0 {
			why, fix = fmt.Sprintf("the %s of %q matches no finding: %s", g.noun(), g.Rule, g.reach()), g.rest
			if out.Refused(g) {
				why = fmt.Sprintf("findings of %q cannot be ignored where their METADATA say ignorable: false", g.Rule)
			}
		}
		if why != "" && (p.Judge == nil || p.Judge(g)) {
			f := g.finding(why, p)
			f.Fix = fix // a mistake, or a day that is over, is for its author to look at
			out.Unused = append(out.Unused, f)
		}
	}
	return out
}

// Refused tells whether all that an ignore is for are findings that stand.
func (a *Applied) Refused(g *Ignore) bool { return a.Accepts(g) == 0 && a.held[g.key()] }

// Expired tells whether the last day of an ignore is over.
func (g *Ignore) Expired(now time.Time) bool {
	return !g.Until.IsZero() && !now.Before(g.Until.AddDate(0, 0, 1))
}

// Mistake says why an ignore does not count, "" when it does. istioctl's annotation is written for istioctl: nothing is wrong with it.
func (g *Ignore) Mistake(p Policy) string {
	if g.problem != "" || g.Code != "" {
		return g.problem
	}
	r, err := Lookup(g.Rule, p.Rules)
	switch {
	case err != nil:
		return "the ignore names an " + err.Error()
	case r.Unignorable || r.Name == UnusedIgnore:
		return fmt.Sprintf("findings of %q cannot be ignored", g.Rule)
	case g.Objects == nil && p.held(g.Rule):
		return fmt.Sprintf("findings of %q cannot be ignored here: the config has ignorable: false", g.Rule)
	case g.Reason == "":
		return fmt.Sprintf("the ignore of %q gives no reason, so it does not count", g.Rule)
	case g.Expired(p.Now) && slices.Contains(p.Ran, r):
		return fmt.Sprintf("the %s of %q has expired on %s", g.noun(), g.Rule, g.Until.Format(time.DateOnly))
	}
	return ""
}

func (p Policy) held(rule string) bool { return p.Held != nil && p.Held(rule) }

func (p Policy) failed(rule string) bool { return p.Failed != nil && p.Failed(rule) }

func (g *Ignore) noun() string {
	if g.Objects != nil {
		return "exception"
	}
	return "ignore"
}

func (g *Ignore) reach() string {
	if g.Objects != nil {
		return "no object that it names has a finding of that rule"
	}
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
		return strings.Join([]string{"object", g.Object.Group, g.Object.ID.String(), g.Rule, g.Code, g.Reason}, "\x00")
	}
	return fmt.Sprintf("line\x00%s\x00%d\x00%d\x00%s", g.Pos.File, g.Pos.Line, g.Line, g.Rule)
}

func (g *Ignore) finding(why string, p Policy) rules.Finding {
	f := rules.Finding{Rule: UnusedIgnore, Severity: rules.Warning, Pos: g.Pos, Message: why}
	where := "" // no path: that is another one from another working directory
	if r, err := Lookup(UnusedIgnore, p.Rules); err == nil {
		f.Severity, f.Admission = r.Severity, r.Admission
	}
	if g.Object != nil {
		f.Object, f.API, f.Source = g.Object.ID, g.Object.APIVersion, g.Object
		where = g.Object.Group + "/" + g.Object.ID.String()
	} else if g.within != nil {
		where = g.within.Group + "/" + g.within.ID.String()
	}
	for _, x := range g.Objects {
		where += strings.Join([]string{"", x.Kind, x.Namespace, x.Name}, "\x00")
	}
	f.Fingerprint = rules.Fingerprint(UnusedIgnore, where, g.Rule+g.Code, g.Reason)
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
	lines      map[place]*Ignore
	objects    map[owner][]*Ignore // by rule, or by istioctl's code
	exceptions map[string][]*Ignore
	codes      map[string][]string // istioctl's, by rule
}

// indexIgnores keeps the ignores that count.
func indexIgnores(ignores []*Ignore, p Policy) ignoreIndex {
	x := ignoreIndex{map[place]*Ignore{}, map[owner][]*Ignore{}, map[string][]*Ignore{}, map[string][]string{}}
	for _, r := range p.Rules {
		if codes := istioCodes(r); len(codes) > 0 && !p.held(r.Name) {
			x.codes[r.Name] = append(codes, "*")
		}
	}
	for _, g := range ignores {
		switch {
		case g.Mistake(p) != "":
		case g.Objects != nil:
			x.exceptions[g.Rule] = append(x.exceptions[g.Rule], g)
		case g.Object != nil:
			k := owner{g.Object.ID, g.Rule + g.Code}
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

// match gives the ignores that accept a finding, exceptions first.
func (x ignoreIndex) match(f rules.Finding) []*Ignore {
	var out []*Ignore
	for _, g := range x.exceptions[f.Rule] {
		if g.Names(f.Object) {
			out = append(out, g)
		}
	}
	if g := x.lines[place{f.Pos.File, f.Pos.Line, f.Rule}]; g != nil {
		out = append(out, g)
	}
	for _, name := range append([]string{f.Rule}, x.codes[f.Rule]...) {
		for _, g := range x.objects[owner{f.Object, name}] {
			if f.Source == g.Object || f.Source == nil && f.Pos.File == g.Object.File() {
				out = append(out, g)
			}
		}
	}
	return out
}

// istioCodes are istioctl's codes for the fault of a rule.
func istioCodes(r *rules.Rule) (out []string) {
	for _, code := range r.AlsoKnownAs {
		if strings.HasPrefix(code, "IST") {
			out = append(out, code)
		}
	}
	return out
}
