package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
)

// flags are the flags of lint as given.
type flags struct {
	outputs, complete, with, exclude, only, disable, kustomize []string

	namespace, meshConfig, clusterDomain, rootNamespace, revision, stdinName string

	cluster clusterFlags

	config                             string
	noConfig, quiet, stats, asWebhook  bool
	failOn, minSeverity, now, colorise string
}

// request is what a run of lint is asked to do: flags and config, checked and joined.
type request struct {
	config  *settings.Config
	list    []*rules.Rule // the rules that run
	outputs []output
	paths   []string // of the command line
	worlds  []worldJob
	mesh    mesh.Options
	cluster *target // whose objects lie under the files; nil for none
	all     bool    // faults of the cluster, or snapshot, are reported whether files take part in them or not

	namespace string        // of the cluster: what is reported without files, and where files that state none go
	maxAge    time.Duration // of a snapshot that says what is missing
	assumed   string        // of the cluster, for want of knowing
	aged      []string      // what is wrong with the age of snapshots

	base    string // the folder that the config's globs are relative to
	exclude []string

	stdinName string
	now       time.Time
	failOn    rules.Severity
	neverFail bool
	least     rules.Severity
	color     string
	quiet     bool
	stats     bool
	asWebhook bool
}

func (a *app) lintCommand(use, short string) *cobra.Command {
	f := &flags{cluster: clusterFlags{on: a.plugin}}
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.asWebhook && cmd.Flags().Changed("fail-on") {
				return errors.New("--as-webhook and --fail-on exclude each other: what would be denied is what fails")
			}
			r, err := a.request(f, args)
			if err != nil {
				return err
			}
			return a.lint(r)
		},
	}
	s := cmd.Flags()
	s.SortFlags = false
	s.StringArrayVarP(&f.outputs, "output", "o", []string{"text"}, "`FORMAT[=FILE]`: text or json, to standard output or a file; repeatable")
	s.StringVar(&f.failOn, "fail-on", "error", "exit 1 if there are findings of this `SEVERITY` or above: error, warning, info, never")
	s.BoolVar(&f.asWebhook, "as-webhook", false, "report what the admission webhook would say if each object were created where all others are, under the config's admission; 1 is the exit code if one would be denied")
	s.StringVar(&f.minSeverity, "min-severity", "info", "report findings of this `SEVERITY` and above only")
	s.StringSliceVar(&f.only, "only", nil, "run these `RULE`s only; repeatable")
	s.StringSliceVar(&f.disable, "disable", nil, "do not run these `RULE`s; repeatable")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "findings only, no summary")
	s.BoolVar(&f.stats, "stats", false, "say on standard error what was modelled, and how many matches could not be decided")
	s.StringVar(&f.colorise, "color", "auto", "`WHEN` to colour: auto, always or never; NO_COLOR is heeded")
	f.input(cmd)
	s.StringVar(&f.now, "now", "", "the `TIME` by which ignores expire (default: the clock) and certificates (default: never), RFC 3339 or a date")
	_ = cmd.RegisterFlagCompletionFunc("only", a.completeRule)
	_ = cmd.RegisterFlagCompletionFunc("disable", a.completeRule)
	return cmd
}

