package mesh

import (
	"sort"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Input is what one World is made of.
type Input struct {
	Name     string // where the input parts: a folder or file; "" when it does not
	Objects  []*manifest.Object
	Variants map[string]bool // namespaces that hold variants
}

// Split parts the input where one identity stands in several files with different content: such variants never meet. It
// parts where their paths part, and each part is joined with what lies outside all of them. Identical documents are one
// object.
func Split(objs []*manifest.Object) []Input {
	objs, byID := distinct(objs)
	clash := map[string]map[string]map[string]bool{} // folder -> child -> children it must not meet
	variants := map[string]bool{}
	for _, group := range byID {
		if len(group) > 1 {
			variants[group[0].Namespace] = true
			partPaths(clash, group)
		}
	}
	if len(clash) == 0 {
		return []Input{{Objects: objs, Variants: variants}}
	}
	return join(objs, clash, variants)
}

// distinct drops documents that repeat another with the same content; what is left is given by identity too.
func distinct(objs []*manifest.Object) ([]*manifest.Object, map[manifest.ID][]*manifest.Object) {
	byID := make(map[manifest.ID][]*manifest.Object, len(objs))
	out := make([]*manifest.Object, 0, len(objs))
next:
	for _, o := range objs {
		for _, have := range byID[o.ID] {
			if have.Same(o) {
				continue next
			}
		}
		byID[o.ID] = append(byID[o.ID], o)
		out = append(out, o)
	}
	return out, byID
}

// partPaths enters for the files of one identity in which folder, and between which children of it, they part. Each file is
// compared with the next in path order: neighbours part no higher than any other pair that spans them.
func partPaths(clash map[string]map[string]map[string]bool, group []*manifest.Object) {
	files := make([]string, 0, len(group))
	for _, o := range group {
		files = append(files, o.Doc.File)
	}
	sort.Strings(files)
	for i := 1; i < len(files); i++ {
		dir, a, b := parting(files[i-1], files[i])
		if a == b {
			continue // one file: the loader reports the second document
		}
		if clash[dir] == nil {
			clash[dir] = map[string]map[string]bool{}
		}
		for _, p := range [][2]string{{a, b}, {b, a}} {
			if clash[dir][p[0]] == nil {
				clash[dir][p[0]] = map[string]bool{}
			}
			clash[dir][p[0]][p[1]] = true
		}
	}
}

// parting gives the deepest folder that two files share, and the child of it in which each lies.
func parting(a, b string) (dir, childA, childB string) {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	n := 0
	for n < len(as)-1 && n < len(bs)-1 && as[n] == bs[n] {
		n++
	}
	return strings.Join(as[:n], "/"), as[n], bs[n]
}

// join makes an Input of each innermost part: what lies in it, and what lies in no part that it is not in itself.
func join(objs []*manifest.Object, clash map[string]map[string]map[string]bool, variants map[string]bool) []Input {
	parts := map[string][]*manifest.Object{} // the innermost part of an object, "" for none
	for _, o := range objs {
		p := ""
		segs := strings.Split(o.Doc.File, "/")
		for i := range segs {
			if clash[strings.Join(segs[:i], "/")][segs[i]] != nil {
				p = strings.Join(segs[:i+1], "/")
			}
		}
		parts[p] = append(parts[p], o)
	}
	var leaves []string
	names := manifest.Keys(parts)
	for _, p := range names {
		i := sort.SearchStrings(names, p+"/")
		if p != "" && (i == len(names) || !strings.HasPrefix(names[i], p+"/")) {
			leaves = append(leaves, p)
		}
	}
	var out []Input
	for _, leaf := range leaves {
		in := Input{Name: leaf, Variants: variants}
		for _, p := range names {
			if p == "" || p == leaf || strings.HasPrefix(leaf, p+"/") {
				in.Objects = append(in.Objects, parts[p]...)
			}
		}
		out = append(out, in)
	}
	return out
}
