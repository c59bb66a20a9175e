package admission

import (
	"context"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	admissionv1 "k8s.io/api/admission/v1"
)

// Review is what policies are asked about a change.
type Review struct {
	Policies *policy.Set
	Heard    func([]*rules.Rule) []*rules.Rule // those of which an answer can speak
	Request  *policy.Request
}

// review is what policies are asked about a request.
func (c Config) review(req *admissionv1.AdmissionRequest, old *manifest.Object) *Review {
	if c.Policies == nil {
		return nil
	}
	return &Review{
		Policies: c.Policies,
		Heard:    func(list []*rules.Rule) []*rules.Rule { return c.Settings.Heard(c.Settings.Select(list, nil, nil)) },
		Request: &policy.Request{
			Operation: string(req.Operation), OldObject: old, User: req.UserInfo.Username, Groups: req.UserInfo.Groups,
			NamespaceLabels: c.labels(req.Namespace), DryRun: req.DryRun != nil && *req.DryRun,
		},
	}
}

// review runs the policies on the object as it is to be, and those that find fault with it on the object as it was.
func (e *Engine) review(ctx context.Context, c Change, before, after *builder, live *policy.Live, out *Effect) error {
	if c.Review == nil || c.After == nil {
		return nil
	}
	of := func(o *manifest.Object) []*rules.Rule {
		return c.Review.Heard(c.Review.Policies.Of(ctx, policy.Review{Object: o, Request: c.Review.Request, Live: live}))
	}
	built := len(out.After)
	if err := e.run(ctx, of(c.After), after, out.Troubles, &out.After); err != nil {
		return err
	}
	found := out.After[built:]
	if len(found) > 0 && c.Before != nil {
		again := slices.DeleteFunc(of(c.Before), func(r *rules.Rule) bool {
			return !slices.ContainsFunc(found, func(f rules.Finding) bool { return f.Rule == r.Name })
		})
		had := Troubles{out.Broken, map[string]string{}}
		if err := e.run(ctx, again, before, had, &out.Before); err != nil {
			return err
		}
		for name, why := range had.Failed { // what was there before is not known, so nothing is new
			out.Failed[name] = why
			found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Rule == name })
		}
	}
	out.After = out.After[:built+len(found)]
	return nil
}

// live answers policies from all live objects, where the slice does not hold what they ask for.
func (e *Engine) live(l *slice) *policy.Live {
	return &policy.Live{
		Object: e.Get,
		Named: func(host string) []*manifest.Object {
			e.mu.RLock()
			defer e.mu.RUnlock()
			var out []*manifest.Object
			for _, by := range []string{byServer, byRoute, byService, byRule} {
				out = append(out, e.index.by[key{by, host}]...)
			}
			return out
		},
		Holds: func(id manifest.ID) bool { return l.changed != "Gateway" && l.core[id.Namespace+"/"+id.Name] },
	}
}
