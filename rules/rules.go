// Package rules says what is wrong with what istiod would program. A rule is a value; a pass is its input, findings are its
// output. Rules see the World and its tables, never files, flags or clusters.
package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// Severity of a finding, ordered: Info < Warning < Error.
type Severity int

const (
	Info Severity = iota
	Warning
	Error
)

// String is "info", "warning" or "error".
func (s Severity) String() string { return [...]string{"info", "warning", "error"}[s] }

// Decision is what admission under the standard enforcement does with a fault.
type Decision int

const (
	Off Decision = iota
	Warn
	Deny
)

// String is "off", "warn" or "deny".
func (d Decision) String() string { return [...]string{"off", "warn", "deny"}[d] }

// ParseSeverity reads "error", "warning" or "info".
func ParseSeverity(text string) (Severity, error) {
	for _, s := range []Severity{Info, Warning, Error} {
		if s.String() == text {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%q is no severity: use error, warning or info", text)
}

// ParseDecision reads "deny", "warn" or "off".
func ParseDecision(text string) (Decision, error) {
	for _, d := range []Decision{Off, Warn, Deny} {
		if d.String() == text {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no admission: use deny, warn or off", text)
}

// Rule is one check.
type Rule struct {
	Name        string   // kebab-case, a noun phrase for the fault; never reused
	Doc         string   // first line: the title; then what happens in production and what to do
	Severity    Severity // over files, for a proven fault
	Admission   Decision // the fault's object is the submitted one, or lies in its namespace
	Elsewhere   Decision // it lies in another namespace
	AlsoKnownAs []string // codes of other tools for the same fault: IST0109, KIA1106
	Since       string   // the release that brought it
	Preview     bool     // reports as info and never denies
	Unignorable bool
	Last        bool // runs after the others: Pass.Found gives what those found
	Params      []Param
	Clock       bool        // runs only where a time is given: without one the same files give the same findings
	Run         func(*Pass) // nil for the rules that the loader and the settings report
}

// Param is a number that the config sets: rules.NAME.params.KEY. What it means is in the rule's Doc.
type Param struct {
	Key                  string
	Default, Least, Most int
}

// Title is the first line of Doc.
func (r *Rule) Title() string {
	title, _, _ := strings.Cut(r.Doc, "\n")
	return title
}

// Related is another end of a fault.
type Related struct {
	Object  manifest.ID
	API     string
	Pos     manifest.Pos
	Message string
	Source  *manifest.Object // nil when the end is no single object
}

// Witness is a request that shows a fault, with what becomes of it: the router answered it before it was printed.
type Witness struct {
	URL     string
	Request routing.Request
	Answer  routing.Answer
}

// Finding is one fault with its place, its other ends and, where a request can show it, a witness.
type Finding struct {
	Rule      string
	Severity  Severity
	Suspect   bool     // not proven: a positive sign in open files
	Admission Decision // where the object is the submitted one, or lies in its namespace
	WarnOnly  bool     // standard admission does not deny for it, whatever the rule's decision
	Stands    bool     // no ignore accepts it, though others of the rule can be
	Object    manifest.ID
	API       string // apiVersion of Object
	Pos       manifest.Pos
	Message   string
	Related   []Related
	Witness   *Witness
	Instead   string // what was probably meant in the place of the text at Pos, "" if nothing is near
	// Fix is the value, or comment, that can stand at Pos without asking anyone, as it breaks nothing that works; "" takes out what
	// stands there, with its key or its place in a list. Nil for a fault that people have to look at.
	Fix    *string
	Worlds []string
	// Fingerprint identifies the fault over edits elsewhere: rule, object, the fault's own words, the other end of a clash.
	Fingerprint string
	Source      *manifest.Object // nil when the object could not be read
}

// Evidence is "proven" or "suspect".
func (f Finding) Evidence() string {
	if f.Suspect {
		return "suspect"
	}
	return "proven"
}

// Ends are the objects of a fault, its own first.
func (f Finding) Ends() []manifest.ID {
	out := []manifest.ID{f.Object}
	for _, r := range f.Related {
		if !slices.Contains(out, r.Object) {
			out = append(out, r.Object)
		}
	}
	return out
}

// Reference is a reference of which nothing is known: counted, never reported.
type Reference struct {
	Kind, Namespace, Name string
	By                    *manifest.Object
	Path                  []any
}

// Pass is what a rule sees.
type Pass struct {
	World  *mesh.World
	Tables *routing.Tables

	rule     *Rule
	result   *Result
	refusals *sync.Map // of istiod, by object: func() []validation.Refusal
	found    func() map[*manifest.Object][]Finding
}

// Result is what a run found, findings sorted by place.
type Result struct {
	Findings []Finding
	Unknown  []Reference
	Failed   []Failure // of rules that could not be run to their end: policies
}

// Failure is why a rule could not be run to its end. What else it would have found is not known.
type Failure struct {
	Rule string
	Err  error
}

func (f Failure) Error() string { return f.Err.Error() }
func (f Failure) Unwrap() error { return f.Err }

// Fault is what a rule reports: the place is a path in an object, so that no finding can lack one.
type Fault struct {
	On       *manifest.Object
	Path     []any
	Message  string
	Severity Severity // of a proven fault
	Suspect  bool     // reported as a warning at most
	Ends     []End
	Witness  *Witness
	Instead  string // what was probably meant in the place of the value at Path
	Meant    bool   // nothing but Instead can be meant
	Twice    bool   // the very same stands before it, so that nothing rests on it
	// Words are the fault's own: this match's content, this host, this reference. They and the identities of the clashing
	// ends make the fingerprint.
	Words string
	Clash bool // the ends are as much the fault as the object
	// WarnOnly tells that standard admission does not deny for it, whatever the rule's decision.
	WarnOnly  bool
	Admission *Decision // in the place of the rule's
	Stands    bool      // no ignore accepts it
}

// End is another end of a fault.
type End struct {
	On      *manifest.Object
	Path    []any
	Message string
}

// Report enters a fault.
func (p *Pass) Report(f Fault) {
	x := Finding{
		Rule: p.rule.Name, Severity: f.Severity, Suspect: f.Suspect, Admission: p.rule.Admission, WarnOnly: f.WarnOnly, Stands: f.Stands,
		Object: f.On.ID, API: f.On.APIVersion, Pos: f.On.At(f.Path...), Message: f.Message, Witness: f.Witness, Instead: f.Instead, Source: f.On,
	}
	if f.Suspect && x.Severity > Warning {
		x.Severity = Warning
	}
	if f.Admission != nil {
		x.Admission = *f.Admission
	}
	if f.WarnOnly {
		x.Admission = min(x.Admission, Warn)
	}
	if p.rule.Preview {
		x.Severity, x.Admission = Info, Off
	}
	switch {
	case f.Twice:
		x.Fix = new(string)
	case f.Meant && f.Instead != "" && !f.Suspect && f.Severity == Error: // of a mere warning something works, as it is
		x.Fix = &f.Instead
	}
	words := []string{p.rule.Name, f.On.Group, f.On.ID.String(), f.Words}
	for _, e := range f.Ends {
		x.Related = append(x.Related, Related{Object: e.On.ID, API: e.On.APIVersion, Pos: e.On.At(e.Path...), Message: e.Message, Source: e.On})
		if f.Clash {
			words = append(words, e.On.ID.String())
		}
	}
	x.Fingerprint = Fingerprint(words...)
	p.result.Findings = append(p.result.Findings, x)
}

// Found is what the built-in rules found fault with in an object. Only a rule that runs last is told.
func (p *Pass) Found(o *manifest.Object) []Finding {
	if p.found == nil {
		return nil
	}
	return p.found()[o]
}

// Fail says that the rule could not be run to its end.
func (p *Pass) Fail(err error) { p.result.Failed = append(p.result.Failed, Failure{p.rule.Name, err}) }

// Unknown counts a reference of which nothing is known.
func (p *Pass) Unknown(r Reference) { p.result.Unknown = append(p.result.Unknown, r) }

// open tells whether there is nothing to say of a reference: it is assumed to exist, or nothing is known of it, which is counted.
func (p *Pass) open(r mesh.Resolution, ref Reference) bool {
	if r.State == mesh.Unknown {
		p.Unknown(ref)
	}
	return r.State <= mesh.Found
}

// Fingerprint hashes the words that identify a fault.
func Fingerprint(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Run runs rules over a World and its tables, side by side, those that run last after the others. It panics, in the caller's
// goroutine, if a rule does.
func Run(t *routing.Tables, list []*Rule) Result {
	var refusals sync.Map
	first, last := list, []*Rule(nil)
	if slices.ContainsFunc(list, func(r *Rule) bool { return r.Last }) {
		first = slices.DeleteFunc(slices.Clone(list), func(r *Rule) bool { return r.Last })
		last = slices.DeleteFunc(slices.Clone(list), func(r *Rule) bool { return !r.Last })
	}
	res := together(t, first, &refusals, nil)
	if len(last) > 0 {
		more := together(t, last, &refusals, bySource(res.Findings))
		res.Findings = append(res.Findings, more.Findings...)
		res.Unknown = append(res.Unknown, more.Unknown...)
		res.Failed = append(res.Failed, more.Failed...)
	}
	res.Findings = settled(res.Findings)
	return res
}

func together(t *routing.Tables, list []*Rule, refusals *sync.Map, found func() map[*manifest.Object][]Finding) (res Result) {
	each := make([]Result, len(list))
	var crash atomic.Value
	var group sync.WaitGroup // of all: one that waits for what another works out must keep none from running
	for i, r := range list {
		group.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					crash.Store(fmt.Sprintf("rule %s: %v\n%s", r.Name, p, debug.Stack()))
				}
			}()
			each[i] = r.over(t, refusals, found)
		})
	}
	group.Wait()
	if p := crash.Load(); p != nil {
		panic(p) // where the caller can catch it
	}
	for _, r := range each {
		res.Findings = append(res.Findings, r.Findings...)
		res.Unknown = append(res.Unknown, r.Unknown...)
		res.Failed = append(res.Failed, r.Failed...)
	}
	return res
}

// bySource gives the findings of built-in rules by their object, when they are first asked for.
func bySource(list []Finding) func() map[*manifest.Object][]Finding {
	return sync.OnceValue(func() map[*manifest.Object][]Finding {
		out := map[*manifest.Object][]Finding{}
		for _, f := range settled(slices.Clone(list)) {
			if Find(f.Rule) != nil {
				out[f.Source] = append(out[f.Source], f)
			}
		}
		return out
	})
}

// Alone runs the rule over a World and its tables, in the caller's goroutine, after rules that found something already. It gives what it
// found also with an error.
func (r *Rule) Alone(t *routing.Tables, before []Finding) ([]Finding, error) {
	var found func() map[*manifest.Object][]Finding
	if r.Last {
		found = bySource(before)
	}
	res := r.over(t, &sync.Map{}, found)
	var failed []error
	for _, f := range res.Failed {
		failed = append(failed, f.Err)
	}
	return settled(res.Findings), errors.Join(failed...)
}

func (r *Rule) over(t *routing.Tables, refusals *sync.Map, found func() map[*manifest.Object][]Finding) (res Result) {
	if r.Run != nil {
		r.Run(&Pass{World: t.World, Tables: t, rule: r, result: &res, refusals: refusals, found: found})
	}
	return res
}

func settled(list []Finding) []Finding {
	Sort(list)
	// Several workloads can have one fault of one server.
	return slices.CompactFunc(list, func(a, b Finding) bool {
		return a.Pos == b.Pos && a.Object == b.Object && a.Message == b.Message && a.Fingerprint == b.Fingerprint
	})
}

// FromFault makes a finding of what the loader found.
func FromFault(f manifest.Fault) Finding {
	r := Find(f.Rule)
	x := Finding{Rule: f.Rule, Severity: r.Severity, Admission: r.Admission, Object: f.Object, API: f.API, Pos: f.Pos, Message: f.Message, Instead: f.Instead}
	if f.Warning {
		x.Severity = Warning
	}
	for _, e := range f.Related {
		x.Related = append(x.Related, Related{Object: e.Object, Pos: e.Pos, Message: e.Message})
	}
	x.Fingerprint = Fingerprint(f.Rule, f.Object.String(), listIndex.ReplaceAllString(f.Pos.Path, ""), listIndex.ReplaceAllString(f.Message, ""))
	return x
}

// listIndex is what an item above changes in a path.
var listIndex = regexp.MustCompile(`\[\d+\]`)

// Sort orders findings by file, line, column, rule, path and message; in a cluster, where there are no files, by object then.
func Sort(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Pos.Path, b.Pos.Path), cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Object.String(), b.Object.String()), cmp.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
}

// Find gives the rule of a name, nil if there is none.
func Find(name string) *Rule {
	for _, r := range All() {
		if r.Name == name {
			return r
		}
	}
	return nil
}
