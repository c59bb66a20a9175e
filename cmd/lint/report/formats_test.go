package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/cmd/lint/cli"
	"github.com/gatelint/gatelint/cmd/lint/report"
	"github.com/gatelint/gatelint/rules"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"golang.org/x/tools/txtar"
)

// checks read a format back: what is in it must be what went in, whatever the texts are.
var checks = map[string]func(t *testing.T, out []byte, r *report.Report){
	"sarif": checkSARIF, "junit": checkJUnit, "github": checkGitHub, "gitlab": checkGitLab,
	"checkstyle": checkCheckstyle, "rdjsonl": checkRDJSONL, "markdown": checkMarkdown,
}

func write(t *testing.T, name string, r *report.Report) []byte {
	f, ok := report.Find(name)
	require.True(t, ok, name)
	var b bytes.Buffer
	require.NoError(t, f.Write(&b, r))
	return b.Bytes()
}

func TestEveryFormatIsChecked(t *testing.T) {
	for _, f := range report.Formats {
		require.Contains(t, checks, f.Name)
	}
}

// FuzzFormats: texts of manifests, and file names, never break a format.
func FuzzFormats(f *testing.F) {
	for _, s := range []string{
		"plain", "::error file=x::y\n::add-mask::z", "##[add-mask]z", "%0A::error::x", "](1)", "[x](1)", "[a](http://x.example)", "`", "```", "```\n# x", "<script>&\"'",
		"]]>", "\x00\x01\x1b[31m\ufffe", "\u202ereversed\u2028", "a\xffb", "| @team #1 https://x.example |", "--> <!--", "", " ", "{0}", "\\", "ü 𐐀",
	} {
		f.Add(s, s, s, s, 3, 2)
		f.Add("message "+s, "dir/"+s+".yaml", "spec."+s, s+"x", -1, 1000)
	}
	f.Fuzz(func(t *testing.T, message, file, path, name string, line, column int) {
		r := newReport(t, message, file, path, name, line, column)
		for _, format := range report.Formats {
			checks[format.Name](t, write(t, format.Name, r), r)
		}
	})
}

func newReport(t testing.TB, message, file, path, name string, line, column int) *report.Report {
	pos := manifest.Pos{File: file, Line: line, Column: column, EndLine: line, EndColumn: column + 1, Path: path}
	id := manifest.ID{Kind: "VirtualService", Namespace: name, Name: name}
	var list []rules.Finding
	for i, rule := range []string{"shadowed-match", "shadowed-match", "syntax", "of-a-policy"} {
		list = append(list, rules.Finding{
			Rule: rule, Severity: rules.Severity(i % 3), Object: id, Pos: pos, Message: message, Instead: name, Fingerprint: fmt.Sprint("f", i/2),
			Related: []rules.Related{{Object: id, Pos: pos, Message: message}, {Object: id, Pos: pos}}, Witness: &rules.Witness{URL: name},
		})
	}
	dir := t.TempDir()
	return &report.Report{
		Version: "v1.2.3", Rules: rules.All(), Findings: list, Files: []manifest.File{{Name: file, Data: []byte(message + "\n" + name + "\n" + path)}},
		Failures: []report.Failure{{Rule: "of-a-policy", Text: file + message, Message: message, Pos: pos}, {Text: message, Message: message}},
		Total:    "gatelint: some", Dir: dir, Root: report.Repository(dir), Say: func(string, ...any) {},
		Detail:  func(f rules.Finding) string { return report.Plain(f.Message) + "\n" },
		Example: func(w *rules.Witness) string { return w.URL },
	}
}

// loud is what formats show that have errors only: the failures, then the findings.
func loud(r *report.Report) (out []rules.Finding) {
	for _, x := range r.Failures {
		f := rules.Finding{Severity: rules.Error, Message: x.Message}
		if x.Rule != "" {
			f.Message = fmt.Sprintf("rule %q failed, so not all is known that it finds: %s", x.Rule, x.Message)
		}
		out = append(out, f)
	}
	return append(out, r.Findings...)
}

var schema = func() *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	s, err := c.Compile("../../../fixtures/sarif/sarif-schema-2.1.0.json")
	if err != nil {
		panic(err)
	}
	return s
}()

type sarifLog struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Rules []struct {
					ID         string
					Help       struct{ Text, Markdown string }
					Properties struct{ Tags []string }
				}
			}
		}
		Invocations []struct {
			ToolExecutionNotifications []struct{ Message struct{ Text string } }
		}
		ColumnKind string
		Results    []struct {
			RuleID              string
			RuleIndex           *int
			Level               string
			Message             struct{ Text string }
			Locations           []sarifLocation
			RelatedLocations    []sarifLocation
			PartialFingerprints map[string]string
		}
	}
}

