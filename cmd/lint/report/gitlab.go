package report

import (
	"io"
	"strconv"

	"github.com/gatelint/gatelint/rules"
)

// codeQuality is one issue of GitLab's Code Quality report.
type codeQuality struct {
	Description string              `json:"description"`
	CheckName   string              `json:"check_name"`
	Fingerprint string              `json:"fingerprint"`
	Severity    string              `json:"severity"`
	Location    codeQualityLocation `json:"location"`
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
	out := []codeQuality{}
	seen := map[string]int{}
	for _, f := range r.Findings {
		pos := place(f.Pos, f.Object)
		path := r.fromRoot(pos.File)
		key := rules.Fingerprint(f.Fingerprint, path)
		seen[key]++
		out = append(out, codeQuality{
			Description: Plain(f.Message), CheckName: "gatelint/" + f.Rule,
			Fingerprint: rules.Fingerprint(key, strconv.Itoa(seen[key])),
			Severity:    map[rules.Severity]string{rules.Error: "major", rules.Warning: "minor", rules.Info: "info"}[f.Severity],
			Location:    codeQualityLocation{path, codeQualityLines{pos.Line, pos.EndLine}},
		})
	}
	return writeJSON(w, out)
}
