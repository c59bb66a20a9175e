//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// chart is what a release of the chart applies.
type chart struct {
	text    string
	objects []*unstructured.Unstructured
}

// release renders the chart as Helm does, with values for certificates that the tests provide, unless the values say otherwise.
func release(namespace, values string) (*chart, error) {
	file, err := os.CreateTemp(cluster.dir, "values")
	if err != nil {
		return nil, err
	}
	if !strings.Contains(values, "certificates:") {
		values += fmt.Sprintf("\ncertificates: {mode: provided, secretName: gatelint-webhook-tls, caBundle: %q}\n", cluster.ca)
	}
	if _, err := file.WriteString(values); err != nil {
		return nil, err
	}
	text, err := output("go", "-C", "../deploy", "run", ".", "-namespace", namespace, "-values", file.Name())
	if err != nil {
		return nil, err
	}
	return parse(text)
}

func parse(text string) (*chart, error) {
	c := &chart{text: text}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := documents.Decode(o); err == io.EOF {
			return c, nil
		} else if err != nil {
			return nil, err
		}
		c.objects = append(c.objects, o)
	}
}

// get gives the only object of a kind.
func (c *chart) get(kind string) map[string]any {
	for _, o := range c.objects {
		if o.GetKind() == kind {
			return o.Object
		}
	}
	panic("the chart has no " + kind)
}

// flags are those that the chart gives the binary, and those that make of a pod a process: later ones win.
func (c *chart) flags() ([]string, error) {
	containers, _, err := unstructured.NestedSlice(c.get("Deployment"), "spec", "template", "spec", "containers")
	if err != nil {
		return nil, err
	}
	args, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	if err != nil {
		return nil, err
	}
	config, _, err := unstructured.NestedString(c.get("ConfigMap"), "data", ".gatelint.yaml")
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(cluster.dir, "gatelint.yaml")
	if err != nil {
		return nil, err
	}
	_, err = file.WriteString(config)
	namespace := c.get("Deployment")["metadata"].(map[string]any)["namespace"].(string) // POD_NAMESPACE says it in a pod
	return append(args, "--config", file.Name(), "--namespace", namespace), err
}

// variables are the environment of the webhook's container, but what depends on the pod.
func (c *chart) variables() []string {
	var out []string
	containers, _, _ := unstructured.NestedSlice(c.get("Deployment"), "spec", "template", "spec", "containers") // flags has read them
	for _, v := range containers[0].(map[string]any)["env"].([]any) {
		if value, ok := v.(map[string]any)["value"].(string); ok {
			out = append(out, v.(map[string]any)["name"].(string)+"="+value)
		}
	}
	return out
}

// TestChart has the API server judge what the chart makes of several sets of values, as on an installation, in a namespace that asks
// for the restricted pod security standard.
func TestChart(t *testing.T) {
	for _, ns := range []string{"elsewhere", "istio-ingress", "mesh-root"} {
		_, err := kubectl("", "create", "namespace", ns)
		require.NoError(t, err)
	}
	_, err := kubectl("", "label", "namespace", "elsewhere", "pod-security.kubernetes.io/warn=restricted")
	require.NoError(t, err)
	judge := func(t *testing.T, text string) string {
		c, err := parse(text)
		require.NoError(t, err)
		config, _, err := unstructured.NestedString(c.get("ConfigMap"), "data", settings.FileName)
		require.NoError(t, err)
		_, err = settings.Parse([]byte(config), settings.FileName, rules.All())
		require.NoError(t, err, "what the chart's schema lets pass the webhook can read")
		var list []any
		for _, o := range c.objects {
			switch o.GroupVersionKind().Group {
			case "cert-manager.io", "monitoring.coreos.com": // not served here
			default:
				if o.GetKind() != "Namespace" {
					list = append(list, o)
				}
			}
		}
		raw, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": list})
		require.NoError(t, err)
		out, err := kubectl(string(raw), "create", "--dry-run=server", "--validate=strict", "-f", "-")
		require.NoError(t, err)
		require.Equal(t, len(list), strings.Count(out, " created (server dry run)\n"), out)
		return out
	}
	files, err := filepath.Glob("../deploy/testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			text, err := output("go", "-C", "../deploy", "run", ".", "-release", "elsewhere", "-namespace", "elsewhere", "-values", filepath.Join("testdata", filepath.Base(file)))
			require.NoError(t, err)
			out := judge(t, text)
			if name == "everything" {
				require.Contains(t, out, "host namespaces (hostNetwork=true)", "so it would warn")
			} else {
				require.NotContains(t, out, "Warning")
			}
		})
	}
	t.Run("kustomize", func(t *testing.T) {
		text, err := kubectl("", "kustomize", "../deploy/kustomize")
		require.NoError(t, err)
		text = replace(replace(text, "gatelint-system", "elsewhere"), "gatelint-webhook", "elsewhere-webhook") // the tests' own stands there
		require.NotContains(t, judge(t, text), "Warning")
	})
}
