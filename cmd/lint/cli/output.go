package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/cmd/lint/report"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// output is one report: a format and where it goes.
type output struct {
	format string
	file   string // "" is standard output
}

// formats are the names of all formats: the two for gatelint's own users, then those of other programs.
func formats() []string {
	out := []string{"text", "json"}
	for _, f := range report.Formats {
		out = append(out, f.Name)
	}
	return out
}

// setOutputs reads -o: every format goes to its own place.
func (r *request) setOutputs(f *flags) error {
	taken, said := map[string]bool{}, "-o"
	if f.from["output"] != "" {
		said = f.said("output")
	}
	for _, text := range f.outputs {
		format, file, given := strings.Cut(text, "=")
		switch {
		case given && file == "":
			return fmt.Errorf("%s %s: the file is missing", said, text)
		case slices.Contains([]string{"-", "/dev/stdout", "/dev/fd/1"}, file):
			file = ""
		}
		if names := formats(); !slices.Contains(names, format) {
			hint := ""
			if near := manifest.Nearest(format, names); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			return fmt.Errorf("%s: unknown format %q, use one of %s%s", said, format, strings.Join(names, ", "), hint)
		}
		where := file
		if where != "" { // however it is spelt
			where = manifest.Real(filepath.Join(manifest.Real(filepath.Dir(file)), filepath.Base(file)))
		}
		if taken[where] {
			place := "standard output"
			if file != "" {
				place = file
			}
			return fmt.Errorf("%s: two reports go to %s: give one of them a file of its own, as in -o %s=FILE", said, place, format)
		}
		taken[where] = true
		r.outputs = append(r.outputs, output{format, file})
	}
	return nil
}

// single is -o of a command that has one output. Of two, nobody can tell which is meant.
type single struct {
	to    *string
	given bool
}

func oneOutput(s *pflag.FlagSet, to *string, unless, usage string) {
	*to = unless
	s.VarP(&single{to: to}, "output", "o", usage)
}

func (s *single) String() string { return *s.to }
func (s *single) Type() string   { return "string" }
func (s *single) Set(text string) error {
	if s.given && text != *s.to {
		return fmt.Errorf("%q is given already, and this command has one output", *s.to)
	}
	*s.to, s.given = text, true
	return nil
}

func (r *request) hasText() bool {
	for _, o := range r.outputs {
		if o.format == "text" {
			return true
		}
	}
	return false
}

// over tells whether a report would be written over what was read: the config, or a file with manifests, by whatever name.
func (r *request) over(res *result, file string) bool {
	target, err := os.Stat(file)
	if err != nil {
		return false
	}
	for _, name := range append(manifest.Keys(res.holding), r.config.File) {
		if have, err := os.Stat(name); err == nil && os.SameFile(target, have) {
			return true
		}
	}
	return false
}

// report writes every report. One that cannot be written does not keep the others from it.
func (a *app) report(r *request, res *result) error {
	for _, o := range r.outputs {
		if o.file != "" && r.over(res, o.file) {
			return fmt.Errorf("-o %s=%s: this file is read as input, and a report would take its place: name another", o.format, o.file)
		}
	}
	var first error
	for _, o := range r.outputs {
		if err := a.write(r, res, o); err != nil && first == nil {
			first = failure{err}
		}
	}
	return first
}

func (a *app) write(r *request, res *result, o output) (err error) {
	var w io.Writer = a.stdout
	if o.file != "" {
		file, err := os.OpenFile(o.file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666) // who also reads a pipe never sees its reader go
		if err != nil {
			return fmt.Errorf("writing the %s report: %w", o.format, err)
		}
		defer file.Close()
		w = file
	}
	buffered := bufio.NewWriter(w)
	switch o.format {
	case "text":
		t := &textReport{w: buffered, sources: newSources(res.files), rules: a.rules, color: o.file == "" && wantsColor(r.color, a.stdout)}
		t.write(res, r.quiet)
	case "json":
		err = writeJSON(buffered, a.reportJSON(res))
	default:
		f, _ := report.Find(o.format) // setOutputs has looked it up
		err = f.Write(buffered, a.reportFor(r, res))
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing the %s report: %w", o.format, err)
	}
	return nil
}

// answered are the findings, under --as-webhook with what admission would say: those for which it would deny are the errors.
func (res *result) answered() []rules.Finding {
	if res.verdicts == nil {
		return res.findings
	}
	out := slices.Clone(res.findings)
	for i, f := range out {
		v, ok := res.verdicts[keyOf(f)]
		switch {
		case ok && v.Action == rules.Deny:
			out[i].Severity = rules.Error
		case f.Severity == rules.Error:
			out[i].Severity = rules.Warning
		}
		if ok {
			out[i].Message += "; admission: " + v.line()
		}
	}
	return out
}

// reportFor is the result as the formats of other programs see it.
func (a *app) reportFor(r *request, res *result) *report.Report {
	dir, err := os.Getwd()
	if err != nil {
		dir = "." // names then stay as they are
	}
	sources := newSources(res.files)
	return &report.Report{
		Version: a.version, Rules: r.list, Findings: res.answered(), Files: res.files, Failures: reported(res.failures()), Total: total(res),
		Dir: dir, Root: report.Repository(dir), StepSummary: os.Getenv("GITHUB_STEP_SUMMARY"), Say: a.say,
		Example: example,
		Detail: func(f rules.Finding) string {
			var b bytes.Buffer
			t := &textReport{w: bufio.NewWriter(&b), sources: sources, rules: a.rules}
			t.whole(f, res)
			t.w.Flush()
			return b.String()
		},
	}
}

// reported are failures with their places.
func reported(list []error) (out []report.Failure) {
	for _, err := range list {
		x := report.Failure{Text: err.Error(), Message: err.Error()}
		if f := (rules.Failure{}); errors.As(err, &f) {
			x.Rule = f.Rule
		}
		if p := (*policy.Problem)(nil); errors.As(err, &p) {
			x.Pos = manifest.Pos{File: p.File, Line: p.Line, Column: p.Column}
			there := *p
			there.File = ""
			x.Message = there.Error()
		}
		out = append(out, x)
	}
	return out
}

func wantsColor(when string, w io.Writer) bool {
	switch when {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
