package manifest

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const networkingGroup = "networking.istio.io"

// A decoding turns the tree of one document into objects and faults.
type decoding struct {
	*reader
	doc *Document // nil for an object that came without a file
	src *source
	obj *Object // the object under construction

	roots []*node // of the objects of this document, with
	ids   []owner // who they are

	holds    bool // the text may hold placeholders
	faults   int  // of this document
	first    int  // index in set.Faults of the first fault of obj
	searches int  // for paths
}

type owner struct {
	id  ID
	api string
}

// object decodes one object and keeps it.
func (d *decoding) object(root *node, item int, api, kind string) *Object {
	group, version := "", api
	if i := strings.LastIndexByte(api, '/'); i >= 0 {
		group, version = api[:i], api[i+1:]
	}
	o := &Object{ID: ID{Group: group, Kind: kind}, APIVersion: api, Doc: d.doc, Item: item}
	d.obj, d.first = o, len(d.set.Faults)
	meta := root.get("metadata")
	if meta != nil && meta.kind == kindMap {
		o.Name, o.Namespace, o.UID = d.metaText(meta, "name"), d.metaText(meta, "namespace"), meta.str("uid")
	}
	switch {
	case ClusterScoped(group, kind):
		o.Namespace = ""
	case o.Namespace == "":
		o.Namespace = d.namespace
	}
	d.roots, d.ids = append(d.roots, root), append(d.ids, owner{o.ID, api})
	d.metadata(root, meta)
	d.checkKind(root, group, version)
	if spec := newSpec(group, kind); spec != nil {
		if n := root.get("spec"); n != nil {
			f := &filler{decoding: d, path: []any{"spec"}}
			f.message(spec.ProtoReflect(), n)
			d.wildcardBesideHosts(n)
		}
		o.Spec = spec
		if d.plain {
			d.packing = root.pack(d.packing[:0])
			o.plain = packed(d.packing)
		}
	} else {
		o.Tree = root.object()
	}
	d.placeholders(root)
	d.refused()
	slices.Sort(o.Opaque)
	o.Opaque = slices.Compact(o.Opaque)
	d.objects = append(d.objects, placed{o, nameRegion(meta.get("name"))})
	return o
}

// refused makes opaque what the API server refuses, or drops for its misspelt name: the fault has been reported, and nothing
// that would follow from the rest is true.
func (d *decoding) refused() {
	for _, f := range d.set.Faults[d.first:] {
		if f.Rule == "unknown-field" {
			d.obj.Dropped = append(d.obj.Dropped, f.Pos.Path)
		}
		if f.Warning || !strings.HasPrefix(f.Pos.Path, "spec") {
			continue
		}
		if f.Rule == "invalid-value" || f.Rule == "unknown-field" && d.obj.Kind != "Gateway" {
			d.obj.Opaque = append(d.obj.Opaque, f.Pos.Path)
		}
	}
}

// metaText is a field of metadata that ought to be a string; a number or boolean is taken by its text.
func (d *decoding) metaText(meta *node, key string) string {
	if n := meta.get(key); n != nil && n.scalar() {
		return n.text
	}
	return ""
}

func (d *decoding) metadata(root, meta *node) {
	if d.obj.Group == networkingGroup && d.obj.Name == "" && meta.str("generateName") == "" {
		d.invalid(root, []any{"metadata"}, "metadata has no name: %s", refused)
	}
	if meta == nil {
		return
	}
	if meta.kind != kindMap {
		d.invalid(meta, []any{"metadata"}, "metadata is %s where a map is expected: %s", meta.kind, refused)
		return
	}
	for _, key := range [...]string{"name", "namespace"} {
		if n := meta.get(key); n != nil && n.kind != kindString {
			d.wrongMeta(n, []any{"metadata", key})
		}
	}
	d.obj.Labels = d.stringMap(meta, "labels")
	d.obj.Annotations = d.stringMap(meta, "annotations")
	if created, err := time.Parse(time.RFC3339, meta.str("creationTimestamp")); err == nil {
		d.obj.Created = created
	}
}

func (d *decoding) stringMap(meta *node, key string) map[string]string {
	n := meta.get(key)
	if n == nil {
		return nil
	}
	if n.kind != kindMap {
		d.invalid(n, []any{"metadata", key}, "%s is %s where a map is expected: %s", key, n.kind, refused)
		return nil
	}
	m := make(map[string]string, len(n.fields))
	for i := range n.fields {
		f := &n.fields[i]
		if f.val.kind != kindString && f.val.kind != kindNull {
			d.wrongMeta(f.val, []any{"metadata", key, f.key})
		}
		if f.val.scalar() {
			m[f.key] = f.val.text
		}
		if f.val.kind == kindNull {
			m[f.key] = ""
		}
	}
	return m
}

func (d *decoding) wrongMeta(n *node, path []any) {
	advice := ""
	if n.scalar() && n.kind != kindNull {
		advice = ", quote it"
	}
	d.invalid(n, path, "%s is %s where a string is expected: %s%s", FieldPath(path[1:]...), n.kind, refused, advice)
}

