package cli

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// result is what a run of lint has to report.
type result struct {
	findings []rules.Finding
	unknown  []unknown
	summary  summary

	files        []manifest.File
	skipped      []manifest.Skip
	placeholders []string
	opaque       []string // what shapes gateway workloads and is not modelled
	unreadable   []error
	worlds       int // Worlds that were looked at

	assumed string // what is not known of the cluster, and taken for granted

	over []string            // clusters and snapshots under the files
	new  map[findingKey]bool // faults of the cluster that no file takes part in, and that are there only with the files

	// Of lint --as-webhook.
	verdicts map[findingKey]verdict // nil without it
	notes    []string               // what is wrong with annotations that were looked at
	unasked  int                    // documents that admission never sees, as they cannot be read
	stats    routing.Stats
}

// unknown is one thing of which nothing is known, with all that refers to it.
type unknown struct {
	kind, namespace, name string
	by                    []rules.Reference
}

// summary counts; findings after settings.
type summary struct {
	Documents  int `json:"documents"`
	Objects    int `json:"objects"`
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	Infos      int `json:"infos"`
	Unknown    int `json:"unknown"`
	Suppressed int `json:"suppressed"`
}

func (r *result) atLeast(s rules.Severity) bool {
	return slices.ContainsFunc(r.findings, func(f rules.Finding) bool { return f.Severity >= s })
}

// analyse loads what is asked for, runs the rules in each World and applies the settings.
func (a *app) analyse(r *request) (*result, error) {
	jobs, err := a.loadAll(r)
	if err != nil {
		return nil, err
	}
	c := &collector{request: r, seen: map[findingKey]int{}, refs: map[refKey]int{}, reported: map[*manifest.Object]bool{}}
	c.new = map[findingKey]bool{}
	if r.asWebhook {
		c.verdicts = map[findingKey]verdict{}
	}
	for _, l := range jobs {
		c.load(l)
	}
	for _, l := range jobs {
		c.faults(l)
		for _, in := range l.inputs {
			c.run(l, in, len(jobs) > 1 || l.name != "" || len(l.inputs) > 1)
		}
	}
	c.settle(jobs, a.rules)
	c.assumed = r.assumed
	return &c.result, nil
}

// collector joins the findings of several Worlds: the same finding is reported once, with the names of its Worlds.
type collector struct {
	result
	request  *request
	seen     map[findingKey]int
	refs     map[refKey]int
	reported map[*manifest.Object]bool
}

type findingKey struct {
	rule, fingerprint, message string
	pos                        manifest.Pos
}

type refKey struct{ kind, namespace, name string }

// load counts what was read.
func (c *collector) load(l *loaded) {
	c.summary.Documents += l.set.Documents
	c.summary.Objects += len(l.set.Objects)
	for _, o := range l.set.Objects {
		c.reported[o] = c.request.wants(l, o.File())
	}
	if l.base != nil {
		c.summary.Objects += l.lay(c.reported)
		c.over = append(c.over, fmt.Sprintf("%s (%s)", l.base.name, count(len(l.base.objects), "object")))
	}
	c.files = append(append(c.files, l.set.Files...), l.with.Files...)
	c.skipped = append(c.skipped, l.set.Skipped...)
	c.placeholders = append(c.placeholders, l.set.Placeholders...)
	c.unreadable = append(append(c.unreadable, l.set.Unreadable...), l.with.Unreadable...)
}

// faults enters what the loader found.
func (c *collector) faults(l *loaded) {
	if c.request.asWebhook {
		c.asking(l.name, l.set.Objects).itself(l.set.Faults)
		return
	}
	for _, f := range l.set.Faults {
		if c.request.wants(l, f.Pos.File) && slices.ContainsFunc(c.request.list, func(r *rules.Rule) bool { return r.Name == f.Rule }) {
			c.add(rules.FromFault(f), l.name)
		}
	}
}

// run runs the rules in one World. A finding is reported if one of its ends lies in what is reported.
func (c *collector) run(l *loaded, in mesh.Input, several bool) {
	c.worlds++
	opt := c.request.mesh
	opt.Complete, opt.Variants = l.complete, in.Variants
	tables := routing.Build(mesh.New(in.Objects, opt))
	res := rules.Run(tables, c.request.list)
	if c.request.stats {
		c.stats.Add(tables.Stats())
	}
	name := ""
	if several {
		name = in.Name
	}
	if c.request.asWebhook {
		c.asking(name, in.Objects).all(in, opt, res.Findings)
	}
	for _, f := range res.Findings {
		if !c.request.asWebhook && c.concerns(f) {
			c.add(f, name)
		}
	}
	if !c.request.asWebhook && l.base != nil && len(l.set.Objects) > 0 {
		for _, f := range c.brought(l.base, opt, res.Findings) {
			c.add(f, name)
			c.new[keyOf(f)] = true
		}
	}
	for _, ref := range res.Unknown {
		if ref.By == nil || c.reported[ref.By] {
			c.refer(ref)
		}
	}
	for _, t := range tables.Gateways {
		for _, why := range t.Opaque {
			if !slices.Contains(c.opaque, why) {
				c.opaque = append(c.opaque, why)
			}
		}
	}
}

