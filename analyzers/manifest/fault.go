package manifest

import (
	"fmt"
	"sort"
	"strconv"
)

// addFault adds a fault of the object under construction.
func (d *decoding) addFault(f Fault) {
	f.Object, f.API = d.obj.ID, d.obj.APIVersion
	d.report(f)
}

// maxFaults are enough for one document. A file that is not what it seems could have a million.
const maxFaults = 10_000

func (d *decoding) report(f Fault) {
	switch d.faults++; {
	case d.faults < maxFaults:
		d.set.Faults = append(d.set.Faults, f)
	case d.faults == maxFaults:
		f.Rule, f.Message, f.Related = "syntax", "this document has more than ten thousand faults: the rest is not listed, mend these first", nil
		d.set.Faults = append(d.set.Faults, f)
	}
}

// addFaultOnce adds a fault unless its place has one already.
func (d *decoding) addFaultOnce(f Fault) {
	if d.faults >= maxFaults {
		return
	}
	for _, other := range d.set.Faults[d.first:] {
		if other.Pos == f.Pos {
			return
		}
	}
	d.addFault(f)
}

func (d *decoding) invalid(n *node, path []any, format string, args ...any) {
	d.addFault(Fault{Rule: "invalid-value", Pos: d.pos(n, path), Message: fmt.Sprintf(format, args...)})
}

// opaque notes a placeholder where something else than a free string belongs.
func (d *decoding) opaque(_ *node, path []any) {
	d.obj.Opaque = append(d.obj.Opaque, FieldPath(path...))
}

// pos is the place of a value.
func (d *decoding) pos(n *node, path []any) Pos {
	p := Pos{Path: FieldPath(path...)}
	if d.doc == nil || n == nil {
		return p
	}
	d.region(&p, d.source().region(n))
	return p
}

// keyPos is the place of a key.
func (d *decoding) keyPos(f *field, path []any) Pos {
	p := Pos{Path: FieldPath(path...)}
	if d.doc != nil {
		d.region(&p, d.source().keyRegion(f.line, f.col))
	}
	return p
}

func (d *decoding) region(p *Pos, r region) {
	p.File = d.doc.File
	r.into(p, d.doc)
}

func (d *decoding) source() *source {
	if d.src == nil {
		d.src = newSource(d.doc.Text)
	}
	return d.src
}

// duplicateKey reports a key that stands twice in one map.
func (d *decoding) duplicateKey(dup duplicate) {
	if len(d.roots) == 0 {
		return
	}
	o := d.ownerOf(dup.line, dup.col)
	f := Fault{Rule: "syntax", Object: d.ids[o].id, API: d.ids[o].api}
	f.Message = "key " + strconv.Quote(dup.key) + " stands twice in this map: the API server takes the last and drops the first, remove one"
	path, _ := d.path(o, dup.line, dup.col)
	f.Pos = d.keyPos(&field{line: dup.line, col: dup.col}, path)
	first := d.keyPos(&field{line: dup.firstLine, col: dup.firstCol}, path)
	f.Related = []FaultEnd{{Object: f.Object, Pos: first, Message: "the first is dropped"}}
	d.report(f)
}

// soft reports a value that kubectl refuses in a document that can be read.
func (d *decoding) soft(p problem) {
	if len(d.roots) == 0 {
		return
	}
	o := d.ownerOf(p.line, p.col)
	path, n := d.path(o, p.line, p.col)
	f := Fault{Rule: "syntax", Object: d.ids[o].id, API: d.ids[o].api, Message: p.message}
	if p.cites && f.Object.Kind == "Secret" {
		f.Message = unquote(f.Message)
	}
	if n != nil {
		f.Pos = d.pos(n, path)
	} else {
		f.Pos = d.keyPos(&field{line: p.line, col: p.col}, path)
	}
	d.report(f)
}

// ownerOf is the object of the document in whose text a place lies.
func (d *decoding) ownerOf(line, col int32) int {
	behind := sort.Search(len(d.roots), func(i int) bool {
		n := d.roots[i]
		return n.line > line || n.line == line && n.col > col
	})
	return max(behind-1, 0)
}

// path finds the path of a place in an object. Each search walks the object, so that a document has only so many.
func (d *decoding) path(o int, line, col int32) ([]any, *node) {
	if d.searches++; d.searches > 100 {
		return nil, nil
	}
	return pathTo(d.roots[o], line, col, 0)
}

// pathTo finds the path of the key or value at a place.
func pathTo(n *node, line, col int32, depth int) ([]any, *node) {
	if depth > maxDepth || n.style == styleAlias {
		return nil, nil
	}
	for i := range n.fields {
		f := &n.fields[i]
		if f.line == line && f.col == col {
			return []any{f.key}, nil
		}
		if f.val.scalar() && f.val.line == line && f.val.col == col {
			return []any{f.key}, f.val
		}
		if path, at := pathTo(f.val, line, col, depth+1); path != nil {
			return append([]any{f.key}, path...), at
		}
	}
	for i, item := range n.items {
		if item.scalar() && item.line == line && item.col == col {
			return []any{i}, item
		}
		if path, at := pathTo(item, line, col, depth+1); path != nil {
			return append([]any{i}, path...), at
		}
	}
	return nil, nil
}

// placeholders collects the names of placeholders: everywhere in Istio's objects and Services, in other kinds only
// in metadata, because $(NAME) in a container's arguments is Kubernetes' own and a ConfigMap may hold any script.
func (d *decoding) placeholders(root *node) {
	if d.doc != nil && !d.holds {
		return
	}
	collect(d.names, root.get("metadata"), 0)
	if d.obj.Spec != nil && d.obj.Kind != "EnvoyFilter" || d.obj.Kind == "Service" {
		collect(d.names, root.get("spec"), 0)
	}
}

func collect(names map[string]bool, n *node, depth int) {
	if n == nil || depth > maxDepth {
		return
	}
	if n.kind == kindString {
		for from := 0; ; {
			_, end, name, ok := nextPlaceholder(n.text, from)
			if !ok {
				return
			}
			names[name] = true
			from = end
		}
	}
	for i := range n.fields {
		collect(names, n.fields[i].val, depth+1)
	}
	for _, item := range n.items {
		collect(names, item, depth+1)
	}
}
