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
	holding      map[string]bool // files with objects, and those that do not parse
	skipped      []manifest.Skip
	placeholders []string
	opaque       []string // what shapes gateway workloads and is not modelled
	unreadable   []error
	broken       []string // files that do not parse
	gap          string   // what may define anything, see manifest.Set.Gap
	opened       bool     // and keeps what was said to be complete from being that
	failed       failed   // of policies
	worlds       int      // Worlds that were looked at

	assumed string // what is not known of the cluster, and taken for granted

	over []string            // clusters and snapshots under the files
	new  map[findingKey]bool // faults of the cluster that no file takes part in, and that are there only with the files

	// Of lint --as-webhook.
	verdicts map[findingKey]verdict // nil without it
	notes    []string               // what is wrong with annotations that were looked at; what was fixed
	unasked  int                    // documents that admission never sees, as they cannot be read
	stats    routing.Stats

	own   map[string]bool // of lint --fix: the files that it may write
	fixed int             // findings that it mends
	patch string          // of lint --diff

	ignores   []*settings.Ignore // and exceptions
	policy    settings.Policy    // by which they were applied
	applied   settings.Applied
	yields    []settings.Yield // hand-overs
	baselined int              // findings that the baseline holds
	stale     []baselined      // its entries that are found no more
	elsewhere int              // findings that --new-from is not about
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

// failures are what could not be read, and why rules failed.
func (r *result) failures() []error {
	out := slices.Clone(r.unreadable)
	for _, f := range r.failed {
		out = append(out, f)
	}
	return out
}

func (r *result) atLeast(s rules.Severity) bool {
	return slices.ContainsFunc(r.findings, func(f rules.Finding) bool { return f.Severity >= s })
}

// failed are rules that did not come to their end in a run.
type failed []rules.Failure

// open tells of a rule that it may find more than it did. Which ignores are for nothing is open as soon as any rule failed.
func (list failed) open(rule string) bool {
	return slices.ContainsFunc(list, func(f rules.Failure) bool { return f.Rule == rule || rule == settings.UnusedIgnore })
}

// unlike notes that rules failed over what was there before, and do not now: with what they found, nothing can be compared.
func (c *collector) unlike(before failed, where string) {
	for _, f := range before {
		if !c.failed.open(f.Rule) {
			c.request.note("rule %q failed in %s, so that what it finds counts as old: %v", f.Rule, where, f)
		}
	}
}

// analyse loads what is asked for, runs the rules in each World and applies the settings.
func (a *app) analyse(r *request) (*result, error) {
	c, jobs, err := a.collect(r)
	if err != nil {
		return nil, err
	}
	if err := c.settle(jobs, a); err != nil {
		return nil, err
	}
	return &c.result, nil
}

// collect gives the findings in all Worlds, as the rules rate them.
func (a *app) collect(r *request) (*collector, []*loaded, error) {
	var before *past
	if r.since.name != "" && !r.past {
		var err error
		if before, err = a.past(r); err != nil {
			return nil, nil, err
		}
	}
	jobs, err := a.loadAll(r)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range jobs {
		r.tellBroken(l)
	}
	if before != nil {
		if err := before.lacks(r, jobs); err != nil {
			return nil, nil, err
		}
	}
	c := &collector{before: before, request: r, seen: map[findingKey]int{}, refs: map[refKey]int{}, reported: map[*manifest.Object]bool{}}
	c.new = map[findingKey]bool{}
	if r.asWebhook {
		c.verdicts = map[findingKey]verdict{}
	}
	for _, l := range jobs {
		c.load(l)
	}
	if before != nil {
		c.gone = before.gone(jobs)
	}
	for _, l := range jobs {
		c.faults(l)
		for _, in := range l.inputs {
			c.run(l, in, len(jobs) > 1 || l.name != "" || len(l.inputs) > 1)
		}
	}
	c.assumed = r.assumed
	return c, jobs, nil
}

