package settings

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// Submission is a change that is asked for: an object that is not there before or after it is nil.
type Submission struct {
	Before, After *manifest.Object
	Exempt        bool // who asks is warned where others are denied
	Now           time.Time
	Get           func(manifest.ID) *manifest.Object // what else there is: owners of hosts, Namespaces; nil for what there is not
}

// Fault is a finding with what admission does about it.
type Fault struct {
	rules.Finding
	Action rules.Decision
	Old    bool // it was there before
	// Spared says why a denial became a warning: "warn", "exempt", "ignore", "handover", "delete"; "" if it did not.
	Spared string
}

// asked are the kinds about which admission is asked.
var asked = map[string]bool{"Gateway": true, "VirtualService": true, "DestinationRule": true, "ServiceEntry": true, "Sidecar": true}

// Asked tells whether admission is asked about objects of a kind.
func Asked(group, kind string) bool { return group == "networking.istio.io" && asked[kind] }

// Heard are the rules of which a decision can speak: not those that admission leaves out, unless the settings say otherwise.
func (c *Config) Heard(list []*rules.Rule) []*rules.Rule {
	return slices.DeleteFunc(slices.Clone(list), func(r *rules.Rule) bool {
		set := c.Rules[r.Name]
		return r.Admission == rules.Off && r.Elsewhere == rules.Off && set.Admission == nil && set.Severity == nil &&
			!(c.Admission.DenyDeletes && r.Severity == rules.Error) && !c.Admission.Somewhere(r.Name, Strict)
	})
}

// Judge says what admission does about a change, given the findings before and after it: only what the change introduces can be
// denied. The faults that it speaks of come most severe first; the notes say what is wrong with annotations that it looked at.
func (c *Config) Judge(s Submission, before, after []rules.Finding) (faults []Fault, notes []string) {
	j := &judge{Submission: s, config: c, deleting: s.After == nil, seen: map[string]bool{}}
	if s.After != nil {
		j.id = s.After.ID
	} else {
		j.id = s.Before.ID
	}
	if ns := s.Get(manifest.ID{Kind: "Namespace", Name: j.id.Namespace}); ns != nil {
		j.labels = ns.Labels
	}
	faults = j.all(c.accepted(before, s.Now), c.accepted(after, s.Now))
	j.written()
	return faults, j.notes
}

// written notes what is wrong with the annotations that a request brings: nothing else says so before they are needed.
func (j *judge) written() {
	fresh := func(key string) bool {
		return j.After != nil && j.After.Annotations[key] != "" && j.config.Admission.For("", j.id.Namespace, j.labels) != Silent && (j.Before == nil || j.Before.Annotations[key] != j.After.Annotations[key])
	}
	if fresh(Handover) {
		list, wrong := handovers(j.After)
		for _, why := range wrong {
			j.note(why)
		}
		for _, h := range list {
			if h.over(j.Now) {
				j.note(h.expired(j.After))
			}
		}
	}
	if fresh(Annotation) {
		all := j.config.All()
		for _, g := range Annotations([]*manifest.Object{j.After}) {
			if why := g.Mistake(Policy{Rules: all, Ran: all, Now: j.Now}); why != "" && g.Code == "" {
				j.note(fmt.Sprintf("%s of %s: %s", Annotation, j.id, why))
			}
		}
	}
}

func (j *judge) note(why string) {
	if !j.seen[why] {
		j.seen[why] = true
		j.notes = append(j.notes, why)
	}
}

// judge is the state of one decision.
type judge struct {
	Submission
	config   *Config
	id       manifest.ID
	labels   map[string]string // of the object's namespace
	deleting bool
	ignored  map[string]bool // fingerprints
	notes    []string
	seen     map[string]bool // notes
}

// own tells whether a namespace is the submitted object's. One that files leave open can be.
func (j *judge) own(namespace string) bool {
	return namespace == j.id.Namespace || namespace == "" || j.id.Namespace == ""
}

