// Package admission decides about one request of the API server: a pure function from what is known and the request to the
// response. It denies only what the request introduces.
package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	admissionv1 "k8s.io/api/admission/v1"
)

// Config is what a decision rests on besides the request.
type Config struct {
	Engine   *Engine
	Settings *settings.Config
	Policies *policy.Set // nil: there are none
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
	Faults   []settings.Fault // those that the answer speaks of, most severe first
	Troubles
	Err error // of a Failed one
}

// Decide answers a request. Its error says that it could not be judged: the context ended, or what the request carries cannot
// be read; the caller has a failure mode for that.
func Decide(ctx context.Context, c Config, req *admissionv1.AdmissionRequest) (Decision, error) {
	makeRoom(0)
	s, err := read(req, c.Policies != nil)
	if err != nil {
		return Decision{}, err
	}
	if s == nil {
		return Decision{Response: allowed(req), Outcome: Skipped}, nil
	}
	if c.Unready != nil {
		return Decision{}, fmt.Errorf("%w: %w", ErrUnready, c.Unready)
	}
	s.Review = c.review(req, s.Before)
	effect, err := c.Engine.Judge(ctx, s.Change)
	if err != nil {
		return Decision{}, fmt.Errorf("judging the request: %w", err)
	}
	faults, notes := c.Settings.Judge(settings.Submission{
		Before: s.Before, After: s.After, Now: c.Now, Get: c.Engine.Get, Exempt: c.exempt(req),
	}, slices.Concat(s.faultsBefore, effect.Before), slices.Concat(s.faultsAfter, effect.After))
	d := Decision{Outcome: Allowed, Faults: faults, Troubles: effect.Troubles}
	for _, f := range faults {
		switch {
		case f.Action == rules.Deny:
			d.Outcome = Denied
		case f.Spared != "" && d.Outcome == Allowed:
			d.Outcome = WouldDeny
		}
	}
	d.Response = respond(req, s, d, notes)
	return d, nil
}

// makeRoom has the stack of a goroutine grow at once to what a verdict takes. OPA's evaluator calls itself deeply, and to grow by and by
// copies all frames each time: 6 % of a profile of verdicts with twenty policies. The server gives each request a goroutine of its own.
//
//go:noinline
func makeRoom(used int) byte {
	if used == 0 {
		return 0 // the room is there, and nothing was cleared
	}
	var room [100 << 10]byte
	room[used] = 1
	return room[used/2]
}

// Deniable tells whether a request could be denied, whatever it brings.
func (c Config) Deniable(req *admissionv1.AdmissionRequest) bool {
	return Judged(req.Kind) && !c.exempt(req) && (req.Operation != admissionv1.Delete || c.Settings.Admission.DenyDeletes) &&
		c.Settings.Admission.CanDeny(req.Namespace, c.labels(req.Namespace))
}

// labels are those of a namespace.
func (c Config) labels(namespace string) map[string]string {
	if ns := c.Engine.Get(manifest.ID{Kind: "Namespace", Name: namespace}); ns != nil {
		return ns.Labels
	}
	return nil
}

func (c Config) exempt(req *admissionv1.AdmissionRequest) bool {
	user := req.UserInfo.Username
	return c.Settings.Admission.Exempt(user, req.UserInfo.Groups) || req.Operation == admissionv1.Delete && collector(user)
}

// collector tells the users that delete on behalf of others: a namespace that is deleted must not be held up.
func collector(user string) bool {
	return user == "system:serviceaccount:kube-system:namespace-controller" || user == "system:serviceaccount:kube-system:generic-garbage-collector"
}
