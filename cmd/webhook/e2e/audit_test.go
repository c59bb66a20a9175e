//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// interval is how often the webhooks of these tests audit. What is told counts as in time if it is told before the next audit
// would have ended.
const interval = 2 * time.Second

func launchAuditor(t *testing.T, flags ...string) *process {
	t.Helper()
	p, err := launch(webhookUser, append([]string{"--audit-interval", interval.String()}, flags...)...)
	require.NoError(t, err)
	t.Cleanup(p.kill)
	require.NoError(t, p.ready())
	return p
}

// audited waits for a log line of the audit about one of some objects.
func (w *world) audited(p *process, event, rule string, names ...string) map[string]any {
	w.Helper()
	var found map[string]any
	require.Eventually(w, func() bool {
		found = nil
		for _, line := range p.lines(w.T) {
			if line["event_type"] == event && line["rule"] == rule && slices.Contains(names, fmt.Sprint(line["name"])) && strings.Contains(fmt.Sprint(line), w.ns) {
				found = line
			}
		}
		return found != nil
	}, 2*interval+3*time.Second, 50*time.Millisecond, "no %s of %s about %s", event, rule, names)
	return found
}

func (p *process) lines(t *testing.T) (out []map[string]any) {
	scan := bufio.NewScanner(strings.NewReader(p.logs.String()))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var line map[string]any
		require.NoError(t, json.Unmarshal(scan.Bytes(), &line), "every line is JSON: %s", scan.Text())
		out = append(out, line)
	}
	return out
}

func (w *world) delete(args ...string) {
	w.Helper()
	_, err := kubectl("", append([]string{"delete"}, args...)...)
	require.NoError(w, err)
}

// part gives the document of a world's beginning that has a text.
func part(text string) string {
	for _, doc := range strings.Split(base, "\n---\n") {
		if strings.Contains(doc, text) {
			return doc
		}
	}
	panic(text)
}

// TestAudit takes away what no webhook watches over, and brings what none was asked about.
func TestAudit(t *testing.T) {
	w := newWorld(t)
	p := launchAuditor(t)
	t.Run("a-secret-disappears", func(t *testing.T) {
		w := &world{t, w.ns}
		w.delete("secret", w.ns, "-n", "istio-system")
		line := w.audited(p, "violation_audited", "missing-credential", w.ns)
		require.Equal(t, "istio-system", line["namespace"])
		require.Equal(t, "spec.servers[1].tls.credentialName", line["path"])
		require.NotEmpty(t, line["audit_id"])
		w.apply(part("kind: Secret"))
		w.audited(p, "violation_resolved", "missing-credential", w.ns)
	})
	t.Run("a-service-disappears", func(t *testing.T) {
		w := &world{t, w.ns}
		w.delete("service", "cart", "-n", w.ns)
		line := w.audited(p, "violation_audited", "unknown-host", "web")
		require.Equal(t, "error", line["severity"])
		require.Equal(t, "proven", line["evidence"])
		metric := fmt.Sprintf("gatelint_audit_findings{namespace=%q,rule=\"unknown-host\",severity=\"error\"} 1\n", w.ns)
		_, page := p.get(p.metrics)
		require.Contains(t, page, metric)
		require.Regexp(t, `gatelint_audit_last_run_timestamp_seconds 1\.[0-9]+e\+09`, page)
		require.Regexp(t, `gatelint_audit_last_run_duration_seconds [0-9]`, page)
		require.Regexp(t, `gatelint_audit_runs_total\{result="ok"\} [1-9]`, page)
		require.NotContains(t, page, "gatelint_audit_errors_total{stage=\"event\"} 1")

		var out string
		require.Eventually(t, func() bool {
			var err error
			out, err = kubectl("", "get", "events", "-n", w.ns)
			require.NoError(t, err)
			return strings.Contains(out, "UnknownHost")
		}, 5*time.Second, 100*time.Millisecond, out)
		require.Regexp(t, `Warning +UnknownHost +virtualservice/web +spec.http\[0\].route\[0\].destination.host: .*\[unknown-host\]`, out)
		out, err := kubectl("", append(strings.Fields(aboutAudits[0])[1:], "-n", w.ns)...)
		require.NoError(t, err)
		require.Regexp(t, `Warning +UnknownHost .*gatelint.io/audit`, out)

		w.apply(part("name: cart, namespace: NS}\nspec:\n  clusterIP"))
		w.audited(p, "violation_resolved", "unknown-host", "web")
		_, page = p.get(p.metrics)
		require.NotContains(t, page, strings.TrimSuffix(metric, " 1\n"), "what is gone is no series any more")
	})
	t.Run("two-that-clash-at-the-same-time", func(t *testing.T) {
		w := &world{t, w.ns}
		mine, other := replace(gateway, "HOST", "clash.example.com"), replace(gateway, "name: own", "name: other")
		w.unasked(func() { w.apply(mine + "\n---" + replace(other, "HOST", "clash.example.com")) })
		line := w.audited(p, "violation_audited", "overlapping-hosts", "own", "other") // the younger, if a second has begun between them
		pair := fmt.Sprint(line["name"], line["related"], line["message"])
		require.Contains(t, pair, "own")
		require.Contains(t, pair, w.ns+"/other", "both are named")
		w.seen()
		for _, name := range []string{"own", "other"} {
			out, err := kubectl("", "label", "gateways.networking.istio.io", name, "-n", w.ns, "team=shop")
			require.NoError(t, err)
			require.Contains(t, out, "Warning: there before: ")
			require.Contains(t, out, "[overlapping-hosts]")
		}
	})
}

