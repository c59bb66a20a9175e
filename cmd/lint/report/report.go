// Package report writes what a run of lint found in the formats that other programs read: one file a format.
package report

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// Report is what a run of lint found, and what the formats need to show it.
type Report struct {
	Version  string
	Rules    []*rules.Rule   // those that ran
	Findings []rules.Finding // sorted by place
	Files    []manifest.File // all that was read
	Failures []Failure       // what could not be read, and policies that gave no answer
	Total    string          // the counts, in one line

	Dir  string // the working directory, which file names are relative to
	Root string // the repository's folder; CI systems name files from there

	Detail  func(rules.Finding) string  // a finding as the text format shows it
	Example func(*rules.Witness) string // what becomes of a request, in one line

	StepSummary string                           // the file of GITHUB_STEP_SUMMARY, "" if there is none
	Say         func(format string, args ...any) // to standard error: what a format had to leave out

	files map[string][]byte   // by name, when first asked for
	lines map[string][]string // of files that were asked for
	paths map[string]string   // from the root, of each file name
}

// Failure is what could not be read, or why a rule did not come to its end.
type Failure struct {
	Rule    string       // "" of what could not be read
	Text    string       // with the place
	Message string       // without it
	Pos     manifest.Pos // in a policy; no file if it has no place
}

// failed are the failures as the formats show errors that have no other way to say it.
func (r *Report) failed() (out []rules.Finding) {
	for _, x := range r.Failures {
		f := rules.Finding{Rule: "failure", Severity: rules.Error, Pos: x.Pos, Message: x.Message}
		if x.Rule != "" {
			f.Rule, f.Message = x.Rule, fmt.Sprintf("rule %q failed, so not all is known that it finds: %s", x.Rule, x.Message)
		}
		f.Fingerprint = rules.Fingerprint("failure", x.Rule, x.Message)
		out = append(out, f)
	}
	return out
}

// loud is the report with its failures before the findings.
func (r *Report) loud() *Report {
	out := *r
	out.Findings = append(r.failed(), r.Findings...)
	return &out
}

// Format is a way to write a report.
type Format struct {
	Name  string
	Write func(io.Writer, *Report) error
}

// Formats lists the formats for programs, beside text and json.
var Formats = []Format{
	{"sarif", sarif},
	{"junit", junit},
	{"github", github},
	{"gitlab", gitlab},
	{"checkstyle", checkstyle},
	{"rdjsonl", rdjsonl},
	{"markdown", markdown},
}

// Find gives the format of a name.
func Find(name string) (Format, bool) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return Formats[i], true
}

// Repository is the folder of the git repository around a folder, with symbolic links resolved; without one, the folder.
func Repository(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// fromRoot names a file from the repository's folder, with forward slashes and symbolic links resolved. A file outside is
// named absolutely, standard input as it is.
func (r *Report) fromRoot(file string) string {
	if path, known := r.paths[file]; known {
		return path
	}
	if r.paths == nil {
		r.paths = map[string]string{}
	}
	r.paths[file] = r.relative(file)
	return r.paths[file]
}

func (r *Report) relative(file string) string {
	abs := file
	if !filepath.IsAbs(abs) {
		dir, err := filepath.EvalSymlinks(r.Dir)
		if err != nil {
			dir = r.Dir
		}
		abs = filepath.Join(dir, file)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	} else if strings.HasPrefix(file, "<") {
		return file
	}
	rel, err := filepath.Rel(r.Root, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(abs)
	}
	return filepath.ToSlash(rel)
}

// data is what a file holds, nil if it was not read.
func (r *Report) data(file string) []byte {
	if r.files == nil {
		r.files = map[string][]byte{}
		for _, f := range r.Files {
			r.files[f.Name] = f.Data
		}
	}
	return r.files[file]
}

// line is a 1-based line of a file without its end, "" if there is none.
func (r *Report) line(file string, n int) string {
	all, split := r.lines[file]
	if !split {
		if r.lines == nil {
			r.lines = map[string][]string{}
		}
		all = strings.Split(string(r.data(file)), "\n")
		r.lines[file] = all
	}
	if n < 1 || n > len(all) {
		return ""
	}
	return strings.TrimSuffix(all[n-1], "\r")
}

// place is a position that is complete: an object in a cluster has no file, and is named as if it were one.
func place(pos manifest.Pos, object manifest.ID) manifest.Pos {
	switch {
	case pos.File == "" && object == manifest.ID{}: // of a failure
		pos.File = "gatelint"
	case pos.File == "":
		pos.File = fmt.Sprintf("%s/%s", object.Kind, object.Ref())
	}
	pos.Line, pos.Column = max(pos.Line, 1), max(pos.Column, 1)
	pos.EndLine = max(pos.EndLine, pos.Line)
	pos.EndColumn = max(pos.EndColumn, 1)
	if pos.EndLine == pos.Line {
		pos.EndColumn = max(pos.EndColumn, pos.Column)
	}
	return pos
}

// bySeverity gives the findings with the worst first, else in order of place.
func bySeverity(list []rules.Finding) []rules.Finding {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b rules.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}

// fileGroup is the findings of one file.
type fileGroup struct {
	file     string
	findings []rules.Finding
}

// byFile parts the findings by file, in their order.
func (r *Report) byFile() (out []fileGroup) {
	for _, f := range r.Findings {
		file := place(f.Pos, f.Object).File
		if len(out) == 0 || out[len(out)-1].file != file {
			out = append(out, fileGroup{file: file})
		}
		g := &out[len(out)-1]
		g.findings = append(g.findings, f)
	}
	return out
}

// ends are the other ends of a fault and its example, one line each.
func (r *Report) ends(f rules.Finding, path func(string) string) (out []string) {
	for _, e := range f.Related {
		at := place(e.Pos, e.Object)
		out = append(out, fmt.Sprintf("%s:%d:%d: %s", Plain(path(at.File)), at.Line, at.Column, endText(e)))
	}
	if f.Witness != nil {
		out = append(out, "example: "+Plain(r.Example(f.Witness)))
	}
	return out
}

// sentence is a finding in one line: the message, and where its other ends are, the first three.
func (r *Report) sentence(f rules.Finding, path func(string) string) string {
	const most = 3
	var places []string
	for _, e := range f.Related[:min(len(f.Related), most)] {
		at := place(e.Pos, e.Object)
		places = append(places, fmt.Sprintf("%s:%d", Plain(path(at.File)), at.Line))
	}
	places = slices.Compact(places)
	if n := len(f.Related) - most; n > 0 {
		places = append(places, fmt.Sprintf("%d more", n))
	}
	text := Plain(f.Message)
	if len(places) > 0 {
		text += "; see " + strings.Join(places, ", ")
	}
	return text
}

// asGiven leaves the name of a file as it is.
func asGiven(file string) string { return file }

func endText(e rules.Related) string {
	if e.Message == "" {
		return "the other end is " + Plain(e.Object.String())
	}
	return Plain(e.Message)
}

// docs is the page of a rule, "" for one that is not ours.
func docs(name string) string {
	if rules.Find(name) == nil {
		return ""
	}
	return "https://github.com/gatelint/gatelint/blob/main/rules/README.md#" + name
}
