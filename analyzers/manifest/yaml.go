package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// A reading is what came of the text of one document.
type reading struct {
	root     *node
	dups     []duplicate
	soft     []problem // values that kubectl refuses, in a document that can be read
	template int32     // line of a "{{" that stands outside of scalars, 0 if none does
}

// readYAML reads one YAML document. The returned root is nil for a document without content.
func readYAML(text []byte, vars map[string]string, room *arena) (_ *reading, err *problem) {
	defer func() {
		// The YAML library panics on what it thinks cannot happen.
		if r := recover(); r != nil {
			err = &problem{line: 1, col: 1, message: fmt.Sprintf("the YAML reader gave up (%v): simplify the document", r)}
		}
	}()
	top, e := decodeYAML(text)
	r := &yamlReader{vars: vars, arena: room}
	if e != nil {
		// {number: ${PORT}} is no YAML before PORT is put in, but it is clear what it means.
		if masked := mask(text); masked != nil {
			if again, e2 := decodeYAML(masked); e2 == nil {
				top, e, r.masked = again, nil, true
			}
		}
	}
	if e != nil {
		return nil, explainYAML(e, text)
	}
	if top == nil {
		return &reading{}, nil
	}
	r.places = unusualBreaks(text)
	root, err := r.node(top, 0)
	if err != nil {
		return nil, err
	}
	if root.size > r.count && root.size-r.count > maxSize {
		return nil, &problem{line: root.line, col: root.col, message: "the aliases of this document expand to more than a million values: write them out"}
	}
	r.out.root = root
	return &r.out, nil
}

var errSecondValue = errors.New("yaml: a second value follows the end of the document")

// decodeYAML is the root of the only document in a text, nil if there is none.
func decodeYAML(text []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc.Kind == 0 {
		return nil, nil
	}
	if top := doc.Content[0]; top.Kind == yaml.MappingNode && top.Style&yaml.FlowStyle == 0 && top.Column == 1 {
		return top, nil // what follows at the left margin belongs to it, or is an error in it
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&more); err == nil {
		return nil, errSecondValue
	} else if err != io.EOF {
		return nil, err
	}
	return doc.Content[0], nil
}

// A yamlReader turns the library's nodes into ours: scalars resolved, aliases and merge keys followed.
type yamlReader struct {
	vars    map[string]string
	masked  bool // the braces of placeholders are masked
	places  []place
	arena   *arena
	anchors map[*yaml.Node]*node // nil value: the anchor is being read
	count   int32                // nodes that the text itself has
	copied  int                  // fields that merge keys brought in
	out     reading
}

func (r *yamlReader) at(y *yaml.Node) (line, col int32) {
	if r.places == nil || y.Line < 1 || y.Line > len(r.places) {
		return int32(y.Line), int32(y.Column)
	}
	p := r.places[y.Line-1]
	return p.line, p.col + int32(y.Column) - 1
}

func (r *yamlReader) fail(y *yaml.Node, message string) *problem {
	line, col := r.at(y)
	return &problem{line: line, col: col, message: message}
}

func (r *yamlReader) complain(y *yaml.Node, message string) {
	r.out.soft = append(r.out.soft, *r.fail(y, message))
}

func (r *yamlReader) node(y *yaml.Node, depth int) (*node, *problem) {
	if depth > maxDepth {
		return nil, r.fail(y, "nested deeper than "+strconv.Itoa(maxDepth)+" levels: no Kubernetes object is, split or flatten it")
	}
	if y.Kind == yaml.AliasNode {
		return r.alias(y)
	}
	if y.Anchor != "" {
		if r.anchors == nil {
			r.anchors = map[*yaml.Node]*node{}
		}
		r.anchors[y] = nil
	}
	n := r.arena.node()
	n.line, n.col = r.at(y)
	n.size = 1
	r.count++
	var err *problem
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = kindMap
		err = r.mapping(n, y, depth)
	case yaml.SequenceNode:
		n.kind = kindSeq
		err = r.sequence(n, y, depth)
	default:
		r.scalar(n, y)
	}
	if y.Style&yaml.FlowStyle != 0 {
		n.style = styleFlow
	}
	if y.Anchor != "" {
		r.anchors[y] = n
	}
	return n, err
}

// alias is the anchor's value at the alias's place.
func (r *yamlReader) alias(y *yaml.Node) (*node, *problem) {
	target := r.anchors[y.Alias]
	if target == nil {
		err := r.fail(y, "the anchor \"&"+y.Value+"\" contains itself: write the value out")
		err.cites = true
		return nil, err
	}
	n := r.arena.node()
	*n = *target
	n.line, n.col = r.at(y)
	n.style = styleAlias
	r.count++
	return n, nil
}

