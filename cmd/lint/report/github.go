package report

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

const (
	maxAnnotations = 10      // of each severity, that GitHub shows for a step
	maxSummary     = 1 << 20 // bytes; GitHub drops a step summary that is longer
)

// github writes workflow commands, which become annotations, the worst first; and the step summary where GitHub asks for one.
// Every text is escaped: a manifest must not bring a command into the log.
func github(w io.Writer, r *Report) error {
	counts := map[rules.Severity]int{}
	in := r.loud().inTemplates()
	for _, f := range bySeverity(in.Findings) {
		counts[f.Severity]++
		text := strings.Join(append([]string{Plain(f.Message)}, in.ends(f, in.fromRoot)...), "\n")
		fmt.Fprintf(w, "::%s %s::%s\n", command(f.Severity), in.properties(f), commandText.Replace(text))
	}
	for _, s := range []rules.Severity{rules.Error, rules.Warning, rules.Info} {
		if n := counts[s]; n > maxAnnotations {
			fmt.Fprintf(w, "GitHub shows %d of the %d %s annotations of this step; they are all in this log and in the step summary\n", maxAnnotations, n, command(s))
		}
	}
	if _, err := fmt.Fprintln(w, r.Total); err != nil {
		return err
	}
	return r.writeSummary()
}

func command(s rules.Severity) string {
	return map[rules.Severity]string{rules.Error: "error", rules.Warning: "warning", rules.Info: "notice"}[s]
}

var (
	commandText  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyText = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// properties are the place and the title. GitHub takes columns only of a place on one line.
func (r *Report) properties(f rules.Finding) string {
	if f.Pos.File == "" && f.Object == (manifest.ID{}) { // of a failure without a place
		return "title=" + propertyText.Replace(f.Rule)
	}
	pos := place(f.Pos, f.Object)
	out := fmt.Sprintf("file=%s,line=%d,endLine=%d", propertyText.Replace(r.fromRoot(pos.File)), pos.Line, pos.EndLine)
	if pos.Line == pos.EndLine {
		out += fmt.Sprintf(",col=%d,endColumn=%d", pos.Column, pos.EndColumn)
	}
	return out + ",title=" + propertyText.Replace(f.Rule)
}

// writeSummary appends to the step summary.
func (r *Report) writeSummary() (err error) {
	if r.StepSummary == "" {
		return nil
	}
	file, err := os.OpenFile(r.StepSummary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing the step summary: %w", err)
	}
	info, err := file.Stat()
	if err == nil {
		err = writeMarkdown(file, r, maxSummary-int(info.Size()))
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("writing the step summary: %w", err)
	}
	return nil
}
