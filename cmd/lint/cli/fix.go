package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/cmd/lint/fix"
	"github.com/gatelint/gatelint/rules"
)

// rounds bound how often what is left is looked at for what else can be fixed.
const rounds = 10

// setFix says whether files are mended, and refuses what no edit can reach.
func (r *request) setFix(f *flags) error {
	if r.fix, r.diff = f.fix, f.diff; !r.fix && !r.diff {
		return nil
	}
	if r.fix && r.diff {
		var err error
		if r.fix, err = f.over("fix", "diff"); err != nil {
			return fmt.Errorf("%w: --diff shows what --fix would write", err)
		}
		r.diff = !r.fix
	}
	said := f.said("fix")
	if r.diff {
		said = f.said("diff")
	}
	switch {
	case r.asWebhook:
		return fmt.Errorf("%s and --as-webhook exclude each other: admission mends nothing", said)
	case len(f.kustomize) > 0:
		return fmt.Errorf("%s and -k exclude each other: name the files that the kustomization is made of as PATH", said)
	case slices.Contains(r.paths, "-") || r.stdin != nil:
		return fmt.Errorf("%s cannot mend standard input: name files", said)
	case r.cluster != nil && len(r.paths) == 0:
		return fmt.Errorf("%s cannot mend a cluster: name files as PATH", said)
	}
	if !r.diff {
		return nil
	}
	if !f.heeded.Changed("output") && f.from["output"] == "" {
		r.outputs = nil // text, if nothing is said
	}
	for _, o := range r.outputs {
		if o.file == "" {
			return fmt.Errorf("%s prints to standard output: give the report a file, as in -o %s=FILE", said, o.format)
		}
	}
	return nil
}

// fixer mends the files of a request in memory.
type fixer struct {
	*app
	request *request
	strict  *request             // as request, with all rules and severities: what an edit may bring no fault of
	now     map[[2]string]int    // the faults that strict finds, by fingerprint and file
	failed  failed               // in that
	first   map[string]fixFile   // files with edits as they were, by real path
	texts   map[string][]byte    // as they are to be
	refused map[[3]string]string // edits that are not made, and why
	held    map[[3]string]string // findings without an edit in the last round, and why: another one may make way for it
	done    []fix.Edit
}

// fixFile is a file as reported, and its text.
type fixFile struct {
	name string
	text []byte
}

// fixed makes all edits, writes or shows them, and gives what is left; with --diff, what there is.
func (a *app) fixed(r *request) (*result, error) {
	f := &fixer{app: a, request: r, first: map[string]fixFile{}, texts: map[string][]byte{}, refused: map[[3]string]string{}}
	before, err := f.look(r, nil)
	if err != nil {
		return nil, err
	}
	strict := *r // the cluster is not read again
	f.strict = &strict
	strict.list, strict.only, strict.least, strict.baseline, strict.since = r.config.Select(a.rules, nil, nil), false, rules.Info, "", revision{}
	strict.list = slices.DeleteFunc(strict.list, func(x *rules.Rule) bool { return x.Clock && r.mesh.Now.IsZero() })
	res := before
	for range rounds {
		if res.gap != "" { // what is missing may be what cannot be read
			break
		}
		tried, err := f.round(res)
		if err != nil {
			return nil, err
		}
		if !tried {
			break
		}
		if res, err = f.look(r, f.texts); err != nil {
			return nil, err
		}
	}
	if r.diff {
		f.tell(before)
		f.show(before)
		return before, nil
	}
	f.tell(res)
	return res, f.write()
}

// look analyses the files with some texts in the place of their own.
func (f *fixer) look(r *request, texts map[string][]byte) (*result, error) {
	notes := r.notes
	r.texts = texts
	c, jobs, err := f.collect(r)
	if r.texts = nil; err != nil {
		return nil, err
	}
	if len(notes) > 0 {
		r.notes = notes // said once
	}
	c.own = map[string]bool{}
	for _, l := range jobs {
		for _, file := range l.set.Files {
			c.own[file.Name] = c.own[file.Name] || r.wants(l, file.Name)
		}
	}
	for _, l := range jobs {
		for _, o := range l.set.Objects {
			if o.Doc != nil && o.Doc.Source != "" || l.base != nil && o.File() == l.base.file {
				c.own[o.File()] = false // helm has made it, or it is a snapshot: what it is made from has the fault
			}
		}
	}
	return &c.result, c.settle(jobs, f.app)
}

// tally counts findings by fingerprint and file.
func tally(list []rules.Finding) map[[2]string]int {
	out := map[[2]string]int{}
	for _, x := range list {
		out[[2]string{x.Fingerprint, x.Pos.File}]++
	}
	return out
}

// round makes the edits for what was found that do not overlap, if there are any.
func (f *fixer) round(res *result) (tried bool, err error) {
	f.held = map[[3]string]string{}
	files := map[string][]byte{}
	for _, file := range res.files {
		files[file.Name] = file.Data
	}
	var edits []fix.Edit
	taken := map[string][]fix.Edit{} // by real path: a file can have two names
	sources := newSources(res.files)
	for _, x := range res.findings {
		if x.Fix == nil || !res.own[x.Pos.File] || f.refused[editKey(x)] != "" || sources.file(x.Pos.File).secret(x.Pos.Line) {
			continue
		}
		e, why := fix.For(files[x.Pos.File], x)
		if why != "" {
			f.held[editKey(x)] = why
			continue
		}
		real := manifest.Real(x.Pos.File)
		if slices.ContainsFunc(taken[real], e.Overlaps) {
			continue
		}
		edits, taken[real] = append(edits, e), append(taken[real], e)
		if f.first[real].name == "" {
			f.first[real] = fixFile{x.Pos.File, files[x.Pos.File]}
		}
	}
	if len(edits) > 0 && f.now == nil {
		strict, err := f.look(f.strict, nil)
		if err != nil {
			return false, err
		}
		f.now, f.failed = tally(strict.findings), strict.failed
	}
	_, err = f.try(files, nil, edits)
	return len(edits) > 0, err
}

