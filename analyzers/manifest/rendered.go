package manifest

import "strings"

// Rendered is a document that another program has made.
type Rendered struct {
	Text []byte
	From string // the file that it was made of; "" if no single one
}

// ParseRendered reads documents that were made together. A place in one of them is that of the same value in the file that it was made
// of, as far as both say the same; what has no such file stands at the beginning of the file by which they were all made.
func ParseRendered(file string, docs []Rendered, sources []File, opt Options) *Set {
	known := map[string][]*Object{}
	for _, s := range sources {
		known[s.Name] = parseFile(s.Name, s.Data, Options{}, "", false).Objects
	}
	all := &Set{}
	by := &Document{File: file, Line: 1}
	for _, d := range docs {
		name := d.From
		if known[name] == nil {
			name = file
		}
		namespace := ""
		if opt.Namespace != nil {
			namespace = opt.Namespace(name)
		}
		set := parseFile(name, d.Text, opt, namespace, false)
		set.Files = nil
		for _, o := range set.Objects {
			o.Doc.origin = &origin{doc: by}
			if s := madeOf(o, known[name]); s != nil {
				o.Doc.origin = &origin{doc: s.Doc, item: s.Item, known: true}
			}
		}
		for i, f := range set.Faults {
			set.Faults[i].Pos = moved(f, set.Objects, by)
		}
		all.Add(set)
	}
	all.Files = sources // and not the one by which they were made, in which literal values of Secrets can stand
	return all
}

// madeOf finds the object of a file that became another one: of its kind, with a name that is a part of the other's, the longest.
func madeOf(o *Object, sources []*Object) (best *Object) {
	for _, s := range sources {
		if s.Group != o.Group || s.Kind != o.Kind || s.Name == "" || !strings.Contains(o.Name, s.Name) {
			continue
		}
		switch {
		case best == nil || len(s.Name) > len(best.Name):
			best = s
		case len(s.Name) == len(best.Name):
			return nil // two of them could be it
		}
	}
	return best
}

// moved is the place of a fault, where it has an object.
func moved(f Fault, objs []*Object, by *Document) Pos {
	path, ok := ParsePath(f.Pos.Path)
	for _, o := range objs {
		if o.ID == f.Object && ok {
			return o.At(path...)
		}
	}
	return Pos{File: by.File, Line: 1, Column: 1, EndLine: 1, EndColumn: 2, Path: f.Pos.Path}
}

// origin is what a document was made of.
type origin struct {
	doc   *Document
	item  int
	known bool // doc holds the object; else no place in it is its
}

// at is the place of a value of the object made, in what it was made of: as far down as both say the same.
func (from *origin) at(o *Object, path []any) Pos {
	p := Pos{Path: FieldPath(path...), File: from.doc.File, Line: from.doc.Line, Column: 1, EndLine: from.doc.Line, EndColumn: 2}
	if !from.known {
		return p
	}
	made, source := trees.of(o.Doc).root.entry(o.Item), trees.of(from.doc)
	n := source.root.entry(from.item)
	if made == nil || n == nil {
		return p
	}
	var key *field
	whole := true // the whole path says the same
	for _, e := range path {
		next, name := n, (*field)(nil)
		switch e := e.(type) {
		case string:
			if f, was := made.field(e), n.field(e); f != nil && was != nil && (!was.val.scalar() || was.val.same(f.val)) {
				made, next, name = f.val, was.val, was
			}
		case int:
			if e < len(made.items) {
				if next = counterpart(n, made, e); next != nil {
					made = made.items[e]
				}
			}
		}
		if whole = next != nil && next != n; !whole {
			break
		}
		n, key = next, name
	}
	if key != nil && (!whole || n.kind == kindNull && n.text == "") {
		source.src.keyRegion(key.line, key.col).into(&p, from.doc)
	} else {
		source.src.region(n).into(&p, from.doc)
	}
	return p
}

// entry is an item of a List, the node itself below zero.
func (n *node) entry(i int) *node {
	if n == nil || i < 0 {
		return n
	}
	if items := n.get("items"); items != nil && i < len(items.items) {
		return items.items[i]
	}
	return nil
}

// counterpart is the item of a list that became the ith of another: the one that says the same, else the one in its place, where a
// patch has changed it and no other; nil if that is open.
func counterpart(was, is *node, i int) *node {
	var found *node
	for _, item := range was.items {
		if item.same(is.items[i]) {
			if found != nil {
				found = nil // it stands there twice
				break
			}
			found = item
		}
	}
	if found != nil || len(was.items) != len(is.items) {
		return found
	}
	for j := range was.items {
		if j != i && !was.items[j].same(is.items[j]) {
			return nil
		}
	}
	return was.items[i]
}

// same tells whether two values are equal, however they are written.
func (n *node) same(other *node) bool {
	if n.kind != other.kind || len(n.items) != len(other.items) || len(n.fields) != len(other.fields) {
		return false
	}
	switch n.kind {
	case kindSeq:
		for i := range n.items {
			if !n.items[i].same(other.items[i]) {
				return false
			}
		}
	case kindMap:
		for i := range n.fields {
			f := other.field(n.fields[i].key)
			if f == nil || !n.fields[i].val.same(f.val) {
				return false
			}
		}
	default:
		return n.text == other.text || n.kind != kindString && n.bits == other.bits
	}
	return true
}