type sarifLocation struct {
	ID               int
	PhysicalLocation struct {
		ArtifactLocation struct{ URI string }
		Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
	}
}

var link = regexp.MustCompile(`\[(?:[^\[\]\\]|\\.)*\]\((\d+)\)`)

// checkSARIF holds a report to the standard's schema, and to what GitHub asks beyond it.
func checkSARIF(t *testing.T, out []byte, r *report.Report) {
	var v any
	require.NoError(t, json.Unmarshal(out, &v))
	require.NoError(t, schema.Validate(v))
	var log sarifLog
	require.NoError(t, json.Unmarshal(out, &log))
	run := log.Runs[0]
	require.Equal(t, "unicodeCodePoints", run.ColumnKind)
	require.GreaterOrEqual(t, len(run.Tool.Driver.Rules), len(r.Rules))
	for _, rule := range run.Tool.Driver.Rules {
		require.NotEmpty(t, rule.Help.Text, rule.ID)
		require.NotEmpty(t, rule.Help.Markdown, rule.ID)
		require.LessOrEqual(t, len(rule.Properties.Tags), 20)
	}
	for _, x := range run.Results {
		require.NotNil(t, x.RuleIndex)
		require.Equal(t, x.RuleID, run.Tool.Driver.Rules[*x.RuleIndex].ID)
		require.Len(t, x.Locations, 1)
		require.NotEmpty(t, x.PartialFingerprints["gatelint/v1"])
		ids := []string{}
		for i, l := range append(x.Locations, x.RelatedLocations...) {
			g, uri := l.PhysicalLocation.Region, l.PhysicalLocation.ArtifactLocation.URI
			require.True(t, g.StartLine >= 1 && g.StartColumn >= 1 && g.EndLine >= g.StartLine && g.EndColumn >= 1, "%v", g)
			require.False(t, strings.HasPrefix(uri, "./") || strings.Contains(uri, `\`) || uri == "", "%q", uri)
			if i > 0 {
				ids = append(ids, fmt.Sprint(l.ID))
			}
		}
		linked := []string{}
		for _, m := range link.FindAllStringSubmatch(x.Message.Text, -1) {
			linked = append(linked, m[1])
		}
		require.Equal(t, ids, linked, "every other end is linked, and nothing else: %q", x.Message.Text)
	}
}

func checkXML(t *testing.T, out []byte, into any) {
	require.NoError(t, xml.Unmarshal(out, into))
	d := xml.NewDecoder(bytes.NewReader(out))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else {
			require.NoError(t, err)
		}
	}
}

func checkJUnit(t *testing.T, out []byte, r *report.Report) {
	var x struct {
		Tests  int `xml:"tests,attr"`
		Suites []struct {
			Cases []struct {
				Name    string `xml:"name,attr"`
				Class   string `xml:"classname,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	checkXML(t, out, &x)
	names, i := map[string]bool{}, 0
	for _, s := range x.Suites {
		for _, c := range s.Cases {
			require.False(t, names[c.Class+"\x00"+c.Name], "two tests of one name")
			names[c.Class+"\x00"+c.Name] = true
			if i < len(r.Findings) && c.Failure != nil {
				require.Equal(t, inXML(report.Plain(r.Findings[i].Message)), c.Failure.Message)
			}
			i++
		}
	}
	require.Equal(t, max(len(r.Findings)+len(r.Failures), 1), i)
	require.Equal(t, i, x.Tests)
}

// inXML is text with what XML cannot hold replaced.
func inXML(text string) string {
	return strings.Map(func(r rune) rune {
		if r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, text)
}

func checkCheckstyle(t *testing.T, out []byte, r *report.Report) {
	var x struct {
		Files []struct {
			Name   string `xml:"name,attr"`
			Errors []struct {
				Line     int    `xml:"line,attr"`
				Severity string `xml:"severity,attr"`
				Message  string `xml:"message,attr"`
			} `xml:"error"`
		} `xml:"file"`
	}
	checkXML(t, out, &x)
	i, list := 0, loud(r)
	for _, f := range x.Files {
		require.NotEmpty(t, f.Name)
		for _, e := range f.Errors {
			message := inXML(report.Plain(list[i].Message))
			require.True(t, strings.HasPrefix(e.Message, message), e.Message)
			require.Equal(t, len(list[i].Related) > 0, strings.Contains(strings.TrimPrefix(e.Message, message), "; see "))
			require.Equal(t, list[i].Severity.String(), e.Severity)
			require.Positive(t, e.Line)
			i++
		}
	}
	require.Len(t, list, i)
}

// checkGitHub reads lines as the runner does: a command begins a line, in the old form it may stand anywhere in one.
func checkGitHub(t *testing.T, out []byte, r *report.Report) {
	commands := 0
	for _, line := range regexp.MustCompile(`\r\n|\r|\n`).Split(string(out), -1) {
		if !strings.HasPrefix(strings.TrimSpace(line), "::") {
			require.NotContains(t, line, "##[")
			continue
		}
		commands++
		head, message, ok := strings.Cut(line[2:], "::")
		require.True(t, ok, line)
		name, properties, _ := strings.Cut(head, " ")
		require.Contains(t, []string{"error", "warning", "notice"}, name)
		keys := []string{}
		for _, p := range strings.Split(properties, ",") {
			key, _, ok := strings.Cut(p, "=")
			require.True(t, ok, line)
			keys = append(keys, key)
		}
		require.Subset(t, []string{"file", "line", "endLine", "col", "endColumn", "title"}, keys)
		message = strings.NewReplacer("%0A", "\n", "%0D", "\r", "%25", "%").Replace(message)
		require.True(t, slices.ContainsFunc(loud(r), func(f rules.Finding) bool {
			return strings.HasPrefix(message+"\n", report.Plain(f.Message)+"\n")
		}), "%q", message)
	}
	require.Len(t, loud(r), commands)
}

func checkGitLab(t *testing.T, out []byte, r *report.Report) {
	var x []struct {
		Description    string                `json:"description"`
		Content        struct{ Body string } `json:"content"`
		OtherLocations []any                 `json:"other_locations"`
		Fingerprint    string                `json:"fingerprint"`
		Severity       string                `json:"severity"`
		Location       struct {
			Path  string `json:"path"`
			Lines struct {
				Begin int `json:"begin"`
			} `json:"lines"`
		} `json:"location"`
	}
	require.NoError(t, json.Unmarshal(out, &x))
	require.NotNil(t, x, "a clean report is [], not null")
	list := loud(r)
	require.Len(t, x, len(list))
	seen := map[string]bool{}
	for i, f := range x {
		want := list[i]
		require.True(t, strings.HasPrefix(f.Description, report.Plain(want.Message)), f.Description)
		require.Equal(t, len(want.Related) > 0, strings.Contains(strings.TrimPrefix(f.Description, report.Plain(want.Message)), "; see "))
		require.Len(t, f.OtherLocations, len(want.Related))
		checkMarkup(t, []byte(f.Content.Body))
		require.False(t, seen[f.Fingerprint], "GitLab shows equal fingerprints as one")
		seen[f.Fingerprint] = true
		require.Contains(t, []string{"major", "minor", "info", "blocker"}, f.Severity)
		require.Equal(t, i < len(r.Failures), f.Severity == "blocker")
		require.Positive(t, f.Location.Lines.Begin)
		require.False(t, strings.HasPrefix(f.Location.Path, "./") || f.Location.Path == "")
	}
}

func checkRDJSONL(t *testing.T, out []byte, r *report.Report) {
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	list := loud(r)
	if len(list) == 0 {
		lines = nil
	}
	require.Len(t, lines, len(list))
	for i, line := range lines {
		var x struct {
			Message  string
			Location struct {
				Path  string
				Range struct{ Start, End struct{ Line, Column int } }
			}
			Suggestions []struct{ Text string }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &x))
		require.True(t, strings.HasPrefix(x.Message, report.Plain(list[i].Message)), x.Message)
		require.NotEmpty(t, x.Location.Path)
		require.Positive(t, x.Location.Range.Start.Column)
		require.Positive(t, x.Location.Range.End.Column)
		for _, s := range x.Suggestions {
			require.NotContains(t, s.Text, "\n")
		}
	}
}

// checkMarkdown holds the comment to its form: texts of manifests are code, and the only links are those to our pages.
func checkMarkdown(t *testing.T, out []byte, r *report.Report) {
	require.LessOrEqual(t, len(out), 65536)
	spans, block := checkMarkup(t, out)
	for _, f := range loud(r) {
		if message := report.Plain(f.Message); message != "" && len(r.Findings) < 10 {
			require.Contains(t, spans, message)
			if f.Rule != "" { // of a failure there is no more to say
				require.Contains(t, block, message)
			}
		}
	}
}

// checkMarkup reads Markdown, in which text of manifests stands in code only, and gives its spans and blocks of code.
func checkMarkup(t *testing.T, out []byte) (spans []string, block string) {
	doc := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(out))
	require.NoError(t, ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			require.True(t, strings.HasPrefix(string(n.Destination), "https://github.com/gatelint/gatelint/"), "%s", n.Destination)
		case *ast.HTMLBlock:
			require.Contains(t, []string{"<!-- gatelint -->", "<details><summary>Sources and examples</summary>", "</details>"}, strings.TrimSpace(string(n.Lines().Value(out))))
		case *ast.AutoLink, *ast.Image, *ast.RawHTML, *ast.Blockquote:
			require.Fail(t, "text of a manifest became markup", "%T in %s", n, out)
		case *ast.FencedCodeBlock:
			block += string(n.Lines().Value(out))
		case *ast.CodeSpan:
			var b strings.Builder
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				b.Write(c.(*ast.Text).Segment.Value(out))
			}
			spans = append(spans, b.String())
		}
		return ast.WalkContinue, nil
	}))
	return spans, block
}

