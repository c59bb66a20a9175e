package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/gatelint/gatelint/rules"
)

// maxComment is the length of a pull-request comment, in bytes: GitHub takes 65,536 characters.
const maxComment = 65536

// markdown writes a comment for a pull request. The first line lets a job find its comment again.
func markdown(w io.Writer, r *Report) error { return writeMarkdown(w, r, maxComment) }

// writeMarkdown writes a list, and the sources and examples behind a fold, in at most limit bytes; it says what it had to leave
// out. Text of manifests stands in code only, where it is no markup, link or mention.
func writeMarkdown(w io.Writer, r *Report, limit int) error {
	const reserve = 400 // for the lines that say what is left out
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- gatelint -->\n### %s\n\n", r.Total)
	list := bySeverity(r.Findings)
	var items []string
	for _, f := range r.failed() {
		items = append(items, r.item("failed", f))
	}
	for _, f := range list {
		items = append(items, r.item(f.Severity.String(), f))
	}
	left := len(items)
	for _, item := range items {
		if b.Len()+len(item) > limit-reserve {
			break
		}
		b.WriteString(item)
		left--
	}
	if left > 0 {
		fmt.Fprintf(&b, "\n%d more findings do not fit here: the report of the job has all.\n", left)
	}
	switch details := r.details(list); {
	case len(list) == 0:
	case b.Len()+len(details) <= limit-reserve/2:
		b.WriteString(details)
	default:
		b.WriteString("\nSources and examples do not fit here: the report of the job has them.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) item(what string, f rules.Finding) string {
	pos := place(f.Pos, f.Object)
	rule := code(f.Rule)
	if page := docs(f.Rule); page != "" {
		rule = fmt.Sprintf("[%s](%s)", f.Rule, page)
	}
	where := fmt.Sprintf("%s:%d:%d", Plain(r.fromRoot(pos.File)), pos.Line, pos.Column)
	return fmt.Sprintf("- **%s** %s %s (%s)\n", what, code(where), code(Plain(f.Message)), rule)
}

func (r *Report) details(list []rules.Finding) string {
	var b strings.Builder
	for _, f := range list {
		b.WriteString(r.Detail(f))
	}
	text := strings.TrimRight(b.String(), "\n")
	fence := strings.Repeat("`", max(3, longestRun(text)+1))
	return fmt.Sprintf("\n<details><summary>Sources and examples</summary>\n\n%stext\n%s\n%s\n\n</details>\n", fence, text, fence)
}

// code makes a code span: its fence is longer than any run of backticks within.
func code(text string) string {
	fence := strings.Repeat("`", longestRun(text)+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || strings.HasPrefix(text, " ") && strings.HasSuffix(text, " ") && strings.TrimSpace(text) != "" {
		text = " " + text + " "
	}
	return fence + text + fence
}

func longestRun(text string) (longest int) {
	run := 0
	for _, c := range text {
		if c != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
