package main

import (
	"bytes"
	"cmp"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// rendered renders a file of testdata, "" for the chart's values, and reads every object strictly by its type.
func rendered(t *testing.T, file string, more map[string]any) []metav1.Object {
	t.Helper()
	values := map[string]any{}
	require.NoError(t, read(file, &values))
	if file == "" {
		values["certificates"] = map[string]any{"checkApi": false}
	}
	for key, value := range more {
		values[key] = value
	}
	text, err := manifests("gatelint", "gatelint-system", "Helm", values)
	require.NoError(t, err)
	var out []metav1.Object
	for _, doc := range bytes.Split(text, []byte("\n---\n")) {
		u := &unstructured.Unstructured{}
		require.NoError(t, yaml.UnmarshalStrict(doc, &u.Object), "%s", doc)
		if !scheme.Scheme.Recognizes(u.GroupVersionKind()) {
			require.Contains(t, []string{"cert-manager.io/v1", "monitoring.coreos.com/v1"}, u.GetAPIVersion())
			out = append(out, u)
			continue
		}
		o, err := scheme.Scheme.New(u.GroupVersionKind())
		require.NoError(t, err)
		require.NoError(t, yaml.UnmarshalStrict(doc, o), "%s", doc)
		out = append(out, o.(metav1.Object))
	}
	return out
}

// all gives the objects of a type.
func all[T metav1.Object](objects []metav1.Object) []T {
	var out []T
	for _, o := range objects {
		if o, ok := o.(T); ok {
			out = append(out, o)
		}
	}
	return out
}

func valueFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return append(files, "")
}

// TestInvariants holds what no value may change, over the chart's values and those of testdata.
func TestInvariants(t *testing.T) {
	for _, file := range valueFiles(t) {
		t.Run(filepath.Base(cmp.Or(file, "default")), func(t *testing.T) {
			objects := rendered(t, file, nil)
			seen := map[string]bool{}
			for _, o := range objects {
				id := fmt.Sprintf("%s %s/%s", reflect.TypeOf(o), o.GetNamespace(), o.GetName())
				if u, ok := o.(*unstructured.Unstructured); ok {
					id = u.GetKind() + id
				}
				require.False(t, seen[id], "%s stands twice", id)
				seen[id] = true
				for _, label := range []string{"name", "instance", "component", "version", "managed-by"} {
					require.NotEmpty(t, o.GetLabels()["app.kubernetes.io/"+label], id)
				}
			}
			pods(t, objects)
			roles(t, objects)
			webhooks(t, objects)
		})
	}
}

func pods(t *testing.T, objects []metav1.Object) {
	t.Helper()
	deployments := all[*appsv1.Deployment](objects)
	require.Len(t, deployments, 1)
	d := deployments[0].Spec
	pod, c := d.Template.Spec, d.Template.Spec.Containers[0]
	require.Len(t, pod.Containers, 1)
	require.Contains(t, d.Template.Labels, "sidecar.istio.io/inject")
	require.Contains(t, d.Template.Labels, "istio.io/dataplane-mode")
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path)
	require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	require.NotEmpty(t, pod.TopologySpreadConstraints)
	// Answered throughout, but where the ports are the nodes': a pod more might find no node there, and the upgrade would hang.
	surge, down := d.Strategy.RollingUpdate.MaxSurge.IntValue(), d.Strategy.RollingUpdate.MaxUnavailable.IntValue()
	if pod.HostNetwork {
		require.Equal(t, []int{0, 1}, []int{surge, down})
	} else {
		require.Equal(t, []int{1, 0}, []int{surge, down})
	}
	require.Regexp(t, "^[0-9a-f]{64}$", d.Template.Annotations["checksum/config"])

	var delay int64
	for _, arg := range c.Args {
		if n, _ := fmt.Sscanf(arg, "--shutdown-delay=%ds", &delay); n == 1 {
			break
		}
	}
	require.Positive(t, delay)
	require.Greater(t, *pod.TerminationGracePeriodSeconds, delay+30, "the manager takes 30 s after the delay")

	selects := func(selector map[string]string) {
		t.Helper()
		require.NotEmpty(t, selector)
		require.Subset(t, d.Template.Labels, selector)
	}
	selects(d.Selector.MatchLabels)
	for _, s := range all[*corev1.Service](objects) {
		selects(s.Spec.Selector)
	}
	for _, p := range all[*policyv1.PodDisruptionBudget](objects) {
		selects(p.Spec.Selector.MatchLabels)
	}
	names := map[string]bool{}
	for _, m := range all[*corev1.ConfigMap](objects) {
		names[m.Name] = true
	}
	require.True(t, names[pod.Volumes[0].ConfigMap.Name])
}

