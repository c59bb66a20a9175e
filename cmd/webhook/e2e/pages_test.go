//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/fixtures/apiserver"
	"github.com/gatelint/gatelint/fixtures/guide"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// reader does what the pages say to do with helm and kubectl, in a shell, on a cluster of its own. Pods do not run there: a process has
// the flags, the settings and the policies that the API server holds for them, and stands at webhook.url.
type reader struct {
	dir  string // a folder as of a clone
	env  []string
	port int
}

func newReader(t *testing.T) *reader {
	t.Setenv("KUBEBUILDER_ASSETS", os.Getenv("KUBEBUILDER_ASSETS")) // Start names others
	others := cluster
	cluster.dir, cluster.env, cluster.hook = t.TempDir(), nil, nil
	t.Cleanup(func() {
		if cluster.hook != nil {
			cluster.hook.kill()
		}
		if cluster.env != nil {
			_ = cluster.env.Stop() // what is left ends with the tests
		}
		cluster = others
	})
	var err error
	cluster.env, cluster.kubeconfig, err = apiserver.Start(cluster.dir)
	require.NoError(t, err)
	cluster.ca, err = certificate(certs())
	require.NoError(t, err)
	bin, err := apiserver.Helm()
	require.NoError(t, err)
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	ports, err := freePorts(1)
	require.NoError(t, err)
	r := &reader{dir: t.TempDir(), port: ports[0]}
	require.NoError(t, os.Symlink(filepath.Join(root, "cmd"), filepath.Join(r.dir, "cmd")))
	r.env = append(os.Environ(), "KUBECONFIG="+cluster.kubeconfig, "HOME="+t.TempDir(),
		"PATH="+strings.Join([]string{bin, os.Getenv("KUBEBUILDER_ASSETS"), os.Getenv("PATH")}, string(os.PathListSeparator)))
	return r
}

// try runs a command as it stands on a page.
func (r *reader) try(command string) (string, error) {
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r *reader) run(t *testing.T, command string) string {
	t.Helper()
	out, err := r.try(command)
	require.NoError(t, err, "%s: %s", command, out)
	return out
}

// roll replaces the process, as the Deployment's pods are replaced.
func (r *reader) roll(t *testing.T) {
	t.Helper()
	if cluster.hook != nil {
		cluster.hook.kill()
	}
	var text []string
	for _, object := range []string{"deployment/gatelint-webhook", "configmap/gatelint-webhook"} {
		out, err := kubectl("", "get", object, "-n", "gatelint-system", "-o", "json")
		require.NoError(t, err)
		text = append(text, out)
	}
	c, err := parse(strings.Join(text, "\n"))
	require.NoError(t, err)
	flags, err := c.flags()
	require.NoError(t, err)
	cluster.variables = c.variables()
	for i, flag := range flags {
		if name, ok := strings.CutPrefix(flag, "--policy=/etc/gatelint-policies/"); ok {
			flags[i] = "--policy=" + mounted(t, name)
		}
	}
	cluster.hook, err = launch(webhookUser, append(flags, "--port", fmt.Sprint(r.port))...)
	require.NoError(t, err)
	require.NoError(t, cluster.hook.ready())
}

// mounted is a folder with what a ConfigMap holds.
func mounted(t *testing.T, name string) string {
	data, err := kubectl("", "get", "configmap", name, "-n", "gatelint-system", "-o", "json")
	require.NoError(t, err)
	var m corev1.ConfigMap
	require.NoError(t, json.Unmarshal([]byte(data), &m))
	dir := t.TempDir()
	for name, text := range m.Data {
		write(t, dir, name, text)
	}
	return dir
}