// input are the flags that say what is read, and that shape the Worlds made of it.
func (f *flags) input(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringArrayVar(&f.complete, "complete", nil, "the input is all there is: of everything, or of `KIND[/NAMESPACE],…`")
	s.Lookup("complete").NoOptDefVal = "true"
	s.StringArrayVar(&f.with, "with", nil, "load this `PATH` as well, as context: faults within it are not reported; repeatable")
	s.StringArrayVarP(&f.kustomize, "kustomize", "k", nil, "build the kustomization in `DIR` and read what it gives, instead of PATH; repeatable, each a World of its own")
	s.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE` of manifests that state none; of a cluster or snapshot without PATH, whose faults are reported")
	s.BoolVar(&f.cluster.on, "cluster", f.cluster.on, "read the cluster: without PATH it is checked, else what would break if PATH were applied")
	s.BoolVarP(&f.cluster.all, "all-namespaces", "A", false, "report faults of all namespaces of the cluster (default: of --namespace, else the context's; with PATH: those that it takes part in or brings)")
	f.cluster.connection(cmd)
	s.DurationVar(&f.cluster.maxAge, "max-age", 48*time.Hour, "a snapshot older than this `DURATION` does not say what is missing")
	s.StringVar(&f.meshConfig, "mesh-config", "", "`FILE` with the MeshConfig")
	s.StringVar(&f.clusterDomain, "cluster-domain", "", "`DOMAIN` of the cluster (default cluster.local)")
	s.StringVar(&f.rootNamespace, "root-namespace", "", "`NAMESPACE` of mesh-wide config (default: the MeshConfig's, else istio-system)")
	s.StringVar(&f.revision, "revision", "", "leave out objects labelled with another istio.io/rev than this `REVISION`")
	s.StringArrayVar(&f.exclude, "exclude", nil, "leave out files that match this `GLOB` (** crosses folders); repeatable")
	s.StringVar(&f.stdinName, "stdin-filename", "", "`NAME` of standard input in positions (default <stdin>)")
	s.StringVarP(&f.config, "config", "c", "", "config `FILE` (default: "+settings.FileName+" here or in the nearest folder above)")
	s.BoolVar(&f.noConfig, "no-config", false, "read no config file")
}

func (a *app) request(f *flags, args []string) (*request, error) {
	r := &request{paths: args, quiet: f.quiet, stats: f.stats, asWebhook: f.asWebhook, color: f.colorise, stdinName: f.stdinName}
	for _, step := range []func(*flags) error{r.setOutputs, r.setSeverities, r.setNow} {
		if err := step(f); err != nil {
			return nil, err
		}
	}
	if err := a.setInput(r, f); err != nil {
		return nil, err
	}
	for _, names := range [][]string{f.only, f.disable} {
		for _, name := range names {
			if _, err := settings.Lookup(name, a.rules); err != nil {
				return nil, err
			}
		}
	}
	r.list = r.config.Select(a.rules, f.only, f.disable)
	if f.now == "" {
		r.list = slices.DeleteFunc(r.list, func(r *rules.Rule) bool { return r.Clock })
	}
	return r, nil
}

// setInput joins the flags and the config to what is read.
func (a *app) setInput(r *request, f *flags) error {
	config, err := a.findConfig(f)
	if err != nil {
		return err
	}
	r.config, r.base = config, config.Dir
	for _, step := range []func(*flags) error{r.setExclude, r.setMesh, r.setCluster, r.setWorlds} {
		if err := step(f); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) setSeverities(f *flags) (err error) {
	if f.failOn == "never" {
		r.neverFail = true
	} else if r.failOn, err = settings.ParseSeverity(f.failOn); err != nil {
		return fmt.Errorf("--fail-on: %w, or never", err)
	}
	if r.least, err = settings.ParseSeverity(f.minSeverity); err != nil {
		return fmt.Errorf("--min-severity: %w", err)
	}
	return f.checkColor()
}

func (f *flags) checkColor() error {
	switch f.colorise {
	case "auto", "always", "never":
		return nil
	}
	return fmt.Errorf("--color: %q is not auto, always or never", f.colorise)
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
		return fmt.Errorf("--now: %q is no time: write 2026-01-31 or 2026-01-31T12:00:00Z", f.now)
	}
	return nil
}

// findConfig gives the config that counts; an empty one if there is none.
func (a *app) findConfig(f *flags) (*settings.Config, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, failure{fmt.Errorf("finding the working directory: %w", err)}
	}
	file := f.config
	if f.noConfig && file != "" {
		return nil, errors.New("--config and --no-config exclude each other")
	}
	if file == "" && !f.noConfig {
		if file, err = settings.Find(dir); err != nil {
			return nil, failure{err}
		}
	}
	if file == "" {
		return &settings.Config{Dir: dir}, nil
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	return settings.Load(file, shown(dir, file), a.rules)
}

// shown is how a file is named: from the working directory, with forward slashes.
func shown(dir, file string) string {
	if rel, err := filepath.Rel(dir, file); err == nil {
		file = rel
	}
	return filepath.ToSlash(file)
}

func (r *request) setExclude(f *flags) error {
	for _, glob := range f.exclude {
		if !doublestar.ValidatePattern(glob) {
			return fmt.Errorf("--exclude: %q is no glob", glob)
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
		return fmt.Errorf("--complete: %w", err)
	}
	r.mesh = mesh.Options{
		Complete: completeness(complete), ClusterDomain: either(f.clusterDomain, istio.ClusterDomain),
		RootNamespace: either(f.rootNamespace, istio.RootNamespace), Revision: either(f.revision, istio.Revision),
		ScopeToGateways: istio.ScopeGatewayToNamespace,
	}
	if f.now != "" {
		r.mesh.Now = r.now // findings do not change with the day on which files are linted, unless a day is given
	}
	file := f.meshConfig
	if file == "" && istio.MeshConfig != "" {
		file = filepath.Join(r.base, istio.MeshConfig)
	}
	if file == "" {
		return nil
	}
	data, err := settings.ReadMeshConfig(file, filepath.ToSlash(file))
	if err != nil {
		return err
	}
	r.mesh.MeshConfig = data
	return nil
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
	res, err := a.analyse(r)
	done()
	for _, text := range r.aged {
		a.say("%s", text)
	}
	if err != nil {
		return err
	}
	for _, err := range res.unreadable {
		a.say("%v", err)
	}
	if res.summary.Objects == 0 && r.hasText() {
		a.say("NOTHING WAS CHECKED: %s", r.empty())
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
	if r.fails(res) {
		a.code = exitFindings
	}
	if len(res.unreadable) > 0 {
		a.code = exitFailed
	}
	return a.report(r, res)
}

// fails tells whether findings make for exit code 1.
func (r *request) fails(res *result) bool {
	if r.asWebhook {
		return slices.ContainsFunc(slices.Collect(maps.Values(res.verdicts)), func(v verdict) bool { return v.Action == rules.Deny })
	}
	return !r.neverFail && res.atLeast(r.failOn)
}
