// Package audit lints all that is live ever so often, whoever brought it and whenever: what two requests at once brought, what
// came while the webhook was away, and what no webhook sees, such as a Secret that goes.
package audit

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/cmd/webhook/admission"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// writing is the time that Events and reports of one audit have.
const writing = 5 * time.Minute

// Auditor audits on the leader alone. What is new since the last time it tells in the log and in Events, what there is in metrics
// and reports.
type Auditor struct {
	Engine   *admission.Engine
	Basis    func() (*settings.Config, []*rules.Rule) // as they are now; of the rules also those of which admission never speaks
	Interval time.Duration
	Settle   time.Duration // after which what is new must still be there: objects are applied one after the other
	Ready    func() error  // nil once everything has been listed
	Log      *slog.Logger
	Metrics  *Metrics
	Events   *Events  // nil: none are written
	Reports  *Reports // nil: none are written

	last []rules.Finding
}

// NeedLeaderElection is true: one replica speaks for all.
func (a *Auditor) NeedLeaderElection() bool { return true }

// Start audits until the context ends, first as soon as everything is known.
func (a *Auditor) Start(ctx context.Context) error {
	wait := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if wait = a.Interval; a.Ready() != nil {
			wait = min(time.Second, a.Interval)
			continue
		}
		if err := a.run(ctx); err != nil && ctx.Err() == nil {
			a.Metrics.runs.WithLabelValues("failed").Inc()
			a.Log.Error("the audit failed", "event_type", "audit_failed", "error", err.Error())
		}
	}
}

// run audits once. A panic ends this audit, not the process, which answers requests.
func (a *Auditor) run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	start := time.Now()
	found, err := a.confirmed(ctx)
	if err != nil {
		return err
	}
	id := start.UTC().Format(time.RFC3339)
	fresh, gone := without(found, a.last), without(a.last, found)
	a.last = found
	a.tell(id, fresh, gone)
	a.Metrics.set(found, start)
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	if a.Events != nil {
		a.trouble("event", a.Events.send(ctx, fresh))
	}
	if a.Reports != nil {
		a.trouble("report", a.Reports.write(ctx, found, start))
	}
	debug.FreeOSMemory() // the World of everything is large, and the next audit far
	return nil
}

func (a *Auditor) trouble(stage string, errs []error) {
	a.Metrics.errors.WithLabelValues(stage).Add(float64(len(errs)))
	if len(errs) > 0 {
		a.Log.Warn("what the audit found cannot be written", "event_type", "audit_trouble", "stage", stage, "errors", len(errs), "error", errs[0].Error())
	}
}

// confirmed gives what is wrong now. While objects change, what is new counts only if it is still there a little later: what is
// applied together arrives one after the other.
func (a *Auditor) confirmed(ctx context.Context) ([]rules.Finding, error) {
	first, version, err := a.look(ctx)
	if err != nil || len(without(first, a.last)) == 0 {
		return first, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(a.Settle):
	}
	if a.Engine.Version() == version {
		return first, nil
	}
	second, _, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	known := slices.Concat(first, a.last)
	young := without(second, known)
	return without(second, young), nil
}

// look gives what is wrong at one moment, under the settings.
func (a *Auditor) look(ctx context.Context) (found []rules.Finding, version int, err error) {
	config, list := a.Basis()
	live, err := a.Engine.Audit(ctx, list)
	if err != nil {
		return nil, 0, err
	}
	found = settled(live, config, list)
	for rule, stack := range live.Broken {
		a.Metrics.errors.WithLabelValues("rule").Inc()
		a.Log.Error("a rule panicked: its findings are those of the last audit", "event_type", "panic", "rule", rule, "stack", stack)
		found = append(found, a.lastOf(rule)...)
	}
	for rule, why := range live.Failed {
		a.Metrics.errors.WithLabelValues("policy").Inc()
		a.Log.Warn("a policy could not be evaluated to its end: what it found last time is kept", "event_type", "policy_failed", "policy", rule, "error", why)
		found = append(found, without(a.lastOf(rule), found)...)
	}
	return found, live.Version, nil
}

