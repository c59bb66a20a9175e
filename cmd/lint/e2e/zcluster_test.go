//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/fixtures/apiserver"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// routes is the number of VirtualServices of the fleet, with which it has more than 2,000 objects.
const routes = 650

// faults are what is wrong in the fleet: one of each, each known only if lists are complete.
const faults = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: faulty, namespace: team-0}
spec:
  hosts: [faulty.g0.example.com]
  gateways: [istio-system/gw-0]
  http:
  - match: [{uri: {prefix: /a}}]
    route: [{destination: {host: app0, subset: v3}}]
  - match: [{uri: {prefix: /a/b}}]
    route: [{destination: {host: app1, subset: v1}}]
  - route: [{destination: {host: nosuch}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: elsewhere, namespace: team-12}
spec:
  hosts: [elsewhere.g0.example.com]
  gateways: [istio-system/nosuch]
  http:
  - route: [{destination: {host: app600}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: secretless, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: quite-unlike-others}
    hosts: [secretless.example.com]
`

// change takes a subset from a DestinationRule that others use, and brings a route to nothing.
const change = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: app450, namespace: team-9}
spec:
  host: app450
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: fresh}
spec:
  hosts: [fresh.g0.example.com]
  gateways: [istio-system/gw-0]
  http:
  - route: [{destination: {host: no-such-service.team-0.svc.cluster.local}}]
`

// reader is what a user may who may list no more than is needed. Secrets only beside the gateways, EnvoyFilters nowhere.
const reader = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME}
rules:
- {apiGroups: [networking.istio.io], resources: [gateways, virtualservices, destinationrules, serviceentries, sidecars, workloadentries, workloadgroups], verbs: [list]}
- {apiGroups: [""], resources: [services, namespaces], verbs: [list]}
- {apiGroups: [apps], resources: [deployments, daemonsets, statefulsets], verbs: [list]}
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NAME}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME, namespace: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME, namespace: istio-system}
rules: [{apiGroups: [""], resources: [secrets, configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME, namespace: istio-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME, namespace: default}]
`

// report is what of a JSON report does not hang on where objects come from.
type report struct {
	Findings []finding
	Unknown  []any
	Summary  map[string]int
}

type finding struct {
	Rule, Severity, Evidence, Message, Fingerprint string

	Object   map[string]any
	Position struct {
		Path string
		Line int
		File string
	}
	Related []struct {
		Object  map[string]any
		Message string
	}
	Witness any
}

func (r run) report(t *testing.T) report {
	t.Helper()
	var out report
	require.NoError(t, json.Unmarshal([]byte(r.out), &out), "%s%s", r.out, r.errs)
	return out
}

// byFinding gives findings without their places, each as JSON.
func (r report) byFinding(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, f := range r.Findings {
		f.Position.File, f.Position.Line = "", 0
		text, err := json.Marshal(f)
		require.NoError(t, err)
		out = append(out, string(text))
	}
	return out
}

// fingerprints are those of the findings that do not rest on a sign.
func fingerprints(r report) []string {
	out := []string{}
	for _, f := range r.Findings {
		if f.Evidence == "proven" {
			out = append(out, f.Fingerprint)
		}
	}
	return out
}

func (r report) rules() []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Rule)
	}
	return out
}

// TestCluster lints a cluster of more than 2,000 objects as a user who may not see all of it.
func TestCluster(t *testing.T) {
	config := rest.CopyConfig(cluster.env.Config)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	lists, err := apiserver.Fleet(routes)
	require.NoError(t, err)
	for _, list := range lists {
		_, err := apiserver.Create(client, list)
		require.NoError(t, err)
	}
	apply(t, faults)
	user := account(t, "reader", reader)
	all := gatelint(t, user, "--cluster", "-A", "-o", "json")

	t.Run("restricted", func(t *testing.T) {
		r := all.report(t)
		require.Equal(t, 1, all.code, all.errs)
		require.ElementsMatch(t, []string{"missing-credential", "unknown-gateway", "dangling-subset", "shadowed-match", "unknown-host"}, r.rules(), all.out)
		require.Equal(t, "gatelint: this user may not list all of the cluster: envoyfilters.networking.istio.io not at all, secrets in istio-system only; "+
			"what else there is, is unknown\n", all.errs)
		require.Greater(t, r.Summary["objects"], 2000)
	})
	t.Run("pages", func(t *testing.T) {
		log, err := os.ReadFile(apiserver.AuditLog(cluster.dir))
		require.NoError(t, err)
		for _, resource := range []string{"virtualservices", "services"} {
			pages := 0
			for line := range strings.Lines(string(log)) {
				if strings.Contains(line, "/"+resource+"?") && strings.Contains(line, "system:serviceaccount:default:reader\"") {
					require.Contains(t, line, "limit=250")
					pages++
				}
			}
			require.Equal(t, 3, pages, resource)
		}
	})
	t.Run("as-from-files", func(t *testing.T) {
		dir := t.TempDir()
		for _, kind := range []string{"gateways.networking.istio.io", "virtualservices", "destinationrules", "services", "deployments", "namespaces", "secrets"} {
			text, err := kubectl("", "get", kind, "-A", "-o", "yaml")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, kind+".yaml"), []byte(text), 0o600))
		}
		files := gatelint(t, user, dir, "-o", "json", "--complete=Gateway,VirtualService,DestinationRule,ServiceEntry,Service,Secret/istio-system")
		require.ElementsMatch(t, files.report(t).byFinding(t), all.report(t).byFinding(t))
		require.ElementsMatch(t, files.report(t).Unknown, all.report(t).Unknown)
	})
	t.Run("one-namespace", func(t *testing.T) {
		mine := gatelint(t, user, "--cluster", "-o", "json")
		require.ElementsMatch(t, []string{"dangling-subset", "shadowed-match", "unknown-host"}, mine.report(t).rules(), "the context's")
		theirs := gatelint(t, user, "--cluster", "-o", "json", "-n", "team-12")
		require.Equal(t, []string{"unknown-gateway"}, theirs.report(t).rules())
		none := gatelint(t, user, "--cluster", "-n", "nosuch")
		require.Zero(t, none.code)
		require.Contains(t, none.errs, "NOTHING WAS CHECKED: namespace nosuch of the cluster of context reader has no object that is read")
	})
	t.Run("one-namespace-is-all-there-is", func(t *testing.T) {
		narrow := account(t, "narrow", `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME, namespace: team-0}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: NAME, namespace: default}]
