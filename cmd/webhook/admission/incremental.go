package admission

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
)

// incremental judges a change over what it touches. why says for what reason it cannot be, "" if it was.
func (e *Engine) incremental(ctx context.Context, c Change) (out Effect, why string, err error) {
	id, versions, why := e.versions(c)
	if why != "" || len(versions) == 0 {
		return Effect{}, why, nil
	}
	e.mu.Lock()
	if live := e.index.facts[id]; live != nil {
		versions = append(versions, live)
	}
	if e.skeleton == nil {
		e.skeleton = newSkeleton(e.index, e.options, manifest.ID{}, nil, nil)
	}
	s, opt := e.skeleton, e.options
	l := sliceOf(e.index, s, opt, id, versions, c)
	e.mu.Unlock()
	if l.whole != "" {
		return Effect{}, l.whole, nil
	}
	live := e.live(l)
	out, tables, err := e.compare(ctx, l.objects(), c, opt, live)
	switch {
	case err != nil:
		return Effect{}, "", err
	case live.Beyond:
		return Effect{}, "policy", nil
	case (id.Kind != "Gateway" || l.local) && tables != nil && !l.agrees(tables):
		return Effect{}, "servers", nil
	case slices.ContainsFunc(slices.Concat(out.Before, out.After), firstUser):
		return Effect{}, "empty subset", nil
	case slices.ContainsFunc(slices.Concat(out.Before, out.After), grouped):
		return Effect{}, "hidden hosts", nil
	}
	return out, "", nil
}

// versions reads what the change says.
func (e *Engine) versions(c Change) (id manifest.ID, out []*facts, why string) {
	for _, o := range []*manifest.Object{c.Before, c.After} {
		switch {
		case o == nil:
			continue
		case o.Name == "" || id.Name != "" && o.ID != id:
			return id, nil, "name"
		}
		id = o.ID
		if f := e.index.read(o); !f.unseen {
			out = append(out, f)
		}
	}
	return id, out, ""
}

// agrees tells whether the servers of a slice's Gateways fare as among all Gateways.
func (l *slice) agrees(t *routing.Tables) bool {
	states, _ := statesOf(t)
	for name := range l.core {
		if states[name] != l.s.states[name] {
			return false
		}
	}
	return true
}

// firstUser tells a finding of a DestinationRule that names only the first VirtualService which uses the subset: others may be
// before those of the slice.
func firstUser(f rules.Finding) bool {
	return f.Rule == "empty-destination" && f.Object.Kind == "DestinationRule"
}

// grouped tells a finding about all hosts that one route of a wider host does not get: others may lie outside of the slice.
func grouped(f rules.Finding) bool { return f.Rule == "hidden-host" && f.Severity == rules.Warning }

// settle drops what is the same before and after and does not touch the object.
func (x *Effect) settle(c Change) {
	had, has := map[string]int{}, map[string]int{}
	for _, f := range x.Before {
		had[wording(f)]++
	}
	for _, f := range x.After {
		has[wording(f)]++
	}
	drop := func(other map[string]int) func(rules.Finding) bool {
		return func(f rules.Finding) bool {
			if c.concerns(f) {
				return false
			}
			other[wording(f)]--
			return other[wording(f)] >= 0
		}
	}
	x.Before, x.After = slices.DeleteFunc(x.Before, drop(has)), slices.DeleteFunc(x.After, drop(had))
}

func (c Change) concerns(f rules.Finding) bool {
	return slices.ContainsFunc(f.Ends(), func(id manifest.ID) bool {
		return c.Before != nil && c.Before.ID == id || c.After != nil && c.After.ID == id
	})
}

// wording is all of a finding that reaches a user.
func wording(f rules.Finding) string {
	f.Source = nil
	f.Related = slices.Clone(f.Related)
	for i := range f.Related {
		f.Related[i].Source = nil
	}
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // plain values always marshal
	}
	return string(text)
}
