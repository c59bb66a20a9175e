package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gatelint/gatelint/rules"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Format is what --audit-reports names.
type Format string

const (
	NoReports     Format = "none"
	PolicyReports Format = "policyreport"
	OpenReports   Format = "openreports"
)

var formats = []Format{NoReports, PolicyReports, OpenReports}

const (
	reportName  = "gatelint"
	managedBy   = "app.kubernetes.io/managed-by"
	contentHash = "gatelint.io/content"
	maxResults  = 250  // of one report: etcd takes objects of about a megabyte
	maxMessage  = 1024 // bytes
)

// Reports keeps one report in each namespace that has faults: those of wgpolicyk8s.io and of openreports.io have the same fields.
type Reports struct {
	client dynamic.NamespaceableResourceInterface
	api    schema.GroupVersionResource
	kind   string
}

// NewReports makes a client; nil for NoReports.
func NewReports(config *rest.Config, format Format) (*Reports, error) {
	var r Reports
	switch format {
	case PolicyReports:
		r.api, r.kind = schema.GroupVersionResource{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "policyreports"}, "PolicyReport"
	case OpenReports:
		r.api, r.kind = schema.GroupVersionResource{Group: "openreports.io", Version: "v1alpha1", Resource: "reports"}, "Report"
	default:
		return nil, nil
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for reports: %w", err)
	}
	r.client = client.Resource(r.api)
	return &r, nil
}

// write brings the reports to what was found: those of namespaces without faults go, and what has not changed is not written.
func (r *Reports) write(ctx context.Context, found []rules.Finding, now time.Time) (errs []error) {
	list, err := r.client.List(ctx, metav1.ListOptions{LabelSelector: managedBy + "=" + reportName})
	switch {
	case apierrors.IsNotFound(err):
		return []error{fmt.Errorf("the API server has no %s: install their CRD, or set --audit-reports=none", r.api.GroupResource())}
	case err != nil:
		return []error{fmt.Errorf("listing %s: %w", r.api.GroupResource(), err)}
	}
	byNamespace := map[string][]rules.Finding{}
	for _, f := range found {
		byNamespace[f.Object.Namespace] = append(byNamespace[f.Object.Namespace], f)
	}
	there := map[string]bool{}
	for _, old := range list.Items {
		ns := old.GetNamespace()
		if old.GetName() != reportName {
			continue
		}
		there[ns] = true
		if findings := byNamespace[ns]; len(findings) > 0 {
			err = r.update(ctx, &old, r.report(ns, findings, now))
		} else {
			uid := old.GetUID()
			err = r.client.Namespace(ns).Delete(ctx, reportName, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("keeping the report of namespace %s: %w", ns, err))
		}
	}
	for _, ns := range slices.Sorted(maps.Keys(byNamespace)) {
		if !there[ns] && ns != "" {
			if _, err := r.client.Namespace(ns).Create(ctx, r.report(ns, byNamespace[ns], now), metav1.CreateOptions{}); err != nil {
				errs = append(errs, fmt.Errorf("making a report in namespace %s: %w", ns, err))
			}
		}
	}
	return errs
}

func (r *Reports) update(ctx context.Context, old, report *unstructured.Unstructured) error {
	if old.GetAnnotations()[contentHash] == report.GetAnnotations()[contentHash] {
		return nil
	}
	report.SetResourceVersion(old.GetResourceVersion())
	_, err := r.client.Namespace(old.GetNamespace()).Update(ctx, report, metav1.UpdateOptions{})
	return err
}

// The fields that both kinds of reports have.
type (
	body struct {
		Results []result       `json:"results"`
		Summary map[string]int `json:"summary"`
	}
	result struct {
		Source     string                   `json:"source"`
		Policy     string                   `json:"policy"`
		Category   string                   `json:"category"`
		Severity   string                   `json:"severity,omitempty"` // high, medium, low: older CRDs know no others
		Result     string                   `json:"result"`
		Scored     bool                     `json:"scored"`
		Message    string                   `json:"message"`
		Resources  []corev1.ObjectReference `json:"resources,omitempty"`
		Properties map[string]string        `json:"properties,omitempty"`
		Timestamp  *timestamp               `json:"timestamp,omitempty"`
	}
	timestamp struct {
		Seconds int64 `json:"seconds"`
		Nanos   int32 `json:"nanos"`
	}
)

// report makes the report of a namespace, most severe first. What is beyond its size the last result counts.
func (r *Reports) report(ns string, found []rules.Finding, now time.Time) *unstructured.Unstructured {
	b := body{Summary: map[string]int{"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 0}}
	for i, f := range found {
		x := resultOf(f)
		b.Summary[x.Result]++
		if i < maxResults {
			b.Results = append(b.Results, x)
		}
	}
	if n := len(found) - maxResults; n > 0 {
		b.Summary["skip"]++
		b.Results = append(b.Results, result{
			Source: reportName, Policy: "report-size", Category: category, Result: "skip",
			Message: fmt.Sprintf("and %d more: this report holds the %d most severe, the summary counts all", n, maxResults),
		})
	}
	hash := sha256.Sum256(marshal(b))
	for i := range b.Results {
		b.Results[i].Timestamp = &timestamp{Seconds: now.Unix()}
	}
	var content map[string]any
	if err := json.Unmarshal(marshal(b), &content); err != nil {
		panic(err) // it was marshalled just now
	}
	out := &unstructured.Unstructured{Object: content}
	out.SetGroupVersionKind(r.api.GroupVersion().WithKind(r.kind))
	out.SetNamespace(ns)
	out.SetName(reportName)
	out.SetLabels(map[string]string{managedBy: reportName})
	out.SetAnnotations(map[string]string{contentHash: hex.EncodeToString(hash[:8])})
	return out
}

func marshal(b body) []byte {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // plain values always marshal
	}
	return text
}

const category = "Istio"

func resultOf(f rules.Finding) result {
	x := result{
		Source: reportName, Policy: f.Rule, Category: category, Result: "fail", Severity: "high", Scored: true, Message: clip(f.Message, maxMessage),
		Resources:  []corev1.ObjectReference{reference(f.Object, f.API, f.Source)},
		Properties: map[string]string{"path": f.Pos.Path, "fingerprint": f.Fingerprint},
	}
	switch f.Severity {
	case rules.Warning:
		x.Result, x.Severity = "warn", "medium"
	case rules.Info:
		x.Result, x.Severity = "warn", "low"
	}
	for i, r := range f.Related[:min(len(f.Related), maxEnds)] {
		x.Properties["related-"+strconv.Itoa(i+1)] = clip(place(r.Object, r.Pos.Path), maxMessage)
	}
	return x
}

// ParseReports reads --audit-reports.
func ParseReports(text string) (Format, error) {
	if f := Format(text); slices.Contains(formats, f) {
		return f, nil
	}
	return "", errors.New("use none, policyreport or openreports")
}
