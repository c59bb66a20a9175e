package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/spf13/cobra"
)

// view is one World of the input with its tables.
type view struct {
	name   string // "" where the input is one World
	tables *routing.Tables
}

// inspection is what trace and routes have in common: flags that say what is read, which World of it is meant, and the format.
type inspection struct {
	flags
	world, format string
}

func (f *inspection) input(cmd *cobra.Command) {
	s := cmd.Flags()
	oneOutput(s, &f.format, "text", "`FORMAT`: text or json")
	s.StringVar(&f.world, "world", "", "the `NAME` of the World meant, where the input is several (environments, overlays)")
	s.StringVar(&f.colorise, "color", "auto", "`WHEN` to colour: auto, always or never; NO_COLOR is heeded")
	f.flags.input(cmd)
}

// views reads the input and derives its tables.
func (a *app) views(f *inspection, paths []string) ([]view, error) {
	if f.format != "text" && f.format != "json" {
		return nil, fmt.Errorf("-o: unknown format %q, use text or json", f.format)
	}
	if err := f.checkColor(); err != nil {
		return nil, err
	}
	if err := f.fromEnvironment(); err != nil {
		return nil, err
	}
	r := &request{paths: paths, stdinName: f.stdinName, now: time.Now()}
	if err := a.setInput(r, &f.flags); err != nil {
		return nil, err
	}
	done := a.progress()
	jobs, err := a.loadAll(r)
	done()
	if err != nil {
		return nil, err
	}
	for _, text := range r.notes {
		a.say("%s", text)
	}
	for _, text := range r.asks {
		if f.format == "text" {
			a.say("%s", text)
		}
	}
	a.tellInput(jobs)
	var out []view
	for _, l := range jobs {
		if l.leftovers && len(r.paths) == 0 && len(jobs) > 1 {
			continue // what is in no world is asked only by name
		}
		for _, in := range l.inputs {
			if !r.meant(l, in) {
				continue
			}
			opt := r.mesh
			opt.Complete, opt.Variants = l.complete, in.Variants
			if l.leftovers && len(jobs) > 1 && in.Name == "" {
				in.Name = "no world"
			}
			if f.world == "" || f.world == in.Name {
				out = append(out, view{in.Name, routing.Build(mesh.New(in.Objects, opt))})
			}
		}
	}
	if f.world != "" && len(out) == 0 {
		return nil, noSuchWorld(f.world, jobs)
	}
	if len(out) == 1 && f.world == "" && len(jobs) == 1 && len(jobs[0].inputs) == 1 {
		out[0].name = ""
	}
	return out, nil
}

// meant tells whether a World has something of what the command line names.
func (r *request) meant(l *loaded, in mesh.Input) bool {
	return len(in.Objects) == 0 || l.name == "" || len(r.paths) == 0 ||
		slices.ContainsFunc(in.Objects, func(o *manifest.Object) bool { return r.wants(l, o.File()) })
}

// tellInput says what of the input the answers do not rest on. Where all of it cannot be read, there is no answer.
func (a *app) tellInput(jobs []*loaded) {
	objects := 0
	var broken []manifest.Fault
	for _, l := range jobs {
		objects += len(l.set.Objects) + len(l.with.Objects)
		if l.base != nil {
			objects += len(l.base.objects)
		}
		for _, err := range append(slices.Clone(l.set.Unreadable), l.with.Unreadable...) {
			a.say("%v", err)
			a.code = exitFailed
		}
		for _, f := range append(slices.Clone(l.set.Faults), l.with.Faults...) {
			if f.Rule == "syntax" {
				broken = append(broken, f)
			}
		}
	}
	if objects == 0 {
		for _, f := range broken[:min(len(broken), fewNames)] {
			a.say("%s: error: %s [syntax]", location(f.Pos, f.Object), plainText(f.Message))
			a.code = exitFailed
		}
		a.say("there is no Kubernetes object in the input")
	}
	if n := len(broken); n > 0 {
		a.say("%s of the input cannot be read and %s left out: gatelint lint says where", count(n, "place"), isAre(n))
	}
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func noSuchWorld(name string, jobs []*loaded) error {
	var names []string
	for _, l := range jobs {
		for _, in := range l.inputs {
			if in.Name != "" {
				names = append(names, in.Name)
			}
		}
	}
	switch near := manifest.Nearest(name, names); {
	case len(names) == 0:
		return errors.New("--world: the input is one World, without a name")
	case near != "":
		return fmt.Errorf("--world: the input has no World %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("--world: the input has no World %q, but %s", name, strings.Join(names, ", "))
}
