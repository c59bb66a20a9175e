package policy

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/open-policy-agent/opa/v1/ast"
)

// joint is what all policies say of objects of some kinds, as one set: to ask for each of theirs costs more than most answers. Its
// elements are lists of a policy's number, the name of a verdict, and the finding.
type joint struct {
	kinds []string
	set   *ast.Term
}

// joinedIn is the package of these sets. No other has its name by chance.
const joinedIn = "what is joined"

// join makes the sets of the policies that read plain objects.
func (s *Set) join(modules map[string]*ast.Module) {
	pkg := ast.DefaultRootRef.Append(ast.StringTerm(root)).Append(ast.StringTerm(joinedIn))
	m := &ast.Module{Package: &ast.Package{Path: pkg}}
	for i, p := range s.policies {
		for _, v := range p.Rules {
			for _, r := range rulesAt(modules, p.reference(v)) {
				if p.Gatekeeper || r.Body.Equal(never) {
					continue
				}
				name := strings.Join(append([]string{"of"}, v.Kinds...), " ")
				if set := pkg.Append(ast.StringTerm(name)); !slices.ContainsFunc(s.joints, func(j joint) bool { return set.Equal(j.set.Value) }) {
					s.joints = append(s.joints, joint{v.Kinds, ast.NewTerm(set)})
				}
				r = r.Copy()
				found := r.Head.Key
				if found == nil { // what it says is worked out, as a whole
					found = ast.VarTerm("each")
					r.Body.Append(ast.Equality.Expr(found, ast.RefTerm(r.Head.Value, ast.VarTerm("at"))))
				}
				r.Head = ast.NewHead(ast.Var(name), ast.ArrayTerm(ast.InternedTerm(i), ast.StringTerm(v.Name), found))
				r.Module = m
				m.Rules = append(m.Rules, r)
			}
		}
	}
	modules[joinedIn] = m
}

func rulesAt(modules map[string]*ast.Module, ref ast.Ref) (out []*ast.Rule) {
	for _, m := range modules {
		for _, r := range m.Rules {
			if r.Ref().Equal(ref) {
				out = append(out, r)
			}
		}
	}
	return out
}

// batches are questions to all policies, made when the first object of a kind comes.
type batches struct {
	mu   sync.Mutex
	made map[[2]string]*question
}

// batch gives the question for objects like one, of no set if no policy says anything of them; nil if there is none to all policies.
func (s *Set) batch(id manifest.ID) *question {
	s.batches.mu.Lock()
	defer s.batches.mu.Unlock()
	key := [2]string{mesh.KindName(id), id.Kind}
	if q, ok := s.batches.made[key]; ok {
		return q
	}
	var q *question
	if s.folded != s.compiler {
		var asked []*ast.Term
		for _, j := range s.joints {
			if concerns(j.kinds, id) {
				asked = append(asked, j.set)
			}
		}
		q, _ = s.question(asked)
	}
	if s.batches.made == nil {
		s.batches.made = map[[2]string]*question{}
	}
	s.batches.made[key] = q
	return q
}

// saying is what a policy says of an object, by the names of its verdicts.
type saying map[string][]any

// course is what is learnt of policies while one run goes from object to object.
type course struct {
	apart sync.Map // batches that failed
	slow  sync.Map // *Problem by policy that took its whole time: it is asked no more
	some  atomic.Bool
}

// together asks all policies at once, and gives the findings of each by the names of its verdicts; false where each has to be asked by
// itself.
func (s *Set) together(ctx context.Context, x *subject, run *course) (map[int]saying, bool) {
	q := s.batch(x.object.ID)
	if _, failed := run.apart.Load(q); failed || q == nil || run.some.Load() || len(s.policies) == 1 { // one that is too slow is so once
		return nil, false
	}
	if q.sets == 0 {
		return nil, true
	}
	var out map[int]saying
	err := s.eval(ctx, q, x, x.input(), func(_ int, e *ast.Term) error {
		found := e.Value.(*ast.Array)
		policy, _ := found.Elem(0).Value.(ast.Number).Int()
		name := string(found.Elem(1).Value.(ast.String))
		if out == nil {
			out = map[int]saying{}
		}
		if out[policy] == nil {
			out[policy] = saying{}
		}
		v, err := ast.JSON(found.Elem(2).Value)
		out[policy][name] = append(out[policy][name], v)
		return err
	})
	if err != nil {
		run.apart.Store(q, true)
		return nil, false
	}
	return out, true
}

// all evaluates every policy on a subject, and gives what those say that say something, by policy. If one of them fails, each is asked
// by itself: the others must not suffer.
func (s *Set) all(ctx context.Context, x *subject, run *course) map[int]outcome {
	known, together := s.together(ctx, x, run)
	var out map[int]outcome
	for i, p := range s.policies {
		if together && !p.Gatekeeper && known[i] == nil {
			continue
		}
		o := s.on(ctx, p, x, known[i], run)
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
