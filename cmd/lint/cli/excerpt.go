package cli

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/cmd/lint/report"
)

// maxExcerpt is how many characters of a line are shown; longer ones are cut around the caret.
const maxExcerpt = 110

// sources gives the lines of what was read. Files are found by name, their lines when first asked for.
type sources struct {
	files map[string][]byte
	texts map[string]*lines

	templates *manifest.Templates
}

func newSources(files []manifest.File) *sources {
	s := &sources{files: map[string][]byte{}, texts: map[string]*lines{}, templates: manifest.NewTemplates(files)}
	for _, f := range files {
		s.files[f.Name] = f.Data
	}
	return s
}

// lines is a text with the offsets at which its lines start.
type lines struct {
	text    []byte
	starts  []int
	docs    []int        // lines at which documents start, when first asked for
	secrets map[int]bool // by index in docs
}

func newLines(text []byte) *lines {
	l := &lines{text: text, starts: []int{0}}
	for i := 0; ; {
		j := bytes.IndexByte(text[i:], '\n')
		if j < 0 {
			return l
		}
		i += j + 1
		l.starts = append(l.starts, i)
	}
}

// line is a 1-based line without its end; ok is false when there is none.
func (l *lines) line(n int) (text string, ok bool) {
	if n < 1 || n > len(l.starts) {
		return "", false
	}
	rest := l.text[l.starts[n-1]:]
	if n < len(l.starts) {
		rest = l.text[l.starts[n-1] : l.starts[n]-1]
	}
	return strings.TrimSuffix(string(rest), "\r"), true
}

func (s *sources) file(name string) *lines {
	if s.texts[name] == nil {
		data, ok := s.files[name]
		if !ok {
			return nil
		}
		s.texts[name] = newLines(data)
	}
	return s.texts[name]
}

// line is the line at a position, unless it could show the data of a Secret.
func (s *sources) line(pos manifest.Pos, object manifest.ID, source *manifest.Object) (string, bool) {
	l := s.file(pos.File)
	if l == nil {
		return "", false
	}
	text, ok := l.line(pos.Line)
	if !ok {
		return "", false
	}
	// On a line of flow style, and in what kubectl applied last, the whole object may stand.
	whole := strings.ContainsAny(text, "{}") || strings.Contains(text, "last-applied")
	switch {
	case object.Kind == "Secret" || source == nil && l.secret(pos.Line):
		return text, !whole && strings.HasPrefix(pos.Path, "metadata")
	case whole && l.secret(pos.Line): // another object of a list
		return "", false
	}
	return text, true
}

// secretKind finds a Secret in the text of a document.
var secretKind = regexp.MustCompile(`kind["']?\s*:\s*(?:!\S+\s+)?["']?Secret(?:List)?\b`)

// secret tells whether the document around a line, between two separators, is or holds a Secret.
func (l *lines) secret(n int) bool {
	if l.docs == nil {
		l.docs = []int{1}
		for i := range l.starts {
			if text, _ := l.line(i + 1); i > 0 && strings.HasPrefix(text, "---") {
				l.docs = append(l.docs, i+1)
			}
		}
		l.secrets = map[int]bool{}
	}
	i, exact := slices.BinarySearch(l.docs, n)
	if !exact {
		i--
	}
	holds, known := l.secrets[i]
	if !known {
		end := len(l.text)
		if i+1 < len(l.docs) {
			end = l.starts[l.docs[i+1]-1]
		}
		holds = secretKind.Match(l.text[l.starts[l.docs[i]-1]:end])
		l.secrets[i] = holds
	}
	return holds
}

// excerpt gives the line at a position with carets under the place, at most maxExcerpt wide.
func excerpt(text string, pos manifest.Pos) (line, carets string) {
	all := []rune(text)
	from := min(max(pos.Column-1, 0), len(all))
	to := len([]rune(strings.TrimRightFunc(text, unicode.IsSpace)))
	if pos.EndLine == pos.Line {
		to = min(pos.EndColumn-1, len(all))
	}
	to = max(to, from+1)
	lead, trail := "", ""
	if len(all) > maxExcerpt {
		start := max(0, min(from-maxExcerpt/3, len(all)-maxExcerpt))
		if start > 0 {
			lead = "…"
		}
		end := min(start+maxExcerpt, len(all))
		if end < len(all) {
			trail = "…"
		}
		all, from, to = all[start:end], from-start, min(to, end)-start
	}
	for i, r := range all {
		if r == '\t' {
			all[i] = ' '
		} else if harmful(r) {
			all[i] = unicode.ReplacementChar
		}
	}
	indent := strings.Repeat(" ", from+len([]rune(lead)))
	return lead + string(all) + trail, indent + strings.Repeat("^", max(to-from, 1))
}

func harmful(r rune) bool { return report.Harmful(r) }

func plainText(text string) string { return report.Plain(text) }
