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
			c.Missed[file] = append(c.Missed[file], lines)
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
