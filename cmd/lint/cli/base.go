package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// base is what lies under files as if they were applied to it: a cluster, or a snapshot of one.
type base struct {
	name      string // for people
	file      string // of a snapshot
	objects   []*manifest.Object
	held      mesh.Complete // the kinds and namespaces of which it has every object
	closes    mesh.Complete // those of which what is not there is missing
	namespace string        // that is reported where no file is; "" for all
	apply     string        // the namespace that kubectl applies manifests to that state none; "" where that is not known
	all       bool          // everything is reported

	unstated int                       // manifests without namespace, where it is not known in which they would go
	open     map[*manifest.Object]bool // what one of them may be about to replace, by its name

	found  map[string]int // its faults before the files are applied, by fingerprint, when first asked for
	failed failed         // of the rules that found them
}

// reports tells whether faults of an object of the base are reported: not where files lie over it, whose faults are meant.
func (b *base) reports(o *manifest.Object, files bool) bool {
	return b.whole(files) || !files && o.Namespace == b.namespace
}

// whole tells whether all faults of the base are reported.
func (b *base) whole(files bool) bool { return b.all || !files && b.namespace == "" }

// under lays the base under the objects of files: they replace those of the same identity.
func (b *base) under(files []*manifest.Object) []*manifest.Object {
	replaced := make(map[manifest.ID]bool, len(files))
	for _, o := range files {
		replaced[o.ID] = true
	}
	out := slices.Clone(files)
	for _, o := range b.objects {
		if !replaced[o.ID] {
			out = append(out, o)
		}
	}
	return out
}

// settle gives the objects of files the times that they have or will have in the cluster. One that states no namespace is put into
// the one that kubectl would apply it to. A snapshot does not know that one: the object stays what it is, and may be new or any of
// its name.
func (b *base) settle(files []*manifest.Object) {
	live := make(map[manifest.ID]*manifest.Object, len(b.objects))
	named := map[manifest.ID][]*manifest.Object{}
	b.unstated, b.open = 0, map[*manifest.Object]bool{}
	for _, o := range b.objects {
		live[o.ID] = o
		bare := o.ID
		bare.Namespace = ""
		named[bare] = append(named[bare], o)
	}
	for _, o := range files {
		if o.Namespace == "" && !manifest.ClusterScoped(o.Group, o.Kind) {
			if o.Namespace = b.apply; b.apply == "" {
				b.unstated++
				for _, namesake := range named[o.ID] {
					b.open[namesake] = true
				}
			}
		}
		if old := live[o.ID]; old != nil {
			o.Created, o.UID = old.Created, old.UID
		} else {
			o.Created, o.Fresh = time.Time{}, b.lacks(o, named)
		}
	}
}

// lacks tells whether an object is certainly not there yet. named are the objects that are, without their namespaces.
func (b *base) lacks(o *manifest.Object, named map[manifest.ID][]*manifest.Object) bool {
	return b.held.Covers(o.Kind, o.Namespace) && (o.Namespace != "" || len(named[o.ID]) == 0) &&
		!manifest.Placeholder(o.Name) && !manifest.Placeholder(o.Namespace)
}

// sure leaves out the faults of what may be about to be replaced: that one may be the file's own object.
func (b *base) sure(found []rules.Finding) []rules.Finding {
	if b == nil || len(b.open) == 0 {
		return found
	}
	return only(found, func(f rules.Finding) bool {
		return !b.open[f.Source] && !slices.ContainsFunc(f.Related, func(r rules.Related) bool { return b.open[r.Source] })
	})
}

// asks is what only the user can say: where manifests go that do not say it themselves. It is "" where nothing is open.
func (b *base) asks() string {
	if b == nil || b.unstated == 0 {
		return ""
	}
	return fmt.Sprintf("%s does not say where objects go that state no namespace, %d here: they replace nothing in it; say -n NAMESPACE", b.name, b.unstated)
}

// lay enters what is reported of the base, and counts it.
func (l *loaded) lay(reported map[*manifest.Object]bool) (n int) {
	for _, o := range l.base.objects {
		if l.base.reports(o, len(l.set.Objects) > 0) {
			reported[o] = true
			n++
		}
	}
	return n
}

