// Package live fills an engine from the API server: what exists, and which kinds and namespaces are known completely.
package live

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// resource is one kind that is listed and watched.
type resource struct {
	group, name, kind string
	version           string   // as served; filled in by discovery
	namespaces        []string // nil for all
	labels, fields    string   // selectors
	metadata          bool     // only metadata is fetched
	optional          bool     // its failure does not keep the webhook from being ready
	complete          bool     // every object of the kind is listed, so that what is not there is missing
}

func (r resource) gvr() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: r.group, Version: r.version, Resource: r.name}
}

const (
	istio      = "networking.istio.io"
	gatewayAPI = "gateway.networking.k8s.io"
)

// istiod does not read these Secrets, and they are many.
const servingSecrets = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token,type!=bootstrap.kubernetes.io/token"

// resources are the kinds of which Worlds are made.
func (s *Source) resources() []resource {
	mesh := "istio"
	if s.Revision != "" && s.Revision != "default" {
		mesh += "-" + s.Revision
	}
	list := []resource{
		{group: istio, name: "gateways", kind: "Gateway", complete: true},
		{group: istio, name: "virtualservices", kind: "VirtualService", complete: true},
		{group: istio, name: "destinationrules", kind: "DestinationRule", complete: true},
		{group: istio, name: "serviceentries", kind: "ServiceEntry", complete: true},
		{group: istio, name: "sidecars", kind: "Sidecar", complete: true},
		{group: istio, name: "envoyfilters", kind: "EnvoyFilter"},
		{name: "services", kind: "Service", complete: true},
		{name: "namespaces", kind: "Namespace", metadata: true},
		{group: "apps", name: "deployments", kind: "Deployment", labels: s.GatewaySelector},
		{group: "apps", name: "daemonsets", kind: "DaemonSet", labels: s.GatewaySelector},
		{group: "apps", name: "statefulsets", kind: "StatefulSet", labels: s.GatewaySelector},
		{group: "cert-manager.io", name: "certificates", kind: "Certificate", optional: true},
		{group: gatewayAPI, name: "gateways", kind: "Gateway", optional: true},
		{group: gatewayAPI, name: "httproutes", kind: "HTTPRoute", optional: true},
		{group: gatewayAPI, name: "grpcroutes", kind: "GRPCRoute", optional: true},
		{group: gatewayAPI, name: "tlsroutes", kind: "TLSRoute", optional: true},
		{group: gatewayAPI, name: "tcproutes", kind: "TCPRoute", optional: true},
	}
	if !s.MeshConfigGiven {
		list = append(list, resource{name: "configmaps", kind: "ConfigMap", namespaces: []string{s.IstiodNamespace}, fields: "metadata.name=" + mesh, optional: true})
	}
	switch {
	case slices.Contains(s.SecretNamespaces, "*"):
		list = append(list, resource{name: "secrets", kind: "Secret", fields: servingSecrets, metadata: true, optional: true, complete: true})
	case len(s.SecretNamespaces) > 0:
		list = append(list, resource{name: "secrets", kind: "Secret", namespaces: s.SecretNamespaces, fields: servingSecrets, metadata: true, optional: true, complete: true})
	}
	return list
}

// served gives the resources that the API server has, each in the version that it prefers of those with the resource: istiod's
// EnvoyFilters are v1alpha3 where all else is v1.
func served(ctx context.Context, client discovery.DiscoveryInterfaceWithContext, wanted []resource) ([]resource, error) {
	groups, err := client.ServerGroupsWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for API groups: %w", err)
	}
	versions := map[string][]string{"": {"v1"}} // by group, the preferred one first
	for _, g := range groups.Groups {
		versions[g.Name] = nil
		for _, v := range g.Versions {
			versions[g.Name] = append(versions[g.Name], v.Version)
		}
	}
	lists := map[schema.GroupVersion]map[string]bool{} // names of resources
	var out []resource
	for _, r := range wanted {
		for _, version := range versions[r.group] {
			gv := schema.GroupVersion{Group: r.group, Version: version}
			if lists[gv] == nil {
				list, err := client.ServerResourcesForGroupVersionWithContext(ctx, gv.String())
				if err != nil {
					return nil, fmt.Errorf("asking for the resources of %s: %w", gv, err)
				}
				lists[gv] = resourceNames(list)
			}
			if lists[gv][r.name] {
				r.version = version
				out = append(out, r)
				break
			}
		}
	}
	return out, nil
}

func resourceNames(list *metav1.APIResourceList) map[string]bool {
	out := map[string]bool{}
	for _, r := range list.APIResources {
		out[r.Name] = true
	}
	return out
}
