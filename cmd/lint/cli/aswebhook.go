package cli

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// verdict is the harshest answer of admission that speaks of a fault, and the object with which it is asked.
type verdict struct {
	settings.Fault
	asked manifest.ID
}

// line says it in one line.
func (v verdict) line() string {
	what := "would warn"
	switch {
	case v.Action == rules.Deny:
		what = "would be denied"
	case v.Old:
		what += ", as of what was there before"
	case v.Spared != "":
		what += ", and deny but for the " + map[string]string{"warn": "enforcement warn", "ignore": "ignore", handover: "hand-over"}[v.Spared]
	}
	return what + ": " + v.asked.String()
}

// asking asks admission about the objects of one World.
type asking struct {
	*collector
	world string // its name
	there map[manifest.ID]*manifest.Object

	live   map[manifest.ID]*manifest.Object // what the files replace in a cluster, or a snapshot of one
	past   map[string]int                   // the faults there before, by fingerprint
	unsure failed                           // rules of which it is not known what they found there: nothing is new
}

func (c *collector) asking(world string, objs []*manifest.Object) asking {
	a := asking{collector: c, world: world, there: map[manifest.ID]*manifest.Object{}, live: map[manifest.ID]*manifest.Object{}}
	for _, o := range objs {
		a.there[o.ID] = o
	}
	return a
}

// over has the objects applied to a cluster, or to a snapshot of one.
func (a *asking) over(b *base, opt mesh.Options) {
	for _, o := range b.objects {
		a.live[o.ID] = o
	}
	a.past = b.before(opt, a.request.list)
	a.unsure = b.failed
	a.unlike(b.failed, b.name)
}

// revisionLabel says which istiod sees an object.
const revisionLabel = "istio.io/rev"

// same tells whether an object is in the cluster as it is in the files: it brings nothing.
func (a asking) same(o *manifest.Object) bool {
	live := a.live[o.ID]
	return live == o || live != nil && live.Spec != nil && o.Spec != nil && proto.Equal(live.Spec, o.Spec) &&
		len(o.Opaque) == 0 && live.Labels[revisionLabel] == o.Labels[revisionLabel]
}

// old gives those of the faults that were there before.
func (a asking) old(list []rules.Finding) (out []rules.Finding) {
	seen := map[string]int{}
	for _, f := range list {
		if seen[f.Fingerprint]++; seen[f.Fingerprint] <= a.past[f.Fingerprint] || a.unsure.open(f.Rule) {
			out = append(out, f)
		}
	}
	return out
}

// all enters what admission would say if each object that is linted were applied where all others are: the harshest answer
// counts. An object is asked about for the faults of which it is one end. Over a cluster, what it had before is old; over files
// alone each object is taken to be created.
func (a asking) all(in mesh.Input, opt mesh.Options, found []rules.Finding) {
	touching := map[*manifest.Object][]rules.Finding{}
	for _, f := range found {
		ends := map[*manifest.Object]bool{f.Source: true}
		for _, r := range f.Related {
			ends[r.Source] = true
		}
		for o := range ends {
			touching[o] = append(touching[o], f)
		}
	}
	for _, o := range in.Objects { // without the object there are no faults of it
		own := only(touching[o], func(f rules.Finding) bool { return f.Source == o })
		had := a.old(own)
		if a.same(o) {
			own = had // what else is wrong with it another one brings
		}
		a.enter(o, a.judge(o, had, own))
	}
	byFingerprint := map[string][]rules.Finding{}
	for _, f := range found {
		byFingerprint[f.Fingerprint] = append(byFingerprint[f.Fingerprint], f)
	}
	for _, b := range batches(a.stakes(in.Objects, touching)) { // without it there can be those of others
		before := a.without(b, in.Objects, opt)
		for _, s := range b {
			var had, has []rules.Finding
			for _, f := range s.findings {
				same := byFingerprint[f.Fingerprint]
				were := a.old(same)
				if without := before[f.Fingerprint]; a.live[s.object.ID] == nil && len(without) > len(were) {
					were = without
				}
				had, has = append(had, were...), append(has, same...)
			}
			a.enter(s.object, a.judge(s.object, had, has))
		}
	}
}

// stake is an object with the faults of others, of fingerprints of their own, for which the answer would count more if the object
// brought them.
type stake struct {
	object   *manifest.Object
	findings []rules.Finding
}

