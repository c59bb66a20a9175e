package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
)

// Basis is what answers rest on besides the live objects. It is never changed, only swapped whole: the settings can name rules that
// policies make.
type Basis struct {
	Settings *settings.Config
	Policies *policy.Set // nil: there are none
}

// policies keeps the basis in step with the files of the policies.
type policies struct {
	options  policy.Options
	config   []byte // of the settings, as they were at the start
	file     string
	builtin  []*rules.Rule
	interval time.Duration
	log      *slog.Logger
	metrics  *Metrics

	basis    atomic.Pointer[Basis]
	problem  atomic.Pointer[error] // what is wrong with the policies as they are now
	revision string                // of the last that were looked at, good or not
}

// load makes the basis. Policies that are not good leave it as it was, and say why; without a basis its error is of the settings.
func (p *policies) load(ctx context.Context) error {
	list := p.builtin
	next := &Basis{}
	if len(p.options.Paths) > 0 {
		p.revision = policy.Revision(p.options)
		set, err := policy.Load(ctx, p.options)
		if err != nil {
			p.failed(err)
			if p.basis.Load() == nil { // until there are policies nothing is answered
				p.basis.Store(&Basis{Settings: &settings.Config{}})
			}
			return nil
		}
		next.Policies, list = set, append(slices.Clone(list), set.Rules(1)...)
	}
	var err error
	if next.Settings, err = settings.Parse(p.config, p.file, list); err != nil {
		if p.basis.Load() == nil {
			return err
		}
		p.failed(err)
		return nil
	}
	next.Settings.Dir, next.Settings.Known = filepath.Dir(p.file), list
	p.basis.Store(next)
	p.problem.Store(nil)
	if next.Policies != nil {
		p.metrics.reloads.WithLabelValues("ok").Inc()
		p.metrics.policies.Reset()
		p.metrics.policies.WithLabelValues(next.Policies.Revision()).Set(float64(len(next.Policies.Policies())))
		p.log.Info("policies are in force", "event_type", "policies_loaded", "revision", next.Policies.Revision(), "policies", len(next.Policies.Policies()))
	}
	return nil
}

func (p *policies) failed(err error) {
	p.problem.Store(&err)
	p.metrics.reloads.WithLabelValues("failed").Inc()
	p.log.Error("the policies are not good: the last good ones stay in force", "event_type", "policies_failed", "revision", p.revision, "error", err.Error())
}

// ready says why nothing can be judged: the policies have never been good.
func (p *policies) ready() error {
	if b := p.basis.Load(); len(p.options.Paths) > 0 && b.Policies == nil {
		return errors.Join(errors.New("the policies are not good"), *p.problem.Load())
	}
	return nil
}

// NeedLeaderElection is false: every replica has the policies.
func (p *policies) NeedLeaderElection() bool { return false }

// Start looks for changed files until the context ends. It reads them: a mounted ConfigMap is swapped as a whole, and its files keep
// their times.
func (p *policies) Start(ctx context.Context) error {
	for len(p.options.Paths) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p.interval):
		}
		if policy.Revision(p.options) == p.revision {
			continue
		}
		if err := p.load(ctx); err != nil {
			return fmt.Errorf("loading policies: %w", err)
		}
	}
	<-ctx.Done()
	return nil
}

// rules are those of an audit: all that the settings do not turn off.
func (p *policies) rules() (*settings.Config, []*rules.Rule) {
	b := p.basis.Load()
	list := p.builtin
	if b.Policies != nil {
		list = append(slices.Clone(list), b.Policies.Rules(1)...)
	}
	return b.Settings, b.Settings.Select(list, nil, nil)
}

// policies are those that flags and config name, not loaded yet.
func (o *Options) policies(config []byte, log *slog.Logger) (*policies, error) {
	opt, err := o.Policies.Join(config, o.Config, filepath.Clean)
	if err != nil {
		return nil, err
	}
	opt.Taken = catalogue()
	opt.Reviews = true
	return &policies{options: opt, file: o.Config, builtin: catalogue(), interval: o.PolicyInterval, log: log, config: config}, nil
}
