package cluster

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// kept are the paths that verdicts hang on, by group and kind; lists are looked through. Of Istio's own kinds that are not named it is
// the whole spec, of other kinds nothing but the metadata.
var kept = map[string]string{
	"networking.istio.io/EnvoyFilter":   "spec.workloadSelector spec.targetRefs spec.configPatches.applyTo",
	"networking.istio.io/WorkloadEntry": "", // that it is there is enough
	"networking.istio.io/WorkloadGroup": "",

	"/Service": "spec.type spec.selector spec.ports.name spec.ports.port spec.ports.protocol spec.ports.appProtocol spec.ports.targetPort " +
		"spec.clusterIP spec.clusterIPs spec.externalName",
	"/ConfigMap": "data.mesh",

	"apps/Deployment":                    workload,
	"apps/DaemonSet":                     workload,
	"apps/StatefulSet":                   workload,
	"argoproj.io/Rollout":                workload,
	"apps.openshift.io/DeploymentConfig": workload,

	"cert-manager.io/Certificate":         "spec.secretName spec.dnsNames spec.commonName",
	"networking.k8s.io/Ingress":           "spec.ingressClassName spec.tls.secretName spec.tls.hosts",
	"gateway.networking.k8s.io/Gateway":   "spec.addresses.value",
	"gateway.networking.k8s.io/HTTPRoute": route,
	"gateway.networking.k8s.io/GRPCRoute": route,
	"gateway.networking.k8s.io/TLSRoute":  route,
	"gateway.networking.k8s.io/TCPRoute":  route,
}

const (
	workload = "spec.template.metadata.labels spec.template.metadata.annotations spec.template.spec.hostNetwork spec.template.spec.containers.name " +
		"spec.template.spec.containers.args spec.template.spec.containers.ports.name spec.template.spec.containers.ports.containerPort " +
		"spec.template.spec.containers.ports.hostPort"
	route    = "spec" // every host that is named may be a way out of the mesh
	identity = "apiVersion kind metadata.name metadata.namespace metadata.creationTimestamp metadata.labels metadata.annotations "
)

// Reduce leaves of an object what verdicts hang on: no annotation of other programs, no image, command or environment of a pod, no
// value of a patch.
func Reduce(u *unstructured.Unstructured) {
	gvk := u.GroupVersionKind()
	paths, known := kept[gvk.Group+"/"+gvk.Kind]
	if !known && gvk.Group == istio {
		paths = "spec"
	}
	u.Object = keep(u.Object, split(identity+paths)).(map[string]any)
	annotations(u.Object, "metadata", "annotations")
	annotations(u.Object, "spec", "template", "metadata", "annotations")
	containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	for _, c := range containers {
		// The proxy's tell a gateway from a sidecar.
		if c, ok := c.(map[string]any); ok && c["name"] != "istio-proxy" {
			delete(c, "args")
		}
	}
	if len(containers) > 0 {
		_ = unstructured.SetNestedSlice(u.Object, containers, "spec", "template", "spec", "containers") // it was there
	}
	if text, ok, _ := unstructured.NestedString(u.Object, "data", "mesh"); ok {
		_ = unstructured.SetNestedField(u.Object, meshConfig(text), "data", "mesh")
	}
}

func split(paths string) (out [][]string) {
	for _, p := range strings.Fields(paths) {
		out = append(out, strings.Split(p, "."))
	}
	return out
}

// keep gives of a value what lies on the paths.
func keep(v any, paths [][]string) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = keep(v[i], paths)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			var rest [][]string
			whole := false
			for _, p := range paths {
				if p[0] == key && len(p) == 1 {
					whole = true
				} else if p[0] == key {
					rest = append(rest, p[1:])
				}
			}
			switch {
			case whole:
				out[key] = value
			case rest != nil:
				out[key] = keep(value, rest)
			}
		}
		return out
	}
	return v
}

// annotations leaves those that Istio and gatelint read.
func annotations(o map[string]any, path ...string) {
	all, found, _ := unstructured.NestedMap(o, path...)
	if !found {
		return
	}
	for k, v := range all {
		text, _ := v.(string)
		switch {
		case k == "proxy.istio.io/config" && strings.Contains(text, "gatewayTopology"):
			all[k] = "gatewayTopology: {}" // that it is set is enough
		case strings.HasPrefix(k, "gatelint.io/"), strings.HasPrefix(k, "internal.istio.io/"), k == "istio.io/dry-run",
			k == "networking.istio.io/exportTo", k == "inject.istio.io/templates", k == "kubernetes.io/ingress.class":
		default:
			delete(all, k)
		}
	}
	if len(all) == 0 {
		unstructured.RemoveNestedField(o, path...)
		return
	}
	_ = unstructured.SetNestedMap(o, all, path...) // it was there
}

// meshConfig leaves of a MeshConfig what is read; of one that cannot be read, nothing.
func meshConfig(text string) string {
	var all map[string]any
	if yaml.Unmarshal([]byte(text), &all) != nil {
		return ""
	}
	out, err := yaml.Marshal(keep(all, split(mesh.MeshConfigPaths)))
	if err != nil {
		return ""
	}
	return string(out)
}
