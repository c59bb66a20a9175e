package report

import (
	"encoding/xml"
	"fmt"
	"io"

	"github.com/gatelint/gatelint/rules"
)

type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Time     string `xml:"time,attr"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Cases []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Error   *junitFailure `xml:"error"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit writes JUnit's XML: a suite for each file with findings, a failed test for each error and warning, a passed one for an
// info; what cannot be read is an error, as is a policy that gives no answer. CI systems take a report without a test for a mistake: a clean run is one passed test.
// Names have no line, by which a test would be another one after each edit; those that are equal are numbered.
func junit(w io.Writer, r *Report) error {
	out := junitSuites{Name: "gatelint"}
	for _, g := range r.byFile() {
		suite := junitSuite{Name: r.fromRoot(g.file)}
		seen := map[string]int{}
		for _, f := range g.findings {
			suite.add(r.test(f, seen))
		}
		out.Suites = append(out.Suites, suite)
	}
	if len(r.Failures) > 0 || len(r.Findings) == 0 {
		suite := junitSuite{Name: "gatelint"}
		if len(r.Failures) == 0 {
			suite.add(junitCase{Name: "gatelint", Class: "gatelint", Out: r.Total})
		}
		for i, x := range r.Failures {
			message := Plain(x.Text)
			suite.add(junitCase{Name: fmt.Sprintf("failure %d", i+1), Class: "gatelint", Error: &junitFailure{message, "failure", message}})
		}
		out.Suites = append(out.Suites, suite)
	}
	out.Time = "0"
	for i := range out.Suites {
		s := &out.Suites[i]
		s.Time = "0"
		out.Tests += s.Tests
		out.Failures += s.Failures
		out.Errors += s.Errors
	}
	return writeXML(w, out)
}

func (s *junitSuite) add(c junitCase) {
	c.Time = "0"
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
}

func (r *Report) test(f rules.Finding, seen map[string]int) junitCase {
	pos := place(f.Pos, f.Object)
	path := r.fromRoot(pos.File)
	c := junitCase{Name: Plain(f.Rule + " " + f.Object.String() + " " + f.Pos.Path), Class: path, File: path, Line: pos.Line}
	if seen[c.Name]++; seen[c.Name] > 1 {
		c.Name += fmt.Sprintf(" #%d", seen[c.Name])
	}
	text := "\n" + r.Detail(f)
	switch failure := (&junitFailure{Plain(f.Message), f.Severity.String(), text}); {
	case f.Rule == "syntax":
		c.Error = failure
	case f.Severity == rules.Info:
		c.Out = text
	default:
		c.Failure = failure
	}
	return c
}
