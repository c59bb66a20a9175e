package manifest

import (
	"encoding/json"
	"maps"

	"google.golang.org/protobuf/encoding/protojson"
)

// Plain is the object as plain values (map[string]any, []any, string, bool, int64, float64, nil), as its author wrote it: with what
// the API does not have, and the namespace that was stated for it. Values of a Secret are left out, their keys stay. An object
// without a document is printed from its message. It is made anew each time; parts of it are shared and must not be changed.
func (o *Object) Plain() map[string]any {
	if v, ok := Make(o, plainly); ok {
		out, _ := v.(map[string]any)
		return out
	}
	out := maps.Clone(o.Tree)
	if out == nil && o.Doc != nil {
		out = o.Doc.plain(o.Item)
	}
	if out == nil {
		return o.printed()
	}
	out["apiVersion"], out["kind"] = o.APIVersion, o.Kind // an item of a list can lack them
	meta, _ := out["metadata"].(map[string]any)
	if have, _ := meta["namespace"].(string); meta != nil && have != o.Namespace {
		meta = maps.Clone(meta)
		if meta["namespace"] = o.Namespace; o.Namespace == "" {
			delete(meta, "namespace")
		}
		out["metadata"] = meta
	}
	if o.Group == "" && o.Kind == "Secret" {
		hideValues(out)
	}
	return out
}

// plainly makes plain values.
var plainly = Maker[any]{
	Text:   func(s string) any { return s },
	Scalar: func(v any) any { return v },
	List:   func(list []any) any { return append([]any{}, list...) },
	Map: func(keys []string, values []any) any {
		out := make(map[string]any, len(keys))
		for i, key := range keys {
			out[key] = values[i]
		}
		return out
	},
}

// plain reads the document once more, with the same values for placeholders.
func (d *Document) plain(item int) map[string]any {
	var root *node
	if d.JSON {
		r := newJSONReader(string(d.Text))
		r.vars = d.vars
		if n, err := r.value(0); err == nil {
			root = n
		}
	} else if r, err := readYAML(d.Text, d.vars, new(arena)); err == nil {
		root = r.root
	}
	if items := root.get("items"); item >= 0 && items != nil && item < len(items.items) {
		root = items.items[item]
	}
	if root == nil {
		return nil
	}
	return root.object()
}

// printed is the object from its message and the metadata that are kept.
func (o *Object) printed() map[string]any {
	meta := map[string]any{"name": o.Name}
	for key, text := range map[string]string{"namespace": o.Namespace, "uid": o.UID} {
		if text != "" {
			meta[key] = text
		}
	}
	for key, m := range map[string]map[string]string{"labels": o.Labels, "annotations": o.Annotations} {
		if len(m) > 0 {
			all := make(map[string]any, len(m))
			for k, v := range m {
				all[k] = v
			}
			meta[key] = all
		}
	}
	if !o.Created.IsZero() {
		meta["creationTimestamp"] = o.Created.UTC().Format("2006-01-02T15:04:05Z")
	}
	out := map[string]any{"apiVersion": o.APIVersion, "kind": o.Kind, "metadata": meta}
	if o.Spec == nil {
		return out
	}
	var spec map[string]any
	if data, err := protojson.Marshal(o.Spec); err == nil && json.Unmarshal(data, &spec) == nil {
		out["spec"] = spec
		for _, p := range o.Zeros {
			if path, ok := ParsePath(p); ok {
				zero(out, path)
			}
		}
	}
	return out
}

// zero puts a number that is written as 0 where the message cannot tell it from one left out.
func zero(v any, path []any) {
	for i, e := range path {
		switch e := e.(type) {
		case string:
			m, _ := v.(map[string]any)
			if i == len(path)-1 && m != nil && m[e] == nil {
				m[e] = int64(0)
			}
			v = m[e]
		case int:
			l, _ := v.([]any)
			if e >= len(l) {
				return
			}
			v = l[e]
		}
	}
}

// hideValues takes the values out of a Secret, also those that kubectl keeps in an annotation.
func hideValues(secret map[string]any) {
	for _, key := range [...]string{"data", "stringData"} {
		if m, ok := secret[key].(map[string]any); ok {
			hidden := make(map[string]any, len(m))
			for k := range m {
				hidden[k] = ""
			}
			secret[key] = hidden
		} else {
			delete(secret, key)
		}
	}
	if meta, ok := secret["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		delete(meta, "annotations")
		delete(meta, "managedFields")
		secret["metadata"] = meta
	}
}