func editKey(x rules.Finding) [3]string {
	return [3]string{x.Fingerprint, x.Pos.File, x.Pos.Path + "\x00" + *x.Fix}
}

// try makes edits beside those that are made, all or, if that brings new faults, those of each half that can be made.
func (f *fixer) try(files map[string][]byte, made, edits []fix.Edit) ([]fix.Edit, error) {
	if len(edits) == 0 {
		return made, nil
	}
	why, err := f.make(files, slices.Concat(made, edits), edits)
	switch {
	case err != nil:
		return made, err
	case why == "":
		f.done = append(f.done, edits...)
		return append(made, edits...), nil
	case len(edits) == 1:
		f.refused[editKey(edits[0].Finding)] = why
		return made, nil
	}
	half := len(edits) / 2
	if made, err = f.try(files, made, edits[:half]); err != nil {
		return made, err
	}
	return f.try(files, made, edits[half:])
}

// make takes over the texts that edits give, or says why it does not.
func (f *fixer) make(files map[string][]byte, all, fresh []fix.Edit) (why string, err error) {
	by := map[string][]fix.Edit{}
	for _, e := range all {
		real := manifest.Real(e.Finding.Pos.File)
		by[real] = append(by[real], e)
	}
	texts := maps.Clone(f.texts)
	for real, edits := range by {
		text := files[edits[0].Finding.Pos.File]
		if !fix.Exact(text, edits) {
			return "the edit would change more than the finding is about", nil
		}
		texts[real] = fix.Apply(text, edits)
	}
	res, err := f.look(f.strict, texts)
	if err != nil {
		return "", err
	}
	now := tally(res.findings)
	if why = f.worse(res, now, fresh); why == "" {
		f.now, f.failed, f.texts = now, res.failed, texts
	}
	return why, nil
}

// worse says which fault the edits bring, or that they do not mend what they should. A warning counts beside an error too.
func (f *fixer) worse(res *result, now map[[2]string]int, edits []fix.Edit) string {
	for _, x := range res.failed {
		if !f.failed.open(x.Rule) { // it would hide what it finds
			return fmt.Sprintf("with the edit the rule %q would fail (%v)", x.Rule, x)
		}
	}
	had := map[string]int{}
	for key, n := range f.now {
		had[key[0]] += n
	}
	limit := rules.Warning
	mended := map[[2]string]int{}
	for _, e := range edits {
		limit = min(limit, e.Finding.Severity)
		mended[[2]string{e.Finding.Fingerprint, e.Finding.Pos.File}]++
	}
	for _, x := range res.findings {
		if had[x.Fingerprint]--; had[x.Fingerprint] < 0 && x.Severity >= limit {
			return fmt.Sprintf("the edit would bring the %s %q (%s:%d, %s)", x.Severity, x.Message, x.Pos.File, x.Pos.Line, x.Rule)
		}
	}
	for key, n := range mended {
		if now[key] > f.now[key]-n {
			return "the fault would still be there"
		}
	}
	return ""
}

// tell notes what was done, for people, and why the rest was not, at the places that are reported.
func (f *fixer) tell(res *result) {
	res.fixed = len(f.done)
	if !f.request.diff && !f.request.hasText() || f.request.quiet {
		return
	}
	if res.gap != "" {
		res.notes = append(res.notes, fmt.Sprintf("nothing is fixed: %s, so it may define what is missing elsewhere", res.gap))
	}
	for _, x := range res.findings {
		if x.Fix == nil {
			continue
		}
		if why := cmp.Or(f.refused[editKey(x)], f.held[editKey(x)]); why != "" {
			res.notes = append(res.notes, fmt.Sprintf("%s:%d:%d: not fixed: %s [%s]", x.Pos.File, x.Pos.Line, x.Pos.Column, why, x.Rule))
		}
	}
	if len(f.done) > 0 {
		verb := "fixed"
		if f.request.diff {
			verb = "--fix would fix"
		}
		res.notes = append(res.notes, fmt.Sprintf("%s %s in %s", verb, count(len(f.done), "finding"), count(len(f.texts), "file")))
	}
}

// write writes the files. One that cannot be written does not keep the others from it.
func (f *fixer) write() error {
	var failed []error
	for _, real := range f.byName() {
		if err := fix.Write(f.first[real].name, f.first[real].text, f.texts[real]); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return failure{errors.Join(failed...)}
	}
	return nil
}

// show makes a diff of the edits. Around them it keeps quiet about Secrets.
func (f *fixer) show(res *result) {
	sources := newSources(res.files)
	for _, real := range f.byName() {
		file, after := f.first[real], f.texts[real]
		before := file.text
		if data, err := os.ReadFile(real); err == nil && bytes.HasPrefix(data, fix.Mark) {
			before, after = slices.Concat(fix.Mark, before), slices.Concat(fix.Mark, after)
		}
		lines := sources.file(file.name)
		res.patch += fix.Diff(file.name, before, after, func(line int) bool {
			text, _ := lines.line(line + 1)
			return lines.secret(line+1) && text != "---" // git wants a line below a change, else it looks for the file's end
		})
	}
}

// byName gives the files that are edited in the order of their names.
func (f *fixer) byName() []string {
	return slices.SortedFunc(maps.Keys(f.texts), func(a, b string) int { return cmp.Compare(f.first[a].name, f.first[b].name) })
}
