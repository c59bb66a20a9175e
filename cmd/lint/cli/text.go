package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// textReport writes findings for people: a line that editors can follow, the source of both ends, a request that shows the
// fault, and the way out.
type textReport struct {
	w       *bufio.Writer
	sources *sources
	rules   []*rules.Rule
	color   bool
	new     map[findingKey]bool // of a result
}

const (
	bold   = "1"
	red    = "1;31"
	yellow = "1;33"
	cyan   = "1;36"
)

var severityColors = map[rules.Severity]string{rules.Error: red, rules.Warning: yellow, rules.Info: cyan}

func (t *textReport) paint(color, text string) string {
	if !t.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (t *textReport) write(res *result, quiet bool) {
	t.new = res.new
	for _, f := range res.findings {
		t.whole(f, res)
	}
	if !quiet {
		t.notes(res)
		fmt.Fprintln(t.w, total(res))
	}
}

// whole writes all that there is to say of a finding.
func (t *textReport) whole(f rules.Finding, res *result) {
	t.finding(f, res.worlds)
	if v, asked := res.verdicts[keyOf(f)]; asked {
		fmt.Fprintf(t.w, "admission: %s\n", plainText(v.line()))
	}
	fmt.Fprintf(t.w, "help: %s\n\n", t.help(f.Rule))
}

func (t *textReport) finding(f rules.Finding, worlds int) {
	place, color := t.paint(bold, location(f.Pos, f.Object)+":"), severityColors[f.Severity]
	fmt.Fprintf(t.w, "%s %s %s [%s]\n", place, t.paint(color, f.Severity.String()+":"), plainText(f.Message), f.Rule)
	t.excerpt(f.Pos, f.Object, f.Source, color)
	t.template(f.Pos)
	for _, r := range f.Related {
		t.related(r)
	}
	if f.Witness != nil {
		fmt.Fprintf(t.w, "example: %s\n", plainText(example(f.Witness)))
	}
	if t.new[keyOf(f)] {
		fmt.Fprintln(t.w, "brought by: the files; without them it is not there")
	}
	if len(f.Worlds) > 0 && len(f.Worlds) < worlds {
		fmt.Fprintf(t.w, "only in: %s\n", plainText(few(f.Worlds)))
	}
}

func (t *textReport) related(r rules.Related) {
	message := plainText(r.Message)
	if message == "" {
		message = "the other end is " + plainText(r.Object.String())
	}
	fmt.Fprintf(t.w, "%s %s %s\n", t.paint(bold, location(r.Pos, r.Object)+":"), t.paint(cyan, "note:"), message)
	t.excerpt(r.Pos, r.Object, r.Source, cyan)
	t.template(r.Pos)
}

// template names the Helm template of a place, where the input says it.
func (t *textReport) template(pos manifest.Pos) {
	if name, _ := t.sources.templates.At(pos); name != "" {
		fmt.Fprintf(t.w, "rendered from: %s\n", plainText(name))
	}
}

// location is file:line:col, or the object and the path where there is no file.
func location(pos manifest.Pos, object manifest.ID) string {
	if pos.Line == 0 {
		return plainText(strings.TrimSpace(object.String() + " " + pos.Path))
	}
	return fmt.Sprintf("%s:%d:%d", plainText(pos.File), pos.Line, pos.Column)
}

func (t *textReport) excerpt(pos manifest.Pos, object manifest.ID, source *manifest.Object, color string) {
	text, ok := t.sources.line(pos, object, source)
	if !ok {
		return
	}
	line, carets := excerpt(text, pos)
	number := fmt.Sprintf("%4d", pos.Line)
	fmt.Fprintf(t.w, "%s | %s\n%s | %s\n", number, line, strings.Repeat(" ", len(number)), t.paint(color, carets))
}

// help is the way out in one line.
func (t *textReport) help(name string) string {
	more := "gatelint explain " + name
	for _, r := range t.rules {
		if r.Name == name && wayOut(r) != "" {
			return strings.TrimSuffix(wayOut(r), ".") + " (" + more + ")"
		}
	}
	return more
}

// wayOut is the paragraph of a rule's Doc that starts "Fix:", else its last sentence.
func wayOut(r *rules.Rule) string {
	paragraphs := strings.Split(strings.TrimSpace(r.Doc), "\n\n")
	for _, p := range paragraphs {
		if fix, ok := strings.CutPrefix(p, "Fix:"); ok {
			return strings.Join(strings.Fields(fix), " ")
		}
	}
	last := strings.Join(strings.Fields(paragraphs[len(paragraphs)-1]), " ")
	if i := strings.LastIndex(strings.TrimSuffix(last, "."), ". "); i >= 0 {
		last = last[i+2:]
	}
	return last
}
