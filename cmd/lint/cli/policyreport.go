package cli

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/policy"
)

// reportTests prints what came of tests; a failed one makes for exit code 1.
func (a *app) reportTests(r *testReport, format string) error {
	if len(r.results) == 0 {
		return errors.New("there is no test: tests are rules test_… in files named *_test.rego, and fixtures named *.txtar")
	}
	for _, t := range r.results {
		if t.Failed {
			a.code = exitFindings
		}
	}
	switch format {
	case "text":
		return a.testText(r)
	case "json":
		return writeJSON(a.stdout, r.json())
	case "junit":
		return a.testJUnit(r)
	}
	return fmt.Errorf("unknown format %q: use text, json or junit", format)
}

func (a *app) testText(r *testReport) error {
	var b strings.Builder
	failed, todo := 0, 0
	for _, t := range r.results {
		switch {
		case t.Todo:
			todo++
			fmt.Fprintf(&b, "%s:%d: todo: %s\n", t.File, t.Line, t.Name)
		case t.Failed:
			failed++
			fmt.Fprintf(&b, "%s:%d: failed: %s\n", t.File, t.Line, t.Name)
			for _, line := range strings.Split(strings.TrimRight(t.Why+"\n"+t.Output, "\n"), "\n") {
				fmt.Fprintf(&b, "  %s\n", line)
			}
		}
	}
	fmt.Fprintf(&b, "%s, %d failed", count(len(r.results)-todo, "test"), failed)
	if todo > 0 {
		fmt.Fprintf(&b, ", %d to do", todo)
	}
	b.WriteString("\n")
	if c := r.Coverage; c != nil {
		fmt.Fprintf(&b, "coverage: %.1f %%\n", c.Percent)
		for _, file := range manifest.Keys(c.Missed) {
			fmt.Fprintf(&b, "%s: not run: %s\n", file, strings.Join(c.Missed[file], ", "))
		}
	}
	for line := range strings.Lines(b.String()) {
		if err := written(fmt.Fprintln(a.stdout, plainText(strings.TrimSuffix(line, "\n")))); err != nil {
			return err
		}
	}
	return nil
}

type testJSON struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Result string `json:"result"` // passed, failed or todo
	Why    string `json:"why"`
	Output string `json:"output"`
}

type testReportJSON struct {
	Tests    []testJSON       `json:"tests"`
	Coverage *policy.Coverage `json:"coverage"`
}

func (r *testReport) json() testReportJSON {
	out := testReportJSON{Tests: []testJSON{}, Coverage: r.Coverage}
	for _, t := range r.results {
		x := testJSON{t.Name, t.File, t.Line, "passed", t.Why, t.Output}
		switch {
		case t.Todo:
			x.Result = "todo"
		case t.Failed:
			x.Result = "failed"
		}
		out.Tests = append(out.Tests, x)
	}
	return out
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Skipped *struct{}     `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (a *app) testJUnit(r *testReport) error {
	suite := junitSuite{Name: "gatelint policy test", Tests: len(r.results)}
	for _, t := range r.results {
		c := junitCase{Class: t.File, Name: t.Name, File: t.File, Line: t.Line}
		switch {
		case t.Todo:
			suite.Skipped++
			c.Skipped = &struct{}{}
		case t.Failed:
			suite.Failures++
			first, _, _ := strings.Cut(t.Why, "\n")
			c.Failure = &junitFailure{first, fmt.Sprintf("%s:%d: %s\n%s", t.File, t.Line, t.Why, t.Output)}
		}
		suite.Cases = append(suite.Cases, c)
	}
	data, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return failure{fmt.Errorf("writing JUnit: %w", err)}
	}
	return written(fmt.Fprintf(a.stdout, "%s%s\n", xml.Header, data))
}