// before counts the faults of the base by itself.
func (b *base) before(opt mesh.Options, list []*rules.Rule) map[string]int {
	if b.found == nil {
		b.found = map[string]int{}
		res := rules.Run(routing.Build(mesh.New(b.objects, opt)), list)
		b.failed = res.Failed
		for _, f := range res.Findings {
			b.found[f.Fingerprint]++
		}
	}
	return b.found
}

// brought gives those of the faults that no file takes part in and that the base does not have by itself.
func (c *collector) brought(b *base, opt mesh.Options, in mesh.Input, found []rules.Finding) (out []rules.Finding) {
	before := map[string]int{}
	for k, n := range b.before(opt, c.request.list) {
		before[k] = n
	}
	c.unlike(b.failed, b.name)
	for _, f := range found {
		if c.concerns(f, in) || f.Suspect { // another object can be the first sign of an old fault
			continue
		}
		if before[f.Fingerprint]--; before[f.Fingerprint] < 0 && !b.failed.open(f.Rule) {
			out = append(out, f)
		}
	}
	return out
}

// snapshot takes the snapshots out of what was read, and gives the one that counts; nil if there is none. Everything in its file belongs
// to it.
func (r *request) snapshot(l *loaded) (*base, error) {
	var heads []*manifest.Object
	files := map[string]bool{}
	for _, o := range slices.Concat(l.set.Objects, l.with.Objects) {
		switch {
		case o.Kind == kindWorld && !files[o.File()]:
			heads, files[o.File()] = append(heads, o), true
		case o.APIVersion == worldVersion && manifest.Nearest(o.Kind, []string{kindWorld}) != "":
			return nil, fmt.Errorf("%s: there is no kind %q; did you mean %q?", o.File(), o.Kind, kindWorld)
		}
	}
	head, err := r.chosen(l, heads)
	if len(heads) == 0 || err != nil {
		return nil, err
	}
	var b *base
	if head != nil {
		b = &base{name: "the snapshot " + head.File(), file: head.File(), namespace: r.namespace, all: r.all}
	}
	for _, s := range []*manifest.Set{l.with, l.set} {
		var own, rest []*manifest.Object
		for _, o := range s.Objects {
			switch {
			case !files[o.File()]:
				rest = append(rest, o)
			case head != nil && o.File() == head.File() && o.Kind != kindWorld:
				own = append(own, o)
			}
		}
		if own != nil {
			b.objects = own
		}
		for _, f := range s.Faults { // an object that is lost would count as missing in the cluster
			if head != nil && f.Pos.File == head.File() && f.Rule == "syntax" && !f.Warning {
				return nil, fmt.Errorf("%s:%d:%d: %s; the snapshot was cut short or changed: take it again", f.Pos.File, f.Pos.Line, f.Pos.Column, f.Message)
			}
		}
		s.Documents -= len(s.Objects) - len(rest)
		s.Objects = rest
		s.Faults = slices.DeleteFunc(s.Faults, func(f manifest.Fault) bool { return files[f.Pos.File] })
	}
	if head == nil {
		return nil, nil
	}
	return b, b.read(head, r)
}

// chosen is the snapshot that counts, by its head: the one that a path names, else the only one. What else lies in a folder is left aside.
func (r *request) chosen(l *loaded, heads []*manifest.Object) (*manifest.Object, error) {
	var named []*manifest.Object
	for _, h := range heads {
		if slices.ContainsFunc(slices.Concat(l.paths, l.worldJob.with), func(p string) bool {
			return p == "-" && h.File() == cmp.Or(r.stdinName, "<stdin>") || manifest.Real(p) == manifest.Real(h.File())
		}) {
			named = append(named, h)
		}
	}
	switch {
	case len(named) > 1:
		return nil, fmt.Errorf("%s and %s are two snapshots: one at a time", named[0].File(), named[1].File())
	case len(named) == 1 && r.cluster != nil:
		return nil, fmt.Errorf("--cluster and the snapshot %s exclude each other", named[0].File())
	case len(named) == 1:
		return named[0], nil
	case len(heads) == 0 || r.cluster != nil:
		return nil, nil
	case len(heads) == 1:
		return heads[0], nil
	}
	r.note("%s and %s are two snapshots: neither counts, name the one that does, as in --with %[1]s", heads[0].File(), heads[1].File())
	return nil, nil
}

