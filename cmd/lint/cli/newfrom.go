package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// revision is what --new-from or --new-from-merge-base names; said is the flag or variable.
type revision struct {
	name, said string
	mergeBase  bool
}

// onlyNew leaves out the findings that the change since a revision neither brings nor touches at any end. The tree of that revision is
// analysed too: what is found there no less is brought by nothing, and documents that stand there are not touched.
func (c *collector) onlyNew(jobs []*loaded) {
	if c.before == nil {
		return
	}
	touched := c.before.touched(c, jobs)
	brought := c.before.brought(c.findings)
	c.unlike(c.before.failed, c.before.name)
	kept := c.findings[:0]
	for i, f := range c.findings {
		near := slices.ContainsFunc(f.Related, func(r rules.Related) bool { return touched(r.Object, r.Pos) })
		if near || brought[i] && !c.before.failed.open(f.Rule) || touched(f.Object, f.Pos) {
			kept = append(kept, f)
		}
	}
	c.elsewhere = len(c.findings) - len(kept)
	c.summary.Suppressed += c.elsewhere
	c.findings = kept
}

// past is what stood at a revision.
type past struct {
	name      string // of the revision
	top, here string // the repository and the working directory, without links
	from      string // the outer one of the two
	folder    string // where from is, as it was

	moved  []move
	absent []submodule

	findings []rules.Finding
	failed   failed
	objects  []*manifest.Object
	files    map[string][]byte // by where they stand now
	texts    map[string]bool   // of documents that are objects
}

// past analyses the tree of the revision in a folder of its own, which for that time is the working directory: names and globs are
// relative to it.
func (a *app) past(r *request) (*past, error) {
	top, err := r.repository()
	if err != nil {
		return nil, err
	}
	commit, err := r.since.resolve(top)
	if err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, failure{fmt.Errorf("finding the working directory: %w", err)}
	}
	p := &past{name: r.since.name, top: top, here: unlinked(here), from: top, files: map[string][]byte{}, texts: map[string]bool{}}
	if inside(top, p.here) {
		p.from = p.here
	}
	if p.folder, err = os.MkdirTemp("", "gatelint-"); err != nil {
		return nil, failure{fmt.Errorf("making a folder for the old tree: %w", err)}
	}
	p.folder = unlinked(p.folder)
	defer os.RemoveAll(p.folder)
	kustomized := slices.ContainsFunc(r.worlds, func(w worldJob) bool { return w.kustomize != "" })
	if p.absent, err = checkOut(top, commit, p.then(top), kustomized); err != nil {
		return nil, failure{fmt.Errorf("reading the tree of %s: %w", r.since.name, err)}
	}
	p.moved = moves(top, commit)
	dir := p.then(p.here)
	if err = os.MkdirAll(dir, 0o755); err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		return nil, failure{fmt.Errorf("going to the old tree: %w", err)}
	}
	defer os.Chdir(here)
	base := r.config.Dir
	r.config.Dir = p.then(base)
	defer func() { r.config.Dir = base }()
	return p, p.look(a, r)
}

// repository is the top folder of the repository that the paths lie in, else of the one around the working directory.
func (r *request) repository() (top string, err error) {
	var dirs []string
	for _, w := range r.worlds {
		for _, name := range append([]string{w.kustomize}, w.paths...) {
			if base, _ := doublestar.SplitPattern(filepath.ToSlash(name)); strings.ContainsAny(name, "*?[{") {
				name = base
			}
			if info, err := os.Stat(name); err == nil && !info.IsDir() {
				name = filepath.Dir(name)
			}
			if name != "" && name != "-" {
				dirs = append(dirs, name)
			}
		}
	}
	for _, dir := range append(dirs, ".") {
		var out []byte
		if out, err = git(dir, nil, "rev-parse", "--show-toplevel"); err == nil {
			return filepath.FromSlash(strings.TrimSpace(string(out))), nil
		}
	}
	return "", fmt.Errorf("%s: %w", r.since.said, err)
}

