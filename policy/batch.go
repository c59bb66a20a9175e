package policy

import (
	"context"
	"fmt"
	"sync"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// batch asks all policies that concern one kind in one evaluation: most of what a small policy costs is that of being asked.
type batch struct {
	once     sync.Once
	asked    []question
	prepared rego.PreparedEvalQuery
	err      error // it cannot be prepared
}

// question is one query of one policy.
type question struct {
	policy int // its index
	query  *query
}

// batches are those of each kind that was met.
type batches struct {
	mu     sync.Mutex
	byKind map[string]*batch
}

// of gives the batch for objects of the kind of x.
func (s *Set) batchFor(ctx context.Context, x *subject) *batch {
	kind := mesh.KindName(x.object.ID)
	s.batches.mu.Lock()
	b := s.batches.byKind[kind]
	if b == nil {
		if s.batches.byKind == nil {
			s.batches.byKind = map[string]*batch{}
		}
		b = &batch{}
		s.batches.byKind[kind] = b
	}
	s.batches.mu.Unlock()
	b.once.Do(func() {
		var terms [][2]*ast.Term
		for i, p := range s.policies {
			for j := range p.queries {
				if q := &p.queries[j]; !p.Gatekeeper && concerns(q.kinds, x.object.ID) {
					terms = append(terms, [2]*ast.Term{ast.StringTerm(fmt.Sprint(len(b.asked))), q.terms})
					b.asked = append(b.asked, question{i, q})
				}
			}
		}
		if len(b.asked) > 1 {
			b.prepared, b.err = s.prepared(ctx, ast.ObjectTerm(terms...))
		}
	})
	return b
}

// every gives what each policy says of an object, by the order of the policies. Where the policies do not come to their end together
// each is asked by itself, so that none takes the others with it; apart remembers that.
func (s *Set) every(ctx context.Context, x *subject, apart *sync.Map) []outcome {
	out := make([]outcome, len(s.policies))
	b := s.batchFor(ctx, x)
	_, alone := apart.Load(b)
	var found map[string]any
	if alone = alone || len(b.asked) < 2 || b.err != nil; !alone {
		var err error
		if found, err = s.ask(ctx, b.prepared, x.input(), x); err != nil {
			apart.Store(b, true)
			alone = true
		}
	}
	for i, p := range s.policies {
		if alone || p.Gatekeeper {
			out[i] = s.on(ctx, p, x)
		} else {
			out[i].object = x.object
		}
	}
	for i, q := range b.asked {
		if !alone {
			values, _ := found[fmt.Sprint(i)].(map[string]any)
			out[q.policy].take(q.query, values)
		}
	}
	return out
}