// unasked does something while the API server asks no webhook.
func (w *world) unasked(do func()) {
	w.Helper()
	config, err := kubectl("", "get", "validatingwebhookconfiguration", "gatelint-webhook", "-o", "json")
	require.NoError(w, err)
	probe := func() bool {
		_, err := kubectl(w.text(replace(gateway, "HOST", "shop.example.com")), "create", "--dry-run=server", "-f", "-")
		return err != nil
	}
	w.delete("validatingwebhookconfiguration", "gatelint-webhook")
	defer func() {
		_, err := kubectl(config, "apply", "-f", "-")
		require.NoError(w, err)
		require.Eventually(w, func() bool {
			_, err := kubectl(w.text(replace(replace(gateway, "name: own", "name: probe"), "HOST", "shop.example.com")), "create", "--dry-run=server", "-f", "-")
			return err != nil
		}, 20*time.Second, 100*time.Millisecond, "the webhook is asked again")
	}()
	require.Eventually(w, func() bool { return !probe() }, 20*time.Second, 100*time.Millisecond, "the webhook is not asked any more")
	do()
}

// reportCRD is what both kinds of reports have in common, and no more: what it does not have is refused.
const reportCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: PLURAL.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {kind: KIND, listKind: KINDList, plural: PLURAL, singular: SINGULAR}
  versions:
  - name: VERSION
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          summary:
            type: object
            properties: {pass: {type: integer}, fail: {type: integer}, warn: {type: integer}, error: {type: integer}, skip: {type: integer}}
          results:
            type: array
            items:
              type: object
              required: [policy]
              properties:
                source: {type: string}
                policy: {type: string}
                category: {type: string}
                severity: {type: string, enum: [high, medium, low]}
                result: {type: string, enum: [pass, fail, warn, error, skip]}
                scored: {type: boolean}
                message: {type: string}
                timestamp: {type: object, required: [seconds, nanos], properties: {seconds: {type: integer, format: int64}, nanos: {type: integer, format: int32}}}
                properties: {type: object, additionalProperties: {type: string}}
                resources:
                  type: array
                  items:
                    type: object
                    properties: {apiVersion: {type: string}, kind: {type: string}, namespace: {type: string}, name: {type: string}, uid: {type: string}}