// roles may read Secrets in named namespaces only, and write nothing but what is named.
func roles(t *testing.T, objects []metav1.Object) {
	t.Helper()
	check := func(namespace string, rules []rbacv1.PolicyRule) {
		for _, r := range rules {
			for _, list := range [][]string{r.Verbs, r.APIGroups, r.Resources} {
				require.NotContains(t, list, "*")
			}
			require.Empty(t, r.NonResourceURLs)
			if slices.Contains(r.Resources, "secrets") {
				require.NotEmpty(t, namespace, "a ClusterRole for Secrets")
			}
			named := map[string]bool{"secrets": true, "validatingwebhookconfigurations": true, "leases": true}
			for _, verb := range r.Verbs {
				if named[r.Resources[0]] && !slices.Contains([]string{"list", "watch", "create"}, verb) {
					require.NotEmpty(t, r.ResourceNames, "%s of any of %v", verb, r.Resources)
				}
			}
		}
	}
	bound := map[string]bool{}
	for _, b := range all[*rbacv1.ClusterRoleBinding](objects) {
		bound[b.RoleRef.Kind+"/"+b.RoleRef.Name] = true
	}
	for _, b := range all[*rbacv1.RoleBinding](objects) {
		bound[b.Namespace+b.RoleRef.Kind+"/"+b.RoleRef.Name] = true
	}
	for _, r := range all[*rbacv1.ClusterRole](objects) {
		check("", r.Rules)
		require.True(t, bound["ClusterRole/"+r.Name], r.Name)
	}
	for _, r := range all[*rbacv1.Role](objects) {
		check(r.Namespace, r.Rules)
		require.True(t, bound[r.Namespace+"Role/"+r.Name], r.Name)
	}
}

func webhooks(t *testing.T, objects []metav1.Object) {
	t.Helper()
	configs := all[*admissionv1.ValidatingWebhookConfiguration](objects)
	require.Len(t, configs, 1)
	require.Len(t, configs[0].Webhooks, 1)
	w := configs[0].Webhooks[0]
	require.Equal(t, "validate.gatelint.io", w.Name)
	require.Equal(t, admissionv1.SideEffectClassNone, *w.SideEffects)
	require.Equal(t, admissionv1.Equivalent, *w.MatchPolicy)
	require.Equal(t, []string{"v1"}, w.AdmissionReviewVersions)
	require.Len(t, w.Rules, 1)
	r := w.Rules[0]
	require.Equal(t, []string{"networking.istio.io"}, r.APIGroups)
	require.Equal(t, []string{"*"}, r.APIVersions)
	require.Equal(t, []string{"gateways", "virtualservices", "destinationrules", "serviceentries", "sidecars"}, r.Resources)
	require.Equal(t, []admissionv1.OperationType{"CREATE", "UPDATE", "DELETE"}, r.Operations)
	require.Equal(t, admissionv1.NamespacedScope, *r.Scope)
	own := w.NamespaceSelector.MatchExpressions[0]
	require.Equal(t, metav1.LabelSelectorRequirement{
		Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"kube-system", "gatelint-system"},
	}, own)
	require.Contains(t, w.MatchConditions[0].Expression, "object == null ||")
	// What the API server does when gatelint is silent and what gatelint does when it is at a loss are one setting.
	args := all[*appsv1.Deployment](objects)[0].Spec.Template.Spec.Containers[0].Args
	require.Equal(t, *w.FailurePolicy == admissionv1.Fail, slices.Contains(args, "--failure-mode=deny"))
	if s := w.ClientConfig.Service; s != nil {
		require.Nil(t, w.ClientConfig.URL)
		for _, service := range all[*corev1.Service](objects) {
			require.Equal(t, service.Name, s.Name)
			require.Equal(t, service.Spec.Ports[0].Port, *s.Port)
		}
		require.Equal(t, "/validate", *s.Path)
	}
}

