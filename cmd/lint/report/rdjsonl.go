package report

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"sigs.k8s.io/yaml"
)

// Reviewdog's Diagnostic Format, one diagnostic a line.
type (
	rdDiagnostic struct {
		Message     string         `json:"message"`
		Location    rdLocation     `json:"location"`
		Severity    string         `json:"severity"`
		Source      rdSource       `json:"source"`
		Code        rdCode         `json:"code"`
		Suggestions []rdSuggestion `json:"suggestions,omitempty"`
		Related     []rdRelated    `json:"relatedLocations,omitempty"`
	}
	rdLocation struct {
		Path  string  `json:"path"`
		Range rdRange `json:"range"`
	}
	rdRange struct {
		Start rdPosition `json:"start"`
		End   rdPosition `json:"end"`
	}
	rdPosition struct {
		Line   int `json:"line"`
		Column int `json:"column"`
	}
	rdSource struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	rdCode struct {
		Value string `json:"value"`
		URL   string `json:"url,omitempty"`
	}
	rdSuggestion struct {
		Range rdRange `json:"range"`
		Text  string  `json:"text"`
	}
	rdRelated struct {
		Message  string     `json:"message"`
		Location rdLocation `json:"location"`
	}
)

// rdjsonl writes for reviewdog: columns count bytes there, ends are exclusive. Paths are as given: it runs in the same folder.
func rdjsonl(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, f := range r.loud().Findings {
		d := rdDiagnostic{
			Message: strings.Join(append([]string{Plain(f.Message)}, r.ends(f, asGiven)...), "\n"),
			Source:  rdSource{"gatelint", "https://github.com/gatelint/gatelint"}, Code: rdCode{f.Rule, docs(f.Rule)},
			Location: r.rdLocation(f.Pos, f.Object), Severity: strings.ToUpper(f.Severity.String()),
		}
		if text, ok := r.instead(f); ok {
			d.Suggestions = []rdSuggestion{{d.Location.Range, text}}
		}
		for _, x := range f.Related {
			d.Related = append(d.Related, rdRelated{endText(x), r.rdLocation(x.Pos, x.Object)})
		}
		if err := e.Encode(d); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) rdLocation(pos manifest.Pos, object manifest.ID) rdLocation {
	pos = place(pos, object)
	return rdLocation{pos.File, rdRange{
		rdPosition{pos.Line, bytesBefore(r.line(pos.File, pos.Line), pos.Column) + 1},
		rdPosition{pos.EndLine, bytesBefore(r.line(pos.File, pos.EndLine), pos.EndColumn) + 1},
	}}
}

// bytesBefore is how many bytes of a line come before a column.
func bytesBefore(line string, column int) int {
	n := 0
	for i := range line {
		if n++; n == column {
			return i
		}
	}
	return len(line) + column - 1 - n
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9._/*-]+$`)

// instead is the text to put where a finding stands, if what stands there is nearly that, and quotes are kept.
func (r *Report) instead(f rules.Finding) (string, bool) {
	pos := place(f.Pos, f.Object)
	line := r.line(pos.File, pos.Line)
	from, to := bytesBefore(line, pos.Column), bytesBefore(line, pos.EndColumn)
	if !plainName.MatchString(f.Instead) || pos.Line != pos.EndLine || to > len(line) || from >= to {
		return "", false
	}
	old := line[from:to]
	if n := len(old); n > 2 && (old[0] == '"' || old[0] == '\'') && old[n-1] == old[0] {
		old = old[1 : n-1]
	}
	near := strings.HasPrefix(f.Instead, old) || manifest.Nearest(old, []string{f.Instead}) != ""
	if !plainName.MatchString(old) || !near || strings.Contains(old, "/") != strings.Contains(f.Instead, "/") {
		return "", false
	}
	return Scalar(line[from:to], f.Instead), true
}

// Scalar writes a value in the place of another one, in quotes as that one is, or where it means something else without.
func Scalar(old, value string) string {
	switch {
	case strings.HasPrefix(old, "'"):
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	case strings.HasPrefix(old, `"`) || !readsAs(value):
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(value) // a string always has a form
		return strings.TrimSuffix(b.String(), "\n")
	}
	return value
}

// readsAs tells whether unquoted text means itself in YAML.
func readsAs(text string) bool {
	var v any
	return yaml.Unmarshal([]byte(text), &v) == nil && v == text
}
