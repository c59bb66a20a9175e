package fix

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Exact tells whether the edits of a file change what its objects say as their findings ask, and nothing else: an anchor, for one,
// can stand for more than the place that is edited.
func Exact(text []byte, edits []Edit) bool {
	before, after := manifest.Parse("", text, manifest.Options{}), manifest.Parse("", Apply(text, edits), manifest.Options{})
	if len(before.Objects) != len(after.Objects) || before.Documents != after.Documents {
		return false
	}
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b Edit) int { return cmp.Compare(b.From, a.From) }) // items of a list from its end
	for i, o := range before.Objects {
		var want any = o.Plain()
		for _, e := range edits {
			if x := e.Finding.Source; e.Finding.Pos.Path != "" && x != nil && x.Doc.Line == o.Doc.Line && x.Item == o.Item && x.Kind == o.Kind && x.Name == o.Name {
				path, ok := manifest.ParsePath(e.Finding.Pos.Path)
				if ok && e.emptied {
					path = path[:len(path)-1]
				}
				if ok {
					want, ok = edited(want, path, *e.Finding.Fix)
				}
				if !ok {
					return false
				}
			}
		}
		if o.Doc.JSON != after.Objects[i].Doc.JSON { // YAML forgives a comma too many
			return false
		}
		if !reflect.DeepEqual(want, any(after.Objects[i].Plain())) {
			return false
		}
	}
	return true
}

// edited is a tree with another string at a path, or without what is there for "". The tree itself stays as it is.
func edited(tree any, path []any, to string) (any, bool) {
	if len(path) == 0 {
		_, text := tree.(string)
		return to, text && to != ""
	}
	gone := len(path) == 1 && to == ""
	switch step := path[0].(type) {
	case string:
		m, _ := tree.(map[string]any)
		old, ok := m[step]
		if m = maps.Clone(m); ok && gone {
			delete(m, step)
		} else if ok {
			m[step], ok = edited(old, path[1:], to)
		}
		return m, ok
	case int:
		list, _ := tree.([]any)
		ok := step < len(list)
		if list = slices.Clone(list); ok && gone {
			list = slices.Delete(list, step, step+1)
		} else if ok {
			list[step], ok = edited(list[step], path[1:], to)
		}
		return list, ok
	}
	return tree, false
}