// TestRealReports checks every format of what lint finds in each fixture, all of them written in one run: they have the findings
// that json has.
func TestRealReports(t *testing.T) {
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	files, err := filepath.Glob("../../../fixtures/*.txtar")
	require.NoError(t, err)
	broken, err := filepath.Glob("../../../fixtures/broken/*.txtar")
	require.NoError(t, err)
	suggested := 0
	for _, file := range append(files, broken...) {
		ar, err := txtar.ParseFile(file)
		require.NoError(t, err)
		t.Run(filepath.Base(file), func(t *testing.T) {
			in, out := t.TempDir(), t.TempDir()
			for _, f := range ar.Files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(in, f.Name)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(in, f.Name), f.Data, 0o644))
			}
			t.Chdir(in)
			args := []string{".", "--no-config", "-o", "json=" + filepath.Join(out, "json")}
			for _, f := range report.Formats {
				args = append(args, "-o", f.Name+"="+filepath.Join(out, f.Name))
			}
			var stdout, stderr bytes.Buffer
			require.LessOrEqual(t, cli.Main(args, strings.NewReader(""), &stdout, &stderr), 1)
			require.Empty(t, stdout.String()+stderr.String())
			r := readReport(t, filepath.Join(out, "json"))
			for _, f := range report.Formats {
				data, err := os.ReadFile(filepath.Join(out, f.Name))
				require.NoError(t, err)
				checks[f.Name](t, data, r)
				suggested += bytes.Count(data, []byte(`"suggestions"`))
			}
		})
	}
	require.Greater(t, suggested, 5, "no near names in the fixtures")
}

