package manifest

import (
	"math"
	"strings"
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
	maxMarks    = 6 << 20   // characters that can start a node, in one document
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

// An arena hands out nodes from larger pieces: one allocation for many nodes.
type arena struct {
	nodes []node
	next  int
}

func (a *arena) node() *node {
	if len(a.nodes) == 0 {
		a.next = min(max(16, 2*a.next), 256)
		a.nodes = make([]node, a.next)
	}
	n := &a.nodes[0]
	a.nodes = a.nodes[1:]
	return n
}

// A source is the text of one document and its lines.
type source struct {
	text  string
	lines []int // offset at which each line starts
}

func newSource(text []byte) *source {
	s := &source{text: string(text), lines: []int{0}}
	for i := 0; ; {
		j := strings.IndexByte(s.text[i:], '\n')
		if j < 0 {
			return s
		}
		i += j + 1
		s.lines = append(s.lines, i)
	}
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