`)
		r := gatelint(t, narrow, "--cluster", "-o", "json")
		require.Subset(t, fingerprints(all.report(t)), fingerprints(r.report(t)))
		require.Contains(t, r.report(t).rules(), "dangling-subset", "its DestinationRules are all there")
		require.Equal(t, 1, strings.Count(r.errs, "\n"), r.errs)
		require.Contains(t, r.errs, "gateways.networking.istio.io in team-0 only")
		require.Contains(t, r.errs, "namespaces not at all")
		file := filepath.Join(t.TempDir(), "change.yaml")
		require.NoError(t, os.WriteFile(file, []byte(change), 0o600))
		r = gatelint(t, narrow, "--cluster", "-n", "nosuch", file) // team-9's is forbidden, and team-0's not asked for
		require.Contains(t, r.errs, "gateways.networking.istio.io not at all")
		require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(change, "team-9", "team-0")), 0o600))
		r = gatelint(t, narrow, "--cluster", "-n", "nosuch", file)
		require.Contains(t, r.errs, "gateways.networking.istio.io in team-0 only", "the namespaces of the files are")
		world := gatelint(t, narrow, "snapshot", "--cluster").out
		require.Contains(t, world, "complete:\n- DestinationRule/team-0\n- Gateway/team-0\n- ServiceEntry/team-0\n- Sidecar/team-0\n- VirtualService/team-0\nkind:")
	})
	t.Run("what-would-break", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "change.yaml")
		require.NoError(t, os.WriteFile(file, []byte(change), 0o600))
		// team-9/app450 loses its subset; what is wrong in team-0, and what is not touched, is not said.
		live := gatelint(t, user, "--cluster", "-o", "json", dir)
		require.Equal(t, 1, live.code, live.errs)
		require.Equal(t, []string{"dangling-subset", "dangling-subset", "unknown-host"}, live.report(t).rules())
		found := live.report(t).Findings
		require.Equal(t, "app450", found[0].Object["name"])
		require.Equal(t, "fresh", found[2].Object["name"])
		require.Equal(t, file, found[2].Position.File)

		world := filepath.Join(dir, "world.yml")
		taken := gatelint(t, user, "snapshot", "--cluster", "-o", world)
		require.Zero(t, taken.code, taken.errs)
		require.Equal(t, all.errs, taken.errs)
		require.ElementsMatch(t, live.report(t).byFinding(t), gatelint(t, "", "--with", world, file, "-n", "team-0", "-o", "json").report(t).byFinding(t), "a snapshot says what the cluster says")
		require.ElementsMatch(t, all.report(t).byFinding(t), gatelint(t, "", world, "-o", "json").report(t).byFinding(t))
		text, err := os.ReadFile(world)
		require.NoError(t, err)
		require.Contains(t, string(text), "complete:\n- DestinationRule\n- Gateway\n- Secret/istio-system\n- Service\n- ServiceEntry\n- Sidecar\n- VirtualService\nkind: GatelintWorld\n")
		require.Contains(t, string(text), "data:\n  tls.crt: null\n  tls.key: null\nkind: Secret\n")
		for _, private := range []string{"bm9uZQ", "managedFields", "last-applied", "uid:", "image:"} {
			require.NotContains(t, string(text), private)
		}

		asked := gatelint(t, user, "trace", "--cluster", "http://app450.g22.example.com/api/v1/", "-H", "x-tenant: t1", file)
		require.Contains(t, asked.out, "it has no subset", asked.errs)
		require.Contains(t, gatelint(t, user, "routes", "--cluster", "-o", "json").out, "app450.g22.example.com")
	})
	t.Run("kubectl", func(t *testing.T) {
		bin := t.TempDir()
		require.NoError(t, os.Symlink(cluster.binary, filepath.Join(bin, "kubectl-gatelint")))
		kubectl := func(args ...string) string {
			cmd := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append([]string{"gatelint"}, args...)...)
			cmd.Env = append(os.Environ(), "KUBECONFIG="+user, "PATH="+bin+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				require.NoError(t, err)
			}
			return string(out)
		}
		require.Contains(t, kubectl("-n", "team-12"), "VirtualService team-12/elsewhere spec.gateways[0]: error: there is no Gateway \"istio-system/nosuch\"")
		require.Contains(t, kubectl("lint"), "assumed: the MeshConfig's defaults: there is none to be seen in namespace istio-system; say --istio-namespace")
		require.Regexp(t, `3 errors in \d+ objects of the cluster of context reader \(\d+ objects\)`, kubectl("lint"))
		require.Contains(t, kubectl("trace", "http://app1.g0.example.com/"), "goes to app1.team-0.svc.cluster.local:8080 subset v1")
		require.Contains(t, kubectl("routes", "--help"), "Usage:\n  kubectl gatelint routes")
		require.Contains(t, kubectl("--nosuch"), "Run 'kubectl gatelint --help' for usage.")
	})
	t.Run("memory", func(t *testing.T) {
		// What is not kept, the longest annotation that there is, is gone before the next page is asked for.
		const services, size = 2500, 100 << 10
		var padded []*unstructured.Unstructured
		for i := range services {
			u := lists[3][0].DeepCopy()
			u.SetName(fmt.Sprintf("padded-%d", i))
			u.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", size)})
			padded = append(padded, u)
		}
		_, err := apiserver.Create(client, padded)
		require.NoError(t, err)
		more := gatelint(t, user, "--cluster", "-A", "-o", "json")
		require.Equal(t, all.report(t).byFinding(t), more.report(t).byFinding(t))
		t.Logf("%d MB, and %d MB with %d MB of annotations", all.memory>>20, more.memory>>20, services*size>>20)
		require.Less(t, more.memory-all.memory, int64(services*size*3/4))
	})
}