// readReport gives of a json report what the checks look at.
func readReport(t *testing.T, file string) *report.Report {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var x struct {
		Findings []struct {
			Message, Severity string
			Related           []struct{ Message string }
		}
	}
	require.NoError(t, json.Unmarshal(data, &x))
	r := &report.Report{}
	for _, f := range x.Findings {
		severity := map[string]rules.Severity{"error": rules.Error, "warning": rules.Warning, "info": rules.Info}[f.Severity]
		finding := rules.Finding{Message: f.Message, Severity: severity}
		for _, e := range f.Related {
			finding.Related = append(finding.Related, rules.Related{Message: e.Message})
		}
		r.Findings = append(r.Findings, finding)
	}
	return r
}

// A clean run is a whole report in every format, not an empty one.
func TestCleanReport(t *testing.T) {
	r := newReport(t, "", "", "", "", 0, 0)
	r.Findings, r.Failures = nil, nil
	for _, f := range report.Formats {
		checks[f.Name](t, write(t, f.Name, r), r)
	}
}

// A run that failed is no clean one in any format.
func TestFailedReport(t *testing.T) {
	r := newReport(t, "why", "a.rego", "", "", 4, 1)
	r.Findings = nil
	for _, f := range report.Formats {
		out := write(t, f.Name, r)
		checks[f.Name](t, out, r)
		want := 2
		if f.Name == "junit" { // where it is the text of the error too
			want = 4
		}
		require.Equal(t, want, strings.Count(string(out), "why"), f.Name)
	}
	require.Contains(t, string(write(t, "github", r)), "::error title=failure::why\n")
	require.Equal(t, 1, strings.Count(string(write(t, "sarif", r)), `"uri": "a.rego"`), "of the one that has a place")
}

// Names of files are from the repository's folder, with symbolic links resolved; reviewdog and Checkstyle's readers get them as given.
func TestPaths(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "deploy/web"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, ".git"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "deploy/web/a.yaml"), nil, 0o644))
	require.NoError(t, os.Symlink("web/a.yaml", filepath.Join(root, "deploy/link.yaml")))
	dir := filepath.Join(root, "deploy")
	for file, want := range map[string]string{
		"web/a.yaml": "deploy/web/a.yaml", "link.yaml": "deploy/web/a.yaml", "<stdin>": "<stdin>", "not/there.yaml": "deploy/not/there.yaml",
		filepath.Join(root, "deploy/web/a.yaml"): "deploy/web/a.yaml", "../../outside.yaml": filepath.ToSlash(filepath.Join(filepath.Dir(root), "outside.yaml")),
	} {
		r := newReport(t, "m", file, "p", "n", 1, 1)
		r.Dir, r.Root = dir, report.Repository(dir)
		require.Contains(t, string(write(t, "gitlab", r)), `"path": "`+want+`"`, file)
		require.Contains(t, string(write(t, "rdjsonl", r)), `"path":"`+file+`"`)
	}
}
