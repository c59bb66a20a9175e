package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Load reads and compiles policies. Its error is Problems where something is wrong with what stands in them: all that can be told
// at once.
func Load(ctx context.Context, opt Options) (*Set, error) {
	caps, err := capabilities(opt.Allow)
	if err != nil {
		return nil, err
	}
	c := &checker{opt: opt, roots: opt.Namespaces, taken: map[string]string{}}
	if len(c.roots) == 0 {
		c.roots = []string{root}
	}
	for _, r := range opt.Taken {
		c.taken[r.Name] = "gatelint has it built in"
	}
	s := readSources(opt)
	c.packages, c.problems = packages(s), s.problems
	x := &Set{policies: c.policies(), sources: s, timeout: opt.Timeout, params: opt.Params, roots: c.roots}
	if x.timeout == 0 {
		x.timeout = 5 * time.Second
	}
	params := c.parameters(x.policies)
	if len(x.policies) == 0 && len(c.problems) == 0 {
		why := "packages under gatelint.lib are helpers only"
		if len(s.modules) == 0 && len(s.tests) > 0 {
			why = "only tests are there; name the files of the policies too"
		}
		c.problems = append(c.problems, &Problem{Message: "there is no policy in " + strings.Join(opt.Paths, ", ") + ": " + why})
	}
	if len(s.problems) == 0 && !slices.ContainsFunc(c.packages, (*pkg).mixed) { // else what is missing, or there twice, would be told as a fault of what uses it
		x.caps, x.schemas = caps, schemas(x.policies)
		for _, p := range x.policies {
			annotate(x.schemas, p, c.packages[slices.IndexFunc(c.packages, func(k *pkg) bool { return k.name() == p.Package })])
		}
		x.compiler = x.newCompiler()
		if x.compiler.Compile(s.all()); x.compiler.Failed() {
			c.problems = append(c.problems, s.uncompiled(x.compiler.Errors)...)
		} else {
			c.follow(x)
		}
	}
	if len(c.problems) > 0 {
		return nil, c.problems.sorted()
	}
	if x.store, err = newStore(s.data, params); err != nil {
		return nil, fmt.Errorf("reading the data of policies: %w", err)
	}
	x.folded = x.compiler
	x.asked = sync.OnceValue(func() *Set { return x.fold(true) })
	x.lone = sync.OnceValue(func() *Set { return x.fold(false) })
	if opt.Reviews {
		x.asked()
	}
	return x, x.prepare()
}

func (s *Set) newCompiler() *ast.Compiler {
	return ast.NewCompiler().WithCapabilities(s.caps).WithSchemas(s.schemas).WithUseTypeCheckAnnotations(true).SetErrorLimit(0)
}

// question asks for sets.
type question struct {
	sets     int
	compiler ast.QueryCompiler
	body     ast.Body // binds answer to a list of the sets
}

const answer = ast.Var("answer")

func (s *Set) question(sets []*ast.Term) (*question, error) {
	q := &question{sets: len(sets), compiler: s.folded.QueryCompiler()}
	var err error
	q.body, err = q.compiler.Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(answer), ast.ArrayTerm(sets...).Copy())))
	return q, err
}

// reference is where the set of a verdict is, under data.
func (p *policy) reference(v Verdict) ast.Ref {
	ref := ast.DefaultRootRef
	for _, e := range append(strings.Split(p.Package, "."), v.Name) {
		ref = ref.Append(ast.StringTerm(e))
	}
	return ref
}

// prepare makes one query of each policy, or one for each set of kinds where its rules differ in them.
func (s *Set) prepare() error {
	for _, p := range s.policies {
		for _, v := range p.Rules {
			if s.mute(p.reference(v)) {
				continue
			}
			i := slices.IndexFunc(p.queries, func(q query) bool { return slices.Equal(q.kinds, v.Kinds) })
			if i < 0 {
				i, p.queries = len(p.queries), append(p.queries, query{kinds: v.Kinds})
			}
			p.queries[i].verdicts = append(p.queries[i].verdicts, v)
		}
		for i := range p.queries {
			q := &p.queries[i]
			var asked []*ast.Term
			for _, v := range q.verdicts {
				asked = append(asked, ast.NewTerm(p.reference(v)))
			}
			var err error
			if q.question, err = s.question(asked); err != nil {
				return fmt.Errorf("preparing policy %s: %w", p.Name, err)
			}
		}
	}
	return nil
}
