package policy

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestResult is one test of the policies' own.
type TestResult struct {
	Name   string // package and rule, or the case of a fixture
	File   string
	Line   int
	Failed bool
	Todo   bool   // a todo_test_ rule
	Why    string // of a failure
	Output string // of print
}

// Test runs the rules test_… of the files named *_test.rego, under the same capabilities, schemas and data as the policies. The names
// of those that run match a regular expression, "" for all. Coverage tells the lines of the policies that no test ran, if asked for.
func (s *Set) Test(ctx context.Context, run string, covered *Coverage) ([]TestResult, error) {
	modules := s.sources.all()
	maps.Copy(modules, s.sources.tests)
	if wrong := s.checkTests(modules); len(wrong) > 0 {
		return nil, wrong.sorted()
	}
	compiler := s.newCompiler().WithEnablePrintStatements(true)
	r := tester.NewRunner().SetCompiler(compiler).SetStore(s.store).SetModules(modules).CapturePrintOutput(true).
		RaiseBuiltinErrors(true).SetTimeout(s.timeout).Filter(run)
	trace := cover.New()
	if covered != nil {
		r.SetCoverageQueryTracer(trace)
	}
	ch, err := r.RunTests(ctx, &transaction{})
	if err != nil {
		return nil, problemsOf(err, "").sorted()
	}
	var out []TestResult
	for x := range ch {
		t := TestResult{
			Name: strings.TrimPrefix(x.Package, "data.") + "." + x.Name, File: x.Location.File, Line: x.Location.Row,
			Failed: x.Fail || x.Error != nil, Todo: x.Skip, Output: string(x.Output),
		}
		switch {
		case x.Error != nil:
			t.Why = strings.TrimPrefix(x.Error.Error(), t.File+":"+strconv.Itoa(t.Line)+": ")
		case x.Fail && x.FailedAt != nil:
			t.Why = "not true: " + x.FailedAt.String()
		case x.Fail:
			t.Why = "not true"
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b TestResult) int { return strings.Compare(a.Name, b.Name) })
	if covered != nil {
		covered.fill(trace.Report(s.sources.modules))
	}
	return out, nil
}

// checkTests finds what would pass in silence in files of tests: a name of nothing is undefined, and so not what it must not be.
func (s *Set) checkTests(modules map[string]*ast.Module) Problems {
	x := &Set{policies: s.policies, sources: s.sources, params: s.params, compiler: s.newCompiler()}
	if x.compiler.Compile(modules); x.compiler.Failed() {
		return s.sources.uncompiled(x.compiler.Errors)
	}
	c := &checker{opt: Options{Params: s.params}, roots: s.roots}
	for _, file := range manifest.Keys(s.sources.tests) {
		c.references(x, file, s.sources.tests[file].Imports)
		eachRef(x.compiler.Modules[file], func(r ast.Ref, loc *ast.Location) { c.nearly(x, r, loc) })
		for _, r := range x.compiler.Modules[file].Rules {
			ast.WalkWiths(r, func(w *ast.With) bool {
				if target, ok := w.Target.Value.(ast.Ref); ok && target.HasPrefix(ast.DefaultRootRef) {
					c.known(x, target, w.Location)
					c.nearly(x, target, w.Location)
				}
				return false
			})
			word, _, _ := strings.Cut(headName(r), "_")
			if misnamed(word) && len(x.compiler.Graph.Dependents(r)) == 0 {
				c.fail(r.Location, "%s is never run: a test is named test_…", headName(r))
			}
		}
	}
	return c.problems
}

// misnamed tells a word that is meant for test.
func misnamed(word string) bool {
	letters := []byte(strings.ToLower(word))
	slices.Sort(letters)
	return word != "test" && (string(letters) == "estt" || word == "tests")
}

// nearly checks names of what is told to policies. A test can put anything in the place of that, so only what is nearly a name is wrong.
func (c *checker) nearly(s *Set, r ast.Ref, loc *ast.Location) {
	if !r.HasPrefix(ast.DefaultRootRef) || key(r, 1) != root {
		return
	}
	properties := func(schema map[string]any) []string { return manifest.Keys(schema["properties"].(map[string]any)) }
	var names, inner []string
	switch key(r, 2) {
	case "params":
		for _, p := range s.policies {
			names = append(names, p.Element)
			if p.Element == key(r, 3) {
				inner = p.parameters()
			}
		}
	case "request":
		names = properties(requestSchema())
	case "mesh":
		names = properties(meshSchema())
		if key(r, 3) == "this" {
			inner = properties(virtualServiceSchema())
		}
	}
	for i, list := range [][]string{names, inner} {
		name := key(r, 3+i)
		if name == "" || slices.Contains(list, name) {
			continue
		}
		if hint := meant(name, list); hint != "" {
			c.fail(loc, "there is no %q in %s%s", name, s.shown(r[:3+i]), hint)
		}
	}
}

// Fixtures are the files named *.txtar in the folders that the policies were read from.
func (s *Set) Fixtures() []string { return s.sources.fixtures }

// Coverage is which lines of policies ran in tests.
type Coverage struct {
	Percent float64             `json:"percent"`
	Missed  map[string][]string `json:"missed"` // "12" or "12-14", by file
}

func (c *Coverage) fill(r cover.Report) {
	c.Percent, c.Missed = r.Coverage, map[string][]string{}
	for _, file := range manifest.Keys(r.Files) {
		for _, x := range r.Files[file].NotCovered {
			lines := strconv.Itoa(x.Start.Row)
			if x.End.Row != x.Start.Row {
				lines += "-" + strconv.Itoa(x.End.Row)
			}
			if !slices.Contains(c.Missed[file], lines) { // several expressions can stand on one
				c.Missed[file] = append(c.Missed[file], lines)
			}
		}
	}
}

// This is what data.gatelint.mesh.this says of an object; nil if it says nothing.
func This(t *routing.Tables, o *manifest.Object) any {
	v := (&facts{model: &model{tables: t}, object: o}).this()
	if v == nil {
		return nil
	}
	out, err := ast.JSON(v)
	if err != nil {
		return nil
	}
	return out
}