func (a asking) stakes(objs []*manifest.Object, touching map[*manifest.Object][]rules.Finding) (out []stake) {
	for _, o := range objs {
		s := stake{object: o}
		seen := map[string]bool{}
		for _, f := range touching[o] {
			if f.Source != o && !a.same(o) && !seen[f.Fingerprint] && slices.ContainsFunc(a.judge(o, nil, []rules.Finding{f}), a.outdoes) {
				seen[f.Fingerprint] = true
				s.findings = append(s.findings, f)
			}
		}
		if len(s.findings) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// batches puts together objects that can be left out at once, as none is an end of what is at stake for another: else there would
// be as many Worlds as objects.
func batches(all []stake) (out [][]stake) {
	var objects, ends []map[manifest.ID]bool // of each batch
	for _, s := range all {
		at := 0
		for ; at < len(out); at++ {
			if !ends[at][s.object.ID] && !slices.ContainsFunc(s.findings, func(f rules.Finding) bool {
				return slices.ContainsFunc(f.Ends(), func(id manifest.ID) bool { return objects[at][id] })
			}) {
				break
			}
		}
		if at == len(out) {
			out, objects, ends = append(out, nil), append(objects, map[manifest.ID]bool{}), append(ends, map[manifest.ID]bool{})
		}
		out[at] = append(out[at], s)
		objects[at][s.object.ID] = true
		for _, f := range s.findings {
			for _, id := range f.Ends() {
				ends[at][id] = true
			}
		}
	}
	return out
}

// without gives the findings without the objects of a batch, by fingerprint.
func (a asking) without(batch []stake, objs []*manifest.Object, opt mesh.Options) map[string][]rules.Finding {
	gone, names := map[*manifest.Object]bool{}, map[string]bool{}
	for _, s := range batch {
		gone[s.object] = true
		for _, f := range s.findings {
			names[f.Rule] = true
		}
	}
	rest := slices.DeleteFunc(slices.Clone(objs), func(o *manifest.Object) bool { return gone[o] })
	list := slices.DeleteFunc(slices.Clone(a.request.list), func(r *rules.Rule) bool { return !names[r.Name] })
	out := map[string][]rules.Finding{}
	for _, f := range rules.Run(routing.Build(mesh.New(rest, opt)), list).Findings {
		out[f.Fingerprint] = append(out[f.Fingerprint], f)
	}
	return out
}

func only(list []rules.Finding, want func(rules.Finding) bool) (out []rules.Finding) {
	for _, f := range list {
		if want(f) {
			out = append(out, f)
		}
	}
	return out
}

// judge asks about an object. Admission is not asked about what is context, nor about other kinds.
func (a asking) judge(o *manifest.Object, before, after []rules.Finding) []settings.Fault {
	if len(after) == 0 || !a.reported[o] || !settings.Asked(o.Group, o.Kind) {
		return nil
	}
	get := func(id manifest.ID) *manifest.Object { return a.there[id] }
	faults, notes := a.request.config.Judge(settings.Submission{Before: a.live[o.ID], After: o, Now: a.request.now, Get: get}, before, after)
	for _, n := range notes {
		if !slices.Contains(a.notes, n) {
			a.notes = append(a.notes, n)
		}
	}
	return slices.DeleteFunc(faults, func(f settings.Fault) bool { return !slices.Contains(f.Ends(), o.ID) })
}

// outdoes tells whether an answer counts more than what is known: a harsher one, and a hand-over, which says who comes last.
func (a asking) outdoes(f settings.Fault) bool {
	v := a.verdicts[keyOf(f.Finding)]
	return v.Spared != handover && (f.Action > v.Action || f.Spared == handover)
}

const handover = "handover"

func (a asking) enter(o *manifest.Object, faults []settings.Fault) {
	for _, f := range faults {
		if a.outdoes(f) {
			a.verdicts[keyOf(f.Finding)] = verdict{f, o.ID}
		}
		a.add(f.Finding, a.world)
	}
}

// itself enters what admission would say of what the loader found in objects that can be read. A field that our schema does not
// have is newer than ours, two documents of one object come one after the other, and what cannot be read never comes.
func (a asking) itself(faults []manifest.Fault) {
	for _, f := range faults {
		o := a.there[f.Object]
		switch {
		case o != nil && (f.Rule == "invalid-value" || f.Rule == "syntax"):
			a.enter(o, a.judge(o, nil, []rules.Finding{rules.FromFault(f)}))
		case o == nil && f.Rule == "syntax":
			a.unasked++
		}
	}
}

// verdictTotal is the last line of the text.
func verdictTotal(res *result) string {
	denied := 0
	for _, f := range res.findings {
		if f.Admission == rules.Deny {
			denied++
		}
	}
	found := "nothing would be said of"
	if n := len(res.findings); n > 0 {
		found = fmt.Sprintf("%d would be denied, %d would warn, in", denied, n-denied)
	}
	return fmt.Sprintf("gatelint: %s%s %s (%s)", res.failing(), found, count(res.summary.Documents, "document"), count(res.summary.Objects, "object"))
}
