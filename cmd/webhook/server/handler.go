// Package server answers the API server's AdmissionReviews over HTTP.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatelint/gatelint/cmd/webhook/admission"
	"github.com/gatelint/gatelint/rules/settings"
	admissionv1 "k8s.io/api/admission/v1"
)

// maxBody is more than the API server sends: two objects of the size that etcd takes.
const maxBody = 7 << 20

// defaultTimeout is the API server's when it states none.
const defaultTimeout = 10 * time.Second

// Handler answers AdmissionReviews. What is no review gets an HTTP error, so that the failurePolicy decides.
type Handler struct {
	Engine   *admission.Engine
	Basis    *atomic.Pointer[Basis]
	Ready    func() error // nil once requests can be judged
	FailDeny bool         // deny what cannot be judged; else it is allowed with a warning
	Margin   time.Duration
	Settle   time.Duration // how long the watches may lag behind what was applied just before
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  *Metrics
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.Now()
	// Where deadlines are not supported, as in tests, nobody sends a body byte by byte.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(defaultTimeout))
	review, status, err := readReview(w, r)
	if err != nil {
		h.Metrics.refused(status)
		h.Log.Warn("a request is no AdmissionReview", "event_type", "malformed", "status", status, "error", err.Error())
		http.Error(w, "gatelint: "+err.Error(), status)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeLeft(r, h.Margin))
	defer cancel()
	d := h.decide(ctx, review.Request)
	review.Response = d.Response
	h.record(review.Request, d, h.Now().Sub(start))
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		h.Log.Warn("the answer could not be sent", "error", err.Error())
	}
}

// readReview reads a review; status is the HTTP status of what is none.
func readReview(w http.ResponseWriter, r *http.Request) (review *admissionv1.AdmissionReview, status int, err error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, http.StatusMethodNotAllowed, fmt.Errorf("method %q: AdmissionReviews are posted", r.Method)
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("content type %q: AdmissionReviews are application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("reading the body: %w", err)
	}
	review = &admissionv1.AdmissionReview{}
	switch err := json.Unmarshal(body, review); {
	case len(body) == 0:
		return nil, http.StatusBadRequest, errors.New("the body is empty")
	case err != nil:
		return nil, http.StatusBadRequest, fmt.Errorf("the body is no AdmissionReview: %w", err)
	case review.Kind != "AdmissionReview" || review.APIVersion != "admission.k8s.io/v1":
		return nil, http.StatusBadRequest, fmt.Errorf("the body is %q of %q, not an AdmissionReview of admission.k8s.io/v1", review.Kind, review.APIVersion)
	case review.Request == nil:
		return nil, http.StatusBadRequest, errors.New("the AdmissionReview has no request")
	case review.Request.UID == "":
		return nil, http.StatusBadRequest, errors.New("the request of the AdmissionReview has no uid")
	}
	return review, http.StatusOK, nil
}

// timeLeft is the time in which an answer still reaches the API server, which says its own in the URL.
func timeLeft(r *http.Request, margin time.Duration) time.Duration {
	total, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || total <= 0 {
		total = defaultTimeout
	}
	return total - min(margin, total/2)
}

// decide answers in time, whatever happens.
func (h *Handler) decide(ctx context.Context, req *admissionv1.AdmissionRequest) admission.Decision {
	done := make(chan admission.Decision, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				h.Log.Error("a panic", "event_type", "panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				done <- h.failed(req, "panic", errors.New("internal error"))
			}
		}()
		d, err := h.settled(ctx, req)
		if err != nil {
			d = h.failed(req, reason(err), err)
		}
		done <- d
	}()
	select {
	case d := <-done:
		return d
	case <-ctx.Done():
		return h.failed(req, "deadline", ctx.Err())
	}
}

// settled decides, and once more if it found fault and more objects arrive: kubectl applies a Service and what refers to it within
// milliseconds, and the watches see them a little later.
func (h *Handler) settled(ctx context.Context, req *admissionv1.AdmissionRequest) (admission.Decision, error) {
	config := h.config()
	config.Now, config.Unready = h.Now(), h.Ready()
	version := h.Engine.Version()
	d, err := admission.Decide(ctx, config, req)
	if err != nil || !slices.ContainsFunc(d.Faults, func(f settings.Fault) bool { return !f.Old }) {
		return d, err
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < 2*h.Settle {
		return d, nil
	}
	time.Sleep(h.Settle)
	if h.Engine.Version() == version {
		return d, nil
	}
	return admission.Decide(ctx, config, req)
}

func (h *Handler) config() admission.Config {
	b := h.Basis.Load()
	return admission.Config{Engine: h.Engine, Settings: b.Settings, Policies: b.Policies}
}

func reason(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, admission.ErrUnready):
		return "unready"
	}
	return "unreadable"
}

// failed answers what could not be judged, as the failure mode says; what could not be denied in any case is allowed.
func (h *Handler) failed(req *admissionv1.AdmissionRequest, reason string, err error) admission.Decision {
	h.Metrics.failures.WithLabelValues(reason).Inc()
	text := "gatelint could not check this request: " + err.Error()
	if reason == "deadline" {
		text = "gatelint could not check this request in time"
	}
	d := admission.Decision{Outcome: admission.Failed, Err: err, Response: admission.Warned(req, text)}
	if h.FailDeny && h.config().Deniable(req) {
		d.Response = admission.Refused(req, text)
	}
	return d
}

// record writes the one line and the metrics of a decision.
func (h *Handler) record(req *admissionv1.AdmissionRequest, d admission.Decision, took time.Duration) {
	h.Metrics.observe(req, d, h.Engine, took)
	var names []string
	for _, f := range d.Faults {
		if !slices.Contains(names, f.Rule) {
			names = append(names, f.Rule)
		}
	}
	args := []any{
		"event_type", "decision", "uid", string(req.UID), "user", req.UserInfo.Username, "kind", req.Kind.Kind,
		"namespace", req.Namespace, "name", req.Name, "operation", string(req.Operation), "dryRun", req.DryRun != nil && *req.DryRun,
		"decision", string(d.Outcome), "allowed", d.Response.Allowed, "rules", names, "duration", took.Seconds(),
	}
	if d.Err != nil {
		args = append(args, "error", d.Err.Error())
	}
	for rule, stack := range d.Broken {
		h.Log.Error("a rule panicked: its findings are left out", "event_type", "panic", "rule", rule, "stack", stack)
	}
	for policy, why := range d.Failed {
		h.Log.Warn("a policy could not be evaluated to its end", "event_type", "policy_failed", "policy", policy, "error", why)
	}
	h.Log.Info("decision", args...)
}
