package cli

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/rules"
)

// standing gives a finding as it stands in each file that is reported: one file can be ignored, overridden, in the baseline or
// unchanged where another that says the same is not. A link is no other file. Each has the nearest of the copies of its other ends. A finding whose own
// object is reported nowhere stands once, if another end of it is reported.
func (c *collector) standing(f rules.Finding, in mesh.Input) (out []rules.Finding) {
	if f.Source == nil {
		return []rules.Finding{f}
	}
	files := map[string]bool{}
	for _, o := range copies(f.Source, in) {
		if file := unlinked(o.File()); c.reported[o] && !files[file] {
			files[file] = true
			out = append(out, c.moved(f, o, in))
		}
	}
	if len(out) == 0 && c.concerns(f, in) {
		out = append(out, c.moved(f, f.Source, in))
	}
	return out
}

// concerns tells whether an end of a finding, or a copy of it, is reported.
func (c *collector) concerns(f rules.Finding, in mesh.Input) bool {
	return f.Source == nil || c.wanted(f.Source, in) ||
		slices.ContainsFunc(f.Related, func(r rules.Related) bool { return r.Source != nil && c.wanted(r.Source, in) })
}

// wanted tells whether an object, or a copy of it, is reported.
func (c *collector) wanted(o *manifest.Object, in mesh.Input) bool {
	return slices.ContainsFunc(copies(o, in), func(o *manifest.Object) bool { return c.reported[o] })
}

// copies are an object of a World and what it stands for.
func copies(o *manifest.Object, in mesh.Input) []*manifest.Object {
	return append([]*manifest.Object{o}, in.Copies[o]...)
}

// moved is a finding as it stands on a copy of its object.
func (c *collector) moved(f rules.Finding, to *manifest.Object, in mesh.Input) rules.Finding {
	from := f.Source
	f.API, f.Pos, f.Source = to.APIVersion, placeIn(to, from, f.Pos), to
	f.Related = slices.Clone(f.Related)
	for i, r := range f.Related {
		switch {
		case r.Source == nil:
			continue
		case r.Source == from:
			f.Related[i].Source = to
		default:
			f.Related[i].Source = c.nearest(copies(r.Source, in), to)
		}
		o := f.Related[i].Source
		f.Related[i].API, f.Related[i].Pos = o.APIVersion, placeIn(o, r.Source, r.Pos)
	}
	return f
}

// placeIn is the place in one copy of an object that is, in another, at pos.
func placeIn(to, from *manifest.Object, pos manifest.Pos) manifest.Pos {
	if path, ok := manifest.ParsePath(pos.Path); ok && to != from {
		return to.At(path...)
	}
	return pos
}

// nearest is the copy that shares the most folders with another object, one that is reported before others.
func (c *collector) nearest(list []*manifest.Object, to *manifest.Object) *manifest.Object {
	best, most := list[0], -1
	for _, o := range list {
		shared := 2 * sharedFolders(o.File(), to.File())
		if c.reported[o] {
			shared++
		}
		if shared > most {
			best, most = o, shared
		}
	}
	return best
}

func sharedFolders(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	n := 0
	for n < len(as)-1 && n < len(bs)-1 && as[n] == bs[n] {
		n++
	}
	return n
}