// TestPages runs the commands of docs/webhook.md and docs/policies.md that need a cluster.
func TestPages(t *testing.T) {
	r := newReader(t)
	page, err := guide.Read("../../../docs/webhook.md")
	require.NoError(t, err)
	var commands []string
	for _, s := range page.Steps {
		commands = append(commands, s.Command)
	}
	require.Len(t, commands, 3, "install, the next step of the rollout, the emergency")
	install, standard, emergency := commands[0], commands[1], commands[2]
	// said gives a command that stands within a sentence.
	left := map[string]bool{}
	for _, command := range page.Said() {
		if len(strings.Fields(command)) > 2 && !strings.HasPrefix(command, "gatelint ") { // TestWebhookPage of cmd/lint
			left[command] = true
		}
	}
	said := func(command string) string {
		require.Contains(t, left, command)
		delete(left, command)
		return command
	}
	_, err = kubectl("", "create", "namespace", "istio-system")
	require.NoError(t, err)

	out, err := r.try(install)
	require.Error(t, err)
	require.Contains(t, out, "this cluster does not serve cert-manager.io/v1")
	const served = "--api-versions cert-manager.io/v1"
	require.Contains(t, page.Text, "`"+served+"`")
	require.Contains(t, r.run(t, "helm template cmd/webhook/deploy/helm/gatelint "+served), "kind: Certificate")

	write(t, r.dir, "ca.pem", string(cluster.ca))
	provided := "--set certificates.secretName=NAME --set-file certificates.caBundle=ca.pem"
	require.Contains(t, page.Text, "`"+provided+"`")
	r.run(t, install+" --set certificates.mode=provided "+provided+fmt.Sprintf(" --set webhook.url=https://127.0.0.1:%d/validate", r.port))
	r.roll(t)
	require.NoError(t, asked())
	for _, ns := range []string{"public", "shop"} {
		_, err = kubectl("", "create", "namespace", ns)
		require.NoError(t, err)
	}
	w := &world{t, "public"}
	w.apply(base)
	w.seen()
	time.Sleep(time.Second) // istiod's order counts seconds
	own := w.text(replace(replace(gateway, "HOST", "shop.example.com"), "namespace: NS", "namespace: shop"))
	write(t, r.dir, "FILE", own)
	const fault = "Gateway shop/own spec.servers[0]: host"
	again := said("kubectl apply --dry-run=server -f FILE")
	warned := func(t *testing.T) {
		t.Helper()
		require.Contains(t, r.run(t, again), "Warning: "+fault)
	}
	refused := func(t *testing.T) {
		t.Helper()
		out, err := r.try(again)
		require.Error(t, err)
		require.Contains(t, out, fault)
	}
	warned(t)

	r.run(t, standard)
	r.roll(t)
	refused(t)
	shown := regexp.MustCompile("(?s)```\n(gatelint refuses .*?)\n```").FindStringSubmatch(page.Text)
	require.NotNil(t, shown)
	out, _ = r.try(again)
	require.Regexp(t, strings.ReplaceAll(regexp.QuoteMeta(strings.ReplaceAll(shown[1], "/public", "/"+w.ns)), "…", ".*"), out)

	t.Run("roll-back", func(t *testing.T) {
		r.run(t, said("helm rollback gatelint --namespace gatelint-system"))
		r.roll(t)
		warned(t)
		require.Contains(t, r.run(t, "kubectl apply -f FILE"), "Warning: "+fault)
		w.seen()
		r.run(t, standard)
		r.roll(t)
	})
	t.Run("replace", func(t *testing.T) {
		require.Contains(t, r.run(t, "kubectl replace -f FILE"), "Warning: there before: "+fault)
		out, err := r.try(said("kubectl replace --force") + " -f FILE")
		require.Error(t, err)
		require.Contains(t, out, fault)
		require.Contains(t, r.run(t, "kubectl get gateways -n shop"), "No resources found", "it is deleted and then refused")
		require.Eventually(t, func() bool {
			out, err := r.try(again)
			return err != nil && strings.Contains(out, fault)
		}, 10*time.Second, 100*time.Millisecond)
	})
	t.Run("emergency", func(t *testing.T) {
		r.run(t, emergency)
		require.NotContains(t, r.run(t, again), "Warning", "it works at once")
		r.run(t, standard)
		refused(t)
	})
	t.Run("policies", func(t *testing.T) { r.policies(t) })
	uninstall := said("helm uninstall gatelint --namespace gatelint-system")
	t.Run("remove", func(t *testing.T) {
		r.run(t, uninstall)
		for _, kinds := range []string{
			"clusterroles,clusterrolebindings,validatingwebhookconfigurations",
			"deployments,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets",
		} {
			out, err := kubectl("", "get", kinds, "-A", "-l", "app.kubernetes.io/name=gatelint", "-o", "name")
			require.NoError(t, err)
			require.Empty(t, out)
		}
		require.NotContains(t, r.run(t, again), "Warning")
	})
	t.Run("cert-manager", func(t *testing.T) {
		for _, kind := range []string{"Certificate", "Issuer"} {
			crd := strings.NewReplacer("Certificate", kind, "certificate", strings.ToLower(kind)).Replace(certificateCRD)
			_, err := kubectl(crd, "apply", "-f", "-")
			require.NoError(t, err)
			_, err = kubectl("", "wait", "--for=condition=Established", "crd/"+strings.ToLower(kind)+"s.cert-manager.io")
			require.NoError(t, err)
		}
		r.run(t, install)
		require.Contains(t, r.run(t, "kubectl get certificates -n gatelint-system"), "gatelint-webhook")
		r.run(t, uninstall)
	})
	t.Run("kustomize", func(t *testing.T) {
		out := r.run(t, said("kubectl apply -k cmd/webhook/deploy/kustomize"))
		require.Contains(t, out, "deployment.apps/gatelint-webhook created\n")
		require.Contains(t, out, "certificate.cert-manager.io/gatelint-webhook created\n")
	})
	for _, command := range aboutAudits {
		said(command) // TestAudit
	}
	require.Empty(t, left, "these commands run in no test")
}

// aboutAudits are the commands about what an audit writes.
var aboutAudits = []string{"kubectl describe virtualservice web", "kubectl delete policyreports -A -l app.kubernetes.io/managed-by=gatelint"}

// policies does what docs/policies.md says of the webhook.
func (r *reader) policies(t *testing.T) {
	page, err := guide.Read("../../../docs/policies.md")
	require.NoError(t, err)
	(&world{t, "shop"}).apply(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"shop","namespace":"NS"},"spec":{"clusterIP":"None","ports":[{"port":80}]}}`)
	var ran []string
	for _, s := range page.Steps {
		if s.File != "" {
			require.NoError(t, s.Write(r.dir))
		}
		program, _, _ := strings.Cut(s.Command, " ")
		switch program {
		case "helm":
			r.run(t, s.Command)
			r.roll(t)
		case "kubectl":
			out, _ := r.try(s.Command)
			require.Equal(t, s.Output, out, s.Command)
		default:
			continue
		}
		ran = append(ran, program)
	}
	require.Equal(t, []string{"kubectl", "helm", "kubectl"}, ran)
	require.True(t, slices.ContainsFunc(cluster.hook.args, func(flag string) bool { return strings.HasPrefix(flag, "--policy=") }))
}
