package mesh

import (
	"slices"
	"sort"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Input is what one World is made of.
type Input struct {
	Name     string // where the input parts: a folder or file; "" when it does not
	Objects  []*manifest.Object
	Copies   map[*manifest.Object][]*manifest.Object // of one of Objects: other documents that say the same, which it stands for
	Variants map[string]bool                         // namespaces that hold variants
}

// Split parts the input where one identity stands in several files with different content: such variants never meet. It
// parts where their paths part, and each part is joined with what lies outside all of them. Identical documents of a part are
// one object.
func Split(objs []*manifest.Object) []Input {
	first, byID := alike(objs)
	clash := map[string]map[string]map[string]bool{} // folder -> child -> children it must not meet
	variants := map[string]bool{}
	for _, group := range byID {
		if slices.ContainsFunc(group, func(o *manifest.Object) bool { return first[o] != group[0] }) {
			variants[group[0].Namespace] = true
			partPaths(clash, group, first)
		}
	}
	if len(clash) == 0 {
		return []Input{input("", objs, first, variants)}
	}
	return join(objs, first, clash, variants)
}

// alike gives for each object the first one that says the same, and the objects by identity.
func alike(objs []*manifest.Object) (first map[*manifest.Object]*manifest.Object, byID map[manifest.ID][]*manifest.Object) {
	first = make(map[*manifest.Object]*manifest.Object, len(objs))
	byID = make(map[manifest.ID][]*manifest.Object, len(objs))
	firsts := make(map[manifest.ID][]*manifest.Object, len(objs))
	for _, o := range objs {
		byID[o.ID] = append(byID[o.ID], o)
		if i := slices.IndexFunc(firsts[o.ID], o.Same); i >= 0 {
			first[o] = firsts[o.ID][i]
			continue
		}
		first[o] = o
		firsts[o.ID] = append(firsts[o.ID], o)
	}
	return first, byID
}

// input joins identical documents to one object.
func input(name string, objs []*manifest.Object, first map[*manifest.Object]*manifest.Object, variants map[string]bool) Input {
	in := Input{Name: name, Variants: variants, Copies: map[*manifest.Object][]*manifest.Object{}}
	kept := make(map[*manifest.Object]*manifest.Object, len(objs))
	for _, o := range objs {
		if have := kept[first[o]]; have != nil {
			in.Copies[have] = append(in.Copies[have], o)
			continue
		}
		kept[first[o]] = o
		in.Objects = append(in.Objects, o)
	}
	return in
}

// partPaths enters for the files of one identity in which folder, and between which children of it, they part. Each file is
// compared with the next one in path order, on either side, that says something else: those part no higher than any other pair
// that spans them.
func partPaths(clash map[string]map[string]map[string]bool, group []*manifest.Object, first map[*manifest.Object]*manifest.Object) {
	group = slices.Clone(group)
	slices.SortStableFunc(group, func(a, b *manifest.Object) int { return strings.Compare(a.Doc.File, b.Doc.File) })
	from := 0 // the run of documents that say the same as the one before
	for i := 1; i < len(group); i++ {
		before, o := group[i-1], group[i]
		if first[before] == first[o] {
			continue
		}
		for _, copied := range group[from:i] {
			keepApart(clash, copied.Doc.File, o.Doc.File)
		}
		for _, copied := range group[i:] {
			if first[copied] != first[o] {
				break
			}
			keepApart(clash, before.Doc.File, copied.Doc.File)
		}
		from = i
	}
}

// keepApart enters that two files must not meet.
func keepApart(clash map[string]map[string]map[string]bool, one, other string) {
	dir, a, b := parting(one, other)
	if a == b {
		return // one file: the loader reports the second document
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
func join(objs []*manifest.Object, first map[*manifest.Object]*manifest.Object, clash map[string]map[string]map[string]bool, variants map[string]bool) []Input {
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
		var in []*manifest.Object
		for _, p := range names {
			if p == "" || p == leaf || strings.HasPrefix(leaf, p+"/") {
				in = append(in, parts[p]...)
			}
		}
		out = append(out, input(leaf, in, first, variants))
	}
	return out
}