// collector joins the findings of several Worlds: the same finding is reported once, with the names of its Worlds.
type collector struct {
	result
	request  *request
	before   *past              // nil without --new-from
	gone     []*manifest.Object // that it had and the input has not
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
	for _, set := range []*manifest.Set{l.set, l.with} {
		c.hold(set)
	}
	c.skipped = append(c.skipped, l.set.Skipped...)
	c.placeholders = append(c.placeholders, l.set.Placeholders...)
	for _, err := range append(slices.Clone(l.set.Unreadable), l.with.Unreadable...) { // several worlds can have one file
		if !slices.ContainsFunc(c.unreadable, func(had error) bool { return had.Error() == err.Error() }) {
			c.unreadable = append(c.unreadable, err)
		}
	}
	c.broken = append(append(c.broken, l.set.Broken...), l.with.Broken...)
	c.gap, c.opened = cmp.Or(c.gap, l.gap), c.opened || l.opened
}

// hold enters the files that no report may take the place of, where one goes to a file.
func (c *collector) hold(set *manifest.Set) {
	if !slices.ContainsFunc(c.request.outputs, func(o output) bool { return o.file != "" }) {
		return
	}
	if c.holding == nil {
		c.holding = map[string]bool{}
	}
	for _, o := range set.Objects {
		c.holding[o.File()] = true
	}
	for _, file := range set.Broken {
		c.holding[file] = true
	}
}

// faults enters what the loader found.
func (c *collector) faults(l *loaded) {
	if c.request.asWebhook {
		c.asking(l.name, l.set.Objects).itself(l.set.Faults)
		return
	}
	for _, f := range l.set.Faults {
		if c.request.wants(l, f.Pos.File) && slices.ContainsFunc(c.request.list, func(r *rules.Rule) bool { return r.Name == f.Rule }) {
			c.add(l.said(rules.FromFault(f)), l.name)
		}
	}
}

