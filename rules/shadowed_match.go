package rules

import (
	"fmt"
	"slices"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var shadowedMatch = &Rule{
	Name:        "shadowed-match",
	Severity:    Error,
	Admission:   Warn,
	Elsewhere:   Deny,
	AlsoKnownAs: []string{"IST0130", "IST0131"},
	Since:       "0.1.0",
	Doc: `A match that no request can reach

Envoy tries the routes of a host in order and takes the first that matches. istiod writes them in the order of the rules, one
VirtualService after another on a gateway, and moves only a plain catch-all to the end. A match whose requests all fit earlier
routes is dead: its destination gets no traffic, and nothing says so. In production that is the canary that is never called,
or the old version that still answers.

The finding names every route that takes part of the traffic, and a request with where it really goes. It is an error if one
of those routes does something else with the request than the dead one would, and an info if all do the same.

A prefix is a plain string prefix: /api also takes /apis. A match without method takes all methods.

Fix: move the narrower match above the broader one, narrow the broader one, or delete the dead one.`,
	Run: func(p *Pass) {
		byVS := map[*mesh.VirtualService][]*routing.Fate{}
		var order []*mesh.VirtualService
		for _, f := range p.Tables.Fates() {
			if byVS[f.VS] == nil {
				order = append(order, f.VS)
			}
			byVS[f.VS] = append(byVS[f.VS], f)
		}
		for _, v := range order {
			p.shadowedHTTP(v, byVS[v])
		}
		p.shadowedConnections()
	},
}

// shadowedHTTP reports the dead matches of one VirtualService: the object if all are dead, a rule if all of its are, else each.
func (p *Pass) shadowedHTTP(v *mesh.VirtualService, fates []*routing.Fate) {
	perRule := map[int][]*routing.Fate{}
	dead := 0
	for _, f := range fates {
		perRule[f.Rule] = append(perRule[f.Rule], f)
		if f.Dead() {
			dead++
		}
	}
	if dead == 0 {
		return
	}
	if root := fates[0].Root(); dead == len(fates) && dead > 1 && v.IsDelegate() && coveredByOthers(v, fates) && !slices.ContainsFunc(fates, func(f *routing.Fate) bool { return f.Root() != root }) {
		p.shadowed(root.VS, fates[0], root.Path(), p.loss(fates), fmt.Sprintf("no request reaches this rule of %s, which delegates to %s", root.VS.ID(), v.ID()))
		return
	}
	if dead == len(fates) && len(fates) > 1 && !v.IsDelegate() && coveredByOthers(v, fates) {
		p.shadowed(v, fates[0], nil, max(Warning, p.loss(fates)), fmt.Sprintf("no request reaches %s: its %d matches are all taken by other routes", v.ID(), dead))
		return
	}
	for _, f := range fates {
		group := perRule[f.Rule]
		if !f.Dead() || group == nil {
			continue
		}
		whole := true
		for _, g := range group {
			whole = whole && g.Dead()
		}
		if !whole {
			p.shadowed(v, f, f.Path(), p.loss([]*routing.Fate{f}), "no request reaches this match of "+v.ID().String())
			continue
		}
		perRule[f.Rule] = nil // one finding for the rule
		p.shadowed(v, f, []any{"spec", "http", f.Rule}, p.loss(group), "no request reaches this rule of "+v.ID().String())
	}
}

// loss is Error if some request gets another outcome than the dead match names.
func (p *Pass) loss(fates []*routing.Fate) Severity {
	for _, f := range fates {
		for _, d := range f.Deaths {
			own := p.Tables.Outcome(d.Entry.Rule)
			for _, e := range d.By {
				if p.Tables.Outcome(e.Rule) != own {
					return Error
				}
			}
		}
	}
	return Info
}

func (p *Pass) shadowed(v *mesh.VirtualService, f *routing.Fate, path []any, severity Severity, message string) {
	d := f.Deaths[0]
	if d.Entry.Rule.Goes() == "nothing" {
		return // istiod refuses the rule: another finding says so
	}
	fault := Fault{On: v.Object, Path: path, Severity: severity, Words: d.Entry.Box.String() + "\x00" + d.Entry.Rule.Goes(), Twice: slices.Contains(path, any("match")) && f.Repeated()}
	if path == nil {
		fault.Path, fault.Words = []any{"metadata", "name"}, "whole"
	}
	for _, death := range f.Deaths {
		if r, a, by, ok := p.Tables.Shown(death.Host, death.Entry.Box, death.By...); ok {
			fault.Witness = &Witness{URL: r.URL(), Request: r, Answer: a}
			d = death
			d.By = append([]routing.Entry{death.By[by]}, append(death.By[:by:by], death.By[by+1:]...)...)
			break
		}
	}
	taker := d.By[0].Rule
	by, where := taker.MatchPath(d.By[0].Match)
	seen := map[routing.Place]bool{}
	for _, death := range append([]routing.Death{d}, f.Deaths...) {
		for _, e := range death.By {
			if vs, at := e.Rule.MatchPath(e.Match); !seen[e.Place()] {
				seen[e.Place()] = true
				fault.Ends = append(fault.Ends, End{vs.Object, at, "takes " + e.Box.String() + " to " + e.Rule.Goes()})
			}
		}
	}
	fault.Message = fmt.Sprintf("%s: %s of %s takes them", message, pathText(where), by.ID())
	if len(d.By) > 1 {
		fault.Message = fmt.Sprintf("%s: %d earlier routes take them together, %s of %s first", message, len(d.By), pathText(where), by.ID())
	}
	switch from, to := p.Tables.GoApart(taker, d.Entry.Rule); {
	case severity == Info:
		fault.Message += ", with the same outcome"
	case from == to:
		fault.Message += fmt.Sprintf(", to %s too, but with other settings", to)
	default:
		fault.Message += fmt.Sprintf(" to %s instead of %s", from, to)
	}
	p.Report(fault)
}
