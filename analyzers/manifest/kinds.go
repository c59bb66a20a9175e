package manifest

import (
	"slices"
	"strings"
)

// common are kinds that manifests have beside Istio's, by the group that they are named with: Deployment.apps, Service.
var common = map[string]string{
	"ConfigMap": "", "CronJob": "batch", "DaemonSet": "apps", "Deployment": "apps", "GRPCRoute": gatewayAPI, "HTTPRoute": gatewayAPI,
	"Ingress": "networking.k8s.io", "Job": "batch", "Namespace": "", "NetworkPolicy": "networking.k8s.io", "Pod": "", "Secret": "",
	"Service": "", "ServiceAccount": "", "StatefulSet": "apps", "TCPRoute": gatewayAPI, "TLSRoute": gatewayAPI,
}

const gatewayAPI = "gateway.networking.k8s.io"

// GroupOf gives the group of a kind that manifests have beside those of Istio's networking API; "" for one that is named without, or not
// known.
func GroupOf(kind string) string {
	if group, istio := schemas().groupOf(kind); istio && group != networkingGroup {
		return group
	}
	return common[kind]
}

// NearKind gives the known kind that a name is, or is nearly; "" if it is near none: others can define kinds.
func NearKind(name string) string {
	known := Keys(common)
	for _, k := range Keys(schemas().Kinds) {
		_, kind, _ := strings.Cut(k, "/")
		known = append(known, kind)
	}
	if slices.Contains(known, name) {
		return name
	}
	for _, k := range known { // ServiceEntries, Gateways
		if plural := strings.TrimSuffix(k, "y"); name == k+"s" || name == plural+"ies" && plural != k {
			return k
		}
	}
	return Nearest(name, known)
}