// run runs the rules in one World. A finding is reported if one of its ends lies in what is reported.
func (c *collector) run(l *loaded, in mesh.Input, several bool) {
	c.worlds++
	opt := c.request.mesh
	opt.Complete, opt.Variants, opt.Gone = l.complete, in.Variants, c.gone
	tables := routing.Build(mesh.New(in.Objects, opt))
	res := rules.Run(tables, c.request.list)
	res.Findings = l.base.sure(res.Findings)
	for _, err := range res.Failed { // several Worlds can have one problem
		if !slices.ContainsFunc(c.failed, func(had rules.Failure) bool { return had.Rule == err.Rule && had.Error() == err.Error() }) {
			c.failed = append(c.failed, err)
		}
	}
	if c.request.stats {
		c.stats.Add(tables.Stats())
	}
	name := ""
	if several {
		name = in.Name
	}
	if c.request.asWebhook {
		asking := c.asking(name, in.Objects)
		if l.base != nil && len(l.set.Objects) > 0 {
			asking.over(l.base, opt)
		}
		asking.all(in, opt, res.Findings)
	}
	for _, f := range res.Findings {
		if !c.request.asWebhook {
			for _, f := range c.standing(f, in) {
				c.add(l.said(f), name)
			}
		}
	}
	if !c.request.asWebhook && l.base != nil && len(l.set.Objects) > 0 {
		for _, f := range c.brought(l.base, opt, in, res.Findings) {
			c.add(f, name)
			c.new[keyOf(f)] = true
		}
	}
	for _, ref := range res.Unknown {
		if ref.By == nil || c.wanted(ref.By, in) {
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

// accept takes out what ignores and exceptions accept.
func (c *collector) accept(jobs []*loaded, all []*rules.Rule) {
	r := c.request
	judged := map[string]bool{}
	if !r.noIgnores {
		c.ignores, judged = c.written(jobs)
	}
	c.ignores = append(c.ignores, r.config.Exceptions...)
	c.policy = settings.Policy{
		Rules: all, Ran: r.list, Now: r.now, Failed: c.failed.open,
		Held:  func(rule string) bool { return r.config.Rules[rule].NoIgnore },
		Judge: func(g *settings.Ignore) bool { return judged[g.Pos.File] || g.Objects != nil && c.looked(g) },
	}
	c.applied = settings.Apply(c.findings, append(settings.Mistakes(c.yields), c.ignores...), c.policy)
	c.summary.Suppressed = len(c.applied.Suppressed)
	c.findings = c.applied.Kept
	if len(r.config.Exceptions) > 0 {
		c.files = append(c.files, manifest.File{Name: r.config.File, Data: r.config.Text})
	}
	for _, f := range c.applied.Unused {
		c.add(f, "")
	}
}

// looked tells whether all that an exception names was looked at; for one that has expired, anything of it.
func (c *collector) looked(g *settings.Ignore) bool {
	if len(c.request.paths) == 0 {
		return true
	}
	there := map[settings.ObjectPattern]bool{}
	some := false
	for o, reported := range c.reported {
		if reported {
			some = some || g.Names(o.ID)
			there[settings.ObjectPattern{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}] = true
		}
	}
	return some && g.Expired(c.request.now) || !slices.ContainsFunc(g.Objects, func(x settings.ObjectPattern) bool { return !there[x] })
}

// settle applies ignores, severities, the baseline and --new-from, and brings everything into order.
func (c *collector) settle(jobs []*loaded, a *app) error {
	if !c.request.asWebhook { // admission has its own way with ignores
		c.accept(jobs, a.rules)
	}
	c.rate(a.rules)
	rules.Sort(c.findings)
	if err := c.baseline(); err != nil {
		return err
	}
	c.onlyNew(jobs)
	for _, f := range c.findings {
		switch f.Severity {
		case rules.Error:
			c.summary.Errors++
		case rules.Warning:
			c.summary.Warnings++
		default:
			c.summary.Infos++
		}
	}
	c.summary.Unknown = len(c.unknown)
	slices.SortFunc(c.unknown, func(a, b unknown) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	slices.Sort(c.opaque)
	slices.Sort(c.placeholders)
	c.placeholders = slices.Compact(c.placeholders)
	return nil
}

// rate gives findings the severity that the config says, and leaves out those that are too low or turned off where they stand.
func (c *collector) rate(all []*rules.Rule) {
	r := c.request
	own := map[string]rules.Severity{}
	for _, rule := range all {
		own[rule.Name] = rule.Severity
	}
	kept := c.findings[:0]
	for _, f := range c.findings {
		if f.Severity = r.config.Severity(f, own[f.Rule]); f.Severity < r.least || !r.only && r.config.Silent(f) {
			continue
		}
		if v, ok := c.verdicts[keyOf(f)]; ok {
			f.Admission = v.Action
		}
		slices.Sort(f.Worlds)
		kept = append(kept, f)
	}
	c.findings = kept
}

// written gives the ignores of all that was read, and the files in which one that matches nothing is a mistake: those that
// are reported, unless some of their documents are not analysed.
func (c *collector) written(jobs []*loaded) (list []*settings.Ignore, judged map[string]bool) {
	judged = map[string]bool{}
	read := map[string]bool{}
	objects := map[string][]*manifest.Object{}
	for _, l := range jobs {
		for _, o := range append(slices.Clone(l.set.Objects), l.with.Objects...) {
			objects[o.File()] = append(objects[o.File()], o)
		}
		for _, f := range l.set.Files {
			judged[f.Name] = judged[f.Name] || c.request.wants(l, f.Name)
		}
		all := [][]*manifest.Object{l.set.Objects, l.with.Objects}
		if l.base != nil {
			all = append(all, l.base.objects)
			judged[l.base.file] = l.base.whole(len(l.set.Objects) > 0)
		}
		for _, objs := range all {
			list = append(list, settings.Annotations(objs)...)
			c.yields = append(c.yields, settings.Yields(objs, c.request.now)...)
		}
	}
	for _, s := range c.skipped {
		judged[s.File] = false
	}
	for _, file := range c.broken {
		judged[file] = false
	}
	for _, f := range c.files {
		if !read[f.Name] {
			read[f.Name] = true
			list = append(list, settings.Comments(f.Name, f.Data, objects[f.Name])...)
		}
	}
	return list, judged
}
