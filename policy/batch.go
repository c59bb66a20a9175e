package policy

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/open-policy-agent/opa/v1/ast"
)

// batch is one question to all policies about objects of a kind: to ask each by itself costs as much again as most answers.
type batch struct {
	question *question
	parts    []*query // in the order of their sets in the answer
}

// batches are made when the first object of a kind comes.
type batches struct {
	mu   sync.Mutex
	made map[[2]string]*batch
}

// batch gives the question for objects like one; nil if there is nothing to join.
func (s *Set) batch(id manifest.ID) *batch {
	s.batches.mu.Lock()
	defer s.batches.mu.Unlock()
	key := [2]string{mesh.KindName(id), id.Kind}
	if b, ok := s.batches.made[key]; ok {
		return b
	}
	b := &batch{}
	var asked []*ast.Term
	for _, p := range s.policies {
		for i := range p.queries {
			if q := &p.queries[i]; !p.Gatekeeper && concerns(q.kinds, id) {
				asked = append(asked, q.asked...)
				b.parts = append(b.parts, q)
			}
		}
	}
	var err error
	if b.question, err = s.question(asked); err != nil || len(b.parts) < 2 {
		b = nil
	}
	if s.batches.made == nil {
		s.batches.made = map[[2]string]*batch{}
	}
	s.batches.made[key] = b
	return b
}

// course is what is learnt of policies while one run goes from object to object.
type course struct {
	apart sync.Map // batches that failed
	slow  sync.Map // *Problem by policy that took its whole time: it is asked no more
	some  atomic.Bool
}

// all evaluates every policy on a subject, and gives what those say that say something, by policy. If one of them fails, each is asked
// by itself: the others must not suffer.
func (s *Set) all(ctx context.Context, x *subject, run *course) map[int]outcome {
	known := map[*query][]any{}
	b := s.batch(x.object.ID)
	if _, failed := run.apart.Load(b); b != nil && !failed && !run.some.Load() {
		found, err := s.eval(ctx, b.question, x, x.input())
		if err != nil {
			run.apart.Store(b, true)
		}
		for _, q := range b.parts {
			if err == nil {
				known[q], found = found[:len(q.asked)], found[len(q.asked):]
			}
		}
	}
	var out map[int]outcome
	for i, p := range s.policies {
		o := s.on(ctx, p, x, known, run)
		if len(o.results)+len(o.failed) == 0 {
			continue
		}
		if out == nil {
			out = map[int]outcome{}
		}
		out[i] = o
	}
	return out
}
