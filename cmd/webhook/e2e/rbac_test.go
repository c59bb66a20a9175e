//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/fixtures/apiserver"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// permission is one verb for one resource, the least that a rule can grant.
type permission struct{ verb, group, resource, namespace, name string }

// String is how the API server says that it is missing.
func (p permission) String() string {
	text := fmt.Sprintf("cannot %s resource %q in API group %q", p.verb, p.resource, p.group)
	if p.namespace != "" {
		text += fmt.Sprintf(" in the namespace %q", p.namespace)
	}
	return text
}

// askedFor tells what a ServiceAccount has asked for by the API server's audit log, and with what last answer: an API
// server that has just started forbids until it has listed the roles.
func askedFor(t *testing.T, account string) map[permission]int {
	t.Helper()
	out := map[permission]int{}
	f, err := os.Open(apiserver.AuditLog(cluster.dir))
	if errors.Is(err, fs.ErrNotExist) {
		return out
	}
	require.NoError(t, err)
	defer f.Close()
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var e struct {
			Verb           string
			User           struct{ Username string }
			ObjectRef      *struct{ APIGroup, Resource, Namespace, Name string }
			ResponseStatus struct{ Code int }
		}
		if json.Unmarshal(scan.Bytes(), &e) != nil || e.User.Username != account || e.ObjectRef == nil {
			continue // the last line may be half written
		}
		o := e.ObjectRef
		if e.Verb == "create" {
			o.Name = "" // RBAC does not see it
		}
		if o.APIGroup == "events.k8s.io" {
			o.Namespace = "" // that of any object with a fault
		}
		out[permission{e.Verb, o.APIGroup, o.Resource, o.Namespace, o.Name}] = e.ResponseStatus.Code
	}
	return out
}

// roles are those of a chart.
func (c *chart) roles(t *testing.T) []*rbacv1.Role {
	t.Helper()
	var out []*rbacv1.Role
	for _, o := range c.objects {
		if o.GetKind() == "ClusterRole" || o.GetKind() == "Role" {
			role := &rbacv1.Role{}
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, role))
			out = append(out, role)
		}
	}
	return out
}

// granted lists what a role grants, each permission by itself.
func granted(t *testing.T, role *rbacv1.Role) []permission {
	t.Helper()
	var out []permission
	for _, r := range role.Rules {
		require.Empty(t, r.NonResourceURLs)
		for _, verb := range r.Verbs {
			for _, group := range r.APIGroups {
				for _, resource := range r.Resources {
					require.NotContains(t, verb+group+resource, "*")
					for _, name := range append(r.ResourceNames, "")[:max(1, len(r.ResourceNames))] {
						out = append(out, permission{verb, group, resource, role.Namespace, name})
					}
				}
			}
		}
	}
	return out
}

// rule grants a permission.
func (p permission) rule() rbacv1.PolicyRule {
	r := rbacv1.PolicyRule{Verbs: []string{p.verb}, APIGroups: []string{p.group}, Resources: []string{p.resource}}
	if p.name != "" {
		r.ResourceNames = []string{p.name}
	}
	return r
}

