package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/cmd/lint/kustomize"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// worldJob is what is read together: the whole input, or one of the config's worlds.
type worldJob struct {
	name      string // of a world of the config
	paths     []string
	kustomize string // the folder of a kustomization, instead of paths
	flag      string // that names it
	with      []string
	namespace func(file string) string
	vars      map[string]string
	complete  mesh.Complete
	leftovers bool // only what no world of the config has read
	unnamed   bool // neither the command line nor the config names them: they are counted
	except    func(file string) bool
}

// loaded is a job with what was read.
type loaded struct {
	worldJob
	set    *manifest.Set // reported
	with   *manifest.Set // context
	base   *base         // what they lie over; nil for nothing
	inputs []mesh.Input
	gap    string // what may define anything, see manifest.Set.Gap
	opened bool   // so that what was said to be complete is not
}

// said is a finding without what was probably meant, where that is about the text that a kustomization makes: the file, of which other
// builds can be made, may say another thing at that place.
func (l *loaded) said(f rules.Finding) rules.Finding {
	if l.kustomize != "" {
		f.Instead = ""
	}
	return f
}

// setWorlds says what is read: the config's worlds, and the paths as one job of what lies in none of them. Paths on the command line
// choose what is reported of the worlds, too.
func (r *request) setWorlds(f *flags) error {
	c := r.config
	with := append(slices.Clone(f.with), r.under(c.Context)...)
	given := worldJob{paths: r.paths, with: with, complete: r.mesh.Complete, namespace: r.namespaces(f.namespace, c.Namespace)}
	said := "-k"
	if f.from["kustomize"] != "" {
		said = f.said("kustomize")
	}
	for _, dir := range f.kustomize {
		job := given
		job.flag = said
		if job.kustomize = filepath.Clean(dir); len(f.kustomize) > 1 {
			job.name = filepath.ToSlash(job.kustomize)
		}
		r.worlds = append(r.worlds, job)
	}
	if len(f.kustomize) > 0 && len(r.paths) > 0 {
		return fmt.Errorf("%s and PATH exclude each other: --with PATH reads what else there is", said)
	}
	if len(f.kustomize) > 0 {
		return nil
	}
	if r.cluster != nil { // it takes the place of the config's worlds
		r.worlds = []worldJob{given}
		return nil
	}
	for _, w := range c.Worlds {
		job := worldJob{name: w.Name, vars: w.Vars, complete: r.mesh.Complete, with: append(slices.Clone(with), r.under(w.With)...)}
		job.paths = r.under(w.Paths)
		namespaces := w.Namespace
		if len(namespaces) == 0 {
			namespaces = c.Namespace
		}
		job.namespace = r.namespaces(f.namespace, namespaces)
		if len(f.complete) == 0 && w.Complete != "" {
			job.complete = completeness(w.Complete)
		}
		r.worlds = append(r.worlds, job)
	}
	if len(given.paths) == 0 {
		given.paths = r.byDefault()
	}
	if given.leftovers = len(c.Worlds) > 0; given.leftovers && len(f.complete) == 0 {
		given.complete = mesh.Complete{} // what it refers to may be in one of the worlds
	}
	given.unnamed = given.leftovers && len(r.paths) == 0 && len(c.Paths) == 0
	r.worlds = append(r.worlds, given)
	return nil
}

// byDefault are the paths that are checked when the command line names none.
func (r *request) byDefault() []string {
	if paths := r.under(r.config.Paths); len(paths) > 0 {
		return paths
	}
	return []string{"."}
}

// everything has all read, and reported, that is read without paths on the command line, and what these name besides: a fault of a
// file can have its other end anywhere.
func (r *request) everything() {
	if len(r.paths) == 0 {
		return
	}
	given := &r.worlds[len(r.worlds)-1]
	given.paths = append(r.byDefault(), given.paths...)
	r.paths = nil
}

// under gives paths of the config from the working directory.
func (r *request) under(paths []string) []string {
	var out []string
	for _, p := range paths {
		if !filepath.IsAbs(p) {
			p = filepath.Join(r.fromBase(), p)
		}
		out = append(out, filepath.ToSlash(p))
	}
	return out
}

