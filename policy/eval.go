package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// subject is what policies are evaluated on: one object, with what is known around it.
type subject struct {
	object *manifest.Object
	raw    []byte // its JSON; nil: the object's own
	facts  *facts

	once  sync.Once
	value ast.Value
}

// input is the object as policies read it.
func (x *subject) input() ast.Value {
	x.once.Do(func() {
		if x.value = fromJSON(x.raw); x.value == nil {
			x.value = value(x.object.Plain())
		}
	})
	return x.value
}

// outcome is what one policy says of one object.
type outcome struct {
	object  *manifest.Object
	results []result
	failed  []*Problem
}

// verdict is what one policy says of all objects. A problem that shows on many of them is told once.
type verdict struct {
	outcomes []outcome
	failed   []*Problem
}

func joined(list []outcome) verdict {
	v := verdict{outcomes: list}
	first := map[Problem]*Problem{}
	for _, o := range list {
		for _, p := range o.failed {
			key := Problem{File: p.File, Line: p.Line, Message: p.Message}
			if have := first[key]; have != nil {
				have.Others++
				continue
			}
			once := *p
			once.On = o.object.ID.String()
			first[key] = &once
			v.failed = append(v.failed, &once)
		}
	}
	return v
}

func (v verdict) report(pass *rules.Pass) {
	for _, o := range v.outcomes {
		for _, r := range o.results {
			pass.Report(r.fault(pass, o.object))
		}
	}
	for _, p := range v.failed {
		pass.Fail(p)
	}
}

// on evaluates a policy on a subject.
func (s *Set) on(ctx context.Context, p *policy, x *subject) outcome {
	out := outcome{object: x.object}
	for i := range p.queries {
		q := &p.queries[i]
		if !concerns(q.kinds, x.object.ID) {
			continue
		}
		input := x.input()
		if p.Gatekeeper {
			input = gatekeeper(x, s.store.params[p.Element])
		}
		found, err := s.ask(ctx, q.prepared, input, x)
		if err != nil {
			out.failed = append(out.failed, s.problem(err, p))
		}
		out.take(q, found)
	}
	return out
}

// take enters what a query found.
func (o *outcome) take(q *query, found map[string]any) {
	for _, v := range q.verdicts {
		r, problems := results(v, found[v.Name])
		o.results, o.failed = append(o.results, r...), append(o.failed, problems...)
	}
}

// concerns tells whether an object is of one of some kinds. Istio's kinds are meant where Istio has one of that name; of all others
// the group may be left out.
func concerns(kinds []string, id manifest.ID) bool {
	return len(kinds) == 0 || slices.Contains(kinds, mesh.KindName(id)) || slices.Contains(kinds, id.Kind) && !slices.Contains(manifest.Kinds(), id.Kind)
}

// ask evaluates one query. A panic in it is an error: one policy must not take the others with it.
func (s *Set) ask(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value, x *subject) (found map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the evaluation crashed: %v", r)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	set, err := query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalTransaction(&transaction{facts: x.facts}))
	if err != nil || len(set) == 0 {
		return nil, err
	}
	found, _ = set[0].Bindings["found"].(map[string]any)
	return found, nil
}

// problem is an error of an evaluation with the place in the policy.
func (s *Set) problem(err error, p *policy) *Problem {
	out := &Problem{File: p.File, Line: p.Line, Message: err.Error()}
	var e *topdown.Error
	var unread *storage.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded) || topdown.IsCancel(err):
		out.Message = fmt.Sprintf("the evaluation took longer than %s", s.timeout)
	case errors.As(err, &e):
		out.Message = e.Message
	case errors.As(err, &unread):
		out.Message = unread.Message
	}
	if e != nil && e.Location != nil && e.Location.File != "" {
		out.File, out.Line = e.Location.File, e.Location.Row
	}
	return out
}

// sweep is every policy on every object of a World. The first rule that asks has it made: an object is read once for all policies.
type sweep struct {
	tables *routing.Tables
	once   sync.Once
	found  [][]outcome // by policy
}

// sweeps are those of one run, which goes from one World to the next: only the last is kept.
type sweeps struct {
	set     *Set
	workers int

	mu   sync.Mutex
	last *sweep
}

func (r *sweeps) over(t *routing.Tables) *sweep {
	r.mu.Lock()
	w := r.last
	if w == nil || w.tables != t {
		w = &sweep{tables: t}
		r.last = w
	}
	r.mu.Unlock()
	w.once.Do(func() { w.run(r.set, r.workers) })
	return w
}

func (w *sweep) of(policy int) []outcome { return w.found[policy] }

func (w *sweep) run(s *Set, workers int) {
	objects := w.tables.World.Objects
	m := &model{tables: w.tables}
	each := make([][]outcome, len(objects))
	apart := &sync.Map{}
	var group errgroup.Group
	group.SetLimit(workers)
	for i, o := range objects {
		if o.Spec == nil && len(o.Tree) == 0 {
			continue // what a kustomization will make
		}
		if w.tables.Ended != nil && w.tables.Ended() {
			break // nobody waits for the answer
		}
		group.Go(func() error {
			x := &subject{object: o, facts: &facts{model: m, object: o}}
			each[i] = s.every(context.Background(), x, apart)
			return nil
		})
	}
	_ = group.Wait() // no evaluation returns an error
	w.found = make([][]outcome, len(s.policies))
	for _, list := range each {
		for j, o := range list {
			if len(o.results)+len(o.failed) > 0 {
				w.found[j] = append(w.found[j], o)
			}
		}
	}
}
