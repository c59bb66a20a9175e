package match

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"regexp/syntax"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode"
	"weak"
)

// pattern is a regular expression that must match a whole value.
type pattern struct {
	key  string // equal keys, equal languages
	tree *syntax.Regexp
	re   *regexp.Regexp
	auto *automaton
}

// interned has the patterns in use by their source, so that the states of one
// are made once.
var interned sync.Map // string -> weak.Pointer[pattern]

func newPattern(source string) (*pattern, error) {
	if w, ok := interned.Load(source); ok {
		if p := w.(weak.Pointer[pattern]).Value(); p != nil {
			return p, nil
		}
	}
	p, err := compile(source)
	if err != nil {
		return nil, err
	}
	w := weak.Make(p)
	interned.Store(source, w)
	runtime.AddCleanup(p, func(source string) { interned.CompareAndDelete(source, w) }, source)
	return p, nil
}

func compile(source string) (*pattern, error) {
	// Parsed on its own first: only a whole expression may be wrapped in anchors.
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("reading regular expression: %w", err)
	}
	whole := source
	if strings.Contains(source, `\Q`) { // it may quote the anchor too
		whole = tree.String()
	}
	re, err := regexp.Compile(`\A(?:` + whole + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("compiling regular expression: %w", err)
	}
	p := &pattern{key: string(shape(nil, tree)), tree: tree.Simplify(), re: re}
	if p.auto, err = newAutomaton(p.tree); err != nil {
		return nil, fmt.Errorf("compiling regular expression: %w", err)
	}
	return p, nil
}

// shape writes a tree down, so that equal spellings become equal texts. tree.String() would do, but it looks for the shortest flags and
// costs more than all the rest.
func shape(to []byte, tree *syntax.Regexp) []byte {
	fold := tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase != 0
	to = fmt.Appendf(to, "%d,%t,%d,%d,%d,%d:", tree.Op, fold, tree.Min, tree.Max, len(tree.Rune), len(tree.Sub))
	for _, r := range tree.Rune {
		to = binary.BigEndian.AppendUint32(to, uint32(r)) // not every one is valid in UTF-8
	}
	for _, sub := range tree.Sub {
		to = shape(to, sub)
	}
	return to
}

func (p *pattern) matches(s string) bool { return p.re.MatchString(s) }

// pieces reads the pattern as spans where it is nothing else, or as one literal
// bounded by the text that every match begins with.
func (p *pattern) pieces() []piece {
	if fs, ok := forms(trim(p.tree, true, true)); ok {
		var out []piece
		for _, f := range fs {
			out = append(out, f.piece())
		}
		return out
	}
	text, _ := leading(p.tree)
	return []piece{{span: span{text: text, open: true}, signs: []sign{{p, true}}}}
}

// form is text followed by nothing, by anything (open), or by anything but
// nothing (more).
type form struct {
	text       string
	open, more bool
}

func (f form) piece() piece {
	p := piece{span: span{text: f.text, open: f.open}}
	if f.more {
		p.less = []span{{text: f.text}}
	}
	return p
}

// maxForms bounds what an alternation may expand to before it counts as a literal.
const maxForms = 64

// trim drops anchors where a full match has them anyway: at the left and right
// edge. The tree is shared, so it is copied.
func trim(re *syntax.Regexp, left, right bool) *syntax.Regexp {
	out := *re
	out.Sub = slices.Clone(re.Sub)
	switch re.Op {
	case syntax.OpBeginText, syntax.OpEndText:
		if left && re.Op == syntax.OpBeginText || right && re.Op == syntax.OpEndText {
			return &syntax.Regexp{Op: syntax.OpEmptyMatch}
		}
	case syntax.OpCapture, syntax.OpAlternate:
		for i, sub := range out.Sub {
			out.Sub[i] = trim(sub, left, right)
		}
	case syntax.OpConcat:
		for i := range out.Sub {
			out.Sub[i] = trim(out.Sub[i], left, false)
			left = left && out.Sub[i].Op == syntax.OpEmptyMatch
		}
		for i := len(out.Sub) - 1; i >= 0 && right; i-- {
			out.Sub[i] = trim(out.Sub[i], false, true)
			right = out.Sub[i].Op == syntax.OpEmptyMatch
		}
	}
	return &out
}

// forms lists what an expression matches, or fails if that is no short list.
func forms(re *syntax.Regexp) ([]form, bool) {
	switch re.Op {
	case syntax.OpNoMatch:
		return nil, true
	case syntax.OpEmptyMatch:
		return []form{{}}, true
	case syntax.OpLiteral:
		text := string(re.Rune)
		return []form{{text: text}}, re.Flags&syntax.FoldCase == 0 || !cased(text)
	case syntax.OpCharClass:
		return classForms(re)
	case syntax.OpCapture:
		return forms(re.Sub[0])
	case syntax.OpQuest:
		fs, ok := forms(re.Sub[0])
		return append([]form{{}}, fs...), ok
	case syntax.OpStar:
		return []form{{open: true}}, anyChar(re.Sub[0])
	case syntax.OpPlus:
		return []form{{open: true, more: true}}, anyChar(re.Sub[0])
	case syntax.OpConcat:
		return concat(re.Sub)
	case syntax.OpAlternate:
		var out []form
		for _, sub := range re.Sub {
			fs, ok := forms(sub)
			if out = append(out, fs...); !ok || len(out) > maxForms {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}

func concat(subs []*syntax.Regexp) ([]form, bool) {
	out := []form{{}}
	for _, sub := range subs {
		tails, ok := forms(sub)
		if !ok || len(out)*len(tails) > maxForms {
			return nil, false
		}
		var next []form
		for _, head := range out {
			for _, tail := range tails {
				switch {
				case !head.open:
					tail.text = head.text + tail.text
				case tail.text != "" || tail.more:
					return nil, false
				default: // anything, then anything or nothing
					tail = head
				}
				next = append(next, tail)
			}
		}
		out = next
	}
	return out, true
}

func classForms(re *syntax.Regexp) ([]form, bool) {
	var out []form
	for i := 0; i+1 < len(re.Rune); i += 2 {
		if int(re.Rune[i+1]-re.Rune[i]) >= maxForms-len(out) {
			return nil, false
		}
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			out = append(out, form{text: string(r)})
		}
	}
	return out, true
}

// anyChar takes `.` for every character: no universe has a newline.
func anyChar(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpCapture:
		return anyChar(re.Sub[0])
	}
	return false
}

// cased reports whether s looks different in another letter case.
func cased(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.SimpleFold(r) != r })
}

// leading is the text every match begins with, and whether that is all of it.
func leading(re *syntax.Regexp) (text string, whole bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText:
		return "", true
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return string(re.Rune), true
		}
		for i, r := range re.Rune {
			if unicode.SimpleFold(r) != r {
				return string(re.Rune[:i]), false
			}
		}
		return string(re.Rune), true
	case syntax.OpCharClass:
		if len(re.Rune) == 2 && re.Rune[0] == re.Rune[1] {
			return string(re.Rune[:1]), true
		}
	case syntax.OpCapture:
		return leading(re.Sub[0])
	case syntax.OpPlus:
		text, _ = leading(re.Sub[0])
		return text, false
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			t, all := leading(sub)
			if text += t; !all {
				return text, false
			}
		}
		return text, true
	}
	return "", false
}