// fromBase is the config's folder from the working directory.
func (r *request) fromBase() string {
	dir, err := os.Getwd()
	if err != nil {
		return r.base
	}
	if rel, err := filepath.Rel(dir, r.base); err == nil {
		return rel
	}
	return r.base
}

// namespaces says the namespace of a file: the flag's, else by the config's globs.
func (r *request) namespaces(flag string, x settings.Namespaces) func(string) string {
	if flag != "" {
		return func(string) string { return flag }
	}
	if len(x) == 0 {
		return nil
	}
	return func(file string) string { return x.For(r.config.Local(file)) }
}

// fromHere turns a glob relative to the config's folder into one relative to the working directory.
func (r *request) fromHere(glob string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", failure{fmt.Errorf("finding the working directory: %w", err)}
	}
	down, err := filepath.Rel(r.base, dir)
	if err != nil || strings.HasPrefix(down, "..") {
		return filepath.ToSlash(filepath.Join(r.fromBase(), filepath.FromSlash(glob))), nil
	}
	rest := strings.Split(strings.TrimPrefix(glob, "./"), "/")
	for i, folder := range strings.Split(filepath.ToSlash(down), "/") {
		switch {
		case folder == ".":
		case len(rest) == 0:
			return "**", nil // a folder above the working directory is left out
		case rest[0] == "**":
			return strings.Join(rest, "/"), nil
		case doublestar.MatchUnvalidated(rest[0], folder):
			rest = rest[1:]
		default:
			up := strings.Count(filepath.ToSlash(down), "/") + 1 - i
			return strings.Repeat("../", up) + strings.Join(rest, "/"), nil
		}
	}
	if len(rest) == 0 {
		return "**", nil
	}
	return strings.Join(rest, "/"), nil
}

// standIn has standard input stand for the file that --stdin-filename names, where there is one: what an editor holds of it.
func (a *app) standIn(r *request, f *flags) error {
	at := slices.Index(r.paths, "-")
	if at < 0 && f.stdinName != "" && f.from["stdin-filename"] == "" {
		return errors.New("--stdin-filename names what is read for -, which is not among the paths")
	}
	info, err := os.Stat(r.stdinName)
	if at < 0 || err != nil || !info.Mode().IsRegular() {
		return nil
	}
	text, err := manifest.ReadAll(a.stdin)
	if err != nil {
		return failure{fmt.Errorf("reading standard input: %w", err)}
	}
	r.paths = slices.Clone(r.paths)
	r.paths[at] = r.stdinName
	r.stdin = map[string][]byte{manifest.Real(r.stdinName): text}
	return nil
}

// load reads a job and parts it into inputs that live in one cluster together.
func (a *app) load(r *request, job worldJob) (*loaded, error) {
	texts := r.texts
	if r.stdin != nil {
		texts = r.stdin // --fix knows none
	}
	opt := manifest.Options{Namespace: job.namespace, Exclude: r.exclude, Except: job.except, Stdin: a.stdin, StdinName: r.stdinName, Vars: job.vars, Plain: a.policies != nil, Texts: texts}
	set, err := job.read(opt)
	if err != nil {
		return nil, err // wrong usage: a path that does not exist
	}
	opt.Except = nil
	l := &loaded{worldJob: job, set: set, with: &manifest.Set{}}
	if len(job.with) > 0 {
		if l.with, err = manifest.Load(job.with, opt); err != nil {
			return nil, fmt.Errorf("%s: %w", r.said("with"), err)
		}
	}
	l.base, err = r.snapshot(l)
	return l, err
}

// read reads what is reported of a job.
func (job worldJob) read(opt manifest.Options) (*manifest.Set, error) {
	if job.kustomize == "" {
		return manifest.Load(job.paths, opt)
	}
	build, err := kustomize.Run(job.kustomize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", job.flag, err)
	}
	return manifest.ParseRendered(build.File, build.Docs, build.Sources, opt), nil
}