`

// TestReports has the audit keep reports: without the CRD it says so and goes on, with it there is one in each namespace that has
// faults, and none where they are gone.
func TestReports(t *testing.T) {
	for format, api := range map[string][]string{
		"policyreport": {"GROUP", "wgpolicyk8s.io", "VERSION", "v1alpha2", "PLURAL", "policyreports", "SINGULAR", "policyreport", "KIND", "PolicyReport"},
		"openreports":  {"GROUP", "openreports.io", "VERSION", "v1alpha1", "PLURAL", "reports", "SINGULAR", "report", "KIND", "Report"},
	} {
		t.Run(format, func(t *testing.T) {
			w := newWorld(t)
			// The chart's role is there before the CRD: a resource that cannot be asked for is refused, not missing.
			used := w.grantReports(format, api[1])
			p := launchAuditor(t, "--audit-reports", format)
			resource := api[5] + "." + api[1]
			missing := func() bool {
				_, page := p.get(p.metrics)
				return strings.Contains(p.logs.String(), "the API server has no "+resource+": install their CRD") && strings.Contains(page, `gatelint_audit_errors_total{stage="report"}`)
			}
			require.Eventually(t, missing, 3*interval, 50*time.Millisecond, p.logs)
			w.delete("service", "cart", "-n", w.ns)
			w.audited(p, "violation_audited", "unknown-host", "web")

			_, err := kubectl(strings.NewReplacer(api...).Replace(reportCRD), "apply", "-f", "-")
			require.NoError(t, err)
			var report struct {
				Metadata struct{ Generation int64 }
				Summary  map[string]int
				Results  []struct {
					Source, Policy, Category, Result, Severity, Message string

					Scored     bool
					Resources  []struct{ APIVersion, Kind, Namespace, Name, UID string }
					Properties map[string]string
					Timestamp  struct{ Seconds int64 }
				}
			}
			get := func() bool {
				out, err := kubectl("", "get", resource, "gatelint", "-n", w.ns, "-o", "json")
				if err != nil {
					return false
				}
				require.NoError(t, json.Unmarshal([]byte(out), &report))
				return true
			}
			require.Eventually(t, get, 4*interval, 100*time.Millisecond, p.logs)
			require.Len(t, report.Results, report.Summary["fail"]+report.Summary["warn"])
			first := report.Results[0]
			require.Equal(t, []string{"gatelint", "unknown-host", "Istio", "fail", "high"}, []string{first.Source, first.Policy, first.Category, first.Result, first.Severity})
			require.True(t, first.Scored)
			require.Contains(t, first.Message, "cart")
			require.Equal(t, "spec.http[0].route[0].destination.host", first.Properties["path"])
			require.Less(t, time.Since(time.Unix(first.Timestamp.Seconds, 0)), time.Minute)
			uid, err := kubectl("", "get", "virtualservice", "web", "-n", w.ns, "-o", "jsonpath={.metadata.uid}")
			require.NoError(t, err)
			require.Equal(t, "networking.istio.io/v1 VirtualService "+w.ns+" web "+uid, strings.Trim(fmt.Sprint(first.Resources[0]), "{}"))
			generation := report.Metadata.Generation
			time.Sleep(interval + interval/2)
			require.True(t, get())
			require.Equal(t, generation, report.Metadata.Generation, "what has not changed is not written")

			w.delete("destinationrule", "cart", "-n", w.ns)
			require.Eventually(t, func() bool { return get() && report.Metadata.Generation > generation }, 3*interval, 100*time.Millisecond, "another fault")
			w.apply(part("name: cart, namespace: NS}\nspec:\n  clusterIP"))
			w.apply(part("name: cart, namespace: NS}\nspec:\n  host"))
			require.Eventually(t, func() bool { return !get() }, 3*interval, 100*time.Millisecond, "the report of a namespace without faults goes")
			codes := map[permission]int{}
			for p, code := range askedFor(t, webhookUser) {
				p.namespace, p.name = "", "" // it is granted for all
				codes[p] = code
			}
			for _, p := range used {
				require.Equal(t, 2, codes[p]/100, "nobody uses: %v", p)
			}

			w.delete("destinationrule", "cart", "-n", w.ns)
			require.Eventually(t, get, 3*interval, 100*time.Millisecond)
			p.kill()
			_, err = kubectl("", strings.Fields(replace(aboutAudits[1], "policyreports", resource))[1:]...)
			require.NoError(t, err)
			require.False(t, get(), "what is left is told to be taken away so")
		})
	}
}

// grantReports grants the webhook of all tests what the chart's role for reports does, and lists it.
func (w *world) grantReports(format, group string) (out []permission) {
	c, err := release(w.ns, w.text("fullnameOverride: NS\naudit: {reports: "+format+"}\n"))
	require.NoError(w, err)
	role := rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"}, ObjectMeta: metav1.ObjectMeta{Name: "gatelint-" + format}}
	for _, r := range c.roles(w.T) {
		for _, p := range granted(w.T, r) {
			if p.group == group {
				out = append(out, p)
				role.Rules = append(role.Rules, p.rule())
			}
		}
	}
	require.Len(w, out, 4)
	text, err := json.Marshal(role)
	require.NoError(w, err)
	_, err = kubectl(string(text), "apply", "-f", "-")
	require.NoError(w, err)
	_, err = kubectl("", "create", "clusterrolebinding", role.Name, "--clusterrole", role.Name, "--user", webhookUser)
	require.NoError(w, err)
	return out
}

// TestLeader runs two replicas: one of them audits, and when it goes the other does.
func TestLeader(t *testing.T) {
	_, err := kubectl(`
apiVersion: v1
kind: Namespace
metadata: {name: leading}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: gatelint-leader, namespace: leading}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}
- {apiGroups: [""], resources: [events], verbs: [create]} # who leads
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: gatelint-leader, namespace: leading}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: gatelint-leader}
subjects: [{kind: User, name: "system:serviceaccount:gatelint-system:gatelint-webhook"}]
`, "apply", "-f", "-")
	require.NoError(t, err)
	flags := []string{"--leader-elect", "--namespace", "leading"}
	audits := func(p *process) bool { return strings.Contains(p.logs.String(), `"event_type":"audit_finished"`) }
	first := launchAuditor(t, flags...)
	require.Eventually(t, func() bool { return audits(first) }, 20*time.Second, 100*time.Millisecond)
	second := launchAuditor(t, flags...)
	time.Sleep(2 * interval)
	require.False(t, audits(second), "one audits")
	require.True(t, second.review(t, review("Sidecar", healthy)).Allowed, "both answer")
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return audits(second) }, 30*time.Second, 100*time.Millisecond, "the other one takes over")
	require.NotContains(t, first.logs.String()+second.logs.String(), "forbidden")
}
