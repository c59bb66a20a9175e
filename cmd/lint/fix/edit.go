// Package fix mends files by changing bytes: what a finding says can be put in its place, and nothing beside it.
package fix

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatelint/gatelint/cmd/lint/report"
	"github.com/gatelint/gatelint/rules"
)

// Edit puts text in the place of the bytes [From, To) of a file, for a finding.
type Edit struct {
	Finding  rules.Finding
	From, To int
	Text     string

	emptied bool // the map that held the key goes too, as nothing else was in it
}

// Why a finding has no edit.
const (
	commented = "a comment speaks of it"
	unclear   = "it is written in a way that --fix does not understand"
)

// For makes the edit of a finding in the text of its file, or says why there is none: a comment would go with it, or would be left without
// what it speaks of, the file is not ours to change, or the text is written in a way that is not understood here.
func For(text []byte, f rules.Finding) (e Edit, why string) {
	if f.Pos.Line != f.Pos.EndLine {
		f.Pos.EndLine, f.Pos.EndColumn = f.Pos.Line, f.Pos.Column // of an item that goes on: its beginning will do
	}
	if f.Object.Kind == "Secret" {
		return e, "Secrets are left alone"
	}
	if bytes.Contains(text, []byte("ENC[AES256_GCM")) {
		return e, "sops has signed the whole file"
	}
	e = Edit{Finding: f}
	s := sheet(text)
	var ok bool
	if e.From, e.To, ok = s.span(f); !ok {
		return e, unclear
	}
	old := string(text[e.From:e.To])
	switch remove := *f.Fix == ""; {
	case f.Pos.Path == "" && remove:
		s.comment(&e)
		return e, ""
	case f.Pos.Path == "":
		e.Text = *f.Fix
		return e, ""
	case remove && strings.HasSuffix(f.Pos.Path, "]") && !strings.HasSuffix(f.Pos.Path, `"]`):
		return e, s.item(&e)
	case old == "":
		return e, unclear
	case remove:
		return e, s.key(&e)
	}
	if e.Text = report.Scalar(old, *f.Fix); strings.ContainsAny(old[:1], "|>*&!") {
		return e, unclear
	}
	return e, ""
}

// Apply makes edits that do not overlap, in any order.
func Apply(text []byte, edits []Edit) []byte {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b Edit) int { return cmp.Compare(a.From, b.From) })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, text[at:e.From]...), e.Text...)
		at = e.To
	}
	return append(out, text[at:]...)
}

// Overlaps tells whether two edits of one file touch.
func (e Edit) Overlaps(x Edit) bool { return e.From <= x.To && x.From <= e.To }

// sheet is a text by lines.
type sheet []byte

// span are the bytes of a finding's place.
func (s sheet) span(f rules.Finding) (from, to int, ok bool) {
	start := 0
	for n := f.Pos.Line; n > 1; n-- {
		i := bytes.IndexByte(s[start:], '\n')
		if i < 0 {
			return 0, 0, false
		}
		start += i + 1
	}
	line := s[start:s.next(start)]
	at := func(column int) int {
		i := 0
		for ; column > 1 && i < len(line); column-- {
			_, size := utf8.DecodeRune(line[i:])
			i += size
		}
		return start + i
	}
	from, to = at(f.Pos.Column), at(f.Pos.EndColumn)
	return from, to, f.Pos.Line > 0 && from <= to
}

// start and next are where the line of an offset, and the one after it, begin.
func (s sheet) start(at int) int { return bytes.LastIndexByte(s[:at], '\n') + 1 }

