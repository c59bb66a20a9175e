//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/fixtures/apiserver"
	"github.com/gatelint/gatelint/fixtures/guide"
	"github.com/stretchr/testify/require"
)

// edge is a gateway of the documentation's shop, and what it routes to.
const edge = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "defaultConfig: {}"}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: shop}
spec:
  selector: {matchLabels: {istio: shop}}
  template:
    metadata: {labels: {istio: shop}, annotations: {inject.istio.io/templates: gateway}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: shop}
spec: {selector: {istio: shop}, ports: [{name: https, port: 443}]}
---
apiVersion: v1
kind: Secret
metadata: {name: shop, namespace: shop}
stringData: {tls.crt: x, tls.key: z}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  selector: {istio: shop}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: shop}
    hosts: [shop.example.com]
`

// route leads somewhere for all but "/new": live to a Service that is gone, as deploy/ has it to one that is not there yet.
const route = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [shop]
  http:
  - match: [{uri: {prefix: /new}}]
    route: [{destination: {host: gone}}]
  - route: [{destination: {host: edge}}]
`

var deployed = strings.Replace(route, "gone", "coming", 1) + "  - match: [{uri: {prefix: /old}}]\n    route: [{destination: {host: old}}]\n"

// What the commands print.
const (
	live     = `(?m)^VirtualService shop/shop spec\.http\[0\]\.route\[0\]\.destination\.host: error: no service has the host "gone" `
	dead     = `:\d+:5: error: no request reaches this rule of shop/shop: .* \[shadowed-match\]\n`
	missing  = `(?ms)^deploy/route\.yaml:9:34: error: no service has the host "coming" .*^deploy/route.yaml` + dead + `.* over the `
	source   = `(?ms)^deploy/route\.yaml` + dead
	rendered = dead + `(?:[^\n]*\n){2}rendered from: shop/templates/route\.yaml\n`
	goesTo   = `^GET https://shop\.example\.com/api goes to edge\.shop\.svc\.cluster\.local:443 by VirtualService shop/shop spec\.http\[1\]\n`
)

// prints are the commands of docs/cluster.md, and those of other pages that call helm or kubectl, with what they print.
var prints = map[string]string{
	"gatelint lint --cluster":                               `^gatelint: no findings in 0 objects of the cluster of context docs `,
	"gatelint lint --cluster -n shop":                       live,
	"gatelint lint --cluster -A":                            live,
	"gatelint trace --cluster https://shop.example.com/api": goesTo,
	"gatelint routes --cluster":                             `(?ms)^gateway workload shop/edge .*shop\.example\.com\n.* path /new\* +→ gone\..*\(no cluster\)\n.* → edge\.`,

	"gatelint lint --cluster deploy/":                  missing + `cluster`,
	"gatelint lint --cluster -k overlays/prod":         missing + `cluster`,
	"helm template chart/ | gatelint lint --cluster -": `(?ms)^<stdin>:11:34: error: no service has the host "coming" .*^<stdin>` + rendered,
	"gatelint lint --cluster --as-webhook deploy/":     `(?ms)"coming" .*\nadmission: would warn: VirtualService shop/shop\n.*^gatelint: 0 would be denied, 2 would warn, `,

	"gatelint snapshot --cluster -o world.yaml":                             `^$`,
	"gatelint lint --with world.yaml deploy/":                               missing + `snapshot`,
	"gatelint trace https://shop.example.com/api --with world.yaml deploy/": goesTo,
	"gatelint lint world.yaml":                                              `^world\.yaml:\d+:15: error: no service has the host "gone" `,

	"kubectl gatelint -A":                                 live,
	"kubectl gatelint deploy/":                            missing + `cluster`,
	"kubectl gatelint trace https://shop.example.com/api": goesTo,

	"gatelint lint -k overlays/prod":                                    source,
	"gatelint lint -k overlays/prod -k overlays/stage --with platform/": source + `.* in 2 documents \(2 objects\)\n$`,
	"helm template chart/ | gatelint lint -":                            `^<stdin>` + rendered,

	"helm template chart/ | gatelint lint --stdin-filename chart.yaml -":           `^chart\.yaml` + rendered,
	"kubectl kustomize overlays/prod | gatelint lint --stdin-filename prod.yaml -": `^prod\.yaml` + dead,
}

// TestDocs runs the commands of docs/cluster.md, and those of other pages that call helm or kubectl, as a user with the role that it gives:
// that is allowed everything that is read.
func TestDocs(t *testing.T) {
	page, err := guide.Read("../../../docs/cluster.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(page.Text, "```yaml\napiVersion: rbac")
	require.True(t, found)
	role, _, _ := strings.Cut(rest, "```")
	apply(t, edge+"---\n"+route)
	t.Cleanup(func() {
		_, err := kubectl(edge+"---\n"+route, "delete", "--wait=false", "-f", "-")
		require.NoError(t, err)
	})
	user := account(t, "docs", "apiVersion: rbac"+role+`---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: gatelint-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gatelint-reader}
subjects: [{kind: ServiceAccount, name: NAME, namespace: default}]
`)
	helm, err := apiserver.Helm()
	require.NoError(t, err)
	dir, bin := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"deploy/route.yaml": deployed, "platform/edge.yaml": edge,
		"overlays/prod/kustomization.yaml": "resources: [../../deploy]\n", "overlays/stage/kustomization.yaml": "resources: [../../deploy]\n",
		"deploy/kustomization.yaml": "resources: [route.yaml]\n",
		"chart/Chart.yaml":          "{apiVersion: v2, name: shop, version: 1.0.0}\n", "chart/templates/route.yaml": deployed,
	} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	for _, name := range []string{"gatelint", "kubectl-gatelint"} {
		require.NoError(t, os.Symlink(cluster.binary, filepath.Join(bin, name)))
	}
	steps := page.Steps
	for _, command := range page.Said() {
		if strings.HasPrefix(command, "gatelint ") {
			steps = append(steps, guide.Step{Command: command})
		}
	}
	for _, file := range []string{"docs/ci.md", "README.md"} {
		other, err := guide.Read("../../../" + file)
		require.NoError(t, err)
		for _, s := range other.Steps {
			if strings.HasPrefix(s.Command, "helm ") || strings.HasPrefix(s.Command, "kubectl ") {
				steps = append(steps, s)
			}
		}
	}
	left := maps.Clone(prints)
	for _, s := range steps {
		command := s.Gatelint()
		words := strings.Fields(command)
		t.Run(strings.Join(words, "-"), func(t *testing.T) {
			cmd := exec.Command("sh", "-c", s.Command)
			cmd.Env = append(os.Environ(), "KUBECONFIG="+user, "PATH="+strings.Join([]string{bin, helm, os.Getenv("KUBEBUILDER_ASSETS"), os.Getenv("PATH")}, ":"))
			cmd.Dir = dir
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			err := cmd.Run()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				require.NoError(t, err)
			}
			require.LessOrEqual(t, cmd.ProcessState.ExitCode(), 1, "%s%s", out.String(), errs.String())
			if strings.Contains(command, "lint --cluster") && len(words) == 3 {
				require.Contains(t, errs.String(), "NOTHING WAS CHECKED: namespace team-0")
			} else {
				require.Empty(t, errs.String())
			}
			require.NotContains(t, out.String(), "assumed:")
			require.Contains(t, prints, s.Command)
			require.Regexp(t, prints[s.Command], out.String())
			delete(left, s.Command)
		})
	}
	require.Empty(t, left, "these are on no page")
}