// own is the value of a key, the map itself where it has none: an item of a typed list has its kind from the list.
func (n *node) own(key string) *node {
	if v := n.get(key); v != nil {
		return v
	}
	return n
}

// checkKind holds an object of Istio's API groups against the schema of its kind and version, others against the little that
// is read of them.
func (d *decoding) checkKind(root *node, group, version string) {
	if !strings.HasSuffix(group, "istio.io") || group == "install.istio.io" {
		d.checkShape(root, group)
		return
	}
	s := schemas()
	versions := s.Kinds[group+"/"+d.obj.Kind]
	if versions == nil {
		d.unknownKind(root, s.kindsOf(group))
		return
	}
	index, ok := versions[version]
	if !ok {
		known := Keys(versions)
		d.invalid(root.own("apiVersion"), []any{"apiVersion"}, "apiVersion %q has no kind %s: %s, its versions are %s",
			d.obj.APIVersion, d.obj.Kind, refused, strings.Join(known, ", "))
		index = versions[known[0]]
	}
	c := &checker{decoding: d, nodes: s.Nodes, refused: refused}
	for i := range root.fields {
		switch f := &root.fields[i]; f.key {
		case "apiVersion", "kind", "metadata", "status", "spec":
		default:
			c.path = append(c.path[:0], d.obj.Kind)
			d.unknownTop(c, f, s.Nodes[index])
		}
	}
	spec := root.get("spec")
	c.path = append(c.path[:0], "spec")
	if spec == nil {
		empty := &node{kind: kindMap, line: root.line, col: root.col}
		if f := root.field("spec"); f != nil {
			empty.line, empty.col = f.line, f.col
		}
		spec = empty
	}
	c.value(spec, s.Nodes[index])
}

// unknownTop reports a key beside spec. A field of spec that slipped out is the usual reason.
func (d *decoding) unknownTop(c *checker, f *field, spec *schema) {
	fault := Fault{Rule: "unknown-field", Pos: d.keyPos(f, []any{f.key})}
	fault.Message = fmt.Sprintf("unknown field %q in %s: the API server drops it", f.key, d.obj.Kind)
	if _, slipped := spec.Props[f.key]; slipped {
		fault.Message += fmt.Sprintf("; did you mean \"spec.%s\"?", f.key)
	} else if near := Nearest(f.key, []string{"apiVersion", "kind", "metadata", "spec", "status"}); near != "" {
		fault.Message += fmt.Sprintf("; did you mean %q?", near)
		fault.Instead = near
	} else {
		fault.Warning = true
	}
	d.addFault(fault)
}

func (d *decoding) unknownKind(root *node, kinds []string) {
	if len(kinds) == 0 {
		return
	}
	if near := Nearest(d.obj.Kind, kinds); near != "" {
		d.invalid(root.own("kind"), []any{"kind"}, "kind %q is none that Istio has: %s; did you mean %q?", d.obj.Kind, refused, near)
	}
}

// wildcardBesideHosts finds "*/*" beside other hosts of a server: the API takes it, and it swallows the others.
func (d *decoding) wildcardBesideHosts(spec *node) {
	if d.obj.Kind != "Gateway" {
		return
	}
	servers := spec.get("servers")
	if servers == nil {
		return
	}
	for i, server := range servers.items {
		hosts := server.get("hosts")
		if hosts == nil || len(hosts.items) < 2 {
			continue
		}
		for k, host := range hosts.items {
			if host.is("*/*") {
				d.invalid(host, []any{"spec", "servers", i, "hosts", k}, "host \"*/*\" stands beside other hosts: it replaces all of the server's hosts, keep it alone or remove it")
				break
			}
		}
	}
}

// nameRegion is the place of a name without a look at the text: it is asked for every object, and is one plain word.
func nameRegion(name *node) region {
	if name == nil {
		return region{}
	}
	width := utf8.RuneCountInString(name.text)
	if name.style != stylePlain {
		width += 2
	}
	return region{int(name.line), int(name.col), int(name.line), int(name.col) + width}
}

// list decodes the items of a List. They are objects like any other; only their text lies in a common document.
func (d *decoding) list(root, items *node) {
	api, kind := "", ""
	if k := strings.TrimSuffix(root.str("kind"), "List"); k != "" {
		api, kind = root.str("apiVersion"), k // items of a typed list may leave them out
	}
	for i, item := range items.items {
		itemAPI, itemKind := api, kind
		if item.kind == kindMap {
			if s := item.str("apiVersion"); s != "" {
				itemAPI = s
			}
			if s := item.str("kind"); s != "" {
				itemKind = s
			}
		}
		if item.kind == kindMap && itemAPI != "" && itemKind != "" {
			d.object(item, i, itemAPI, itemKind)
			continue
		}
		d.obj = &Object{}
		what := "is " + item.kind.String()
		if item.kind == kindMap {
			what = "lacks apiVersion or kind"
		}
		d.invalid(item, []any{"items", i}, "items[%d] %s: kubectl refuses the list, remove the entry", i, what)
	}
}
