package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// codeQuality is one issue of GitLab's Code Quality report, with what else Code Climate's specification has room for: GitLab
// shows the description only.
type codeQuality struct {
	Description    string                `json:"description"`
	CheckName      string                `json:"check_name"`
	Content        *codeQualityContent   `json:"content,omitempty"`
	Fingerprint    string                `json:"fingerprint"`
	Severity       string                `json:"severity"`
	Location       codeQualityLocation   `json:"location"`
	OtherLocations []codeQualityLocation `json:"other_locations,omitempty"`
}

type codeQualityContent struct {
	Body string `json:"body"` // Markdown
}

type codeQualityLocation struct {
	Path  string           `json:"path"`
	Lines codeQualityLines `json:"lines"`
}

type codeQualityLines struct {
	Begin int `json:"begin"`
	End   int `json:"end"`
}

// gitlab writes a Code Quality report. GitLab shows issues with one fingerprint as one, and an issue whose fingerprint changes as
// new: the file counts, as overlays have equal faults, and equal ones in a file are numbered.
func gitlab(w io.Writer, r *Report) error {
	r = r.loud().inTemplates()
	out := []codeQuality{}
	seen := map[string]int{}
	for i, f := range r.Findings {
		key := rules.Fingerprint(f.Fingerprint, r.fromRoot(place(f.Pos, f.Object).File))
		seen[key]++
		out = append(out, codeQuality{
			Description: r.sentence(f, r.fromRoot), CheckName: "gatelint/" + f.Rule,
			Content: r.content(f), Fingerprint: rules.Fingerprint(key, strconv.Itoa(seen[key])),
			Severity: map[rules.Severity]string{rules.Error: "major", rules.Warning: "minor", rules.Info: "info"}[f.Severity],
			Location: r.codeQualityLocation(f.Pos, f.Object),
		})
		if i < len(r.Failures) { // which come first
			out[i].Severity = "blocker"
		}
		for _, e := range f.Related {
			last := &out[len(out)-1]
			last.OtherLocations = append(last.OtherLocations, r.codeQualityLocation(e.Pos, e.Object))
		}
	}
	return writeJSON(w, out)
}

func (r *Report) codeQualityLocation(pos manifest.Pos, object manifest.ID) codeQualityLocation {
	pos = place(pos, object)
	return codeQualityLocation{r.fromRoot(pos.File), codeQualityLines{pos.Line, pos.EndLine}}
}

// content is the other ends, the example and the rule's page, nil where there is none of them. Text of manifests is no markup.
func (r *Report) content(f rules.Finding) *codeQualityContent {
	var body strings.Builder
	for _, end := range r.ends(f, r.fromRoot) {
		fmt.Fprintf(&body, "- %s\n", code(end))
	}
	if page := docs(f.Rule); page != "" {
		fmt.Fprintf(&body, "\n[%s](%s) says what to do.\n", f.Rule, page)
	}
	if body.Len() == 0 {
		return nil
	}
	return &codeQualityContent{body.String()}
}
