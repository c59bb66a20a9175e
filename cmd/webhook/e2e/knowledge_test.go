//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestKnowledge holds "missing" to what is listed: where something can exist unseen, nothing is said.
func TestKnowledge(t *testing.T) {
	w := newWorld(t)
	says := func(text, fault string) func() bool {
		return func() bool { return strings.Contains(w.apply(text, "--dry-run=server"), fault) }
	}
	eventually := func(t *testing.T, f func() bool) {
		t.Helper()
		require.Eventually(t, f, 20*time.Second, 200*time.Millisecond)
	}
	nowhere := route + "  - route: [{destination: {host: nowhere}}]"

	t.Run("a-service-in-another-cluster", func(t *testing.T) {
		// What is proven to be missing is denied by a strict webhook, what is only suspect is not.
		p, err := launch(webhookUser, "--config", config(t, "version: 1\nadmission: {enforcement: strict}\n"))
		require.NoError(t, err)
		defer p.kill()
		require.NoError(t, p.ready())
		raw := w.object(nowhere)
		denied := func() bool { return !p.review(t, review("VirtualService", raw)).Allowed }
		require.True(t, denied())
		w.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: NS-remote, namespace: istio-system, labels: {istio/multiCluster: \"true\"}}\n")
		eventually(t, func() bool { return !denied() })
		_, err = kubectl("", "delete", "secret", "-n", "istio-system", w.ns+"-remote")
		require.NoError(t, err)
		eventually(t, denied)
	})
	t.Run("secrets-of-a-namespace-that-is-not-read", func(t *testing.T) {
		w := &world{t, w.ns}
		w.apply(replace(replace(base[:strings.Index(base, "---")], "namespace: istio-system", "namespace: NS"), "istio: NS", "istio: NS-own"))
		w.seen()
		own := replace(replace(gateway, "HOST", "own.example.com"), "{istio: NS}", "{istio: NS-own}")
		require.NotContains(t, w.apply(replace(own, "credentialName: NS", "credentialName: unseen"), "--dry-run=server"), "Warning")
	})
	t.Run("an-envoy-filter", func(t *testing.T) { // it may change any route, so that no rule is known to be shadowed
		w := &world{t, w.ns}
		shadowed := route + "  - match: [{uri: {prefix: /a}}]\n    redirect: {uri: /}\n  - match: [{uri: {prefix: /a/b}}]\n    route: [{destination: {host: cart}}]\n"
		require.True(t, says(shadowed, "[shadowed-match]")())
		w.apply("apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: NS, namespace: istio-system}\n" +
			"spec: {workloadSelector: {labels: {istio: NS}}, configPatches: [{applyTo: HTTP_ROUTE, match: {context: GATEWAY}, patch: {operation: REMOVE}}]}\n")
		eventually(t, func() bool { return !says(shadowed, "[shadowed-match]")() })
		_, err := kubectl("", "delete", "envoyfilter", "-n", "istio-system", w.ns)
		require.NoError(t, err)
		eventually(t, says(shadowed, "[shadowed-match]"))
	})
	t.Run("the-mesh-config", func(t *testing.T) {
		w := &world{t, w.ns}
		w.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: \"defaultServiceExportTo: ['.']\"}\n")
		elsewhere := replace(replace(route, "namespace: NS}", "namespace: default}"), "name: api", "name: NS") + "  - route: [{destination: {host: cart.NS.svc.cluster.local}}]"
		const fault = "is not exported to gateway workload"
		eventually(t, says(elsewhere, fault))
		// It lies where istiod runs, not where mesh-wide objects do.
		p, err := launch(webhookUser, "--config", config(t, "version: 1\nistio: {rootNamespace: istio-config}\n"))
		require.NoError(t, err)
		defer p.kill()
		require.NoError(t, p.ready())
		require.Contains(t, strings.Join(p.review(t, review("VirtualService", w.object(elsewhere))).Warnings, "\n"), fault)
		_, err = kubectl("", "delete", "configmap", "-n", "istio-system", "istio")
		require.NoError(t, err)
		eventually(t, func() bool { return !says(elsewhere, fault)() })
	})
}

// object is a manifest as the API server would send it.
func (w *world) object(text string) string {
	w.Helper()
	object := map[string]any{}
	require.NoError(w, yaml.Unmarshal([]byte(w.text(text)), &object))
	object["metadata"].(map[string]any)["creationTimestamp"] = time.Now().UTC().Format(time.RFC3339)
	raw, err := json.Marshal(object)
	require.NoError(w, err)
	return string(raw)
}

// config writes a config file.
func config(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gatelint.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

const webhookUser = "system:serviceaccount:gatelint-system:gatelint-webhook"

// TestConfig starts webhooks with a config of their own.
func TestConfig(t *testing.T) {
	w := newWorld(t)
	t.Run("warn", func(t *testing.T) {
		p, err := launch(webhookUser, "--config", config(t, "version: 1\nadmission: {enforcement: warn}\n"))
		require.NoError(t, err)
		defer p.kill()
		require.NoError(t, p.ready())
		r := p.review(t, review("Gateway", w.object(replace(gateway, "HOST", "shop.example.com"))))
		require.True(t, r.Allowed)
		require.Len(t, r.Warnings, 1)
		require.Contains(t, r.Warnings[0], "[overlapping-hosts]")
		require.Equal(t, "would_deny", r.AuditAnnotations["decision"])
		_, page := p.get(p.metrics)
		require.Contains(t, page, `decision="would_deny"`)
		require.Contains(t, page, `gatelint_suppressions_total{by="warn",rule="overlapping-hosts"} 1`)
	})
	t.Run("no-certificate", func(t *testing.T) {
		p, err := launch(webhookUser, "--cert-dir", t.TempDir())
		require.NoError(t, err)
		<-p.done
		require.Equal(t, 1, p.cmd.ProcessState.ExitCode())
		require.Contains(t, p.logs.String(), "reading the certificate: open ")
	})
	t.Run("with-a-mistake", func(t *testing.T) {
		file := config(t, "version: 1\nadmission: {enforcment: warn}\n")
		p, err := launch(webhookUser, "--config", file)
		require.NoError(t, err)
		defer p.kill()
		select {
		case <-p.done:
		case <-time.After(20 * time.Second):
			require.Fail(t, "it runs")
		}
		require.Equal(t, 1, p.cmd.ProcessState.ExitCode())
		require.Contains(t, p.logs.String(), file+`:2:13: unknown key \"enforcment\" under admission; did you mean \"enforcement\"?`)
	})
	for text, flags := range map[string][]string{
		`--failure-mode "maybe": use allow or deny`:            {"--failure-mode", "maybe"},
		"--self-signed needs --namespace, where its Secret is": {"--self-signed"},
		"--cert-validity 0s: use a time greater than zero":     {"--cert-validity", "0s", "--self-signed", "--namespace", "x"},
	} {
		t.Run("a-mistake-with"+flags[0], func(t *testing.T) {
			p, err := launch(webhookUser, flags...)
			require.NoError(t, err)
			<-p.done
			require.Equal(t, 2, p.cmd.ProcessState.ExitCode())
			require.Contains(t, p.logs.String(), text)
		})
	}
}
