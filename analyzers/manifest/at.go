package manifest

import (
	"sort"
	"strings"
	"sync"
)

// At is the place of a value, given by field names and list indexes. If the value is not there it is the place of its
// nearest ancestor; Path is always the one asked for. Aliases and merge keys are followed. An object without a file
// (in a cluster) has only the path.
func (o *Object) At(path ...any) Pos {
	p := Pos{Path: FieldPath(path...)}
	if o.Doc == nil {
		return p
	}
	if o.Doc.origin != nil {
		return o.Doc.origin.at(o, path)
	}
	p.File, p.Line, p.Column, p.EndLine, p.EndColumn = o.Doc.File, o.Doc.Line, 1, o.Doc.Line, 2
	t := trees.of(o.Doc)
	n := t.root.entry(o.Item)
	if n == nil {
		return p
	}
	at, key := follow(n, path)
	if key != nil && at.kind == kindNull && at.text == "" {
		t.src.keyRegion(key.line, key.col).into(&p, o.Doc)
	} else {
		t.src.region(at).into(&p, o.Doc)
	}
	return p
}

// follow walks a path as far as it goes; key is the field that leads to the node it ends at, nil in a list.
func follow(n *node, path []any) (at *node, key *field) {
	for _, e := range path {
		switch e := e.(type) {
		case string:
			f := n.field(e)
			if f == nil {
				return n, key
			}
			n, key = f.val, f
		case int:
			if e < 0 || e >= len(n.items) {
				return n, key
			}
			n, key = n.items[e], nil
		}
	}
	return n, key
}

// A tree is a document parsed once more, for its places.
type tree struct {
	doc  *Document
	once sync.Once
	root *node
	src  *source
}

func (t *tree) parse() {
	t.src = newSource(t.doc.Text)
	if t.doc.JSON {
		r := newJSONReader(t.src.text)
		if n, err := r.value(0); err == nil {
			t.root = n
		}
	} else if r, err := readYAML(t.doc.Text, nil, new(arena)); err == nil {
		t.root = r.root
	}
}

// A treeCache keeps the trees asked for last. Many questions about one document come together, and a tree takes
// 30 to 60 times its text: so the cache is small.
type treeCache struct {
	mu    sync.Mutex
	trees []*tree // the last used first
}

const (
	cachedTrees = 16
	cachedBytes = 4 << 20
)

var trees treeCache

func (c *treeCache) of(doc *Document) *tree {
	t := c.entry(doc)
	t.once.Do(t.parse)
	return t
}

func (c *treeCache) entry(doc *Document) *tree {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, t := range c.trees {
		if t.doc == doc {
			copy(c.trees[1:i+1], c.trees[:i])
			c.trees[0] = t
			return t
		}
	}
	t := &tree{doc: doc}
	kept, size := 1, len(doc.Text)
	for _, old := range c.trees {
		size += len(old.doc.Text)
		if kept == cachedTrees || size > cachedBytes {
			break
		}
		kept++
	}
	next := make([]*tree, 1, cachedTrees)
	next[0] = t
	c.trees = append(next, c.trees[:kept-1]...)
	return t
}

// A region is a part of a document's text, 1-based, end exclusive.
type region struct{ line, col, endLine, endCol int }

func (r region) into(p *Pos, doc *Document) {
	if r.line == 1 {
		r.col += doc.shift
	}
	if r.endLine == 1 {
		r.endCol += doc.shift
	}
	p.Line, p.Column = doc.Line+r.line-1, r.col
	p.EndLine, p.EndColumn = doc.Line+r.endLine-1, r.endCol
}

// offset is the byte at a place, at most the end of its line.
func (s *source) offset(line, col int32) int {
	if int(line) > len(s.lines) || line < 1 {
		return len(s.text)
	}
	end := len(s.text)
	if int(line) < len(s.lines) {
		end = s.lines[line] - 1
	}
	return min(s.byteOf(s.rune(s.lines[line-1])+int(max(col, 1))-1), end)
}

func (s *source) place(offset int) (line, col int) {
	line = sort.SearchInts(s.lines, offset+1)
	return line, s.rune(offset) - s.rune(s.lines[line-1]) + 1
}

func (s *source) span(start, end int) region {
	if end <= start {
		end = min(start+1, len(s.text))
	}
	r := region{}
	r.line, r.col = s.place(start)
	r.endLine, r.endCol = s.place(end)
	return r
}

