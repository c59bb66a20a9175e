package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/cmd/webhook/admission"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

const (
	service   = `{"apiVersion":"v1","kind":"Service","metadata":{"name":"cart","namespace":"shop"},"spec":{"ports":[{"port":80}]}}`
	namespace = `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"stage":"dev"}}}`
	// Its host is a Service that is not there: unknown-host, a warning.
	destinationRule = `{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule",
"metadata":{"name":"cart","namespace":"shop","uid":"u1","annotations":{ANNOTATIONS}},"spec":{"host":"cart"}}`
)

func object(t *testing.T, text string) *manifest.Object {
	t.Helper()
	o, faults := manifest.ParseObject([]byte(text), manifest.Options{})
	require.Empty(t, faults)
	return o
}

func rule(annotations string) string {
	return strings.Replace(destinationRule, "ANNOTATIONS", annotations, 1)
}

func auditor(t *testing.T, config string, list []*rules.Rule) (*Auditor, *bytes.Buffer) {
	c, err := settings.Parse([]byte("version: 1\n"+config), "config", rules.All())
	require.NoError(t, err)
	logs := &bytes.Buffer{}
	return &Auditor{
		Engine: admission.NewEngine(nil, mesh.Options{Complete: mesh.Everything()}), Basis: func() (*settings.Config, []*rules.Rule) { return c, list }, Interval: time.Hour,
		Ready: func() error { return nil }, Log: slog.New(slog.NewJSONHandler(logs, nil)), Metrics: NewMetrics(prometheus.NewRegistry()),
	}, logs
}

