package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/cmd/cluster"
	"github.com/gatelint/gatelint/cmd/webhook/admission"
	"github.com/gatelint/gatelint/cmd/webhook/audit"
	"github.com/gatelint/gatelint/cmd/webhook/live"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// Path is where AdmissionReviews are posted.
const Path = "/validate"

// Options are what the flags say.
type Options struct {
	Config            string // file; "" for the defaults
	CertDir           string
	SelfSigned        SelfSigned
	Port              int
	MetricsAddress    string
	HealthAddress     string
	ShutdownDelay     time.Duration
	GatewaySelector   string
	IstioNamespace    string // istiod's
	SecretNamespaces  []string
	FailDeny          bool
	MeshConfig        string // file; wins over the config's
	TLSVersion        uint16
	Margin            time.Duration
	Settle            time.Duration
	DiscoveryInterval time.Duration
	Namespace         string        // its own
	LeaderElect       bool          // one replica at a time audits and writes certificates; all of them answer
	LeaderElectionID  string        // the Lease
	AuditInterval     time.Duration // 0: no audit
	AuditReports      audit.Format
	Policies          policy.Options // those of the flags; the config can name more
	PolicyInterval    time.Duration
}

// Run serves until a signal ends it.
func Run(connection *rest.Config, o Options, log *slog.Logger) error {
	libraries := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}) // they are chatty
	ctrl.SetLogger(logr.FromSlogHandler(libraries))
	klog.SetSlogLogger(slog.New(libraries))
	slog.SetLogLoggerLevel(slog.LevelWarn) // net/http reports failed handshakes through package log
	slog.SetDefault(log)
	text, err := o.config()
	if err != nil {
		return err
	}
	config, opt, err := o.load(text)
	if err != nil {
		return err
	}
	policies, err := o.policies(text, log)
	if err != nil {
		return err
	}
	connection.QPS, connection.Burst = 100, 200 // a handful of watches, opened at once
	list := config.Select(catalogue(), nil, nil)
	engine := admission.NewEngine(config.Heard(list), opt)
	policies.metrics = NewMetrics(metrics.Registry, engine)
	if err := policies.load(context.Background()); err != nil {
		return err
	}
	source := &live.Source{
		Wanted: cluster.Wanted{
			IstiodNamespace: o.IstioNamespace, Revision: opt.Revision, GatewaySelector: o.GatewaySelector,
			SecretNamespaces: o.SecretNamespaces, MeshConfigGiven: opt.MeshConfig != nil,
		},
		Engine: engine, Log: log, Complete: opt.Complete, Interval: o.DiscoveryInterval,
	}
	if err := source.Connect(connection); err != nil {
		return err
	}
	certificate, err := o.certificate(connection, log)
	if err != nil {
		return err
	}
	hook := webhook.NewServer(webhook.Options{Port: o.Port, TLSOpts: []func(*tls.Config){o.tls, certificate.use}})
	manager, err := ctrl.NewManager(connection, ctrl.Options{
		Scheme: runtime.NewScheme(), WebhookServer: hook, HealthProbeBindAddress: o.HealthAddress,
		Metrics:        metricsserver.Options{BindAddress: o.MetricsAddress},
		LeaderElection: o.LeaderElect, LeaderElectionID: o.LeaderElectionID, LeaderElectionNamespace: o.Namespace,
		LeaderElectionResourceLock: "leases", LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("making the manager: %w", err)
	}
	ready := func() error { return errors.Join(source.Ready(), policies.ready()) }
	// The manager starts the server only if it has been asked for it.
	manager.GetWebhookServer().Register(Path, &Handler{
		Engine: engine, Basis: &policies.basis, Ready: ready, FailDeny: o.FailDeny, Margin: o.Margin, Settle: o.Settle, Now: time.Now, Log: log,
		Metrics: policies.metrics,
	})
	if err := o.audit(manager, &audit.Auditor{Engine: engine, Basis: policies.rules, Ready: ready, Log: log}); err != nil {
		return err
	}
	ctx, leaving := o.signals(log)
	err = errors.Join(
		manager.Add(source),
		manager.Add(policies),
		certificate.add(manager),
		manager.AddHealthzCheck("ping", healthz.Ping),
		manager.AddReadyzCheck("tls", hook.StartedChecker()),
		manager.AddReadyzCheck("objects", func(*http.Request) error { return source.Ready() }),
		manager.AddReadyzCheck("policies", func(*http.Request) error { return policies.ready() }),
		manager.AddReadyzCheck("staying", func(*http.Request) error {
			if leaving.Load() {
				return errors.New("shutting down")
			}
			return nil
		}),
	)
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	if err := manager.Start(ctx); err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// audit has the leader audit, unless that is off.
func (o *Options) audit(manager ctrl.Manager, a *audit.Auditor) (err error) {
	if o.AuditInterval <= 0 {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("asking for the name of this replica: %w", err)
	}
	if a.Events, err = audit.NewEvents(manager.GetConfig(), host); err != nil {
		return err
	}
	if a.Reports, err = audit.NewReports(manager.GetConfig(), o.AuditReports); err != nil {
		return err
	}
	a.Interval, a.Settle, a.Metrics = o.AuditInterval, min(auditSettle, o.AuditInterval/2), audit.NewMetrics(metrics.Registry)
	return manager.Add(a)
}

// auditSettle is as long as kubectl takes for a folder of manifests.
const auditSettle = 5 * time.Second

// config is the text of the config, of an empty one if there is none.
func (o *Options) config() ([]byte, error) {
	if o.Config == "" {
		return []byte("version: 1\n"), nil
	}
	return settings.Read(o.Config, o.Config)
}

// load gives the config, and what it says of the cluster. What it says of rules is read when the policies are.
func (o *Options) load(text []byte) (*settings.Config, mesh.Options, error) {
	config, err := settings.Draft(text, o.Config, rules.All())
	if err != nil {
		return nil, mesh.Options{}, err
	}
	config.Dir = filepath.Dir(o.Config)
	config.Overrides = nil // of files
	i := config.Istio
	opt := mesh.Options{ClusterDomain: i.ClusterDomain, RootNamespace: i.RootNamespace, Revision: i.Revision, ScopeToGateways: i.ScopeGatewayToNamespace, Assume: config.Assume}
	if config.Complete != "" {
		opt.Complete = mesh.ParseComplete(config.Complete)
	}
	file := o.MeshConfig
	if file == "" && i.MeshConfig != "" {
		file = filepath.Join(config.Dir, i.MeshConfig)
	}
	if file != "" {
		if opt.MeshConfig, err = settings.ReadMeshConfig(file, file); err != nil {
			return nil, opt, err
		}
	}
	return config, opt, nil
}

// tls sets the floor, and leaves HTTP/2 out: the API server does not need it, and floods of resets come with it.
func (o *Options) tls(c *tls.Config) {
	c.MinVersion = o.TLSVersion
	c.NextProtos = []string{"http/1.1"}
}

// signals gives a context that ends some time after the first signal: the Service still sends requests until it has seen that
// this replica is not ready. A second signal ends the process at once.
func (o *Options) signals(log *slog.Logger) (context.Context, *atomic.Bool) {
	ctx, cancel := context.WithCancel(context.Background())
	leaving := &atomic.Bool{}
	got := make(chan os.Signal, 2)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-got
		leaving.Store(true)
		log.Info("shutting down", "signal", s.String(), "delay", o.ShutdownDelay.String())
		select {
		case <-time.After(o.ShutdownDelay):
			cancel()
		case <-got:
			os.Exit(1)
		}
		<-got
		os.Exit(1)
	}()
	return ctx, leaving
}
