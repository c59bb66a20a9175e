//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
)

// post sends a body to the webhook; 0 if there is no HTTP answer.
func (p *process) post(t *testing.T, contentType, query string, body []byte) (int, string) {
	t.Helper()
	r, err := p.client.Post(p.url+query, contentType, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(text)
}

// review is an AdmissionReview for the creation of an object.
func review(kind, object string) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","namespace":"default",
"kind":{"group":"networking.istio.io","version":"v1","kind":%q},"object":%s}}`, kind, object)
}

const healthy = `{"apiVersion":"networking.istio.io/v1","kind":"Sidecar","metadata":{"name":"s","namespace":"default"},"spec":{}}`

func (p *process) review(t *testing.T, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	status, text := p.post(t, "application/json", "?timeout=5s", body)
	require.Equal(t, 200, status, text)
	var answer admissionv1.AdmissionReview
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	require.Equal(t, "admission.k8s.io/v1", answer.APIVersion)
	require.EqualValues(t, "u", answer.Response.UID)
	return answer.Response
}

// malformedRequests sends what no API server sends: each gets a clear error, and the next good request its answer.
func malformedRequests(t *testing.T) {
	p := cluster.hook
	panics := strings.Count(p.logs.String(), `"event_type":"panic"`)
	good := review("Sidecar", healthy)
	for _, c := range []struct {
		name, contentType string
		body              []byte
		status            int
		text              string
	}{
		{"empty-body", "application/json", nil, 400, "the body is empty"},
		{"no-json", "application/json", []byte("{"), 400, "the body is no AdmissionReview"},
		{"another-kind", "application/json", []byte(`{"apiVersion":"v1","kind":"Pod"}`), 400, `the body is "Pod" of "v1", not an AdmissionReview`},
		{"another-version", "application/json", bytes.Replace(good, []byte("k8s.io/v1"), []byte("k8s.io/v1beta1"), 1), 400, "admission.k8s.io/v1beta1"},
		{"no-request", "application/json", []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`), 400, "has no request"},
		{"no-uid", "application/json", bytes.Replace(good, []byte(`"uid":"u"`), []byte(`"uid":""`), 1), 400, "has no uid"},
		{"wrong-types", "application/json", []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":7}`), 400, "the body is no AdmissionReview"},
		{"yaml", "application/yaml", good, 415, `content type "application/yaml"`},
		{"no-content-type", "", good, 415, `content type ""`},
		{"oversized-body", "application/json", append(bytes.Repeat([]byte(" "), 8<<20), good...), 413, "the body is larger than 7340032 bytes"},
		{"deep", "application/json", []byte(strings.Repeat("[", 1<<20)), 400, "the body is no AdmissionReview"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text := p.post(t, c.contentType, "", c.body)
			require.Equal(t, c.status, status, text)
			require.Contains(t, text, c.text)
			require.True(t, p.review(t, good).Allowed)
		})
	}
	t.Run("get", func(t *testing.T) {
		status, text := p.get(p.url)
		require.Equal(t, http.StatusMethodNotAllowed, status, text)
	})
	t.Run("another-path", func(t *testing.T) {
		status, _ := p.get(p.url + "/no")
		require.Equal(t, http.StatusNotFound, status)
	})
	t.Run("plain-http", func(t *testing.T) {
		status, text := p.get(strings.Replace(p.url, "https", "http", 1))
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, text, "HTTP request to an HTTPS server")
	})
	t.Run("no-tls-at-all", func(t *testing.T) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write(bytes.Repeat([]byte{0}, 100))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.ReadAll(conn)
		require.True(t, err == nil || strings.Contains(err.Error(), "reset"), "the connection is closed: %v", err)
	})
	t.Run("unknown-kind", func(t *testing.T) {
		r := p.review(t, review("Pod", `{"apiVersion":"v1","kind":"Pod"}`))
		require.True(t, r.Allowed)
		require.Empty(t, r.Warnings)
	})
	for name, object := range map[string]string{
		"object-is-null":   "null",
		"object-is-a-list": "[]",
		"object-is-empty":  "{}",
		"wrong-metadata":   `{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"deletionTimestamp":7}}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := p.review(t, review("Gateway", object))
			require.True(t, r.Allowed)
			require.Len(t, r.Warnings, 1)
			require.Contains(t, r.Warnings[0], "gatelint could not check this request: reading object: ")
		})
	}
	t.Run("a-timeout-that-is-none", func(t *testing.T) {
		for _, query := range []string{"?timeout=x", "?timeout=-1s", "?timeout="} {
			status, text := p.post(t, "application/json", query, good)
			require.Equal(t, 200, status, text)
			require.Contains(t, text, `"allowed":true`)
		}
	})
	t.Run("no-time-left", func(t *testing.T) {
		status, text := p.post(t, "application/json", "?timeout=1ns", good)
		require.Equal(t, 200, status, text)
		require.Contains(t, text, "gatelint could not check this request in time")
		require.Contains(t, text, `"allowed":true`)
	})
	t.Run("counted", func(t *testing.T) {
		_, page := p.get(p.metrics)
		require.Regexp(t, `gatelint_admission_malformed_total\{code="415"\} 2`, page)
		require.Regexp(t, `gatelint_admission_failures_total\{reason="deadline"\} [1-9]`, page)
		require.Regexp(t, `gatelint_admission_failures_total\{reason="unreadable"\} 4`, page)
		require.NotContains(t, page, `kind="Pod"`, "a caller makes up no label")
	})
	require.Equal(t, panics, strings.Count(p.logs.String(), `"event_type":"panic"`))
	require.Contains(t, p.logs.String(), "client sent an HTTP request to an HTTPS server")
}

// unready starts a webhook that may read nothing: it is alive, never ready, and answers by its failure mode.
func unready(t *testing.T) {
	for mode, allowed := range map[string]bool{"allow": true, "deny": false} {
		t.Run(mode, func(t *testing.T) {
			p, err := launch("nobody", "--failure-mode", mode)
			require.NoError(t, err)
			defer p.kill()
			require.Eventually(t, func() bool { status, _ := p.get(p.health + "/healthz"); return status == 200 }, 20*time.Second, 100*time.Millisecond)
			require.Eventually(t, func() bool { return strings.Contains(p.logs.String(), "a kind cannot be listed") }, 20*time.Second, 100*time.Millisecond)
			status, text := p.get(p.health + "/readyz?verbose=1")
			require.Equal(t, 500, status)
			require.Contains(t, text, "[+]tls ok")
			require.Contains(t, text, "[-]objects failed")
			r := p.review(t, review("Sidecar", healthy))
			require.Equal(t, allowed, r.Allowed)
			if allowed {
				require.Contains(t, strings.Join(r.Warnings, ""), "gatelint could not check this request: the cluster's objects are not known yet: not listed yet: ")
			} else {
				require.Contains(t, r.Result.Message, "gatelint could not check this request")
			}
			selfTest := review("Gateway", `{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"x","annotations":{"internal.istio.io/webhook-always-reject":"true"}}}`)
			r = p.review(t, bytes.Replace(selfTest, []byte(`"uid":"u"`), []byte(`"uid":"u","dryRun":true`), 1))
			require.True(t, r.Allowed, "istiod would take a denial for its own")
		})
	}
}

// TestShutdown ends a webhook: it is unready at once, and answers until the Service has forgotten it.
func TestShutdown(t *testing.T) {
	p, err := launch("system:serviceaccount:gatelint-system:gatelint-webhook", "--shutdown-delay", "3s")
	require.NoError(t, err)
	defer p.kill()
	require.NoError(t, p.ready())
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { status, _ := p.get(p.health + "/readyz"); return status == 500 }, 2*time.Second, 20*time.Millisecond)
	require.True(t, p.review(t, review("Sidecar", healthy)).Allowed)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		require.Fail(t, "it does not end")
	}
	require.Equal(t, 0, p.cmd.ProcessState.ExitCode(), p.logs.String())
}
