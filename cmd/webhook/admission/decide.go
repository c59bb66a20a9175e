// Package admission decides about one request of the API server: a pure function from what is known and the request to the
// response. It denies only what the request introduces.
package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	admissionv1 "k8s.io/api/admission/v1"
)

// Config is what a decision rests on besides the request.
type Config struct {
	Engine   *Engine
	Settings *settings.Config
	Now      time.Time
	Unready  error // why nothing can be judged yet
}

// ErrUnready marks what could not be judged because the live objects are not known yet.
var ErrUnready = errors.New("the cluster's objects are not known yet")

// Outcome is how a request ends.
type Outcome string

const (
	Allowed   Outcome = "allowed"
	Denied    Outcome = "denied"
	WouldDeny Outcome = "would_deny" // allowed, and denied but for the warn mode, an exemption, an ignore or a hand-over
	Skipped   Outcome = "skipped"    // nothing to judge
	Failed    Outcome = "failed"     // gatelint could not judge: the failure mode answered
)

// Decision is the answer to a request, with what logs and metrics say of it.
type Decision struct {
	Response *admissionv1.AdmissionResponse
	Outcome  Outcome
	Faults   []Fault           // those that the answer speaks of, most severe first
	Broken   map[string]string // rules that panicked, with the stack
	Err      error             // of a Failed one
}

// Fault is a finding with what is done about it.
type Fault struct {
	rules.Finding
	Action rules.Decision
	Old    bool // it was there before
	// Spared says why a denial became a warning: "warn", "exempt", "ignore", "handover", "delete"; "" if it did not.
	Spared string
}

// Heard are the rules of which a decision can speak: not those that admission leaves out, unless the settings say otherwise.
func Heard(c *settings.Config, list []*rules.Rule) []*rules.Rule {
	return slices.DeleteFunc(slices.Clone(list), func(r *rules.Rule) bool {
		set := c.Rules[r.Name]
		return r.Admission == rules.Off && r.Elsewhere == rules.Off && set.Admission == nil && set.Severity == nil &&
			!(c.Admission.DenyDeletes && r.Severity == rules.Error) && !c.Admission.Somewhere(r.Name, settings.Strict)
	})
}

// Decide answers a request. Its error says that it could not be judged: the context ended, or what the request carries cannot
// be read; the caller has a failure mode for that.
func Decide(ctx context.Context, c Config, req *admissionv1.AdmissionRequest) (Decision, error) {
	s, err := read(req)
	if err != nil {
		return Decision{}, err
	}
	if s == nil {
		return Decision{Response: allowed(req), Outcome: Skipped}, nil
	}
	if c.Unready != nil {
		return Decision{}, fmt.Errorf("%w: %w", ErrUnready, c.Unready)
	}
	effect, err := c.Engine.Judge(ctx, s.Change)
	if err != nil {
		return Decision{}, fmt.Errorf("judging the request: %w", err)
	}
	j := c.judge(req, s)
	faults := j.judgeAll(slices.Concat(s.faultsBefore, effect.Before), slices.Concat(s.faultsAfter, effect.After))
	d := Decision{Outcome: Allowed, Faults: faults, Broken: effect.Broken}
	for _, f := range faults {
		switch {
		case f.Action == rules.Deny:
			d.Outcome = Denied
		case f.Spared != "" && d.Outcome == Allowed:
			d.Outcome = WouldDeny
		}
	}
	d.Response = respond(req, s, d, j.notes)
	return d, nil
}

// judge is the state of one decision.
type judge struct {
	Config
	*submission
	id        manifest.ID
	labels    map[string]string // of the request's namespace
	exempt    bool
	deleting  bool
	ignored   map[string]bool // fingerprints
	notes     []string        // what is wrong with annotations that were asked
	ownerSeen map[string]bool
}

func (c Config) judge(req *admissionv1.AdmissionRequest, s *submission) *judge {
	j := &judge{Config: c, submission: s, id: s.object().ID, deleting: req.Operation == admissionv1.Delete, ownerSeen: map[string]bool{}}
	if ns := c.Engine.Get(manifest.ID{Kind: "Namespace", Name: j.id.Namespace}); ns != nil {
		j.labels = ns.Labels
	}
	j.exempt = c.Settings.Admission.Exempt(req.UserInfo.Username, req.UserInfo.Groups) || j.deleting && collector(req.UserInfo.Username)
	return j
}