// all compares the findings before and after as multisets of fingerprints.
func (j *judge) all(before, after []rules.Finding) []Fault {
	had := map[string]int{}
	for _, f := range before {
		had[f.Fingerprint]++
	}
	var introduced, old []rules.Finding
	for _, f := range after {
		if had[f.Fingerprint]--; had[f.Fingerprint] < 0 {
			introduced = append(introduced, f)
		} else {
			old = append(old, f)
		}
	}
	j.ignored = j.ignores(introduced)
	var out []Fault
	for _, f := range introduced {
		if x := j.introduced(f); x.Action != rules.Off {
			out = append(out, x)
		}
	}
	for _, f := range old {
		severity := j.severity(f)
		f.Severity = severity
		if severity == rules.Error && j.touches(f) && j.standard(f) != rules.Off && j.enforcement(f) != Silent {
			out = append(out, Fault{Finding: f, Action: rules.Warn, Old: true})
		}
	}
	slices.SortStableFunc(out, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(b.Action, a.Action), order(a.Old, b.Old), cmp.Compare(b.Severity, a.Severity))
	})
	return out
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// introduced says what is done about a fault that the request brings.
func (j *judge) introduced(f rules.Finding) Fault {
	f.Severity = j.severity(f)
	x := Fault{Finding: f, Action: j.standard(f)}
	e := j.enforcement(f)
	switch {
	case e == Silent || j.quiet(f):
		x.Action = rules.Off
	case e == Strict && f.Severity >= rules.Warning && !f.Suspect && !byItself(f):
		x.Action = rules.Deny
	}
	if j.deleting && j.config.Admission.DenyDeletes && e != Silent && f.Severity == rules.Error {
		x.Action = rules.Deny
	}
	if x.Action == rules.Deny {
		if x.Spared = j.spared(f, e); x.Spared != "" {
			x.Action = rules.Warn
		}
	} else if j.ignored[f.Fingerprint] {
		x.Action = rules.Off
	}
	return x
}

// standard is what standard enforcement does. It never denies for what is not proven, for what changes no outcome, nor for a fault
// of others that the request only brings to light: who mends a Gateway does not answer for the VirtualServices on it.
func (j *judge) standard(f rules.Finding) rules.Decision {
	if byItself(f) {
		return rules.Warn
	}
	r := j.config.Find(f.Rule)
	if r == nil || r.Preview {
		return rules.Off
	}
	d := r.Elsewhere
	if j.own(f.Object.Namespace) {
		d = f.Admission
	}
	if set := j.config.Rules[f.Rule].Admission; set != nil {
		d = *set
	}
	if d == rules.Deny && (f.WarnOnly || f.Suspect || f.Severity == rules.Info || !j.touches(f)) {
		d = rules.Warn
	}
	return d
}

// byItself tells a fault of the object by itself. The API server has let it pass: it may know better.
func byItself(f rules.Finding) bool {
	return f.Rule == "syntax" || f.Rule == "unknown-field" || f.Rule == "invalid-value"
}

// quiet tells a rule that the config has turned off for admission.
func (j *judge) quiet(f rules.Finding) bool {
	s := j.config.Rules[f.Rule]
	return s.Off || s.Admission != nil && *s.Admission == rules.Off
}

// spared says why a fault that would be denied is not.
func (j *judge) spared(f rules.Finding, e Enforcement) string {
	switch {
	case e == WarnOnly:
		return "warn"
	case j.deleting && !j.config.Admission.DenyDeletes:
		return "delete"
	case j.Exempt:
		return "exempt"
	case j.ignored[f.Fingerprint]:
		return "ignore"
	case j.handedOver(f):
		return "handover"
	}
	return ""
}

func (j *judge) enforcement(f rules.Finding) Enforcement {
	return j.config.Admission.For(f.Rule, j.id.Namespace, j.labels)
}

func (j *judge) severity(f rules.Finding) rules.Severity {
	if r := j.config.Find(f.Rule); r != nil {
		return j.config.Severity(f, r.Severity)
	}
	return f.Severity
}

func (j *judge) touches(f rules.Finding) bool { return slices.Contains(f.Ends(), j.id) }

// ignores gives the fingerprints of the introduced faults that the submitted object itself accepts: only those whose every end
// lies in its namespace, and no rule that the config holds back.
func (j *judge) ignores(introduced []rules.Finding) map[string]bool {
	out := map[string]bool{}
	if j.After == nil {
		return out
	}
	all := j.config.All()
	applied := Apply(introduced, Annotations([]*manifest.Object{j.After}), Policy{Rules: all, Ran: all, Now: j.Now})
	for _, s := range applied.Suppressed {
		f := s.Finding
		foreign := slices.ContainsFunc(f.Ends(), func(id manifest.ID) bool { return !j.own(id.Namespace) })
		if !foreign && !j.config.NoIgnore(f.Rule, j.id.Namespace, j.labels) {
			out[f.Fingerprint] = true
		}
	}
	return out
}

// handedOver tells whether every other end of a clash has agreed to it: the present owner by its annotation, or the submitted
// object by its own for one of its namespace.
func (j *judge) handedOver(f rules.Finding) bool {
	if j.After == nil || !j.touches(f) || len(f.Ends()) < 2 {
		return false
	}
	for _, id := range f.Ends() {
		if id == j.id {
			continue
		}
		other := j.Get(id)
		if other == nil || !j.agreed(other) {
			return false
		}
	}
	return true
}

func (j *judge) agreed(other *manifest.Object) bool {
	ok, why := yields(other, j.After, j.Now)
	if !ok && other.Namespace == j.id.Namespace {
		var own string
		if ok, own = yields(j.After, other, j.Now); own != "" {
			why = own
		}
	}
	if why != "" {
		j.note(why)
	}
	return ok
}
