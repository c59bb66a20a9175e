package settings

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

const (
	directive = "gatelint:ignore"
	prefix    = "gatelint:"
	own       = "gatelint"
)

// Comments reads the ignores in the comments of a file:
//
//	# gatelint:ignore rule[,rule2] [until=DATE] -- reason
//
// A comment behind a value accepts findings on its line; one on a line of its own those on the next line that has more than
// a comment. The file's objects are what it can be about.
func Comments(file string, text []byte, objects []*manifest.Object) []*Ignore {
	if !slices.ContainsFunc([]string{own, "Gatelint", "GATELINT"}, func(name string) bool { return bytes.Contains(text, []byte(name)) }) {
		return nil
	}
	var out, waiting []*Ignore
	scan := scanner{}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		at := scan.comment(line)
		alone := at >= 0 && strings.TrimSpace(line[:at]) == ""
		if strings.TrimSpace(line) != "" && !alone {
			for _, g := range waiting {
				g.Line = i + 1
			}
			waiting = nil
		}
		if at < 0 {
			continue
		}
		for _, g := range parseComment(line[at:]) {
			column := utf8.RuneCountInString(line[:at]) + 1
			g.Pos = manifest.Pos{File: file, Line: i + 1, Column: column, EndLine: i + 1, EndColumn: utf8.RuneCountInString(line) + 1}
			out = append(out, g)
			if alone {
				waiting = append(waiting, g)
			} else {
				g.Line = i + 1
			}
		}
	}
	settle(out, objects)
	return out
}

// settle says which object each comment stands in: the last one that begins above the line that it is about.
func settle(list []*Ignore, objects []*manifest.Object) {
	if len(list) == 0 || len(objects) == 0 {
		return
	}
	begins := map[int]*manifest.Object{}
	for _, o := range objects {
		begins[o.At().Line] = o
	}
	lines := manifest.Keys(begins)
	for _, g := range list {
		if i := sort.SearchInts(lines, max(g.Line, g.Pos.Line)+1); i > 0 {
			g.within = begins[lines[i-1]]
		}
	}
}

var (
	commentHead = regexp.MustCompile(`^#+\s*` + directive + `(?:\s+|$)`)
	// strangeHead is how a comment begins that other linters would read so, and what comes next.
	strangeHead = regexp.MustCompile(`(?i)^#+\s*(` + own + `([:_-]|:?\s+|/)(\w+)(?:-(?:next-)?line|-file)?)(?:[\s:]+([\w-]*)|$)`)
	untilWord   = regexp.MustCompile(`\s+until(=\S*|\s+\S+)\s*$`)
)

func parseComment(text string) []*Ignore {
	head := commentHead.FindString(text)
	switch {
	case head == "":
		return strange(text)
	}
	names, reason, _ := strings.Cut(" "+text[len(head):]+" ", " -- ")
	until := ""
	if m := untilWord.FindStringSubmatch(names); m != nil {
		until = m[1]
		names = strings.TrimSuffix(names, m[0])
	}
	if strings.TrimSpace(names) == "" {
		return []*Ignore{{problem: `the ignore names no rule: write "# gatelint:ignore rule -- reason"`}}
	}
	list := entries(names, until, "=", strings.TrimSpace(reason))
	before, after, _ := strings.Cut(text[len(head):], strings.TrimSpace(names))
	for i, g := range list {
		rest := ""
		if others := without(names, i); others != "" {
			rest = head + before + others + after
		}
		g.rest = &rest
	}
	return list
}

// strange is a comment that is nearly one of ours, or would be one of ours with the word that other linters have. Prose has the same words,
// but no colon between them in small letters, nor the name of a rule behind them.
func strange(text string) []*Ignore {
	m := strangeHead.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	head, mark, word := m[1], m[2], strings.ToLower(m[3])
	_, rest, _ := strings.Cut(text, head)
	meant := slices.Contains([]string{"ignore", "disable", "suppress", "skip", "nolint"}, word)
	if head == strings.ToLower(head) && strings.Contains(":_-", mark[:1]) {
		meant = meant || manifest.Nearest(word, []string{"ignore"}) != ""
		meant = meant && (mark == ":" || strings.HasSuffix(head, "-line") || strings.HasSuffix(head, "-file") || namesRule(rest))
	} else {
		meant = meant && rules.Find(m[4]) != nil
	}
	if !meant {
		return nil
	}
	return []*Ignore{{problem: fmt.Sprintf("%q is not read: write \"# gatelint:ignore rule -- reason\"", head)}}
}

