package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flags are the flags of lint as given.
type flags struct {
	outputs, complete, with, exclude, only, disable, kustomize []string

	namespace, meshConfig, clusterDomain, rootNamespace, revision, stdinName string

	policies policyFlags
	cluster  clusterFlags

	config                             string
	noConfig, quiet, stats, asWebhook  bool
	failOn, minSeverity, now, colorise string

	noIgnores, fix, diff                bool
	baseline, newFrom, newFromMergeBase string

	heeded *pflag.FlagSet    // those that environment variables can give
	from   map[string]string // flag -> the variable that gave it
}

// request is what a run of lint is asked to do: flags and config, checked and joined.
type request struct {
	config  *settings.Config
	list    []*rules.Rule // the rules that run
	only    bool          // they were asked for by name, so that no path is spared
	outputs []output
	paths   []string // of the command line
	worlds  []worldJob
	mesh    mesh.Options
	live    *base   // what is in the cluster, once it was read
	cluster *target // whose objects lie under the files; nil for none
	all     bool    // faults of the cluster, or snapshot, are reported whether files take part in them or not

	allOf bool // all was asked for by flag, so that there must be one

	namespace string        // of the cluster: what is reported without files, and where files that state none go
	maxAge    time.Duration // of a snapshot that says what is missing
	assumed   string        // of the cluster, for want of knowing
	unchecked []string      // files that no world of the config has, and nobody names
	notes     []string      // what the run does not rest on
	asks      []string      // what snapshots leave for people to say

	base    string // the folder that the config's globs are relative to
	exclude []string

	said      func(flag string) string // where the value of a flag comes from
	stdinName string
	stdin     map[string][]byte // in the place of the file that it stands for, by real path
	now       time.Time
	failOn    rules.Severity
	neverFail bool
	least     rules.Severity
	color     string
	quiet     bool
	stats     bool
	asWebhook bool

	fix, diff bool              // files are mended, or how they would be is shown
	texts     map[string][]byte // in the place of what files hold, by real path

	noIgnores bool
	baseline  string // a file
	since     revision
	past      bool // it is about the tree of since: what cannot be built there was not there
}

func (a *app) lintCommand(use, short string) *cobra.Command {
	f := &flags{cluster: clusterFlags{on: a.plugin}}
	return a.lintFlags(f, use, short, func(args []string) error {
		r, err := a.request(f, args)
		if err != nil {
			return err
		}
		return a.lint(r)
	})
}

// lintFlags makes a command with the flags of lint.
func (a *app) lintFlags(f *flags, use, short string, run func(args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error { return run(args) },
	}
	f.lint(cmd)
	_ = cmd.RegisterFlagCompletionFunc("only", a.completeRule)
	_ = cmd.RegisterFlagCompletionFunc("disable", a.completeRule)
	return cmd
}

// lint are all flags of lint.
func (f *flags) lint(cmd *cobra.Command) {
	s := cmd.Flags()
	s.SortFlags = false
	s.StringArrayVarP(&f.outputs, "output", "o", []string{"text"}, "`FORMAT[=FILE]`: "+strings.Join(formats(), ", ")+"; to standard output or a file; repeatable")
	s.StringVar(&f.failOn, "fail-on", "", "exit 1 if there are findings of this `SEVERITY` or above: error, warning, info, never (default the config's, else error)")
	s.BoolVar(&f.asWebhook, "as-webhook", false, "report what the admission webhook would say if each object were applied where all others are (over files alone, created; over a cluster what was wrong before is old), under the config's admission; 1 is the exit code if one would be denied")
	f.judging(cmd)
	s.StringVar(&f.baseline, "baseline", "", "leave out the findings that this `FILE` holds, see gatelint baseline (default the config's; empty for none)")
	s.StringVar(&f.newFrom, "new-from", "", "of all findings report those that the change since this git `REV` brings, or that have an end in what it touches")
	s.StringVar(&f.newFromMergeBase, "new-from-merge-base", "", "as --new-from, since the commit where HEAD left this `BRANCH`")
	s.BoolVar(&f.fix, "fix", false, "write into PATH what mends a finding and can break nothing, and report what is left; never in standard input, --with, or what helm has rendered")
	s.BoolVar(&f.diff, "diff", false, "show what --fix would write as a unified diff, and write nothing; 1 is the exit code if there is anything")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "findings only, no summary")
	s.BoolVar(&f.stats, "stats", false, "say on standard error what was modelled, and how many matches could not be decided")
	s.StringVar(&f.colorise, "color", "auto", "`WHEN` to colour: auto, always or never; NO_COLOR is heeded")
	f.policies.add(cmd)
	f.input(cmd)
	f.heeded = s
}