// account installs the RBAC of a release, name-base, under another name, in a namespace of its own, less its nth permission; -1 for
// all. It gives the permissions, the release, and the user name of its ServiceAccount.
func account(t *testing.T, base *chart, name string, nth int) ([]permission, *chart, string) {
	t.Helper()
	from := name + "-base"
	name = fmt.Sprintf("%s-%d", name, nth+1)
	c, err := parse(replace(base.text, from, name))
	require.NoError(t, err)
	list := []any{c.get("ServiceAccount")}
	var all []permission
	for _, role := range c.roles(t) {
		permissions := granted(t, role)
		role.Rules = nil
		for _, p := range permissions {
			if len(all) != nth {
				role.Rules = append(role.Rules, p.rule())
			}
			all = append(all, p)
		}
		list = append(list, role)
	}
	for _, o := range c.objects {
		if strings.HasSuffix(o.GetKind(), "RoleBinding") {
			list = append(list, o)
		}
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": list})
	require.NoError(t, err)
	_, err = kubectl("", "create", "namespace", name)
	require.NoError(t, err)
	_, err = kubectl(string(text), "apply", "-f", "-")
	require.NoError(t, err)
	return all, c, "system:serviceaccount:" + name + ":" + name
}

// Before Kubernetes 1.34 API servers do not stream lists: with this false the client asks this one as it asks those.
const oldServer = "KUBE_FEATURE_WatchListClient"

// gatewayAPI defines the kinds of the Gateway API that are read, without their schemas.
func gatewayAPI() string {
	var b strings.Builder
	for plural, kind := range map[string]string{"gateways": "Gateway", "httproutes": "HTTPRoute", "grpcroutes": "GRPCRoute", "tlsroutes": "TLSRoute", "tcproutes": "TCPRoute"} {
		text := strings.NewReplacer("certificates", plural, "certificate", strings.ToLower(kind), "Certificate", kind, "cert-manager.io", "gateway.networking.k8s.io").Replace(certificateCRD)
		b.WriteString("---" + replace(text, ".k8s.io}", `.k8s.io, annotations: {api-approved.kubernetes.io: "unapproved, for a test"}}`))
	}
	return b.String()
}

// TestRBAC proves that the chart's roles grant what is used, by the API server's audit log, and that nothing can be taken away.
func TestRBAC(t *testing.T) {
	_, err := kubectl(certificateCRD+gatewayAPI(), "apply", "-f", "-")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := kubectl(certificateCRD+gatewayAPI(), "delete", "-f", "-")
		require.NoError(t, err)
	})
	_, err = kubectl(certificateCRD+gatewayAPI(), "wait", "--for=condition=Established", "-f", "-")
	require.NoError(t, err)
	w := newWorld(t)
	w.delete("service", "cart", "-n", w.ns) // for the audit to find
	base, err := release("rbac-base", "fullnameOverride: rbac-base\n")
	require.NoError(t, err)
	permissions, c, user := account(t, base, "rbac", -1)
	flags, err := c.flags()
	require.NoError(t, err)
	start := func(t *testing.T, user string, flags []string) *process {
		p, err := launch(user, flags...)
		require.NoError(t, err)
		t.Cleanup(p.kill)
		return p
	}
	t.Run("enough", func(t *testing.T) {
		for _, old := range []bool{false, true} {
			if old {
				t.Setenv(oldServer, "false")
			}
			p := start(t, user, flags)
			require.NoError(t, p.ready())
			for _, want := range permissions {
				if want.verb != "list" || old {
					require.Eventually(t, func() bool { return askedFor(t, user)[want] > 0 }, 20*time.Second, 200*time.Millisecond, "the webhook has no use for: %v", want)
				}
			}
			require.NotContains(t, p.logs.String(), "forbidden")
		}
		for p, code := range askedFor(t, user) {
			require.NotEqual(t, 403, code, "%v", p)
		}
	})
	t.Run("enough-for-the-other-tests", func(t *testing.T) {
		all := askedFor(t, webhookUser)
		require.NotEmpty(t, all)
		for p, code := range all {
			require.NotEqual(t, 403, code, "%v", p)
		}
	})
	t.Setenv(oldServer, "false")
	for i, p := range permissions {
		t.Run("without/"+p.verb+"/"+strings.Trim(p.resource+"."+p.group, "."), func(t *testing.T) {
			permissions, c, user := account(t, base, "rbac", i)
			flags, err := c.flags()
			require.NoError(t, err)
			missing := permissions[i]
			p := start(t, user, flags)
			text, err := json.Marshal(missing.String())
			require.NoError(t, err)
			require.Eventually(t, func() bool { // the log is JSON
				return askedFor(t, user)[missing] == 403 && strings.Contains(p.logs.String(), strings.Trim(string(text), `"`))
			}, 20*time.Second, 100*time.Millisecond, "nothing is lost without it")
			if missing.verb == "list" && missing.group == "networking.istio.io" {
				status, text := p.get(p.health + "/readyz?verbose=1")
				require.Equal(t, 500, status)
				require.Contains(t, text, "[-]objects failed")
			}
			p.kill()
			for other, code := range askedFor(t, user) {
				require.True(t, code != 403 || other == missing, "%v", other)
			}
		})
	}
	t.Run("self-signed", selfSignedRBAC)
}

// selfSignedRBAC takes away what the chart grants besides where the webhook makes its certificate itself.
func selfSignedRBAC(t *testing.T) {
	base, err := release("signed-base", "fullnameOverride: signed-base\ncertificates: {mode: selfSigned}\n")
	require.NoError(t, err)
	all, _, _ := account(t, base, "signed", -1)
	found := 0
	for i, p := range all {
		if p.group != "admissionregistration.k8s.io" && (p.resource != "secrets" || p.namespace != "signed-0") {
			continue
		}
		found++
		t.Run("without/"+p.verb+"/"+strings.Trim(p.resource+"."+p.group, "."), func(t *testing.T) {
			permissions, c, user := account(t, base, "signed", i)
			flags, err := c.flags()
			require.NoError(t, err)
			flags = append(flags, "--dns-name", "127.0.0.1", "--cert-dir", "", "--cert-validity", "8s", "--leader-elect=false")
			r := newReplicas(&world{t, strings.Split(user, ":")[2]}, user, "", flags...)
			require.NoError(t, r.list[0].start())
			require.Eventually(t, func() bool {
				return askedFor(t, user)[permissions[i]] == 403 && r.count(strings.ReplaceAll(permissions[i].String(), `"`, `\"`)) > 0
			}, 20*time.Second, 100*time.Millisecond, "nothing is lost without it")
		})
	}
	require.Equal(t, 7, found, "get and patch the configuration; create, get, list, watch and update the Secret")
}
