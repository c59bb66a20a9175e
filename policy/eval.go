package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// subject is what policies are evaluated on: one object, with what is known around it.
type subject struct {
	object *manifest.Object
	facts  *facts

	once  sync.Once
	value ast.Value
}

// input is the object as policies read it.
func (x *subject) input() ast.Value {
	x.once.Do(func() {
		x.value = valueOf(x.object)
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

// on evaluates a policy on a subject, unless it is known already what it says.
func (s *Set) on(ctx context.Context, p *policy, x *subject, known saying, run *course) outcome {
	out := outcome{object: x.object}
	for i := range p.queries {
		q := &p.queries[i]
		if !concerns(q.kinds, x.object.ID) {
			continue
		}
		found := known
		if found == nil {
			if slow, left := run.slow.Load(p); left {
				out.failed = append(out.failed, slow.(*Problem))
				break
			}
			var err error
			if found, err = s.ask(ctx, p, q, x); err != nil {
				out.failed = append(out.failed, s.problem(err, p))
				if late(err) {
					run.slow.Store(p, out.failed[len(out.failed)-1])
					run.some.Store(true)
					break
				}
				continue
			}
		}
		for _, v := range q.verdicts {
			r, problems := results(v, found[v.Name])
			out.results, out.failed = append(out.results, r...), append(out.failed, problems...)
		}
	}
	return out
}

// concerns tells whether an object is of one of some kinds. Istio's kinds are meant where Istio has one of that name; of all others
// the group may be left out.
func concerns(kinds []string, id manifest.ID) bool {
	return len(kinds) == 0 || slices.Contains(kinds, mesh.KindName(id)) || slices.Contains(kinds, id.Kind) && !slices.Contains(manifest.Kinds(), id.Kind)
}

// ask evaluates one query.
func (s *Set) ask(ctx context.Context, p *policy, q *query, x *subject) (saying, error) {
	input := x.input()
	if p.Gatekeeper {
		input = gatekeeper(x, s.store.params[p.Element])
	}
	out := saying{}
	return out, s.eval(ctx, q.question, x, input, func(i int, found *ast.Term) error {
		v, err := ast.JSON(found.Value)
		name := q.verdicts[i].Name
		out[name] = append(out[name], v)
		return err
	})
}

// eval asks one question, and gives the elements of its sets. A panic in it is an error: one policy must not take the others with it.
func (s *Set) eval(ctx context.Context, q *question, x *subject, input ast.Value, each func(set int, e *ast.Term) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the evaluation crashed: %v", r)
		}
	}()
	stop := topdown.NewCancel() // OPA would start a goroutine for each object to watch a context
	defer time.AfterFunc(s.timeout, stop.Cancel).Stop()
	defer context.AfterFunc(ctx, stop.Cancel)()
	return topdown.NewQuery(q.body).WithCompiler(s.folded).WithQueryCompiler(q.compiler).WithStore(s.store).WithStrictBuiltinErrors(true).
		WithTransaction(&transaction{facts: x.facts}).WithInput(ast.NewTerm(input)).WithCancel(stop).
		Iter(ctx, func(r topdown.QueryResult) error {
			for i := range q.sets {
				set, _ := r[answer].Value.(*ast.Array).Elem(i).Value.(ast.Set)
				if set == nil {
					continue
				}
				for _, e := range set.Slice() {
					if err := each(i, e); err != nil {
						return err
					}
				}
			}
			return nil
		})
}

// late tells an evaluation that took its whole time.
func late(err error) bool { return errors.Is(err, context.DeadlineExceeded) || topdown.IsCancel(err) }

// problem is an error of an evaluation with the place in the policy.
func (s *Set) problem(err error, p *policy) *Problem {
	out := &Problem{File: p.File, Line: p.Line, Message: err.Error()}
	var e *topdown.Error
	var unread *storage.Error
	switch {
	case late(err):
		out.Message = fmt.Sprintf("the evaluation took longer than %s, so the policy is left out", s.timeout)
		return out
	case errors.As(err, &e):
		out.Message = e.Message
	case errors.As(err, &unread):
		out.Message = unread.Message
		wholes := s.wholes(p)
		for _, w := range wholes {
			if strings.HasPrefix(unread.Message, w.ref+" ") || len(wholes) == 1 {
				out.File, out.Line = w.loc.File, w.loc.Row
				break
			}
		}
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
	set     func() *Set
	workers int
	created bool // as admission asks when an object is created
	course  course

	mu   sync.Mutex
	last *sweep
}

func (r *sweeps) over(pass *rules.Pass) *sweep {
	t := pass.Tables
	r.mu.Lock()
	w := r.last
	if w == nil || w.tables != t {
		w = &sweep{tables: t}
		r.last = w
	}
	r.mu.Unlock()
	w.once.Do(func() { w.run(r, pass.Found) })
	return w
}

func (w *sweep) of(policy int) []outcome { return w.found[policy] }

func (w *sweep) run(r *sweeps, found func(*manifest.Object) []rules.Finding) {
	set, objects := r.set(), w.tables.World.Objects
	m := &model{tables: w.tables, keyed: r.created}
	each := make([]map[int]outcome, len(objects))
	ended := func() bool { return w.tables.Ended != nil && w.tables.Ended() } // nobody waits for the answer
	var next atomic.Int64
	var group sync.WaitGroup
	for range r.workers { // few goroutines: an evaluation is deep, and each new stack would have to grow again
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(objects)) && !ended(); i = next.Add(1) - 1 {
				o := objects[i]
				if o.Spec == nil && len(o.Tree) == 0 || r.created && !settings.Asked(o.Group, o.Kind) {
					continue // it is what a kustomization will make, or admission is not asked
				}
				f := &facts{model: m, object: o, found: found}
				if r.created {
					f.request = created(w.tables.World, o)
				}
				each[i] = set.all(context.Background(), &subject{object: o, facts: f}, &r.course)
			}
		})
	}
	group.Wait()
	w.found = make([][]outcome, len(set.policies))
	for _, found := range each {
		for j, o := range found {
			w.found[j] = append(w.found[j], o)
		}
	}
}

// created is what is known of a request to create an object before there is one.
func created(w *mesh.World, o *manifest.Object) *Request {
	r := &Request{Operation: "CREATE", Unasked: true}
	if ns := w.Object("Namespace", "", o.Namespace); ns != nil {
		r.NamespaceLabels = ns.Labels
	}
	return r
}