// note keeps what is said once of what a run does not rest on.
func (r *request) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
}

// tellBroken notes that a part of the context cannot be read. Faults of what is reported are findings.
func (r *request) tellBroken(l *loaded) {
	reported := map[string]bool{}
	for _, f := range l.set.Files {
		reported[f.Name] = true
	}
	var broken []manifest.Fault
	for _, f := range l.with.Faults {
		if f.Rule == "syntax" && !f.Warning && !reported[f.Pos.File] {
			broken = append(broken, f)
		}
	}
	if len(broken) == 0 {
		return
	}
	more := ""
	if n := len(broken) - 1; n > 0 {
		more = fmt.Sprintf(" (and %s)", count(n, "other place"))
	}
	r.note("%s:%d:%d: %s: what stands there is not known%s", broken[0].Pos.File, broken[0].Pos.Line, broken[0].Pos.Column, broken[0].Message, more)
}

// read takes what the head of a snapshot says. One that is too old closes nothing.
func (b *base) read(head *manifest.Object, r *request) error {
	if head.APIVersion != worldVersion {
		return fmt.Errorf("%s: a %s of version %q is not known to this gatelint: it reads %s", head.File(), kindWorld, head.APIVersion, worldVersion)
	}
	for _, key := range manifest.Keys(head.Tree) {
		if slices.Contains(worldKeys, key) {
			continue
		}
		if near := manifest.Nearest(key, worldKeys); near != "" {
			return wrong(head, key, "there is no such key; did you mean %q?", near)
		}
		return wrong(head, key, "there is no such key; a %s has %s", kindWorld, strings.Join(worldKeys, ", "))
	}
	text, _ := head.Tree["takenAt"].(string)
	taken, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return wrong(head, "takenAt", "%q is no time", text)
	}
	switch n := head.Tree["objects"].(type) {
	case nil: // of an older gatelint, or written by hand
	case int64:
		if int64(len(b.objects)) < n {
			return wrong(head, "objects", "the snapshot had %d and has %d: it was cut short or changed; take it again", n, len(b.objects))
		}
	default:
		return wrong(head, "objects", "%v is no number", n)
	}
	if b.held, err = held(head); err != nil {
		return err
	}
	switch age := r.now.Sub(taken); {
	case age > r.maxAge:
		r.note("%s was taken %.0f hours ago, at %s, and --max-age is %s: what it lacks is unknown", head.File(), age.Hours(), text, r.maxAge)
	case age < -time.Hour:
		r.note("%s was taken in the future, at %s: what it lacks is unknown", head.File(), text)
	default:
		b.closes = b.held
	}
	return nil
}

// held is what a snapshot says to be all there.
func held(head *manifest.Object) (mesh.Complete, error) {
	out := mesh.Complete{Kinds: map[string]map[string]bool{}}
	entries, ok := head.Tree["complete"].([]any)
	if !ok && head.Tree["complete"] != nil {
		return out, wrong(head, "complete", "%v is no list of KIND or KIND/NAMESPACE", head.Tree["complete"])
	}
	for _, e := range entries {
		entry, _ := e.(string)
		if err := settings.CheckComplete(entry); err != nil {
			return out, wrong(head, "complete", "%w", err)
		}
		if entry == "true" {
			return out, wrong(head, "complete", "%q is not KIND or KIND/NAMESPACE", entry)
		}
		out = out.And(mesh.ParseComplete(entry))
	}
	return out, nil
}

// wrong is an error in the head of a snapshot.
func wrong(head *manifest.Object, key, format string, args ...any) error {
	at := head.At(key)
	return fmt.Errorf("%s:%d:%d: %s: %w", at.File, at.Line, at.Column, key, fmt.Errorf(format, args...))
}
