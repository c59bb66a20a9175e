package server

import (
	"strconv"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/cmd/version"
	"github.com/gatelint/gatelint/cmd/webhook/admission"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
)

// Metrics are the webhook's own, beside those of controller-runtime. No label is an object's name, and none takes a value that a
// caller can make up.
type Metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	findings  *prometheus.CounterVec
	spared    *prometheus.CounterVec
	panics    *prometheus.CounterVec
	failures  *prometheus.CounterVec
	malformed *prometheus.CounterVec
	rules     *prometheus.HistogramVec
	policies  *prometheus.GaugeVec
	reloads   *prometheus.CounterVec
	errors    *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer, e *admission.Engine) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatelint_" + name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	m := &Metrics{
		requests:  counter("admission_requests_total", "Requests by decision; would_deny are those that a stricter setting denies.", "kind", "namespace", "operation", "decision", "dryrun"),
		findings:  counter("findings_total", "Faults that requests introduced or repeated, by what was done.", "rule", "severity", "action"),
		spared:    counter("suppressions_total", "Denials that became warnings, by what turned them.", "rule", "by"),
		panics:    counter("rule_panics_total", "Panics of rules.", "rule"),
		failures:  counter("admission_failures_total", "Requests that could not be judged: the failure mode answered.", "reason"),
		reloads:   counter("policy_reloads_total", "Loads of the policies, by how they ended: those that failed leave the last good ones in force.", "result"),
		errors:    counter("policy_errors_total", "Evaluations of a policy that did not come to an end: it was left out.", "policy"),
		malformed: counter("admission_malformed_total", "HTTP requests that are no AdmissionReview.", "code"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatelint_admission_duration_seconds", Help: "Time from the bytes of a request to its decision.",
			Buckets: []float64{.0005, .001, .003, .01, .03, .1, .3, 1, 3, 10},
		}, []string{"kind", "operation"}),
	}
	m.rules = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatelint_rule_duration_seconds", Help: "Time that a rule takes over one set of objects, in requests and audits.",
		Buckets: []float64{.00001, .0001, .001, .01, .1, 1},
	}, []string{"rule"})
	e.Timing = func(rule string, took time.Duration) { m.rules.WithLabelValues(rule).Observe(took.Seconds()) }
	m.policies = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatelint_policies", Help: "The policies in force, by their revision.",
	}, []string{"revision"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatelint_build_info", Help: "Always 1: the version, and the Istio release that the verdicts hold for.",
		ConstLabels: prometheus.Labels{"version": version.String(), "istio": settings.Release},
	})
	build.Set(1)
	r.MustRegister(m.duration, m.rules, m.policies, build, held{e})
	return m
}

func (m *Metrics) refused(status int) { m.malformed.WithLabelValues(strconv.Itoa(status)).Inc() }

func (m *Metrics) observe(req *admissionv1.AdmissionRequest, d admission.Decision, e *admission.Engine, took time.Duration) {
	kind, operation, namespace := "other", "other", ""
	if admission.Judged(req.Kind) {
		kind = req.Kind.Kind
	}
	switch req.Operation {
	case admissionv1.Create, admissionv1.Update, admissionv1.Delete:
		operation = string(req.Operation)
	}
	if e.Get(manifest.ID{Kind: "Namespace", Name: req.Namespace}) != nil {
		namespace = req.Namespace
	}
	m.requests.WithLabelValues(kind, namespace, operation, string(d.Outcome), strconv.FormatBool(req.DryRun != nil && *req.DryRun)).Inc()
	m.duration.WithLabelValues(kind, operation).Observe(took.Seconds())
	for _, f := range d.Faults {
		m.findings.WithLabelValues(f.Rule, f.Severity.String(), f.Action.String()).Inc()
		if f.Spared != "" {
			m.spared.WithLabelValues(f.Rule, f.Spared).Inc()
		}
	}
	for name := range d.Failed {
		m.errors.WithLabelValues(name).Inc()
	}
	for rule := range d.Broken {
		m.panics.WithLabelValues(rule).Inc()
	}
}

// held says what the engine holds and how it judged, when it is asked.
type held struct{ engine *admission.Engine }

var (
	cacheDesc = prometheus.NewDesc("gatelint_cache_objects", "Live objects that are held, by kind.", []string{"kind"}, nil)
	wholeDesc = prometheus.NewDesc("gatelint_admission_whole_total", "Verdicts that looked at everything, by the reason.", []string{"reason"}, nil)
)

func (h held) Describe(ch chan<- *prometheus.Desc) { ch <- cacheDesc; ch <- wholeDesc }

func (h held) Collect(ch chan<- prometheus.Metric) {
	for kind, n := range h.engine.Count() {
		ch <- prometheus.MustNewConstMetric(cacheDesc, prometheus.GaugeValue, float64(n), kind)
	}
	for reason, n := range h.engine.Whole() {
		ch <- prometheus.MustNewConstMetric(wholeDesc, prometheus.CounterValue, float64(n), reason)
	}
}
