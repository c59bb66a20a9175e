package audit

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatelint/gatelint/rules"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what an audit counts. No label is an object's name. Those who are not the leader have no findings.
type Metrics struct {
	runs     *prometheus.CounterVec
	errors   *prometheus.CounterVec
	duration prometheus.Gauge
	last     prometheus.Gauge

	mu       sync.Mutex
	findings map[series]int // of the last audit: what is gone is not there any more
}

type series struct{ rule, severity, namespace string }

// maxSeries bounds what one audit makes of metrics: the namespaces beyond are counted as one.
const maxSeries = 2000

const otherNamespaces = "_other"

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatelint_audit_" + name, Help: help}, []string{label})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatelint_audit_" + name, Help: help})
	}
	m := &Metrics{
		runs:     counter("runs_total", "Audits by result: ok, failed.", "result"),
		errors:   counter("errors_total", "What went wrong in audits: rules that panicked, Events and reports that could not be written.", "stage"),
		duration: gauge("last_run_duration_seconds", "How long the last audit took."),
		last:     gauge("last_run_timestamp_seconds", "When the last audit began; 0 where there was none."),
	}
	r.MustRegister(m.runs, m.errors, m.duration, m.last, m)
	return m
}

// set counts what an audit that began at start has found.
func (m *Metrics) set(found []rules.Finding, start time.Time) {
	count := map[series]int{}
	for _, f := range found {
		count[series{f.Rule, f.Severity.String(), f.Object.Namespace}]++
	}
	if len(count) > maxSeries {
		count = folded(count)
	}
	m.mu.Lock()
	m.findings = count
	m.mu.Unlock()
	m.runs.WithLabelValues("ok").Inc()
	m.duration.Set(time.Since(start).Seconds())
	m.last.Set(float64(start.UnixMilli()) / 1000)
}

// folded keeps the first series and puts the namespaces of all others into one.
func folded(count map[series]int) map[series]int {
	keys := slices.SortedFunc(maps.Keys(count), func(a, b series) int {
		return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.rule, b.rule))
	})
	out := map[series]int{}
	for i, k := range keys {
		n := count[k]
		if i >= maxSeries {
			k.namespace = otherNamespaces
		}
		out[k] += n
	}
	return out
}

var findingsDesc = prometheus.NewDesc("gatelint_audit_findings", "What the last audit found.", []string{"rule", "severity", "namespace"}, nil)

// Describe and Collect make the findings of the last audit a metric.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { ch <- findingsDesc }

func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s, n := range m.findings {
		ch <- prometheus.MustNewConstMetric(findingsDesc, prometheus.GaugeValue, float64(n), s.rule, s.severity, s.namespace)
	}
}
