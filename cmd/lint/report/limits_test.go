package report_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
)

// GitHub keeps 5,000 results of its own choice: the most severe are sent, and what is left out is said.
func TestSARIFLimit(t *testing.T) {
	r := newReport(t, "m", "f.yaml", "p", "n", 1, 1)
	one := r.Findings[0]
	r.Findings = nil
	for i := range 5003 {
		f := one
		f.Pos.Line, f.Pos.EndLine, f.Severity = i+1, i+1, rules.Warning
		if i == 5002 {
			f.Severity = rules.Error
		}
		f.Related = nil
		r.Findings = append(r.Findings, f)
	}
	var said string
	r.Failures, r.Say = nil, func(format string, args ...any) { said += fmt.Sprintf(format, args...) }
	var log sarifLog
	out := write(t, "sarif", r)
	require.NoError(t, json.Unmarshal(out, &log))
	run := log.Runs[0]
	require.Len(t, run.Results, 5000)
	require.Equal(t, "error", run.Results[4999].Level)
	require.Contains(t, said, "3 results are left out")
	require.Equal(t, said, run.Invocations[0].ToolExecutionNotifications[0].Message.Text)

	f := one
	for range 2000 {
		f.Related = append(f.Related, one.Related[0])
	}
	r.Findings = []rules.Finding{f}
	out = write(t, "sarif", r)
	checkSARIF(t, out, r)
	require.NoError(t, json.Unmarshal(out, &log))
	require.Len(t, log.Runs[0].Results[0].RelatedLocations, 999)
	require.Contains(t, log.Runs[0].Results[0].Message.Text, "1003 more")
}

// Findings of one rule on one line are one result, which lists show by the beginning of its text: the most severe stands first.
func TestSARIFMostSevereFirst(t *testing.T) {
	r := newReport(t, "m", "f.yaml", "p", "n", 1, 1)
	mild, severe := r.Findings[0], r.Findings[0]
	mild.Severity, mild.Message, mild.Related = rules.Info, "mild", nil
	severe.Severity, severe.Message, severe.Related = rules.Error, "severe", nil
	severe.Pos.Column++
	r.Findings = []rules.Finding{mild, severe}
	var log sarifLog
	require.NoError(t, json.Unmarshal(write(t, "sarif", r), &log))
	require.Len(t, log.Runs[0].Results, 1)
	require.Equal(t, "error", log.Runs[0].Results[0].Level)
	require.Regexp(t, "^severe.* Also: mild", log.Runs[0].Results[0].Message.Text)
}

// GitHub takes ten megabytes, compressed. What a report is about cannot be made smaller without losing it, so it is said.
func TestSARIFSize(t *testing.T) {
	r := newReport(t, "m", "f.yaml", "p", "n", 1, 1)
	one := r.Findings[0]
	one.Related = nil
	noise := rand.New(rand.NewPCG(1, 2))
	r.Findings = nil
	for i := range 700 {
		f := one
		f.Pos.Line, f.Pos.EndLine = i+1, i+1
		text := make([]byte, 30_000)
		for j := range text {
			text[j] = byte(' ' + noise.IntN(95))
		}
		f.Message = string(text)
		r.Findings = append(r.Findings, f)
	}
	said := ""
	r.Say = func(format string, args ...any) { said += fmt.Sprintf(format, args...) }
	write(t, "sarif", r)
	require.Contains(t, said, "MB compressed, and GitHub takes 10")
}

// A comment has 65,536 characters, a step summary a mebibyte: what does not fit is said.
func TestMarkdownLimit(t *testing.T) {
	r := newReport(t, strings.Repeat("message ", 40), "f.yaml", "p", "n", 1, 1)
	for len(r.Findings) < 4000 {
		r.Findings = append(r.Findings, r.Findings[0])
	}
	out := write(t, "markdown", r)
	checkMarkdown(t, out, r)
	require.Regexp(t, `\n\d+ more findings do not fit here`, string(out))
	require.Contains(t, string(out), "Sources and examples do not fit here")

	r.StepSummary = filepath.Join(t.TempDir(), "summary.md")
	require.NoError(t, os.WriteFile(r.StepSummary, []byte("before\n"), 0o644))
	write(t, "github", r)
	summary, err := os.ReadFile(r.StepSummary)
	require.NoError(t, err)
	require.LessOrEqual(t, len(summary), 1<<20)
	require.True(t, strings.HasPrefix(string(summary), "before\n<!-- gatelint -->"))
	require.Contains(t, string(summary), "more findings do not fit here")
}
