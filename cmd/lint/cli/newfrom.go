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
func (c *collector) onlyNew(jobs []*loaded, a *app) error {
	if c.request.since.name == "" {
		return nil
	}
	past, err := a.past(c.request)
	if err != nil {
		return err
	}
	touched := past.touched(c, jobs)
	brought := past.brought(c.findings)
	kept := c.findings[:0]
	for i, f := range c.findings {
		near := slices.ContainsFunc(f.Related, func(r rules.Related) bool { return touched(r.Pos) })
		if near || brought[i] || touched(f.Pos) {
			kept = append(kept, f)
		}
	}
	c.elsewhere = len(c.findings) - len(kept)
	c.summary.Suppressed += c.elsewhere
	c.findings = kept
	return nil
}

// past is what stood at a revision.
type past struct {
	top, here string // the repository and the working directory, without links
	folder    string // where the old tree stands

	findings []rules.Finding
	files    map[string][]byte // by where they stand now
	texts    map[string]bool   // of documents that are objects
}

// past analyses the tree of the revision in a folder of its own, which for that time is the working directory: names and globs are
// relative to it.
func (a *app) past(r *request) (*past, error) {
	commit, top, err := r.since.resolve()
	if err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, failure{fmt.Errorf("finding the working directory: %w", err)}
	}
	p := &past{top: top, here: unlinked(here), files: map[string][]byte{}, texts: map[string]bool{}}
	if p.folder, err = os.MkdirTemp("", "gatelint-"); err != nil {
		return nil, failure{fmt.Errorf("making a folder for the old tree: %w", err)}
	}
	p.folder = unlinked(p.folder)
	defer os.RemoveAll(p.folder)
	if err := checkOut(top, commit, p.folder); err != nil {
		return nil, failure{fmt.Errorf("reading the tree of %s: %w", r.since.name, err)}
	}
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

// look enters what is found in the old tree.
func (p *past) look(a *app, r *request) error {
	old := *r
	old.worlds, old.live = slices.Clone(r.worlds), nil
	for i := range old.worlds {
		w := &old.worlds[i]
		w.paths, w.with = p.paths(w.paths), p.paths(w.with)
	}
	c, jobs, err := a.collect(&old)
	if err != nil {
		return err
	}
	c.accept(jobs, a.rules)
	p.findings = c.findings
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
			if o.Doc != nil { // of a file
				p.texts[plainDoc(o.Doc.Text)] = true
			}
		}
	}
	return nil
}

// unlinked is a path without links, where it exists.
func unlinked(file string) string {
	if to, err := filepath.EvalSymlinks(file); err == nil {
		return to
	}
	return file
}

// moved is a path of one folder in another one; outside of it, the path itself.
func moved(file, from, to string) string {
	if rel, err := filepath.Rel(from, file); err == nil && filepath.IsLocal(rel) {
		return filepath.Join(to, rel)
	}
	return file
}

// then is where a path stands in the old tree; outside of the repository nothing is old.
func (p *past) then(file string) string {
	if !filepath.IsAbs(file) {
		file = filepath.Join(p.here, file)
	}
	return moved(unlinked(file), p.top, p.folder)
}

// now is where a file, named from the working directory or in the old tree, stands now.
func (p *past) now(file string) string {
	if !filepath.IsAbs(file) {
		return filepath.Join(p.here, file)
	}
	return moved(unlinked(file), p.folder, p.top)
}

// path is a path of the command line or the config in the old tree; one that means the same there stays as it is.
func (p *past) path(name string) string {
	if at := p.then(name); filepath.IsAbs(name) || moved(at, p.folder, "") == at {
		return at
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

// plainDoc is a document without what is no part of it: what parts it from others, space around it, the form of line ends.
func plainDoc(text []byte) string {
	plain := strings.TrimSpace(string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))))
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(plain, "---"), "---"))
}

// touched tells of a place whether the change touches the document there: its file is new or another, and no document was like it.
func (p *past) touched(c *collector, jobs []*loaded) func(manifest.Pos) bool {
	same := map[string]bool{}
	for _, f := range c.files {
		if was, ok := p.files[p.now(f.Name)]; ok && plainDoc(was) == plainDoc(f.Data) {
			same[f.Name] = true
		}
	}
	type lines struct{ from, to int }
	untouched := map[string][]lines{}
	for _, l := range jobs {
		for _, o := range append(slices.Clone(l.set.Objects), l.with.Objects...) {
			if d := o.Doc; d != nil && !same[d.File] && p.texts[plainDoc(d.Text)] {
				untouched[d.File] = append(untouched[d.File], lines{d.Line, d.Line + bytes.Count(d.Text, []byte("\n"))})
			}
		}
	}
	return func(pos manifest.Pos) bool { // what has no file lives in a cluster
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
		if at := (spot{f.Fingerprint, p.now(f.Pos.File)}); had[at] > 0 {
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
