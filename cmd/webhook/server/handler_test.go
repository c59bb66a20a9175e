package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
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
	admissionv1 "k8s.io/api/admission/v1"
)

func handler(list []*rules.Rule) *Handler {
	e := admission.NewEngine(list, mesh.Options{Complete: mesh.Everything()})
	basis := &atomic.Pointer[Basis]{}
	basis.Store(&Basis{Settings: &settings.Config{}})
	return &Handler{
		Engine: e, Basis: basis, Ready: func() error { return nil }, Margin: 500 * time.Millisecond, Settle: 200 * time.Millisecond,
		Now: time.Now, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Metrics: NewMetrics(prometheus.NewRegistry(), e),
	}
}

const rule = `{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"cart","namespace":"shop"},"spec":{"host":"cart"}}`

func (h *Handler) ask(t *testing.T, query string) *admissionv1.AdmissionResponse {
	body := fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE",
"kind":{"group":"networking.istio.io","version":"v1","kind":"DestinationRule"},"object":%s}}`, rule)
	r := httptest.NewRequest("POST", "/validate"+query, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code, w.Body.String())
	var answer admissionv1.AdmissionReview
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Nil(t, answer.Request)
	return answer.Response
}

// A Service that was applied just before the DestinationRule is not missing because its watch event comes later.
func TestSettle(t *testing.T) {
	service, faults := manifest.ParseObject([]byte(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"cart","namespace":"shop"},"spec":{"ports":[{"port":80}]}}`), manifest.Options{})
	require.Empty(t, faults)
	h := handler(rules.All())
	require.Len(t, h.ask(t, "").Warnings, 1, "it never comes")
	time.AfterFunc(50*time.Millisecond, func() { h.Engine.Set(service) })
	require.Empty(t, h.ask(t, "").Warnings)
	start := time.Now()
	require.Empty(t, h.ask(t, "").Warnings)
	require.Less(t, time.Since(start), h.Settle, "a request without fault does not wait")
}

// However long a rule takes, the answer is there before the API server gives up.
func TestDeadline(t *testing.T) {
	slow := &rules.Rule{Name: "slow", Run: func(*rules.Pass) { time.Sleep(3 * time.Second) }}
	h := handler([]*rules.Rule{slow})
	start := time.Now()
	r := h.ask(t, "?timeout=1s")
	require.Less(t, time.Since(start), time.Second)
	require.True(t, r.Allowed)
	require.Equal(t, []string{"gatelint could not check this request in time"}, r.Warnings)
	require.EqualValues(t, 1, testutil.ToFloat64(h.Metrics.failures.WithLabelValues("deadline")))
	h.FailDeny = true
	r = h.ask(t, "?timeout=1s")
	require.False(t, r.Allowed)
	require.EqualValues(t, 500, r.Result.Code)
}

// A panic outside of the rules is answered by the failure mode; in a rule it costs only that rule's findings.
func TestPanic(t *testing.T) {
	h := handler([]*rules.Rule{{Name: "broken", Run: func(*rules.Pass) { panic("on purpose") }}, rules.Find("unknown-host")})
	r := h.ask(t, "")
	require.True(t, r.Allowed)
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0], "[unknown-host]")
	require.EqualValues(t, 1, testutil.ToFloat64(h.Metrics.panics.WithLabelValues("broken")))

	h.Ready = func() error { panic("on purpose") }
	r = h.ask(t, "")
	require.True(t, r.Allowed)
	require.Equal(t, []string{"gatelint could not check this request: internal error"}, r.Warnings)
	require.EqualValues(t, 1, testutil.ToFloat64(h.Metrics.failures.WithLabelValues("panic")))
}
