package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// common are kinds that manifests have beside Istio's, by the group that they are named with: Deployment.apps, Service.
var common = map[string]string{
	"ConfigMap": "", "CronJob": "batch", "DaemonSet": "apps", "Deployment": "apps", "HTTPRoute": "gateway.networking.k8s.io",
	"Ingress": "networking.k8s.io", "Job": "batch", "Namespace": "", "NetworkPolicy": "networking.k8s.io", "Pod": "", "Secret": "",
	"Service": "", "ServiceAccount": "", "StatefulSet": "apps",
}

var kindName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$`)

// kindFault says why a text names no kind of objects, as far as that can be told: others can define kinds. "" if it may.
func kindFault(text string) string {
	kind, group, dotted := strings.Cut(text, ".")
	known := append(manifest.Kinds(), manifest.Keys(common)...)
	switch {
	case text == "*":
		return "without kinds a policy is run on all objects"
	case !kindName.MatchString(text):
		hint := meant(text, known)
		if after := text[strings.LastIndex(text, "/")+1:]; slices.Contains(known, after) {
			hint = fmt.Sprintf("; did you mean %q?", after)
		}
		return fmt.Sprintf("%q is no name of a kind, which is VirtualService, or Deployment.apps%s", text, hint)
	case slices.Contains(known, kind):
		if want := common[kind]; dotted && want != "" && want != group && manifest.Nearest(group, []string{want}) != "" {
			return fmt.Sprintf("unknown kind %q; did you mean %q?", text, kind+"."+want)
		}
		return ""
	case dotted && kindKey(text) == text:
		return ""
	}
	near := manifest.Nearest(kind, known)
	for _, k := range known { // ServiceEntries, Gateways
		if plural := strings.TrimSuffix(k, "y"); kind == k+"s" || kind == plural+"ies" && plural != k {
			near = k
		}
	}
	if near == "" {
		return ""
	}
	return fmt.Sprintf("unknown kind %q; did you mean %q?", text, near)
}

// kindKey is a kind as objects are kept by: Istio's without its group.
func kindKey(text string) string { return mesh.KindName(mesh.IDOf(text, "", "")) }