// namesRule tells whether what follows "ignore" is, or is nearly, what follows in an ignore. Prose goes on in words.
func namesRule(text string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ':' })
	if len(words) == 0 || strings.Contains(text, " -- ") {
		return true
	}
	return slices.ContainsFunc(rules.All(), func(r *rules.Rule) bool {
		return r.Name == words[0] || manifest.Nearest(words[0], []string{r.Name}) != ""
	})
}

// scanner finds comments line by line. It knows what a "#" can stand in that is none: quoted strings and block scalars.
type scanner struct {
	quote  byte // of the string that the last line left open
	flow   int  // depth of [ and {
	parent int  // indentation of the node whose block scalar this may be
	block  int  // indentation of the block scalar, -1 until its first line
	inside bool // in a block scalar
}

var blockHead = regexp.MustCompile(`(?:^|[\s])[|>](?:[+-]?[1-9]?|[1-9][+-])\s*$`)

// comment gives the offset of the comment in a line, -1 if it has none.
func (s *scanner) comment(line string) int {
	if strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...") {
		*s = scanner{}
	}
	if s.inside && s.skip(line) {
		return -1
	}
	s.inside = false
	quoted := s.quote != 0
	at := s.walk(line)
	code := line
	if at >= 0 {
		code = line[:at]
	}
	if s.quote == 0 && s.flow == 0 && !quoted && blockHead.MatchString(code) {
		s.inside, s.block, s.parent = true, -1, parentIndent(code)
	}
	return at
}

// skip tells whether a line belongs to the block scalar.
func (s *scanner) skip(line string) bool {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if strings.TrimSpace(line) == "" {
		return true
	}
	if s.block < 0 && indent > s.parent {
		s.block = indent
	}
	return s.block >= 0 && indent >= s.block
}

// walk goes through the tokens of a line and gives the offset of its comment.
func (s *scanner) walk(line string) int {
	start := true // a token can start here
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case s.quote != 0:
			if end := s.closing(line, i); end < 0 {
				return -1
			} else {
				i, start = end, false
			}
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return i
		case (c == '"' || c == '\'') && start:
			s.quote = c
		case (c == '[' || c == '{') && (start || s.flow > 0):
			s.flow++
			start = true
		case (c == ']' || c == '}') && s.flow > 0:
			s.flow--
			start = false
		case c == ',' && s.flow > 0:
			start = true
		case c == ' ' || c == '\t':
		case (c == '-' || c == '?') && start || c == ':':
			start = i+1 == len(line) || line[i+1] == ' ' || s.flow > 0
		case (c == '!' || c == '&') && start:
			for i+1 < len(line) && line[i+1] != ' ' {
				i++
			}
		default:
			start = false
		}
	}
	return -1
}

// closing gives the offset of the quote that ends the open string, -1 if the line does not end it.
func (s *scanner) closing(line string, i int) int {
	for ; i < len(line); i++ {
		switch {
		case line[i] == '\\' && s.quote == '"':
			i++
		case line[i] == s.quote && s.quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
			i++
		case line[i] == s.quote:
			s.quote = 0
			return i
		}
	}
	return -1
}

// parentIndent is the indentation of the node that a block scalar is the value of: the key's column behind any dashes, the
// last dash's for an item, -1 for a whole document.
func parentIndent(code string) int {
	at, dash := 0, -1
	for at < len(code) {
		switch {
		case code[at] == ' ':
			at++
		case code[at] == '-' && at+1 < len(code) && code[at+1] == ' ':
			dash = at
			at++
		case code[at] == '|' || code[at] == '>' || strings.HasPrefix(code, "---"):
			return dash
		default:
			return at
		}
	}
	return dash
}