// settled applies the settings: severities, ignores that count, and silence. What standard enforcement leaves alone is told too:
// an audit refuses nothing.
func settled(live admission.Live, config *settings.Config, list []*rules.Rule) []rules.Finding {
	labels := map[string]map[string]string{} // of namespaces
	var istio []*manifest.Object
	for _, o := range live.Objects {
		switch {
		case o.Spec != nil:
			istio = append(istio, o)
		case o.Group == "" && o.Kind == "Namespace":
			labels[o.Name] = o.Labels
		}
	}
	all := config.All()
	// An ignore may be meant for the files alone: that it matches nothing here is no fault.
	ran := slices.DeleteFunc(slices.Clone(list), func(r *rules.Rule) bool { return r.Run == nil })
	ignores := append(settings.Annotations(istio), config.Exceptions...)
	applied := settings.Apply(live.Findings, ignores, settings.Policy{Rules: all, Ran: ran, Now: time.Now()})
	found := applied.Kept
	for _, s := range applied.Suppressed {
		if ns := s.Finding.Object.Namespace; s.By.Objects == nil && config.NoIgnore(s.Finding.Rule, ns, labels[ns]) {
			found = append(found, s.Finding)
		}
	}
	found = slices.DeleteFunc(found, func(f rules.Finding) bool {
		ns := f.Object.Namespace
		return config.Admission.For(f.Rule, ns, labels[ns]) == settings.Silent
	})
	for i, f := range found {
		if r := config.Find(f.Rule); r != nil {
			found[i].Severity = config.Severity(f, r.Severity)
		}
	}
	slices.SortStableFunc(found, func(x, y rules.Finding) int { return cmp.Compare(y.Severity, x.Severity) })
	return found
}

// lastOf are the findings of a rule in the last audit.
func (a *Auditor) lastOf(rule string) (out []rules.Finding) {
	for _, f := range a.last {
		if f.Rule == rule {
			out = append(out, f)
		}
	}
	return out
}

// without takes some findings out of others, as multisets of fingerprints.
func without(list, some []rules.Finding) []rules.Finding {
	have := map[string]int{}
	for _, f := range some {
		have[f.Fingerprint]++
	}
	var out []rules.Finding
	for _, f := range list {
		if have[f.Fingerprint]--; have[f.Fingerprint] < 0 {
			out = append(out, f)
		}
	}
	return out
}

// maxLines is the number of findings that one audit logs each of; metrics count all.
const maxLines = 500

// tell logs what has come and gone, and one line in any case.
func (a *Auditor) tell(id string, fresh, gone []rules.Finding) {
	a.lines(id, "violation_audited", "an audit found a fault", fresh)
	a.lines(id, "violation_resolved", "a fault is gone", gone)
	a.Log.Info("audit", "event_type", "audit_finished", "audit_id", id, "findings", len(a.last), "appeared", len(fresh), "resolved", len(gone))
}

func (a *Auditor) lines(id, event, text string, list []rules.Finding) {
	for i, f := range list {
		if i == maxLines {
			a.Log.Warn("more faults than are logged one by one", "event_type", event+"_more", "audit_id", id, "number", len(list)-i)
			return
		}
		related := []string{}
		for _, r := range f.Related[:min(len(f.Related), maxEnds)] {
			related = append(related, place(r.Object, r.Pos.Path))
		}
		a.Log.Warn(text, "event_type", event, "audit_id", id, "rule", f.Rule, "severity", f.Severity.String(), "evidence", f.Evidence(),
			"kind", f.Object.Kind, "namespace", f.Object.Namespace, "name", f.Object.Name, "path", f.Pos.Path, "message", f.Message,
			"related", related, "fingerprint", f.Fingerprint)
	}
}

// maxEnds is the number of other ends of a fault that are named.
const maxEnds = 10

func place(id manifest.ID, path string) string {
	if path == "" {
		return id.String()
	}
	return id.String() + " " + path
}