// collector tells the users that delete on behalf of others: a namespace that is deleted must not be held up.
func collector(user string) bool {
	return user == "system:serviceaccount:kube-system:namespace-controller" || user == "system:serviceaccount:kube-system:generic-garbage-collector"
}

// judgeAll compares the findings before and after as multisets of fingerprints.
func (j *judge) judgeAll(before, after []rules.Finding) []Fault {
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
		if severity == rules.Error && j.touches(f) && j.standard(f) != rules.Off && j.enforcement(f) != settings.Silent {
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
	case e == settings.Silent || j.quiet(f):
		x.Action = rules.Off
	case e == settings.Strict && f.Severity >= rules.Warning && !f.Suspect && !own(f):
		x.Action = rules.Deny
	}
	if j.deleting && j.Settings.Admission.DenyDeletes && e != settings.Silent && f.Severity == rules.Error {
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
	if own(f) {
		return rules.Warn
	}
	r := rules.Find(f.Rule)
	if r == nil || r.Preview {
		return rules.Off
	}
	d := r.Elsewhere
	if f.Object.Namespace == j.id.Namespace {
		d = r.Admission
	}
	if set := j.Settings.Rules[f.Rule].Admission; set != nil {
		d = *set
	}
	if d == rules.Deny && (f.Suspect || f.Severity == rules.Info || !j.touches(f)) {
		d = rules.Warn
	}
	return d
}

// own tells a fault of the object by itself. The API server has let it pass: it may know better.
func own(f rules.Finding) bool {
	return f.Rule == "syntax" || f.Rule == "unknown-field" || f.Rule == "invalid-value"
}

// quiet tells a rule that the config has turned off for admission.
func (j *judge) quiet(f rules.Finding) bool {
	s := j.Settings.Rules[f.Rule]
	return s.Off || s.Admission != nil && *s.Admission == rules.Off
}

// spared says why a fault that would be denied is not.
func (j *judge) spared(f rules.Finding, e settings.Enforcement) string {
	switch {
	case e == settings.WarnOnly:
		return "warn"
	case j.deleting && !j.Settings.Admission.DenyDeletes:
		return "delete"
	case j.exempt:
		return "exempt"
	case j.ignored[f.Fingerprint]:
		return "ignore"
	case j.handedOver(f):
		return "handover"
	}
	return ""
}

func (j *judge) enforcement(f rules.Finding) settings.Enforcement {
	return j.Settings.Admission.For(f.Rule, j.id.Namespace, j.labels)
}

func (j *judge) severity(f rules.Finding) rules.Severity {
	if r := rules.Find(f.Rule); r != nil {
		return j.Settings.Severity(f, r.Severity)
	}
	return f.Severity
}

// ends are the objects of a fault.
func ends(f rules.Finding) []manifest.ID {
	out := []manifest.ID{f.Object}
	for _, r := range f.Related {
		if !slices.Contains(out, r.Object) {
			out = append(out, r.Object)
		}
	}
	return out
}

func (j *judge) touches(f rules.Finding) bool { return slices.Contains(ends(f), j.id) }

// ignores gives the fingerprints of the introduced faults that the submitted object itself accepts: only those whose every end
// lies in its namespace, and no rule that the config holds back.
func (j *judge) ignores(introduced []rules.Finding) map[string]bool {
	out := map[string]bool{}
	if j.After == nil {
		return out
	}
	all := rules.All()
	applied := settings.Apply(introduced, settings.Annotations([]*manifest.Object{j.After}), settings.Policy{Rules: all, Ran: all, Now: j.Now})
	for _, s := range applied.Suppressed {
		f := s.Finding
		foreign := slices.ContainsFunc(ends(f), func(id manifest.ID) bool { return id.Namespace != j.id.Namespace })
		if !foreign && !j.Settings.Admission.NoIgnore(f.Rule, j.id.Namespace, j.labels) {
			out[f.Fingerprint] = true
		}
	}
	return out
}

// handedOver tells whether every other end of a clash has agreed to it: the present owner by its annotation, or the submitted
// object by its own for one of its namespace.
func (j *judge) handedOver(f rules.Finding) bool {
	if j.After == nil || !j.touches(f) || len(ends(f)) < 2 {
		return false
	}
	for _, id := range ends(f) {
		if id == j.id {
			continue
		}
		other := j.Engine.Get(id)
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
	if why != "" && !j.ownerSeen[why] {
		j.ownerSeen[why] = true
		j.notes = append(j.notes, why)
	}
	return ok
}
