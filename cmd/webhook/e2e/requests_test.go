//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRequests makes the kinds of requests that users and controllers make.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	clash := replace(gateway, "HOST", "shop.example.com")
	sub := func(name string, run func(w *world)) {
		t.Run(name, func(t *testing.T) { run(&world{t, w.ns}) })
	}
	sub("dry-run", func(w *world) {
		w.refused(clash, "--dry-run=server")
		line := w.decision("own")
		require.Equal(w, true, line["dryRun"])
	})
	sub("server-side-apply", func(w *world) { w.refused(clash, "--server-side") })
	sub("v1alpha3", func(w *world) { w.refused(replace(clash, "istio.io/v1", "istio.io/v1alpha3")) })
	sub("v1beta1", func(w *world) { w.refused(replace(clash, "istio.io/v1", "istio.io/v1beta1")) })
	sub("generated-name", func(w *world) {
		out, err := kubectl(w.text(replace(clash, "name: own", "generateName: own-")), "create", "-f", "-")
		require.Error(w, err)
		require.Regexp(w, w.text(`gatelint refuses Gateway NS/own-[a-z0-9]{5}, for 1 fault`), out)
	})
	sub("patch", func(w *world) {
		require.NotContains(w, w.apply(replace(gateway, "HOST", "own.example.com")), "Warning")
		out, err := kubectl("", "patch", "gateways.networking.istio.io", "own", "-n", w.ns, "--type=json",
			"-p", `[{"op":"replace","path":"/spec/servers/0/hosts/0","value":"shop.example.com"}]`)
		require.Error(w, err)
		require.Contains(w, out, "gatelint refuses Gateway")
	})
	sub("annotate", func(w *world) {
		out, err := kubectl("", "annotate", "gateways.networking.istio.io", "own", "-n", w.ns, "a=b")
		require.NoError(w, err)
		require.NotContains(w, out, "Warning")
	})
	sub("self-test-of-istiod", func(w *world) {
		selfTest := replace(clash, "name: own, namespace: NS}", `name: self-test, namespace: NS, annotations: {internal.istio.io/webhook-always-reject: "true"}}`)
		require.NotContains(w, w.apply(selfTest, "--dry-run=server"), "Warning")
		w.refused(selfTest) // which is no dry run
	})
	sub("finalizer-of-a-deleted-object", func(w *world) {
		w.apply(replace(replace(gateway, "HOST", "leaving.example.com"), "name: own, namespace: NS}", "name: leaving, namespace: NS, finalizers: [example.com/wait]}"))
		_, err := kubectl("", "delete", "--wait=false", "gateways.networking.istio.io", "leaving", "-n", w.ns)
		require.NoError(w, err)
		_, err = kubectl("", "patch", "gateways.networking.istio.io", "leaving", "-n", w.ns, "--type=json",
			"-p", `[{"op":"replace","path":"/spec/servers/0/hosts/0","value":"shop.example.com"},{"op":"remove","path":"/metadata/finalizers"}]`)
		require.NoError(w, err, "it is never held up")
	})
	sub("a-thousand-routes", func(w *world) {
		var b strings.Builder
		b.WriteString(replace(replace(route, "name: api", "name: large"), "api.example.com", "large.example.com"))
		for i := range 5000 {
			fmt.Fprintf(&b, "  - match: [{uri: {prefix: /p%d/}}]\n    route: [{destination: {host: cart}}]\n", i)
		}
		start := time.Now()
		out, err := kubectl(w.text(b.String()), "create", "--dry-run=server", "-f", "-")
		require.NoError(w, err)
		require.NotContains(w, out, "Warning", "%s after %s", out[:min(len(out), 300)], time.Since(start))
	})
}

// decision is the last line that the webhook logged about an object.
func (w *world) decision(name string) map[string]any {
	w.Helper()
	var last map[string]any
	scan := bufio.NewScanner(strings.NewReader(cluster.hook.logs.String()))
	for scan.Scan() {
		var line map[string]any
		require.NoError(w, json.Unmarshal(scan.Bytes(), &line), "every line is JSON: %s", scan.Text())
		if line["event_type"] == "decision" && line["name"] == name && line["namespace"] == w.ns {
			last = line
		}
	}
	require.NotNil(w, last, "no line about %s", name)
	return last
}

// TestRecords looks at what operators see: one line and the metrics of a decision.
func TestRecords(t *testing.T) {
	w := newWorld(t)
	w.refused(replace(gateway, "HOST", "shop.example.com"))
	line := w.decision("own")
	for key, want := range map[string]any{
		"user": "admin", "kind": "Gateway", "namespace": w.ns, "operation": "CREATE", "dryRun": false,
		"decision": "denied", "allowed": false, "rules": []any{"overlapping-hosts"},
	} {
		require.Equal(t, want, line[key], key)
	}
	require.NotEmpty(t, line["uid"])
	require.Greater(t, line["duration"], 0.0)
	_, page := cluster.hook.get(cluster.hook.metrics)
	require.Contains(t, page, fmt.Sprintf(`gatelint_admission_requests_total{decision="denied",dryrun="false",kind="Gateway",namespace=%q,operation="CREATE"} 1`, w.ns))
	require.Contains(t, page, `gatelint_findings_total{action="deny",rule="overlapping-hosts",severity="error"}`)
	require.Contains(t, page, "gatelint_admission_duration_seconds_bucket")
	require.Contains(t, page, "controller_runtime_webhook_requests_total")
	require.Contains(t, page, `gatelint_rule_duration_seconds_count{rule="overlapping-hosts"}`)
	require.Regexp(t, `gatelint_build_info\{istio="1\.[0-9]+",version=".+"\} 1`, page)
	require.Regexp(t, `gatelint_audit_runs_total\{result="ok"\} 1\n`, page, "it audits as soon as everything is known")
}

const certificateCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: certificates.cert-manager.io}
spec:
  group: cert-manager.io
  names: {kind: Certificate, plural: certificates, singular: certificate, listKind: CertificateList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// TestCRDs lets a kind appear while the webhook runs, and vanish again: what its objects say counts as long as it is there.
func TestCRDs(t *testing.T) {
	w := newWorld(t)
	missing := func() bool {
		server := replace(replace(gateway, "HOST", "made.example.com"), "credentialName: NS", "credentialName: NS-made")
		return strings.Contains(w.apply(server, "--dry-run=server"), "there is no Secret")
	}
	require.True(t, missing())
	_, err := kubectl(certificateCRD, "apply", "-f", "-")
	require.NoError(t, err)
	_, err = kubectl("", "wait", "--for=condition=Established", "crd/certificates.cert-manager.io")
	require.NoError(t, err)
	w.apply("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: NS, namespace: istio-system}\nspec: {secretName: NS-made, dnsNames: [made.example.com]}\n")
	t.Run("appears", func(t *testing.T) {
		require.Eventually(t, func() bool { return !missing() }, 20*time.Second, 200*time.Millisecond)
	})
	t.Run("vanishes", func(t *testing.T) {
		_, err = kubectl("", "delete", "crd", "certificates.cert-manager.io")
		require.NoError(t, err)
		require.Eventually(t, missing, time.Minute, 200*time.Millisecond)
	})
	t.Run("stays-ready", func(t *testing.T) {
		require.NoError(t, cluster.hook.ready())
	})
}