// loadAll reads all jobs.
func (a *app) loadAll(r *request) ([]*loaded, error) {
	var out []*loaded
	for _, job := range r.worlds {
		if job.leftovers {
			job.except = job.inWorlds(out)
		}
		l, err := a.load(r, job)
		switch {
		case err == nil && job.leftovers && len(out) > 0 && l.silent():
		case err == nil && job.unnamed && len(out) > 0:
			r.unchecked = filesOf(l.set.Objects)
			l.set.Objects = nil // what else there would be beside them nobody says; each by itself is read
			out = append(out, l)
		case err != nil && r.past && job.kustomize != "":
			a.say("%s: %s could not be built then, so all that it gives is new", r.since.said, filepath.ToSlash(job.kustomize))
		case err != nil:
			return nil, err
		default:
			out = append(out, l)
		}
	}
	if r.cluster != nil {
		if r.live == nil {
			live, err := a.readCluster(r, out)
			if err != nil {
				return nil, err
			}
			r.live = live
		}
		for _, l := range out {
			l.base = r.live
		}
	}
	if r.allOf && !slices.ContainsFunc(out, func(l *loaded) bool { return l.base != nil }) {
		return nil, errors.New("-A reports all of a cluster: add --cluster, or a snapshot of one")
	}
	for _, l := range out {
		l.split()
		if text := l.base.asks(); text != "" && !slices.Contains(r.asks, text) {
			r.asks = append(r.asks, text)
		}
	}
	return out, nil
}

// filesOf are the files of objects.
func filesOf(list []*manifest.Object) []string {
	files := map[string]bool{}
	for _, o := range list {
		files[o.File()] = true
	}
	return manifest.Keys(files)
}

func (l *loaded) split() {
	// What is reported comes first: of identical documents the first one stands for all.
	files := append(slices.Clone(l.set.Objects), l.with.Objects...)
	if l.base != nil {
		l.base.settle(files)
		l.complete = l.complete.And(l.base.closes)
	}
	if l.gap = cmp.Or(l.set.Gap(), l.with.Gap()); l.gap != "" {
		l.opened = l.complete.All || len(l.complete.Kinds) > 0
		l.complete = mesh.Complete{} // what is not there may be in there
	}
	l.inputs = mesh.Split(files)
	for i := range l.inputs {
		if l.base != nil {
			l.inputs[i].Objects = l.base.under(l.inputs[i].Objects)
		}
		switch {
		case l.name != "" && l.inputs[i].Name != "":
			l.inputs[i].Name = l.name + ": " + l.inputs[i].Name
		case l.name != "":
			l.inputs[i].Name = l.name
		}
	}
}

// wants tells whether faults of a file are reported: of a world of the config, those under the paths of the command line.
func (r *request) wants(l *loaded, file string) bool {
	if l.name == "" || len(r.paths) == 0 {
		return true
	}
	return slices.ContainsFunc(r.paths, func(p string) bool { return within(file, p) })
}

// inWorlds tells the files that a job leaves to the config's worlds: those that they check, and what they read beside it, unless a path
// means nothing else.
func (job worldJob) inWorlds(worlds []*loaded) func(file string) bool {
	checked, read := map[string]bool{}, map[string]bool{} // folders too
	for _, l := range worlds {
		for _, f := range l.set.Files {
			for p := manifest.Real(f.Name); !checked[p]; p = filepath.Dir(p) {
				checked[p] = true
			}
		}
		for _, f := range l.with.Files {
			read[manifest.Real(f.Name)] = true
		}
	}
	rest := map[string]bool{}
	for _, p := range job.paths {
		if strings.ContainsAny(p, "*?[{") {
			p, _ = doublestar.SplitPattern(filepath.ToSlash(p))
		}
		if p = manifest.Real(p); !checked[p] {
			rest[p] = true
		}
	}
	return func(file string) bool {
		real := manifest.Real(file)
		p := real
		for read[real] && !rest[p] && p != filepath.Dir(p) {
			p = filepath.Dir(p)
		}
		return checked[real] || read[real] && !rest[p]
	}
}

// silent tells whether there is nothing in it to check, and nothing to say of that.
func (l *loaded) silent() bool {
	return len(l.set.Objects)+len(l.set.Faults)+len(l.set.Skipped)+len(l.set.Unreadable) == 0
}

// within tells whether a file is, or lies under, a path.
func within(file, path string) bool {
	a, errA := filepath.Abs(file)
	b, errB := filepath.Abs(path)
	if path == "-" || errA != nil || errB != nil {
		return false
	}
	return a == b || strings.HasPrefix(a, strings.TrimSuffix(b, string(filepath.Separator))+string(filepath.Separator))
}