// TestValues looks at what single values do.
func TestValues(t *testing.T) {
	config := func(objects []metav1.Object) string {
		return all[*corev1.ConfigMap](objects)[0].Data[".gatelint.yaml"]
	}
	hook := func(objects []metav1.Object) admissionv1.ValidatingWebhook {
		return all[*admissionv1.ValidatingWebhookConfiguration](objects)[0].Webhooks[0]
	}
	args := func(objects []metav1.Object) []string {
		return all[*appsv1.Deployment](objects)[0].Spec.Template.Spec.Containers[0].Args
	}
	secrets := func(objects []metav1.Object) (namespaces []string) {
		for _, r := range all[*rbacv1.Role](objects) {
			if slices.Contains(r.Rules[0].Resources, "secrets") && len(r.Rules[0].ResourceNames) == 0 {
				namespaces = append(namespaces, r.Namespace)
			}
		}
		return namespaces
	}
	t.Run("default", func(t *testing.T) {
		o := rendered(t, "", nil)
		require.YAMLEq(t, "{version: 1, admission: {enforcement: standard}}", config(o))
		require.Equal(t, admissionv1.Ignore, *hook(o).FailurePolicy)
		require.EqualValues(t, 5, *hook(o).TimeoutSeconds)
		require.EqualValues(t, 2, *all[*appsv1.Deployment](o)[0].Spec.Replicas)
		require.Equal(t, []string{"istio-system"}, secrets(o))
		annotations := all[*admissionv1.ValidatingWebhookConfiguration](o)[0].Annotations
		require.Equal(t, "gatelint-system/gatelint-webhook", annotations["cert-manager.io/inject-ca-from"])
	})
	t.Run("provided", func(t *testing.T) {
		o := rendered(t, "testdata/provided.yaml", nil)
		block, _ := pem.Decode(hook(o).ClientConfig.CABundle)
		require.NotNil(t, block)
		require.Empty(t, secrets(o))
		require.Contains(t, args(o), "--secret-namespaces=")
		require.NotContains(t, args(o), "--leader-elect")
		require.Empty(t, all[*unstructured.Unstructured](o))
		require.Equal(t, "own-certificate", all[*appsv1.Deployment](o)[0].Spec.Template.Spec.Volumes[2].Secret.SecretName)
		require.Subset(t, args(o), []string{"--policy=/etc/gatelint-policies/signed/bundle.tar.gz", "--bundle-key=/etc/gatelint/bundle-key.pem"})
		require.Contains(t, all[*corev1.ConfigMap](o)[0].Data["bundle-key.pem"], "BEGIN PUBLIC KEY")
	})
	t.Run("policies", func(t *testing.T) {
		o := rendered(t, "testdata/everything.yaml", nil)
		require.Subset(t, args(o), []string{
			"--policy=/etc/gatelint-policies/platform-policies", "--policy=/etc/gatelint-policies/platform-policies/bundle.tar.gz",
			"--policy=/etc/gatelint-policies/others/b.tgz", "--policy-allow-builtin=time.now_ns",
		})
		var mounts, volumes []string
		pod := all[*appsv1.Deployment](o)[0].Spec.Template.Spec
		for _, m := range pod.Containers[0].VolumeMounts {
			mounts = append(mounts, m.Name+" "+m.MountPath)
		}
		for _, v := range pod.Volumes {
			if v.ConfigMap != nil {
				volumes = append(volumes, v.Name+" "+v.ConfigMap.Name)
			}
		}
		require.Subset(t, mounts, []string{"policies-0 /etc/gatelint-policies/platform-policies", "policies-1 /etc/gatelint-policies/others"})
		require.Subset(t, volumes, []string{"policies-0 platform-policies", "policies-1 others"})
		_, err := manifests("gatelint", "gatelint-system", "Helm", map[string]any{"policies": map[string]any{"configMaps": []any{"a"}, "bundleKey": "x"}})
		require.ErrorContains(t, err, "only signed bundles are read then")
	})
	t.Run("self-signed", func(t *testing.T) {
		o := rendered(t, "testdata/self-signed.yaml", nil)
		require.Subset(t, args(o), []string{"--self-signed", "--cert-secret=guard-tls", "--webhook-name=guard", "--service=guard", "--audit-interval=5m", "--audit-reports=policyreport"})
		require.Equal(t, []string{"istio-system", "istio-ingress"}, secrets(o)[:2])
		require.Nil(t, hook(o).ClientConfig.CABundle)
		for _, arg := range args(o) {
			require.NotContains(t, arg, "--dns-name", "the API server dials the Service")
		}
	})
	t.Run("url", func(t *testing.T) {
		for url, host := range map[string]string{
			"https://lint.example.com:8443/validate": "lint.example.com",
			"https://10.0.0.1/validate":              "10.0.0.1",
			"https://[fd00::1]:8443/validate":        "fd00::1",
		} {
			webhook := map[string]any{"url": url}
			o := rendered(t, "testdata/self-signed.yaml", map[string]any{"webhook": webhook})
			require.Contains(t, args(o), "--dns-name="+host)
			o = rendered(t, "", map[string]any{"webhook": webhook})
			certificates := all[*unstructured.Unstructured](o)
			spec := certificates[len(certificates)-1].Object["spec"].(map[string]any)
			field, names := "dnsNames", []any{"gatelint-webhook.gatelint-system.svc", "gatelint-webhook.gatelint-system.svc.cluster.local"}
			if host != "lint.example.com" {
				require.Equal(t, names, spec[field])
				field, names = "ipAddresses", nil
			}
			require.Equal(t, append(names, host), spec[field])
		}
	})
	t.Run("leader", func(t *testing.T) {
		leases := func(objects []metav1.Object) (names []string) {
			for _, r := range all[*rbacv1.Role](objects) {
				for _, rule := range r.Rules {
					if slices.Contains(rule.Resources, "leases") {
						names = append(names, rule.ResourceNames...)
					}
				}
			}
			return names
		}
		for _, name := range []string{"first", "second"} { // in one namespace: each has its leader
			o := rendered(t, "", map[string]any{"fullnameOverride": name})
			require.Subset(t, args(o), []string{"--leader-elect", "--leader-election-id=" + name})
			require.Equal(t, []string{name}, leases(o))
		}
		require.Empty(t, leases(rendered(t, "", map[string]any{"leaderElection": false})))
	})
	t.Run("labels", func(t *testing.T) {
		labels := func(objects []metav1.Object) map[string]string {
			return all[*appsv1.Deployment](objects)[0].Spec.Template.Labels
		}
		own := labels(rendered(t, "", nil))
		require.Equal(t, "false", own["sidecar.istio.io/inject"])
		require.Equal(t, "none", own["istio.io/dataplane-mode"])
		o := rendered(t, "testdata/everything.yaml", nil)
		require.Equal(t, map[string]string{
			"app.kubernetes.io/name": "lint", "app.kubernetes.io/instance": "gatelint", "app.kubernetes.io/component": "webhook",
			"app.kubernetes.io/version": "custom", "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": own["helm.sh/chart"],
			"sidecar.istio.io/inject": "true", "istio.io/dataplane-mode": "none", "team": "mesh",
		}, labels(o))
		monitor := all[*unstructured.Unstructured](o)
		require.Subset(t, monitor[len(monitor)-1].GetLabels(), map[string]string{"release": "prometheus", "app.kubernetes.io/instance": "us"})
	})
	t.Run("outside", func(t *testing.T) {
		o := rendered(t, "testdata/outside.yaml", nil)
		require.Equal(t, "https://gatelint.example.com:8443/validate", *hook(o).ClientConfig.URL)
		require.Len(t, hook(o).MatchConditions, 2)
		require.Len(t, hook(o).NamespaceSelector.MatchExpressions, 2)
		found := false
		for _, r := range all[*rbacv1.Role](o) {
			found = found || r.Namespace == "mesh-root" && slices.Equal(r.Rules[0].ResourceNames, []string{"istio-canary"})
		}
		require.True(t, found, "istiod's MeshConfig is read where that istiod has it")
	})
	t.Run("a-changed-config-replaces-the-pods", func(t *testing.T) {
		sum := func(enforcement string) string {
			o := rendered(t, "", map[string]any{"admission": map[string]any{"enforcement": enforcement}})
			return all[*appsv1.Deployment](o)[0].Spec.Template.Annotations["checksum/config"]
		}
		require.NotEqual(t, sum("warn"), sum("strict"))
		require.Equal(t, sum("warn"), sum("warn"))
	})
}

