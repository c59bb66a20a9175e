package policy

import (
	"context"
	"slices"
	"time"

	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// fold gives the policies with what is known before they are asked, their parameters first of all, worked out: what would be asked for
// each of thousands of objects is asked once. A body that can no more be true is left out, a condition that always holds, too. What OPA
// says of a condition, knowing neither the object nor the mesh, is what decides; nor a request, where there is one.
func (s *Set) fold(requested bool) *Set {
	x := s.apart(requested)
	x.folded = x.work(requested)
	if x.prepare() != nil {
		return s
	}
	return x
}

// apart is a Set of the same policies that can be asked differently: about requests, without the rules that admission leaves out.
func (s *Set) apart(requested bool) *Set {
	x := &Set{sources: s.sources, caps: s.caps, schemas: s.schemas, compiler: s.compiler, timeout: s.timeout, last: s.last}
	x.store = &store{data: s.store.data, params: s.store.params, folded: map[string]ast.Value{}}
	for _, p := range s.policies {
		one := *p.Policy
		if requested && one.Admission != rules.Off { // else the config can still ask for it as a whole
			one.Rules = slices.DeleteFunc(slices.Clone(one.Rules), Verdict.left)
		}
		x.policies = append(x.policies, &policy{Policy: &one, rule: p.rule})
	}
	return x
}

func (s *Set) work(requested bool) *ast.Compiler {
	ctx, cancel := context.WithTimeout(context.Background(), foldTime)
	defer cancel()
	f := folder{ctx: ctx, set: s, unknowns: unknowns, known: map[string]*constant{}, hanging: map[*ast.Rule]bool{}, tables: map[string]bool{}}
	if requested {
		f.unknowns = append(f.unknowns[:len(f.unknowns):len(f.unknowns)], ast.NewTerm(ast.MustParseRef("data.gatelint.request")))
	}
	modules := map[string]*ast.Module{}
	known := true // what policies ask for is what there is
	for name, m := range s.compiler.Modules {
		modules[name] = m.Copy()
		known = known && !replaces(m)
	}
	if known {
		for _, m := range modules {
			f.module(m)
		}
	}
	s.join(modules)
	c := ast.NewCompiler().WithCapabilities(s.caps)
	if c.Compile(modules); c.Failed() {
		return s.compiler // a parameter of another type than is asked for is told where it is met
	}
	return c
}

// replaces tells a module that asks what would be if something else than the object were another: parameters, or a function.
func replaces(m *ast.Module) (found bool) {
	ast.NewGenericVisitor(func(x any) bool {
		if w, ok := x.(*ast.With); ok {
			ref, _ := w.Target.Value.(ast.Ref)
			found = found || !ref.HasPrefix(ast.InputRootRef)
		}
		return found
	}).Walk(m)
	return found
}

// mute tells a rule that says nothing of any object.
func (s *Set) mute(ref ast.Ref) bool {
	return !slices.ContainsFunc(s.folded.GetRulesExact(ref), func(r *ast.Rule) bool { return r.Else != nil || !r.Body.Equal(never) })
}

var never = ast.NewBody(ast.NewExpr(ast.BooleanTerm(false)))

type folder struct {
	ctx      context.Context
	set      *Set
	unknowns []*ast.Term
	known    map[string]*constant // by the text of a query
	hanging  map[*ast.Rule]bool   // by rule of the set
	tables   map[string]bool      // the sets, lists and objects that are worked out as a whole, by their name
}

// folded is where they are kept, in data.gatelint: a name that no package has by chance.
const folded = "what is folded"

// constant is what a query is found to be before there is an object: nil for what hangs on one.
type constant struct {
	undefined bool
	value     *ast.Term // of the variable that was asked for
}

// module leaves out what says nothing, but for one rule of each name: a set of nothing is empty, not undefined.
func (f *folder) module(m *ast.Module) {
	left := map[string]bool{}
	var mute, made []*ast.Rule
	m.Rules = slices.DeleteFunc(m.Rules, func(r *ast.Rule) bool {
		if whole, is := f.table(m, r); is {
			if whole != nil {
				made = append(made, whole)
			}
			return true
		}
		if f.rule(r) {
			left[r.Head.Ref().String()] = true
			return false
		}
		r.Body = never.Copy()
		mute = append(mute, r)
		return true
	})
	m.Rules = append(m.Rules, made...)
	for _, r := range mute {
		if ref := r.Head.Ref().String(); !left[ref] {
			left[ref] = true
			m.Rules = append(m.Rules, r)
		}
	}
}

// table works out the whole that a rule is part of: what a policy makes of its parameters and data files before it looks at an object.
// The rule that gives the whole comes with the first of its parts.
func (f *folder) table(m *ast.Module, r *ast.Rule) (whole *ast.Rule, is bool) {
	ref := r.Ref()
	keyed := len(r.Head.Ref()) == 2 && !ref.IsGround() // a rule of an object: its last element is the key
	if keyed {
		ref = ref[:len(ref)-1]
	}
	if len(r.Head.Args) > 0 || !keyed && len(r.Head.Ref()) != 1 {
		return nil, false
	}
	name := ref.String()
	if f.tables[name] {
		return nil, true
	}
	for _, other := range f.set.compiler.GetRulesWithPrefix(ref) {
		if other.Default || other.Else != nil || len(other.Head.Ref()) != len(r.Head.Ref()) || other.Ref().IsGround() == keyed || f.hangs(other) {
			return nil, false
		}
	}
	const found = ast.Var("found")
	_, c := f.ask(ast.Equality.Expr(ast.NewTerm(found), ast.NewTerm(ref)))
	if c == nil || c.undefined || ast.IsScalar(c.value.Value) {
		return nil, false
	}
	if empty, ok := c.value.Value.(interface{ Len() int }); ok && empty.Len() == 0 && (keyed || r.Head.RuleKind() == ast.MultiValue) {
		return nil, false // no rule of it says anything
	}
	at := ast.DefaultRootRef.Append(ast.StringTerm(root)).Append(ast.StringTerm(folded)).Append(ast.StringTerm(name))
	f.set.store.folded[name] = c.value.Value
	f.tables[name] = true
	return &ast.Rule{
		Location: r.Location, Module: m, Head: ast.RefHead(r.Head.Ref()[:1], ast.NewTerm(found)),
		Body: ast.NewBody(ast.Equality.Expr(ast.NewTerm(found), ast.NewTerm(at))),
	}, true
}

// hangs tells a rule behind which there is something unknown. What it says of everything that could be is too much to work out.
func (f *folder) hangs(r *ast.Rule) bool {
	if hanging, ok := f.hanging[r]; ok {
		return hanging
	}
	found := false
	ast.NewGenericVisitor(func(x any) bool {
		if v, ok := x.(ast.Var); ok && v == input {
			found = true
		}
		if ref, ok := x.(ast.Ref); ok {
			ref = ref.GroundPrefix()
			found = found || slices.ContainsFunc(f.unknowns, func(u *ast.Term) bool {
				unknown := u.Value.(ast.Ref)
				return unknown.HasPrefix(ref) || ref.HasPrefix(unknown)
			})
		}
		return found
	}).Walk(r)
	for other := range f.set.compiler.Graph.Dependencies(r) {
		found = found || f.hangs(other.(*ast.Rule))
	}
	f.hanging[r] = found
	return found
}

// rule works out what a rule says before there is an object; false if it says nothing.
func (f *folder) rule(r *ast.Rule) bool {
	if r.Default || r.Else != nil {
		return true
	}
	for i := 0; i < len(r.Body); {
		e := r.Body[i]
		name, c := f.ask(e)
		switch {
		case c == nil:
			i++
		case c.undefined:
			return false
		case name == "":
			r.Body = slices.Delete(r.Body, i, i+1)
		case f.replace(r, name, c.value):
			r.Body = slices.Delete(r.Body, i, i+1)
		default:
			i++
		}
	}
	if len(r.Body) == 0 {
		r.Body = ast.NewBody(ast.NewExpr(ast.BooleanTerm(true)))
	}
	for i, e := range r.Body {
		e.Index = i
	}
	return true
}

// ask tells what an expression is if that is known, and which variable it sets.
func (f *folder) ask(e *ast.Expr) (ast.Var, *constant) {
	if len(e.With) > 0 {
		return "", nil
	}
	vars := varsOf(e)
	outputs := ast.OutputVarsFromExpr(f.set.compiler, e, ast.ReservedVars.Copy())
	if len(vars) > 0 && (e.Negated || vars.Contains(input) || len(vars.Diff(outputs)) > 0) {
		return "", nil // another expression sets one of them
	}
	var name ast.Var
	for v := range vars {
		name = v
	}
	key := e.String()
	c, ok := f.known[key]
	if !ok {
		if c = f.evaluate(e, name); len(vars) > 1 && c != nil && !c.undefined {
			c = nil // it holds for some values
		}
		f.known[key] = c
	}
	return name, c
}

// varsOf are the variables of an expression, input among them.
func varsOf(e *ast.Expr) ast.VarSet {
	vis := ast.NewVarVisitor().WithParams(ast.VarVisitorParams{SkipRefCallHead: true})
	vis.Walk(e)
	out := vis.Vars()
	delete(out, ast.DefaultRootDocument.Value.(ast.Var))
	return out
}

const input = ast.Var("input")

// evaluate asks OPA with the object, the mesh and what else there is unknown.
func (f *folder) evaluate(e *ast.Expr, name ast.Var) (known *constant) {
	defer func() {
		if recover() != nil {
			known = nil // what crashes does so where it is asked, and is told there
		}
	}()
	const found = ast.Var("found")
	asked, err := ast.TransformVars(e.Copy(), func(v ast.Var) (ast.Value, error) {
		if v == name {
			v = found
		}
		return v, nil
	})
	if err != nil {
		return nil
	}
	e = asked.(*ast.Expr)
	e.Index = 0
	ctx, cancel := context.WithTimeout(f.ctx, foldTime/20)
	defer cancel()
	stop := topdown.NewCancel()
	defer context.AfterFunc(ctx, stop.Cancel)()
	queries, support, err := topdown.NewQuery(ast.NewBody(e)).WithCompiler(f.set.compiler).WithStore(f.set.store).WithTransaction(&transaction{}).
		WithStrictBuiltinErrors(true).WithUnknowns(f.unknowns).WithCancel(stop).PartialRun(ctx)
	if err != nil || len(support) > 0 || len(queries) > 1 {
		return nil
	}
	if len(queries) == 0 {
		return &constant{undefined: true}
	}
	body := queries[0]
	if name == "" {
		if len(body) > 0 {
			return nil
		}
		return &constant{}
	}
	for i := range 2 {
		if len(body) == 1 && body[0].IsEquality() && body[0].Operand(i).Value.Compare(found) == 0 && ast.IsConstant(body[0].Operand(1-i).Value) {
			return &constant{value: body[0].Operand(1 - i)}
		}
	}
	return nil
}

// foldTime is how long all conditions may take to work out, and a twentieth of it a single one. What takes longer is asked of each object.
const foldTime = 2 * time.Second

// unknowns are what is only known where policies are asked.
var unknowns = []*ast.Term{ast.NewTerm(ast.InputRootRef), ast.NewTerm(ast.MustParseRef("data.gatelint.mesh"))}

// replace puts a value for a variable, but where the variable is the head of a reference.
func (f *folder) replace(r *ast.Rule, name ast.Var, value *ast.Term) bool {
	if !ast.IsScalar(value.Value) && slices.ContainsFunc([]*ast.Term{r.Head.Value, r.Head.Key}, func(t *ast.Term) bool { return t != nil && t.Value.Compare(name) == 0 }) {
		return false // OPA would hold every reference to it against this one value
	}
	whole := true
	ast.WalkRefs(r, func(ref ast.Ref) bool {
		whole = whole && ref[0].Value.Compare(name) != 0
		return false
	})
	if !whole {
		return false
	}
	_, err := ast.TransformVars(r, func(v ast.Var) (ast.Value, error) {
		if v == name {
			return value.Value, nil
		}
		return v, nil
	})
	return err == nil
}