func (r *yamlReader) scalar(n *node, y *yaml.Node) {
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		n.style = styleDouble
	case y.Style&yaml.SingleQuotedStyle != 0:
		n.style = styleSingle
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		n.style = styleBlock
	}
	text := y.Value
	if r.masked {
		text = unmask.Replace(text)
	}
	text = expand(text, r.vars)
	switch {
	case y.Style&yaml.TaggedStyle != 0:
		if message := n.tagged(y.Tag, text); message != "" {
			r.complain(y, message)
		}
	case n.style == stylePlain:
		n.plain(text)
	default:
		n.kind, n.text = kindString, text
	}
	if n.kind == kindFloat && (math.IsNaN(n.float()) || math.IsInf(n.float(), 0)) {
		r.complain(y, strconv.Quote(n.text)+" reads as a number that JSON cannot hold: kubectl refuses the document, quote it")
		r.out.soft[len(r.out.soft)-1].cites = true
	}
}

func (r *yamlReader) sequence(n *node, y *yaml.Node, depth int) *problem {
	n.items = r.arena.itemsOf(len(y.Content))
	for _, child := range y.Content {
		item, err := r.node(child, depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
		n.size = grow(n.size, item.size)
	}
	return nil
}

func (r *yamlReader) mapping(n *node, y *yaml.Node, depth int) *problem {
	n.fields = r.arena.fieldsOf(len(y.Content) / 2)
	var set fieldSet
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		val, err := r.node(value, depth+1)
		if err != nil {
			return err
		}
		n.size = grow(n.size, val.size)
		if key.Tag == "!!merge" && key.Kind == yaml.ScalarNode {
			if err := r.merge(n, &set, val, value); err != nil {
				return err
			}
			continue
		}
		f, ok, err := r.key(key, y, depth)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		f.val = val
		if old := set.put(n, f); old != nil && !old.merged {
			r.out.dups = append(r.out.dups, duplicate{key: f.key, line: f.line, col: f.col, firstLine: old.line, firstCol: old.col})
		}
	}
	return nil
}

func (r *yamlReader) key(key, parent *yaml.Node, depth int) (f field, ok bool, err *problem) {
	f.line, f.col = r.at(key)
	if key.Kind == yaml.ScalarNode && key.Style&(yaml.TaggedStyle|yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 && key.Anchor == "" {
		var n node
		n.plain(key.Value)
		if r.masked {
			n.text = unmask.Replace(n.text)
		}
		if f.key, ok = n.keyText(); !ok {
			r.complain(key, "a key that reads as null cannot stand in a Kubernetes object: quote it")
		}
		return f, ok, nil
	}
	n, err := r.node(key, depth+1)
	if err != nil {
		return f, false, err
	}
	if n.scalar() {
		if f.key, ok = n.keyText(); !ok {
			r.complain(key, "a key that reads as null cannot stand in a Kubernetes object: quote it")
		}
		return f, ok, nil
	}
	if n.kind == kindMap && n.style == styleFlow && parent.Style&yaml.FlowStyle != 0 {
		// {{ .Values.name }} reads as a flow map whose key is a flow map.
		if r.out.template == 0 {
			r.out.template = f.line
		}
		return f, false, nil
	}
	return f, false, r.fail(key, "a key is "+n.kind.String()+": keys of a Kubernetes object are strings, quote it")
}

// merge brings in the fields of "<<". As in kubectl's reader, what stands later wins, a merge too.
func (r *yamlReader) merge(n *node, set *fieldSet, val *node, y *yaml.Node) *problem {
	sources := []*node{val}
	if val.kind == kindSeq {
		sources = val.items
	}
	for i := len(sources) - 1; i >= 0; i-- {
		if sources[i].kind != kindMap {
			r.complain(y, "the merge key \"<<\" takes a map or a list of maps, this is "+sources[i].kind.String()+": kubectl refuses the document")
			continue
		}
		if r.copied += len(sources[i].fields); r.copied > maxSize {
			return r.fail(y, "the merge keys of this document expand to more than a million fields: write them out")
		}
		for _, f := range sources[i].fields {
			f.merged = true
			set.put(n, f)
		}
	}
	return nil
}

// A place is where a line of the YAML reader begins: it also breaks lines at a lone carriage return,
// U+0085, U+2028 and U+2029, where editors do not.
type place struct{ line, col int32 }

func unusualBreaks(text []byte) []place {
	if !bytes.Contains(text, []byte("\xe2\x80\xa8")) && !bytes.Contains(text, []byte("\xe2\x80\xa9")) &&
		!bytes.Contains(text, []byte("\xc2\x85")) && bytes.Count(text, []byte("\r")) == bytes.Count(text, []byte("\r\n")) {
		return nil
	}
	places := []place{{1, 1}}
	line, col := int32(1), int32(1)
	s := string(text)
	for i, c := range s {
		col++
		switch {
		case c == '\n':
			line, col = line+1, 1
		case c == '\u0085', c == '\u2028', c == '\u2029':
		case c == '\r' && !strings.HasPrefix(s[i+1:], "\n"):
		default:
			continue
		}
		places = append(places, place{line, col})
	}
	return places
}