// told counts the lines of a log by their event type.
func told(t *testing.T, logs *bytes.Buffer) map[string]int {
	out := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(logs.String()), "\n") {
		var l struct {
			Event string `json:"event_type"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		out[l.Event]++
	}
	logs.Reset()
	return out
}

// A fault is told when it comes and when it goes, not in between; its metric goes with it.
func TestChanges(t *testing.T) {
	a, logs := auditor(t, "", rules.All())
	require.True(t, a.NeedLeaderElection())
	a.Engine.Set(object(t, rule("")))
	require.NoError(t, a.run(t.Context()))
	require.Equal(t, map[string]int{"violation_audited": 1, "audit_finished": 1}, told(t, logs))
	require.NoError(t, testutil.CollectAndCompare(a.Metrics, strings.NewReader(`
# HELP gatelint_audit_findings What the last audit found.
# TYPE gatelint_audit_findings gauge
gatelint_audit_findings{namespace="shop",rule="unknown-host",severity="warning"} 1
`)))
	require.NoError(t, a.run(t.Context()))
	require.Equal(t, map[string]int{"audit_finished": 1}, told(t, logs))
	a.Engine.Set(object(t, service))
	require.NoError(t, a.run(t.Context()))
	require.Equal(t, map[string]int{"violation_resolved": 1, "audit_finished": 1}, told(t, logs))
	require.Zero(t, testutil.CollectAndCount(a.Metrics))
	require.EqualValues(t, 3, testutil.ToFloat64(a.Metrics.runs.WithLabelValues("ok")))
}

// What is applied together arrives one after the other: nothing is told of the time in between, and what is old is told at once.
func TestSettle(t *testing.T) {
	a, logs := auditor(t, "", rules.All())
	a.Settle = 300 * time.Millisecond
	a.Engine.Set(object(t, rule("")))
	time.AfterFunc(50*time.Millisecond, func() { a.Engine.Set(object(t, service)) })
	require.NoError(t, a.run(t.Context()))
	require.Equal(t, map[string]int{"audit_finished": 1}, told(t, logs))

	a.Engine.Remove(object(t, service).ID)
	time.AfterFunc(50*time.Millisecond, func() { a.Engine.Set(object(t, namespace)) })
	require.NoError(t, a.run(t.Context()))
	require.Equal(t, map[string]int{"violation_audited": 1, "audit_finished": 1}, told(t, logs), "it is still there")
	start := time.Now()
	require.NoError(t, a.run(t.Context()))
	require.Less(t, time.Since(start), a.Settle, "nothing new: no waiting")
}

func TestSettings(t *testing.T) {
	const ignore = `"gatelint.io/ignore":"unknown-host: in another cluster"`
	for name, c := range map[string]struct {
		config, annotations string
		want                []rules.Severity
	}{
		"none":                     {"", "", []rules.Severity{rules.Warning}},
		"severity":                 {"rules: {unknown-host: info}", "", []rules.Severity{rules.Info}},
		"rule off":                 {"rules: {unknown-host: off}", "", nil},
		"admission off":            {"rules: {unknown-host: {admission: off}}", "", []rules.Severity{rules.Warning}},
		"ignored":                  {"", ignore, nil},
		"not ignorable":            {"admission: {rules: {unknown-host: {ignorable: false}}}", ignore, []rules.Severity{rules.Warning}},
		"not ignorable at all":     {"rules: {unknown-host: {ignorable: false}}", ignore, []rules.Severity{rules.Warning}},
		"excepted":                 {"exceptions: [{rules: [unknown-host], objects: [{namespace: shop}], reason: agreed}]", "", nil},
		"excepted, not ignorable":  {"rules: {unknown-host: {ignorable: false}}\nexceptions: [{rules: [unknown-host], objects: [{namespace: shop}], reason: agreed}]", ignore, nil},
		"another excepted":         {"exceptions: [{rules: [unknown-host], objects: [{name: other}], reason: agreed}]", "", []rules.Severity{rules.Warning}},
		"istioctl's annotation":    {"", `"galley.istio.io/analyze-suppress":"IST0174"`, nil},
		"ignored in vain":          {"", `"gatelint.io/ignore":"shadowed-match: in the files"`, []rules.Severity{rules.Warning}},
		"namespace off by label":   {"admission: {namespaces: [{labels: {stage: dev}, enforcement: off}]}", "", nil},
		"another off":              {"admission: {namespaces: [{labels: {stage: prod}, enforcement: off}]}", "", []rules.Severity{rules.Warning}},
		"enforcement warn":         {"admission: {enforcement: warn}", "", []rules.Severity{rules.Warning}},
		"rule off in a namespace":  {"admission: {namespaces: [{names: [shop], rules: {unknown-host: off}}]}", "", nil},
		"another one off there":    {"admission: {namespaces: [{names: [shop], rules: {no-effect: off}}]}", "", []rules.Severity{rules.Warning}},
		"everything off":           {"admission: {enforcement: off}", "", nil},
		"strict: nothing is worse": {"admission: {enforcement: strict}", "", []rules.Severity{rules.Warning}},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := auditor(t, c.config, nil)
			config, _ := a.Basis()
			a.Basis = func() (*settings.Config, []*rules.Rule) { return config, config.Select(rules.All(), nil, nil) }
			a.Engine.Set(object(t, namespace), object(t, rule(c.annotations)))
			require.NoError(t, a.run(t.Context()))
			var got []rules.Severity
			for _, f := range a.last {
				got = append(got, f.Severity)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// A rule that panics has the findings of the time before: they are not gone. A panic elsewhere ends one audit.
func TestPanic(t *testing.T) {
	broken := false
	list := []*rules.Rule{{Name: "unknown-host", Run: func(p *rules.Pass) {
		if broken {
			panic("on purpose")
		}
		p.Report(rules.Fault{On: p.World.DestinationRules[0].Object, Message: "m", Words: "w"})
	}}}
	a, logs := auditor(t, "", list)
	a.Engine.Set(object(t, rule("")))
	require.NoError(t, a.run(t.Context()))
	require.Equal(t, 1, told(t, logs)["violation_audited"])
	broken = true
	require.NoError(t, a.run(t.Context()))
	require.Equal(t, map[string]int{"panic": 1, "audit_finished": 1}, told(t, logs))
	require.Len(t, a.last, 1)
	require.EqualValues(t, 1, testutil.ToFloat64(a.Metrics.errors.WithLabelValues("rule")))

	a.Engine = nil
	require.ErrorContains(t, a.run(t.Context()), "panic: ")
}

// It waits for the objects, and ends with its context.
func TestStart(t *testing.T) {
	a, logs := auditor(t, "", rules.All())
	ready := make(chan struct{})
	a.Ready = func() error {
		select {
		case <-ready:
			return nil
		default:
			return admission.ErrUnready
		}
	}
	a.Interval = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Start(ctx) }()
	time.Sleep(100 * time.Millisecond)
	require.Zero(t, testutil.ToFloat64(a.Metrics.last))
	close(ready)
	require.Eventually(t, func() bool { return testutil.ToFloat64(a.Metrics.runs.WithLabelValues("ok")) > 2 }, 10*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.NotContains(t, logs.String(), "failed")
}

func many(n int) (out []rules.Finding) {
	for i := range n {
		out = append(out, rules.Finding{
			Rule: "unknown-host", Severity: rules.Error, Message: strings.Repeat("é", 1000), Fingerprint: fmt.Sprint(i),
			Object: manifest.ID{Group: "networking.istio.io", Kind: "VirtualService", Namespace: fmt.Sprint("ns-", i), Name: strings.Repeat("x", 253)},
		})
	}
	return out
}

// However many faults there are, what is written of them is bounded, and says so.
func TestBounds(t *testing.T) {
	list := many(3000)
	r := &Reports{kind: "Report"}
	report := r.report("ns", list, time.Now())
	results := report.Object["results"].([]any)
	require.Len(t, results, maxResults+1)
	require.Equal(t, "and 2750 more: this report holds the 250 most severe, the summary counts all", results[maxResults].(map[string]any)["message"])
	require.EqualValues(t, 3000, report.Object["summary"].(map[string]any)["fail"])
	text, err := report.MarshalJSON()
	require.NoError(t, err)
	require.Less(t, len(text), 1<<20)
	require.Len(t, r.report("ns", list[:maxResults], time.Now()).Object["results"], maxResults)
	require.Equal(t, report.GetAnnotations(), r.report("ns", list, time.Now().Add(time.Hour)).GetAnnotations(), "the time is no content")

	a, logs := auditor(t, "", nil)
	a.last = list
	a.tell("id", list, nil)
	require.Equal(t, map[string]int{"violation_audited": maxLines, "violation_audited_more": 1, "audit_finished": 1}, told(t, logs))
	a.Metrics.set(list, time.Now())
	require.Equal(t, maxSeries+1, testutil.CollectAndCount(a.Metrics))
	require.Equal(t, 1000, a.Metrics.findings[series{"unknown-host", "error", otherNamespaces}])
}

func TestEvent(t *testing.T) {
	f := many(1)[0]
	f.Object.Name = strings.Repeat("x", 199) + "." + strings.Repeat("y", 53)
	f.Source = &manifest.Object{ID: f.Object, UID: "u1"}
	f.Related = []rules.Related{{Object: f.Object}, {Object: manifest.ID{Kind: "Service", Namespace: "b", Name: "c"}, API: "v1"}}
	e := event(f, "pod-1", time.Now())
	require.LessOrEqual(t, len(e.Note), maxNote)
	require.True(t, strings.HasSuffix(e.Note, "é…"), "it is cut between letters")
	require.Regexp(t, `^x{199}\.[0-9a-f]{16}$`, e.Name)
	require.Equal(t, f.Object.Namespace, e.Namespace)
	require.Equal(t, "UnknownHost", e.Reason)
	require.Equal(t, "u1", string(e.Regarding.UID))
	require.Equal(t, "c", e.Related.Name)
	require.Equal(t, e.Name, event(f, "pod-2", time.Now()).Name, "another leader does not tell it again")
	f.Source = &manifest.Object{ID: f.Object, UID: "u2"}
	require.NotEqual(t, e.Name, event(f, "pod-1", time.Now()).Name, "an object made anew has its own")
}

func TestParseReports(t *testing.T) {
	f, err := ParseReports("openreports")
	require.NoError(t, err)
	require.Equal(t, OpenReports, f)
	_, err = ParseReports("x")
	require.EqualError(t, err, "use none, policyreport or openreports")
}