// look enters what is found in the old tree.
func (p *past) look(a *app, r *request) error {
	old := *r
	old.past, old.worlds, old.live = true, nil, nil
	for _, w := range r.worlds {
		w.paths, w.with = append(p.paths(w.paths), p.came(w.paths)...), append(p.paths(w.with), p.came(w.with)...)
		if w.kustomize != "" {
			there := p.paths([]string{w.kustomize})
			if len(there) == 0 || !inside(p.now(there[0]), p.top) {
				continue // all that it gives is new
			}
			w.kustomize = there[0]
		}
		old.worlds = append(old.worlds, w)
	}
	c, jobs, err := a.collect(&old)
	if err != nil {
		return err
	}
	c.accept(jobs, a.rules)
	p.findings, p.failed = c.findings, c.failed
	for _, f := range c.files {
		p.files[p.now(f.Name)] = f.Data
	}
	if r.config.File != "" { // the config of today was heeded
		delete(p.files, p.now(r.config.File))
		if data, err := os.ReadFile(p.then(r.config.File)); err == nil {
			p.files[p.now(r.config.File)] = data
		}
	}
	for _, l := range jobs {
		for _, o := range append(slices.Clone(l.set.Objects), l.with.Objects...) {
			p.objects = append(p.objects, o)
			if o.Doc != nil { // of a file
				p.texts[plainDoc(o.Doc.Text)] = true
			}
		}
	}
	return nil
}

// gone are the objects that there were and are not, nor anywhere else in the repository: what is looked at can be a part of it.
func (p *past) gone(jobs []*loaded) (out []*manifest.Object) {
	there := map[manifest.ID]bool{}
	built := false // a kustomization leaves out what a file still says
	for _, l := range jobs {
		built = built || l.kustomize != ""
		for _, o := range append(slices.Clone(l.set.Objects), l.with.Objects...) {
			there[o.ID] = true
		}
	}
	missing := func(o *manifest.Object) bool { return !there[o.ID] }
	if built || !slices.ContainsFunc(p.objects, missing) {
		return slices.DeleteFunc(p.objects, func(o *manifest.Object) bool { return !missing(o) })
	}
	elsewhere := manifest.Options{}
	if len(jobs) > 0 {
		elsewhere.Namespace = jobs[0].namespace
	}
	if set, err := manifest.Load([]string{p.top}, elsewhere); err == nil {
		for _, o := range set.Objects {
			there[o.ID] = true
		}
	}
	return slices.DeleteFunc(p.objects, func(o *manifest.Object) bool { return !missing(o) })
}

// unlinked is a path without links, where it exists.
func unlinked(file string) string {
	if to, err := filepath.EvalSymlinks(file); err == nil {
		return to
	}
	return file
}

// inside tells whether a path is, or lies under, a folder.
func inside(file, folder string) bool {
	rel, err := filepath.Rel(folder, file)
	return err == nil && filepath.IsLocal(rel)
}

// relocated is a path of one folder in another one; outside of it, the path itself.
func relocated(file, from, to string) string {
	if rel, err := filepath.Rel(from, file); err == nil && filepath.IsLocal(rel) {
		return filepath.Join(to, rel)
	}
	return file
}

// absolute is a path of today from the root, without links.
func (p *past) absolute(file string) string {
	if !filepath.IsAbs(file) {
		file = filepath.Join(p.here, file)
	}
	return unlinked(file)
}

// then is where a path stands in the old tree.
func (p *past) then(file string) string { return relocated(p.absolute(file), p.from, p.folder) }

// now is where a file, named from the working directory or in the old tree, stands now.
func (p *past) now(file string) string {
	if !filepath.IsAbs(file) {
		return filepath.Join(p.here, file)
	}
	return relocated(unlinked(file), p.folder, p.from)
}

// lacks names a submodule that is linted and does not have what it was.
func (p *past) lacks(r *request, jobs []*loaded) error {
	for _, l := range jobs {
		for _, f := range append(slices.Clone(l.set.Files), l.with.Files...) {
			for _, s := range p.absent {
				if inside(p.absolute(f.Name), s.at) {
					name, _ := filepath.Rel(p.here, s.at)
					name = filepath.ToSlash(name)
					return fmt.Errorf("%s: the submodule %s does not have its commit %.12s of %q: fetch it (git -C '%s' fetch origin %s; fetch-depth: 0 in a workflow), or name paths outside of the submodule",
						r.since.said, name, s.commit, r.since.name, name, s.commit)
				}
			}
		}
	}
	return nil
}

