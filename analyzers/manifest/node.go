package manifest

import (
	"math"
	"sort"
	"strings"
	"unicode/utf8"
)

// A node is one value of a document with its place. YAML and JSON both read into nodes,
// so that everything after the reading has one tree to look at.
type node struct {
	kind  kind
	style style
	whole bool  // an integer that was written as a float: 1e3
	line  int32 // 1-based, within the document
	col   int32 // 1-based, in code points
	size  int32 // number of nodes with aliases expanded; stops at MaxInt32

	text   string // the value of a string, the source text of any other scalar
	bits   uint64 // of a bool, an int64 or a float64
	fields []field
	items  []*node
}

type field struct {
	key       string
	line, col int32 // of the key
	merged    bool  // came in through "<<"
	val       *node
}

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindInt
	kindFloat
	kindString
	kindSeq
	kindMap
)

var kindNames = [...]string{"null", "a boolean", "an integer", "a number", "a string", "a list", "a map"}

func (k kind) String() string { return kindNames[k] }

type style uint8

const (
	stylePlain style = iota // plain scalars and block collections
	styleDouble
	styleSingle
	styleBlock // literal and folded scalars
	styleFlow
	styleAlias // the place is that of the alias, the value that of the anchor
)

// Limits that keep every input within bounded time and memory.
const (
	maxDocument = 32 << 20  // bytes of one document
	maxFile     = 512 << 20 // bytes of one file
	maxDepth    = 1000      // nesting of maps and lists
	maxSize     = 1 << 20   // nodes that the aliases of one document may add
	maxMarks    = 4 << 20   // characters that can start a node, in one document
)

func (n *node) bool() bool       { return n.bits != 0 }
func (n *node) int() int64       { return int64(n.bits) }
func (n *node) float() float64   { return math.Float64frombits(n.bits) }
func (n *node) scalar() bool     { return n.kind < kindSeq }
func (n *node) isString() bool   { return n.kind == kindString }
func (n *node) is(s string) bool { return n.kind == kindString && n.text == s }

// get is the value of a key, nil if the map lacks it. A value written as null counts as lacking.
func (n *node) get(key string) *node {
	if f := n.field(key); f != nil && f.val.kind != kindNull {
		return f.val
	}
	return nil
}

func (n *node) field(key string) *field {
	if n == nil {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].key == key {
			return &n.fields[i]
		}
	}
	return nil
}

// str is the string under a key, "" if it is none.
func (n *node) str(key string) string {
	if v := n.get(key); v != nil && v.kind == kindString {
		return v.text
	}
	return ""
}

// value is the plain Go value: map[string]any, []any, string, bool, int64, float64 or nil.
func (n *node) value() any {
	switch n.kind {
	case kindBool:
		return n.bool()
	case kindInt:
		return n.int()
	case kindFloat:
		return n.float()
	case kindString:
		return n.text
	case kindSeq:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.value()
		}
		return list
	case kindMap:
		return n.object()
	}
	return nil
}

func (n *node) object() map[string]any {
	m := make(map[string]any, len(n.fields))
	for i := range n.fields {
		m[n.fields[i].key] = n.fields[i].val.value()
	}
	return m
}

// grow adds sizes and stops at the largest: a bomb of aliases is counted, never unfolded.
func grow(size, by int32) int32 {
	if size+by < 0 {
		return math.MaxInt32
	}
	return size + by
}

// An arena hands out nodes, fields and items from larger pieces: one allocation for many, and for the documents of a
// stream, whose trees do not outlive them, the same pieces again.
type arena struct {
	blocks [][]node
	block  int // the one in use
	used   int // nodes of it handed out
	fields []field
	items  []*node
}

const blockSize = 256

func (a *arena) node() *node {
	if len(a.blocks) == 0 || a.used == len(a.blocks[a.block]) {
		a.grow()
	}
	n := &a.blocks[a.block][a.used]
	a.used++
	return n
}

func (a *arena) grow() {
	if len(a.blocks) > 0 {
		a.block++
	}
	a.used = 0
	if a.block == len(a.blocks) {
		size := 32 << min(a.block, 3) // many documents are small
		a.blocks = append(a.blocks, make([]node, size))
	}
}

// fieldsOf is an empty list with room for n fields.
func (a *arena) fieldsOf(n int) []field {
	if n > blockSize {
		return make([]field, 0, n)
	}
	if cap(a.fields)-len(a.fields) < n {
		a.fields = make([]field, 0, blockSize)
	}
	start := len(a.fields)
	a.fields = a.fields[:start+n]
	return a.fields[start : start : start+n]
}

// itemsOf is an empty list with room for n items.
func (a *arena) itemsOf(n int) []*node {
	if n > blockSize {
		return make([]*node, 0, n)
	}
	if cap(a.items)-len(a.items) < n {
		a.items = make([]*node, 0, blockSize)
	}
	start := len(a.items)
	a.items = a.items[:start+n]
	return a.items[start : start : start+n]
}

// reset takes everything back. Nothing that was handed out may be in use any more.
func (a *arena) reset() {
	if len(a.blocks) == 0 {
		return
	}
	for i := range a.block {
		clear(a.blocks[i])
	}
	clear(a.blocks[a.block][:a.used])
	if len(a.blocks) > 64 { // a large document went by: let its memory go
		a.blocks = a.blocks[:64]
	}
	a.block, a.used = 0, 0
	clear(a.fields)
	a.fields = a.fields[:0]
	clear(a.items)
	a.items = a.items[:0]
}

// A source is the text of one document and its lines.
type source struct {
	text  string
	lines []int // offset at which each line starts
	runes []int // code points before each step-th byte; nil if all are ASCII
}

// step is how far a column is counted at most: a minified document is one long line.
const step = 4096

func newSource(text []byte) *source {
	s := &source{text: string(text), lines: []int{0}}
	for i := 0; ; {
		j := strings.IndexByte(s.text[i:], '\n')
		if j < 0 {
			break
		}
		i += j + 1
		s.lines = append(s.lines, i)
	}
	if utf8.RuneCountInString(s.text) < len(s.text) {
		n := 0
		for i := 0; i < len(s.text); i += step {
			s.runes = append(s.runes, n)
			n += runeStarts(s.text[i:min(i+step, len(s.text))])
		}
	}
	return s
}

// runeStarts counts code points by their first bytes, so that a text may be cut anywhere.
func runeStarts(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if utf8.RuneStart(s[i]) {
			n++
		}
	}
	return n
}

// rune is the number of code points before an offset.
func (s *source) rune(offset int) int {
	if s.runes == nil {
		return offset
	}
	if offset == 0 {
		return 0
	}
	k := (offset - 1) / step
	return s.runes[k] + runeStarts(s.text[k*step:offset])
}

// byteOf is the offset of the n-th code point, counted from 0.
func (s *source) byteOf(n int) int {
	if s.runes == nil {
		return min(n, len(s.text))
	}
	k := sort.SearchInts(s.runes, n+1) - 1
	i := k * step
	for n -= s.runes[k]; i < len(s.text); i++ {
		if utf8.RuneStart(s.text[i]) {
			if n == 0 {
				break
			}
			n--
		}
	}
	return i
}

// line is the text of a 1-based line without its end.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	end := len(s.text)
	if n < len(s.lines) {
		end = s.lines[n] - 1
	}
	return strings.TrimSuffix(s.text[s.lines[n-1]:end], "\r")
}