// TestRefusals gives values that cannot work: each is refused before anything is installed.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ values, want string }{
		"unknown-value":            {"replicas: 3", "replicas"},
		"unknown-nested-value":     {"webhook: {failPolicy: Fail}", "failPolicy"},
		"unknown-enforcement":      {"admission: {enforcement: loud}", "enforcement"},
		"unknown-admission-key":    {"admission: {enforcment: warn}", "enforcment"},
		"all-secrets":              {`secretNamespaces: ["*"]`, "secretNamespaces"},
		"timeout":                  {"webhook: {timeoutSeconds: 31}", "timeoutSeconds"},
		"plain-url":                {"webhook: {url: http://example.com}", "url"},
		"a-bundle-that-is-none":    {"certificates: {caBundle: LS0t}", "caBundle"},
		"version-in-config":        {"config: {version: 1}", "version"},
		"selector-label":           {"podLabels: {app.kubernetes.io/name: x}", "app.kubernetes.io/name"},
		"mesh-config-file":         {"config: {istio: {meshConfig: mesh.yaml}}", "meshConfig"},
		"provided-without-secret":  {"certificates: {mode: provided, caBundle: '-----BEGIN CERTIFICATE-----'}", "name the Secret"},
		"provided-without-bundle":  {"certificates: {mode: provided, secretName: x}", "give the PEM of its CA"},
		"cert-manager-that-is-not": {"{}", "this cluster does not serve cert-manager.io/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			values := map[string]any{}
			require.NoError(t, yaml.Unmarshal([]byte(c.values), &values))
			_, err := manifests("gatelint", "gatelint-system", "Helm", values)
			require.ErrorContains(t, err, c.want)
		})
	}
	t.Run("cert-manager-that-is", func(t *testing.T) {
		cluster := common.DefaultCapabilities.Copy()
		cluster.APIVersions = append(cluster.APIVersions, "cert-manager.io/v1")
		files, err := render("gatelint", "gatelint-system", "Helm", nil, cluster)
		require.NoError(t, err)
		require.Contains(t, files["gatelint/templates/certificate.yaml"], "kind: Certificate")
	})
}

func TestNotes(t *testing.T) {
	files, err := render("edge", "mesh", "Helm", map[string]any{"certificates": map[string]any{"checkApi": false}}, common.DefaultCapabilities)
	require.NoError(t, err)
	require.Contains(t, files["gatelint/templates/NOTES.txt"], "kubectl delete validatingwebhookconfiguration edge-gatelint-webhook")
	require.Contains(t, files["gatelint/templates/NOTES.txt"], "kubectl -n mesh rollout status deployment/edge-gatelint-webhook")
}

// TestBase holds the kustomize base to the chart.
func TestBase(t *testing.T) {
	values := map[string]any{}
	require.NoError(t, read("kustomize/values.yaml", &values))
	want, err := manifests("gatelint", "gatelint-system", "kustomize", values)
	require.NoError(t, err)
	got, err := os.ReadFile("kustomize/gatelint.yaml")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run make generate")
}
