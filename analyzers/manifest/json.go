package manifest

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A jsonReader reads one JSON value after another into nodes. It exists so that admission requests and
// exported lists do not pay for YAML, and because encoding/json has no positions.
type jsonReader struct {
	text      string
	pos       int
	line      int32
	lineStart int // offset of the current line
	colPos    int // offset up to which col has been counted
	col       int32
	arena     *arena
	vars      map[string]string
	dups      []duplicate
}

// A problem is why a text cannot be read, and where.
type problem struct {
	line, col int32
	message   string
	said      string // the YAML library's words, if its line is not the one that fails
	cites     bool   // the message holds text of the document, which a Secret's must not
}

func (p *problem) Error() string { return p.message }

// A duplicate is a key that stands twice in one map.
type duplicate struct {
	key                 string
	line, col           int32 // the second
	firstLine, firstCol int32
}

func newJSONReader(text string) *jsonReader {
	return &jsonReader{text: text, line: 1, col: 1, arena: new(arena)}
}

// mark is the place of the next byte. Columns are counted on from the last mark: a minified file is one long line.
func (r *jsonReader) mark() (line, col int32) {
	if r.colPos < r.lineStart {
		r.colPos, r.col = r.lineStart, 1
	}
	if r.colPos < r.pos {
		r.col += int32(utf8.RuneCountInString(r.text[r.colPos:r.pos]))
		r.colPos = r.pos
	}
	return r.line, r.col
}

func (r *jsonReader) fail(message string) *problem {
	line, col := r.mark()
	return &problem{line: line, col: col, message: message}
}

func (r *jsonReader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case '\n':
			r.line++
			r.lineStart = r.pos + 1
		case ' ', '\t', '\r':
		default:
			return
		}
		r.pos++
	}
}

// peek is the next byte after white space, 0 at the end.
func (r *jsonReader) peek() byte {
	r.space()
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *jsonReader) value(depth int) (*node, *problem) {
	if depth > maxDepth {
		return nil, r.fail("nested deeper than " + strconv.Itoa(maxDepth) + " levels: no Kubernetes object is, split or flatten it")
	}
	c := r.peek()
	n := r.arena.node()
	n.line, n.col = r.mark()
	n.size = 1
	switch {
	case c == '{':
		n.kind, n.style = kindMap, styleFlow
		return n, r.object(n, depth)
	case c == '[':
		n.kind, n.style = kindSeq, styleFlow
		return n, r.list(n, depth)
	case c == '"':
		text, err := r.str()
		n.kind, n.style, n.text = kindString, styleDouble, expand(text, r.vars)
		return n, err
	case c == '-' || c >= '0' && c <= '9':
		return n, r.number(n)
	}
	return n, r.literal(n)
}

func (r *jsonReader) literal(n *node) *problem {
	rest := r.text[r.pos:]
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(rest, word) {
			r.pos += len(word)
			n.plain(word)
			return nil
		}
	}
	if rest == "" {
		return r.fail(cutOff)
	}
	c, _ := utf8.DecodeRuneInString(rest)
	err := r.fail("a JSON value cannot start with " + strconv.QuoteRune(c) + ": strings stand in double quotes, and no comma follows the last entry")
	err.cites = true
	return err
}

const cutOff = "the JSON ends in the middle of a value: the file is cut off, or a bracket is never closed"

// expected fails for want of something, or because the text is over.
func (r *jsonReader) expected(message string) *problem {
	if r.pos >= len(r.text) {
		return r.fail(cutOff)
	}
	return r.fail(message)
}

func (r *jsonReader) number(n *node) *problem {
	end := r.pos
	for end < len(r.text) && strings.IndexByte("+-.0123456789eE", r.text[end]) >= 0 {
		end++
	}
	text := r.text[r.pos:end]
	if !json.Valid([]byte(text)) {
		return r.fail("this is no JSON number: put it in double quotes if it is a string")
	}
	n.text = text
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		n.setInt(i)
	} else {
		f, _ := strconv.ParseFloat(text, 64)
		n.setFloat(f)
	}
	r.pos = end
	return nil
}

func (r *jsonReader) str() (string, *problem) {
	i := r.pos + 1
	for i < len(r.text) && r.text[i] != '"' && r.text[i] != '\\' && r.text[i] >= ' ' {
		i++
	}
	if i < len(r.text) && r.text[i] == '"' {
		text := r.text[r.pos+1 : i]
		r.pos = i + 1
		return strings.ToValidUTF8(text, "\uFFFD"), nil
	}
	for i < len(r.text) && r.text[i] != '"' && r.text[i] >= ' ' {
		if r.text[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(r.text) || r.text[i] != '"' {
		return "", r.fail("this string is never closed on its line: add the closing quote, write line breaks as \\n")
	}
	var text string
	if json.Unmarshal([]byte(r.text[r.pos:i+1]), &text) != nil {
		return "", r.fail("this string holds an escape that JSON does not know: double the backslash")
	}
	r.pos = i + 1
	return text, nil
}

func (r *jsonReader) list(n *node, depth int) *problem {
	r.pos++
	if r.peek() == ']' {
		r.pos++
		return nil
	}
	for {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
		n.size = grow(n.size, item.size)
		switch r.peek() {
		case ',':
			r.pos++
		case ']':
			r.pos++
			return nil
		default:
			return r.expected("a comma or a closing bracket \"]\" is missing before this place")
		}
	}
}

func (r *jsonReader) object(n *node, depth int) *problem {
	r.pos++
	if r.peek() == '}' {
		r.pos++
		return nil
	}
	var set fieldSet
	for {
		if r.peek() != '"' {
			return r.expected("a key in double quotes is expected here: no comma follows the last entry of a JSON object")
		}
		f := field{}
		f.line, f.col = r.mark()
		var err *problem
		if f.key, err = r.str(); err != nil {
			return err
		}
		if r.peek() != ':' {
			return r.expected("a colon is missing after the key")
		}
		r.pos++
		if f.val, err = r.value(depth + 1); err != nil {
			return err
		}
		n.size = grow(n.size, f.val.size)
		if old := set.put(n, f); old != nil {
			r.dups = append(r.dups, duplicate{key: f.key, line: f.line, col: f.col, firstLine: old.line, firstCol: old.col})
		}
		switch r.peek() {
		case ',':
			r.pos++
		case '}':
			r.pos++
			return nil
		default:
			return r.expected("a comma or a closing brace \"}\" is missing before this place")
		}
	}
}

// A fieldSet finds a key again in a map under construction; small maps are searched, large ones indexed.
type fieldSet struct {
	index map[string]int
}

// put adds a field, or replaces the value of the one with the same key, which it returns as it was.
func (s *fieldSet) put(n *node, f field) (old *field) {
	at, ok := -1, false
	if s.index == nil {
		for i := range n.fields {
			if n.fields[i].key == f.key {
				at, ok = i, true
				break
			}
		}
	} else {
		at, ok = s.index[f.key]
	}
	if ok {
		was := n.fields[at]
		n.fields[at] = f
		return &was
	}
	n.fields = append(n.fields, f)
	if s.index != nil {
		s.index[f.key] = len(n.fields) - 1
	} else if len(n.fields) > 16 {
		s.index = make(map[string]int, 64)
		for i := range n.fields {
			s.index[n.fields[i].key] = i
		}
	}
	return nil
}