func (c *collector) concerns(f rules.Finding) bool {
	if f.Source == nil || c.reported[f.Source] {
		return true
	}
	return slices.ContainsFunc(f.Related, func(r rules.Related) bool { return r.Source != nil && c.reported[r.Source] })
}

func keyOf(f rules.Finding) findingKey { return findingKey{f.Rule, f.Fingerprint, f.Message, f.Pos} }

func (c *collector) add(f rules.Finding, world string) {
	key := keyOf(f)
	i, ok := c.seen[key]
	if !ok {
		i = len(c.findings)
		c.seen[key] = i
		c.findings = append(c.findings, f)
	}
	if into := &c.findings[i]; world != "" && !slices.Contains(into.Worlds, world) {
		into.Worlds = append(into.Worlds, world)
	}
}

// refer counts what is unknown by what it is, and each reference to it once.
func (c *collector) refer(ref rules.Reference) {
	key := refKey{ref.Kind, ref.Namespace, ref.Name}
	i, ok := c.refs[key]
	if !ok {
		i = len(c.unknown)
		c.refs[key] = i
		c.unknown = append(c.unknown, unknown{kind: ref.Kind, namespace: ref.Namespace, name: ref.Name})
	}
	u := &c.unknown[i]
	again := func(have rules.Reference) bool { return have.By == ref.By && slices.Equal(have.Path, ref.Path) }
	if ref.By != nil && !slices.ContainsFunc(u.by, again) {
		u.by = append(u.by, ref)
	}
}

// accept takes out what ignores accept.
func (c *collector) accept(jobs []*loaded, all []*rules.Rule) {
	ignores, judged := c.ignores(jobs)
	applied := settings.Apply(c.findings, ignores, settings.Policy{
		Rules: all, Ran: c.request.list, Now: c.request.now, Judge: func(g *settings.Ignore) bool { return judged[g.Pos.File] },
	})
	c.summary.Suppressed = len(applied.Suppressed)
	c.findings = applied.Kept
	for _, f := range applied.Unused {
		c.add(f, "")
	}
}

// settle applies ignores and severities, and brings everything into order.
func (c *collector) settle(jobs []*loaded, all []*rules.Rule) {
	if !c.request.asWebhook { // admission has its own way with ignores
		c.accept(jobs, all)
	}
	own := map[string]rules.Severity{}
	for _, r := range all {
		own[r.Name] = r.Severity
	}
	kept := c.findings[:0]
	for _, f := range c.findings {
		if f.Severity = c.request.config.Severity(f, own[f.Rule]); f.Severity < c.request.least {
			continue
		}
		if v, ok := c.verdicts[keyOf(f)]; ok {
			f.Admission = v.Action
		}
		slices.Sort(f.Worlds)
		kept = append(kept, f)
		switch f.Severity {
		case rules.Error:
			c.summary.Errors++
		case rules.Warning:
			c.summary.Warnings++
		default:
			c.summary.Infos++
		}
	}
	c.findings = kept
	rules.Sort(c.findings)
	c.summary.Unknown = len(c.unknown)
	slices.SortFunc(c.unknown, func(a, b unknown) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	slices.Sort(c.opaque)
	slices.Sort(c.placeholders)
	c.placeholders = slices.Compact(c.placeholders)
}

// ignores gives the ignores of all that was read, and the files in which one that matches nothing is a mistake: those that
// are reported, unless some of their documents are not analysed.
func (c *collector) ignores(jobs []*loaded) (list []*settings.Ignore, judged map[string]bool) {
	judged = map[string]bool{}
	read := map[string]bool{}
	for _, l := range jobs {
		for _, f := range l.set.Files {
			judged[f.Name] = judged[f.Name] || c.request.wants(l, f.Name)
		}
		list = append(list, settings.Annotations(l.set.Objects)...)
		list = append(list, settings.Annotations(l.with.Objects)...)
		if l.base != nil {
			list = append(list, settings.Annotations(l.base.objects)...)
			judged[l.base.file] = l.base.whole(len(l.set.Objects) > 0)
		}
	}
	for _, s := range c.skipped {
		judged[s.File] = false
	}
	for _, f := range c.files {
		if !read[f.Name] {
			read[f.Name] = true
			list = append(list, settings.Comments(f.Name, f.Data)...)
		}
	}
	return list, judged
}