// path is a path of the command line or the config in the old tree; one that means the same there stays as it is. Outside of the
// repository nothing is old.
func (p *past) path(name string) string {
	switch at := p.absolute(name); {
	case !inside(at, p.top):
		return at
	case filepath.IsAbs(name) || !inside(p.here, p.from):
		return p.then(name)
	}
	return name
}

// paths are those that there were.
func (p *past) paths(list []string) (out []string) {
	for _, name := range list {
		name = p.path(name)
		_, err := os.Stat(name)
		if found, _ := doublestar.FilepathGlob(name); name != "-" && (err == nil || len(found) > 0) {
			out = append(out, name)
		}
	}
	return out
}

// came are the files that now, by another name, are at paths of the command line or the config, where they were.
func (p *past) came(list []string) (out []string) {
	for _, m := range p.moved {
		here := slices.ContainsFunc(list, func(name string) bool {
			at := p.absolute(name)
			found, _ := doublestar.PathMatch(at, m.to)
			return found || inside(m.to, at)
		})
		if here {
			out = append(out, p.then(m.from))
		}
	}
	return out
}

// plainDoc is a document without what is no part of it: what parts it from others, space around it, the form of line ends.
func plainDoc(text []byte) string {
	plain := strings.TrimSpace(string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))))
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(plain, "---"), "---"))
}

// touched tells of an end of a finding whether the change touches the document there: its file is new, or another, and no document was
// like it. What is linted outside of the repository counts as changed: git does not know it.
func (p *past) touched(c *collector, jobs []*loaded) func(manifest.ID, manifest.Pos) bool {
	same := map[string]bool{}
	for _, f := range c.files {
		if was, ok := p.files[p.absolute(f.Name)]; ok && plainDoc(was) == plainDoc(f.Data) {
			same[f.Name] = true
		}
	}
	type lines struct{ from, to int }
	type made struct {
		id   manifest.ID
		file string
	}
	untouched := map[string][]lines{}
	rendered := map[made]bool{} // of a kustomization: whether any file that takes part in it has changed what it says
	for _, l := range jobs {
		for _, f := range l.set.Files {
			if !inside(p.absolute(f.Name), p.top) && (l.base == nil || l.base.file != f.Name) {
				same[f.Name] = false
			}
		}
		list := slices.Clone(l.with.Objects)
		for _, o := range l.set.Objects {
			if l.kustomize == "" {
				list = append(list, o)
				continue
			}
			at := made{o.ID, o.At().File}
			rendered[at] = rendered[at] || !p.texts[plainDoc(o.Doc.Text)]
		}
		for _, o := range list {
			if d := o.Doc; d != nil && !same[d.File] && inside(p.absolute(d.File), p.top) && p.texts[plainDoc(d.Text)] {
				untouched[d.File] = append(untouched[d.File], lines{d.Line, d.Line + bytes.Count(d.Text, []byte("\n"))})
			}
		}
	}
	return func(id manifest.ID, pos manifest.Pos) bool { // what has no file lives in a cluster
		if changed, ok := rendered[made{id, pos.File}]; ok {
			return changed
		}
		return pos.File != "" && !same[pos.File] && !slices.ContainsFunc(untouched[pos.File], func(x lines) bool { return x.from <= pos.Line && pos.Line <= x.to })
	}
}

// brought tells of each finding whether the old tree has it not, as multisets: first in its own file, then in any.
func (p *past) brought(findings []rules.Finding) []bool {
	had, anywhere := map[spot]int{}, map[string]int{}
	for _, f := range p.findings {
		had[spot{f.Fingerprint, p.now(f.Pos.File)}]++
		anywhere[f.Fingerprint]++
	}
	out := make([]bool, len(findings))
	for i, f := range findings {
		if at := (spot{f.Fingerprint, p.absolute(f.Pos.File)}); had[at] > 0 {
			had[at]--
			anywhere[f.Fingerprint]--
		} else {
			out[i] = true
		}
	}
	for i, f := range findings {
		if out[i] && anywhere[f.Fingerprint] > 0 {
			anywhere[f.Fingerprint]--
			out[i] = false
		}
	}
	return out
}