// keyRegion is the key at a place.
func (s *source) keyRegion(line, col int32) region {
	start := s.properties(s.offset(line, col))
	rest := s.text[start:]
	switch {
	case strings.HasPrefix(rest, `"`):
		return s.span(start, start+doubleQuoted(rest))
	case strings.HasPrefix(rest, "'"):
		return s.span(start, start+singleQuoted(rest))
	}
	end := 0
	for end < len(rest) && rest[end] != '\n' {
		if rest[end] == ':' && (end+1 == len(rest) || strings.IndexByte(" \t\r\n,}]", rest[end+1]) >= 0) {
			break
		}
		end++
	}
	return s.span(start, start+len(strings.TrimRight(rest[:end], " \t\r")))
}

// region is the text of a value: a scalar as a whole, a map or list to the end of its first line.
func (s *source) region(n *node) region {
	start := s.offset(n.line, n.col)
	if n.style == styleAlias {
		end := start
		for end < len(s.text) && strings.IndexByte(" \t\r\n,]}", s.text[end]) < 0 {
			end++
		}
		return s.span(start, end)
	}
	if n.kind == kindNull && n.text == "" {
		return s.span(start, start)
	}
	start = s.properties(start)
	rest := s.text[start:]
	switch {
	case !n.scalar():
		return s.span(start, start+firstLine(rest))
	case strings.HasPrefix(rest, `"`) && n.style == styleDouble:
		return s.span(start, start+doubleQuoted(rest))
	case strings.HasPrefix(rest, "'") && n.style == styleSingle:
		return s.span(start, start+singleQuoted(rest))
	case n.style == styleBlock:
		return s.span(start, start+s.block(start))
	}
	return s.span(start, start+plainEnd(rest, n.text))
}

// properties skips the anchor and the tag before a value on the same line.
func (s *source) properties(start int) int {
	i := start
	for i < len(s.text) && (s.text[i] == '&' || s.text[i] == '!') {
		j := i
		for j < len(s.text) && strings.IndexByte(" \t\r\n", s.text[j]) < 0 {
			j++
		}
		k := j
		for k < len(s.text) && (s.text[k] == ' ' || s.text[k] == '\t') {
			k++
		}
		if k == len(s.text) || s.text[k] == '\n' || s.text[k] == '\r' {
			return start
		}
		i = k
	}
	return i
}

func doubleQuoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func singleQuoted(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return i + 1
		}
		i++
	}
	return len(s)
}

// firstLine is the length of the first line without a comment and space at its end. Of a line that is a whole
// minified document it is the beginning.
func firstLine(s string) int {
	if len(s) > step {
		s = strings.ToValidUTF8(s[:step], "")
	}
	i := 0
	for i < len(s) && s[i] != '\n' {
		switch {
		case s[i] == '"' && startsToken(s, i):
			i += doubleQuoted(s[i:])
			continue
		case s[i] == '\'' && startsToken(s, i):
			i += singleQuoted(s[i:])
			continue
		case s[i] == '#' && i > 0 && (s[i-1] == ' ' || s[i-1] == '\t'):
			return len(strings.TrimRight(s[:i], " \t\r"))
		}
		i++
	}
	i = min(i, len(s))
	if j := strings.IndexByte(s[:i], '\n'); j >= 0 { // a quoted string went on to the next line
		i = j
	}
	return len(strings.TrimRight(s[:i], " \t\r"))
}

func startsToken(s string, i int) bool {
	return i == 0 || strings.IndexByte(" \t[{,:", s[i-1]) >= 0
}

// plainEnd is the length of a plain scalar: its words as they stand in the text, however they are broken into lines.
func plainEnd(s, value string) int {
	if strings.HasPrefix(s, value) {
		return len(value)
	}
	i := 0
	for _, word := range strings.Fields(value) {
		for i < len(s) && strings.IndexByte(" \t\r\n", s[i]) >= 0 {
			i++
		}
		if !strings.HasPrefix(s[i:], word) {
			return firstLine(s) // not the text as written: a value was put in for a placeholder
		}
		i += len(word)
	}
	return i
}

// block is the length of a literal or folded scalar: the following lines that are indented as its first.
func (s *source) block(start int) int {
	line, _ := s.place(start)
	end := s.lines[line-1] + len(s.line(line))
	header := strings.TrimRight(s.text[start:end], " \t")
	end = start + len(header)
	indent := -1
	for n := line + 1; n <= len(s.lines); n++ {
		text := s.line(n)
		content := strings.TrimLeft(text, " ")
		if content == "" {
			continue
		}
		width := len(text) - len(content)
		if indent < 0 {
			first := s.line(line)
			if width <= len(first)-len(strings.TrimLeft(first, " ")) && width == 0 {
				break
			}
			indent = width
		}
		if width < indent {
			break
		}
		end = s.lines[n-1] + len(strings.TrimRight(text, " \t"))
	}
	return end - start
}