func (s sheet) next(at int) int {
	if i := bytes.IndexByte(s[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(s)
}

// before and after are what stands beside a place on its line, without the line's end.
func (s sheet) before(at int) string { return string(s[s.start(at):at]) }
func (s sheet) after(at int) string  { return strings.TrimRight(string(s[at:s.next(at)]), "\r\n") }

// above is the last line above that is not empty.
func (s sheet) above(at int) string {
	text := strings.TrimRight(string(s[:s.start(at)]), " \t\r\n")
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

// lines takes whole lines out.
func (s sheet) lines(e *Edit) {
	e.From = s.start(e.From)
	if e.To == 0 || s[e.To-1] != '\n' {
		e.To = s.next(e.To)
	}
}

// comment takes a comment out: with its line, if nothing else stands there, else with the space before it.
func (s sheet) comment(e *Edit) {
	before := s.before(e.From)
	if strings.TrimSpace(before) == "" {
		s.lines(e)
	} else {
		e.From -= len(before) - len(strings.TrimRight(before, " \t"))
	}
}

var (
	dash = regexp.MustCompile(`^ *- +$`)
	name = regexp.MustCompile(`^ *["']?[A-Za-z0-9./_-]+["']? *: +$`)
)

// item takes an item out of a list: with its lines, or in brackets with the comma before it.
func (s sheet) item(e *Edit) (why string) {
	if dash.MatchString(s.before(e.From)) {
		e.To = s.end(e.From, strings.IndexByte(s.before(e.From), '-'))
		s.lines(e)
		return s.spoken(e)
	}
	before := bytes.TrimRight(s[:e.From], " \t\r\n")
	if !bytes.HasSuffix(before, []byte(",")) || e.From == e.To {
		return unclear
	}
	if s[e.From] == '{' || s[e.From] == '[' { // of a map or list, a finding has the first line
		e.To = s.closing(e.From)
		if bytes.Contains(s[e.From:e.To], []byte("#")) {
			return commented
		}
	}
	e.From = len(bytes.TrimRight(before[:len(before)-1], " \t\r\n"))
	return ""
}

// closing is where the map or list in brackets ends that begins at a place. Should a bracket or quote within a word mislead it, the edit
// is not exact.
func (s sheet) closing(at int) int {
	depth, quote := 0, byte(0)
	for ; at < len(s); at++ {
		switch c := s[at]; {
		case quote != 0:
			if c == '\\' && quote == '"' {
				at++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
	return at
}

// end is where the lines end that belong to the item or key on a line: those that are indented more.
func (s sheet) end(at, indent int) int {
	end := s.next(at)
	for i := end; i < len(s); i = s.next(i) {
		line := strings.TrimRight(string(s[i:s.next(i)]), " \t\r\n")
		switch {
		case line == "":
		case len(line)-len(strings.TrimLeft(line, " ")) <= indent:
			return end
		default:
			end = s.next(i)
		}
	}
	return end
}

// spoken says whether a comment speaks of the lines that go.
func (s sheet) spoken(e *Edit) (why string) {
	if bytes.Contains(s[e.From:e.To], []byte("#")) || strings.HasPrefix(s.above(e.From), "#") {
		return commented
	}
	return ""
}

// key takes a key of a map out, with its line and the comma of JSON, and the map's own if it is the only one.
func (s sheet) key(e *Edit) (why string) {
	after := strings.TrimSpace(s.after(e.To))
	switch {
	case strings.HasPrefix(after, "#"):
		return commented
	case !name.MatchString(s.before(e.From)) || after != "" && after != ",":
		return unclear
	}
	s.lines(e)
	if why = s.spoken(e); why != "" {
		return why
	}
	if last := bytes.TrimRight(s[:e.From], " \t\r\n"); after == "" && bytes.HasSuffix(last, []byte(",")) {
		e.From, e.To = len(last)-1, len(bytes.TrimRight(s[:e.To], "\r\n"))
		return ""
	}
	parent := s.start(max(e.From-1, 0))
	holder := string(s[parent:e.From])
	indent := len(holder) - len(strings.TrimLeft(holder, " "))
	if strings.TrimSpace(holder) != "annotations:" || s.end(parent, indent) != e.To {
		return ""
	}
	e.From, e.emptied = parent, true
	return s.spoken(e)
}