// judging are the flags that say which findings there are.
func (f *flags) judging(cmd *cobra.Command) {
	s := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.SortFlags = false
	s.StringVar(&f.minSeverity, "min-severity", "info", "report findings of this `SEVERITY` and above only")
	s.StringSliceVar(&f.only, "only", nil, "run these `RULE`s only, also those that the config turns off; repeatable")
	s.StringSliceVar(&f.disable, "disable", nil, "do not run these `RULE`s; repeatable")
	s.BoolVar(&f.noIgnores, "no-ignores", false, "report what ignores in manifests accept, too; exceptions of the config still count")
	s.StringVar(&f.now, "now", "", "the `TIME` by which ignores expire (default: the clock) and certificates (default: never), RFC 3339 or a date")
	f.heed(cmd, s)
}

// input are the flags that say what is read, and that shape the Worlds made of it.
func (f *flags) input(cmd *cobra.Command) {
	s := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.SortFlags = false
	s.StringArrayVar(&f.complete, "complete", nil, "the input is all there is: of everything, or of `KIND[/NAMESPACE],…`")
	s.Lookup("complete").NoOptDefVal = "true"
	s.StringArrayVar(&f.with, "with", nil, "load this `PATH` as well, as context: faults within it are not reported; repeatable")
	s.StringArrayVarP(&f.kustomize, "kustomize", "k", nil, "build the kustomization in `DIR` and read what it gives, instead of PATH; repeatable, each a World of its own")
	s.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE` of manifests that state none; of a cluster or snapshot without PATH, whose faults are reported")
	s.BoolVar(&f.cluster.on, "cluster", f.cluster.on, "read the cluster: without PATH it is checked, else what would break if PATH were applied")
	s.BoolVarP(&f.cluster.all, "all-namespaces", "A", false, "report faults of all namespaces of the cluster (default: of --namespace, else the context's; with PATH: those that it takes part in or brings)")
	f.cluster.connection(s)
	s.DurationVar(&f.cluster.maxAge, "max-age", 48*time.Hour, "a snapshot older than this `DURATION` does not say what is missing")
	s.StringVar(&f.meshConfig, "mesh-config", "", "`FILE` with the MeshConfig")
	s.StringVar(&f.clusterDomain, "cluster-domain", "", "`DOMAIN` of the cluster (default cluster.local)")
	s.StringVar(&f.rootNamespace, "root-namespace", "", "`NAMESPACE` of mesh-wide config (default: the MeshConfig's, else istio-system)")
	s.StringVar(&f.revision, "revision", "", "leave out objects labelled with another istio.io/rev than this `REVISION`")
	s.StringArrayVar(&f.exclude, "exclude", nil, "leave out files that match this `GLOB` (** crosses folders); repeatable")
	s.StringVar(&f.stdinName, "stdin-filename", "", "`NAME` of standard input in positions (default <stdin>)")
	f.heed(cmd, s)
	f.configFlags(cmd)
}

func (f *flags) configFlags(cmd *cobra.Command) {
	s := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.StringVarP(&f.config, "config", "c", "", "config `FILE` (default: "+settings.FileName+" here or in the nearest folder above)")
	s.BoolVar(&f.noConfig, "no-config", false, "read no config file")
	f.heed(cmd, s)
}

// heed gives flags to a command, and to the environment.
func (f *flags) heed(cmd *cobra.Command, s *pflag.FlagSet) {
	if f.heeded == nil {
		f.heeded = pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	f.heeded.AddFlagSet(s)
	cmd.Flags().AddFlagSet(s)
}

func (a *app) request(f *flags, args []string) (*request, error) {
	if err := f.fromEnvironment(); err != nil {
		return nil, err
	}
	if f.asWebhook && f.heeded.Changed("fail-on") {
		return nil, errors.New("--as-webhook and --fail-on exclude each other: what would be denied is what fails")
	}
	r := &request{paths: args, quiet: f.quiet, stats: f.stats, asWebhook: f.asWebhook, color: f.colorise, stdinName: f.stdinName}
	for _, step := range []func(*flags) error{r.setOutputs, r.setNow, func(f *flags) error { return a.setInput(r, f) }, r.setSeverities} {
		if err := step(f); err != nil {
			return nil, err
		}
	}
	for _, named := range []struct {
		flag  string
		rules []string
	}{{"only", f.only}, {"disable", f.disable}} {
		for _, name := range named.rules {
			if _, err := settings.Lookup(name, a.rules); err != nil {
				return nil, f.blames(named.flag, err)
			}
		}
	}
	if err := errors.Join(r.setNarrow(f), r.setFix(f)); err != nil {
		return nil, err
	}
	r.list, r.only = r.config.Select(a.rules, f.only, f.disable), len(f.only) > 0
	if r.asWebhook {
		r.list = r.config.Heard(r.list)
	}
	if f.now == "" {
		r.list = slices.DeleteFunc(r.list, func(r *rules.Rule) bool { return r.Clock })
	}
	return r, nil
}

// setInput joins the flags and the config to what is read.
func (a *app) setInput(r *request, f *flags) error {
	config, err := a.findConfig(f)
	if config == nil {
		return err
	}
	r.config, r.base, r.said = config, config.Dir, f.said
	if err != nil {
		return errors.Join(err, r.setMesh(f))
	}
	if err := a.standIn(r, f); err != nil {
		return err
	}
	for _, step := range []func(*flags) error{checkNames, r.setExclude, r.setMesh, r.setCluster, r.setWorlds} {
		if err := step(f); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) setSeverities(f *flags) (err error) {
	if failOn := cmp.Or(f.failOn, r.config.FailOn, "error"); failOn == "never" {
		r.neverFail = true
	} else if r.failOn, err = rules.ParseSeverity(failOn); err != nil {
		return fmt.Errorf("%s: %w, or never", f.said("fail-on"), err)
	}
	if r.least, err = rules.ParseSeverity(f.minSeverity); err != nil {
		return fmt.Errorf("%s: %w", f.said("min-severity"), err)
	}
	return f.checkColor()
}

// setNarrow says what of the findings is left out. Admission knows no files, and no baseline.
func (r *request) setNarrow(f *flags) error {
	r.noIgnores = f.noIgnores
	r.since = revision{name: f.newFrom, said: f.said("new-from")}
	base := f.newFromMergeBase != ""
	if base && f.newFrom != "" {
		first, err := f.over("new-from", "new-from-merge-base")
		if err != nil {
			return err
		}
		base = !first
	}
	if base {
		r.since = revision{name: f.newFromMergeBase, said: f.said("new-from-merge-base"), mergeBase: true}
	}
	if r.asWebhook {
		if f.baseline != "" && f.from["baseline"] == "" || f.noIgnores && f.from["no-ignores"] == "" || r.since.name != "" && r.since.said[0] == '-' {
			return errors.New("--as-webhook tells what admission would: --baseline, --new-from and --no-ignores have no say in it")
		}
		r.config.Overrides, r.since = nil, revision{}
		return nil
	}
	if r.baseline = f.baseline; r.baseline == "" && r.config.Baseline != "" && !f.heeded.Changed("baseline") {
		r.baseline = r.under([]string{r.config.Baseline})[0]
	}
	return nil
}

func (f *flags) checkColor() error {
	switch f.colorise {
	case "auto", "always", "never":
		return nil
	}
	return fmt.Errorf("%s: %q is not auto, always or never", f.said("color"), f.colorise)
}

func (r *request) setNow(f *flags) (err error) {
	if f.now == "" {
		r.now = time.Now()
		return nil
	}
	if r.now, err = time.Parse(time.RFC3339, f.now); err == nil {
		return nil
	}
	if r.now, err = time.Parse(time.DateOnly, f.now); err != nil {
		return fmt.Errorf("%s: %q is no time: write 2026-01-31 or 2026-01-31T12:00:00Z", f.said("now"), f.now)
	}
	return nil
}

// findConfig gives the config that counts; an empty one if there is none. Beside an error there can be what could be read.
func (a *app) findConfig(f *flags) (*settings.Config, error) {
	if f.from == nil {
		if err := f.fromEnvironment(); err != nil {
			return nil, err
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, failure{fmt.Errorf("finding the working directory: %w", err)}
	}
	file := f.config
	noConfig := f.noConfig
	if noConfig && file != "" {
		first, err := f.over("config", "no-config")
		if err != nil {
			return nil, err
		}
		if noConfig = !first; noConfig {
			file = ""
		}
	}
	if file == "" && !noConfig {
		if file, err = settings.Find(dir); err != nil {
			return nil, failure{err}
		}
		if near := settings.Misnamed(dir); file == "" && near != "" {
			a.say("%s is not read: the config's name is %s", shown(dir, near), settings.FileName)
		}
	}
	if file != "" && !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	if file == "" {
		err := a.loadPolicies(f, nil, "", dir)
		return &settings.Config{Dir: dir, Known: a.rules}, err
	}
	text, err := settings.Read(file, shown(dir, file))
	if err != nil {
		return nil, err
	}
	err = a.loadPolicies(f, text, file, dir)
	return settings.Load(text, file, shown(dir, file), a.rules, err)
}

// shown is how a file is named: from the working directory, unless that is a long way round, with forward slashes.
func shown(dir, file string) string {
	if rel, err := filepath.Rel(dir, file); err == nil && len(rel) <= len(file) {
		file = rel
	}
	return filepath.ToSlash(file)
}

func (r *request) setExclude(f *flags) error {
	for _, glob := range f.exclude {
		if err := settings.CheckGlob(glob); err != nil {
			return fmt.Errorf("%s: %w", f.said("exclude"), err)
		}
	}
	r.exclude = append(r.exclude, f.exclude...)
	for _, glob := range r.config.Exclude {
		rebased, err := r.fromHere(glob)
		if err != nil {
			return err
		}
		r.exclude = append(r.exclude, rebased)
	}
	return nil
}

func (r *request) setMesh(f *flags) error {
	istio := r.config.Istio
	either := func(flag, config string) string {
		if flag != "" {
			return flag
		}
		return config
	}
	complete := strings.Join(f.complete, ",")
	if complete == "" {
		complete = r.config.Complete
	} else if err := settings.CheckComplete(complete); err != nil {
		return fmt.Errorf("%s: %w", f.said("complete"), err)
	}
	r.mesh = mesh.Options{
		Complete: completeness(complete), ClusterDomain: either(f.clusterDomain, istio.ClusterDomain),
		RootNamespace: either(f.rootNamespace, istio.RootNamespace), Revision: either(f.revision, istio.Revision),
		ScopeToGateways: istio.ScopeGatewayToNamespace, Assume: r.config.Assume,
		Soon: time.Duration(r.config.Param("expired-certificate", rules.Expiring)) * 24 * time.Hour,
	}
	if f.now != "" {
		r.mesh.Now = r.now // findings do not change with the day on which files are linted, unless a day is given
	}
	if f.meshConfig == "" && istio.MeshConfig == "" {
		return nil
	}
	var err error
	if f.meshConfig != "" {
		r.mesh.MeshConfig, err = settings.ReadMeshConfig(f.meshConfig, filepath.ToSlash(f.meshConfig))
	} else if r.mesh.MeshConfig, err = settings.ReadMeshConfig(r.under([]string{istio.MeshConfig})[0], istio.MeshConfig); err != nil {
		err = mistake(r.config, []string{"istio", "meshConfig"}, []string{istio.MeshConfig}, "istio.meshConfig: %v", err)
	}
	return err
}

// completeness reads what --complete takes; "" closes nothing.
func completeness(text string) mesh.Complete {
	for _, part := range strings.Split(text, ",") {
		if strings.TrimSpace(part) == "true" {
			return mesh.Everything()
		}
	}
	if text == "" {
		return mesh.Complete{}
	}
	return mesh.ParseComplete(text)
}

// lint runs a request: load, run, apply the settings, report.
func (a *app) lint(r *request) error {
	done := a.progress()
	look := a.analyse
	if r.fix || r.diff {
		look = a.fixed
	}
	res, err := look(r)
	done()
	for _, text := range r.notes {
		a.say("%s", text)
	}
	for _, text := range r.asks {
		if r.hasText() {
			a.say("%s", text)
		}
	}
	if err != nil {
		return err
	}
	for _, err := range res.unreadable {
		a.say("%v", err)
	}
	if res.summary.Objects == 0 && (r.hasText() || len(res.findings) == 0) {
		a.say("NOTHING WAS CHECKED: %s%s", r.empty(), leftOut(res.skipped))
	}
	if n := len(r.unchecked); n > 0 && r.hasText() {
		a.say("%s in no world of the config, as %s: each is read by itself, and not checked against others; name such files under worlds or paths, or leave them out with exclude", count(n, "file"), r.unchecked[0])
	}
	if r.stats {
		s := res.stats
		a.say("%d worlds, %d gateway workloads, %d virtual hosts, %d routes", res.worlds, s.Tables, s.VirtualHosts, s.Routes)
		a.say("%d matches live, %d shadowed, %d impossible, %d undecided (too many steps), %d that hang on what is not known",
			s.Live, s.Shadowed, s.Impossible, s.Undecided, s.Opaque)
	}
	for _, n := range res.notes {
		a.say("%s", n)
	}
	if res.unasked > 0 {
		a.say("admission is never asked about what cannot be read: %s", count(res.unasked, "document"))
	}
	if r.diff {
		if _, err := io.WriteString(a.stdout, res.patch); err != nil {
			return failure{fmt.Errorf("writing the diff: %w", err)}
		}
	}
	if r.fails(res) {
		a.code = exitFindings
	}
	if len(res.unreadable) > 0 {
		a.code = exitFailed
	}
	a.tellFailed(res)
	return a.report(r, res)
}

// tellFailed says which rules failed, if any did.
func (a *app) tellFailed(res *result) bool {
	for _, f := range res.failed {
		a.code = exitUsage
		a.say("%v", f)
	}
	return len(res.failed) > 0
}

// fails tells whether findings make for exit code 1.
func (r *request) fails(res *result) bool {
	if r.diff {
		return !r.neverFail && res.fixed > 0
	}
	if r.asWebhook {
		return slices.ContainsFunc(slices.Collect(maps.Values(res.verdicts)), func(v verdict) bool { return v.Action == rules.Deny })
	}
	return !r.neverFail && res.atLeast(r.failOn)
}
