// Command deploy renders the chart with Helm's own library: for the kustomize base, and for the end-to-end tests. It is a module of
// its own, so that the webhook does not depend on Helm.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const chart = "helm/gatelint"

func main() {
	release := flag.String("release", "gatelint", "the `name` of the release")
	namespace := flag.String("namespace", "gatelint-system", "the `namespace` of the release")
	file := flag.String("values", "", "a `file` with values; none: the chart's own")
	tool := flag.String("managed-by", "Helm", "the `tool` that the label app.kubernetes.io/managed-by names")
	flag.Parse()
	values := map[string]any{}
	err := read(*file, &values)
	if err == nil {
		var text []byte
		if text, err = manifests(*release, *namespace, *tool, values); err == nil {
			_, err = os.Stdout.Write(text)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
}

func read(file string, values *map[string]any) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, values); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}

// manifests are what `helm install` would apply, in the order of the templates' names, one YAML stream.
func manifests(release, namespace, tool string, values map[string]any) ([]byte, error) {
	files, err := render(release, namespace, tool, values, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(text) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out bytes.Buffer
	for i, name := range names {
		if i > 0 {
			out.WriteString("---\n")
		}
		out.WriteString(strings.TrimSpace(files[name]) + "\n")
	}
	return out.Bytes(), nil
}

// render gives the text of each template. The values are held to the chart's schema.
func render(release, namespace, tool string, values map[string]any, cluster *common.Capabilities) (map[string]string, error) {
	loaded, err := loader.Load(chart)
	if err != nil {
		return nil, fmt.Errorf("loading the chart: %w", err)
	}
	all, err := util.ToRenderValues(loaded, values, common.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, cluster)
	if err != nil {
		return nil, err
	}
	all["Release"].(map[string]any)["Service"] = tool
	return engine.Render(loaded, all)
}
