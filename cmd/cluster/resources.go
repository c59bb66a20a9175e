// Package cluster reads from an API server what Worlds are made of, as compact objects: for the webhook, which watches it, and for
// the linter, which lists it once.
package cluster

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Resource is one kind that is listed.
type Resource struct {
	Group, Name, Kind string
	Version           string   // as served; filled in by discovery
	Namespaces        []string // nil for all
	Labels, Fields    string   // selectors
	Metadata          bool     // only metadata is fetched
	Optional          bool     // its failure does not keep the webhook from being ready
	Complete          bool     // every object of the kind is listed, so that what is not there is missing
}

// GVR is the resource in the version that is served.
func (r Resource) GVR() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Name}
}

const (
	istio      = "networking.istio.io"
	gatewayAPI = "gateway.networking.k8s.io"
)

// istiod does not read these Secrets, and they are many.
const servingSecrets = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token,type!=bootstrap.kubernetes.io/token"

// Wanted says what is read of a cluster.
type Wanted struct {
	IstiodNamespace  string // with its MeshConfig, and the Secrets by which it joins clusters
	Revision         string
	GatewaySelector  string   // of workloads that can be gateways; "" for all
	SecretNamespaces []string // "*" for all; none: Secrets are unknown
	MeshConfigGiven  bool     // the ConfigMap of istiod is not read
}

// Resources are the kinds of which Worlds are made.
func (s Wanted) Resources() []Resource {
	mesh := "istio"
	if s.Revision != "" && s.Revision != "default" {
		mesh += "-" + s.Revision
	}
	list := []Resource{
		{Group: istio, Name: "gateways", Kind: "Gateway", Complete: true},
		{Group: istio, Name: "virtualservices", Kind: "VirtualService", Complete: true},
		{Group: istio, Name: "destinationrules", Kind: "DestinationRule", Complete: true},
		{Group: istio, Name: "serviceentries", Kind: "ServiceEntry", Complete: true},
		{Group: istio, Name: "sidecars", Kind: "Sidecar", Complete: true},
		{Group: istio, Name: "envoyfilters", Kind: "EnvoyFilter"},
		{Name: "services", Kind: "Service", Complete: true},
		{Name: "namespaces", Kind: "Namespace", Metadata: true},
		{Group: "apps", Name: "deployments", Kind: "Deployment", Labels: s.GatewaySelector},
		{Group: "apps", Name: "daemonsets", Kind: "DaemonSet", Labels: s.GatewaySelector},
		{Group: "apps", Name: "statefulsets", Kind: "StatefulSet", Labels: s.GatewaySelector},
		{Group: "cert-manager.io", Name: "certificates", Kind: "Certificate", Optional: true},
		{Group: gatewayAPI, Name: "gateways", Kind: "Gateway", Optional: true},
		{Group: gatewayAPI, Name: "httproutes", Kind: "HTTPRoute", Optional: true},
		{Group: gatewayAPI, Name: "grpcroutes", Kind: "GRPCRoute", Optional: true},
		{Group: gatewayAPI, Name: "tlsroutes", Kind: "TLSRoute", Optional: true},
		{Group: gatewayAPI, Name: "tcproutes", Kind: "TCPRoute", Optional: true},
	}
	if !s.MeshConfigGiven {
		list = append(list, Resource{Name: "configmaps", Kind: "ConfigMap", Namespaces: []string{s.IstiodNamespace}, Fields: "metadata.name=" + mesh, Optional: true})
	}
	switch {
	case slices.Contains(s.SecretNamespaces, "*"):
		list = append(list, Resource{Name: "secrets", Kind: "Secret", Fields: servingSecrets, Metadata: true, Optional: true, Complete: true})
	case len(s.SecretNamespaces) > 0:
		list = append(list, Resource{Name: "secrets", Kind: "Secret", Namespaces: s.SecretNamespaces, Fields: servingSecrets, Metadata: true, Optional: true, Complete: true})
	}
	return list
}

// Served gives the resources that the API server has, each in the version that it prefers of those with the resource: istiod's
// EnvoyFilters are v1alpha3 where all else is v1.
func (c *Clients) Served(ctx context.Context, wanted []Resource) ([]Resource, error) {
	var groups metav1.APIGroupList
	if err := c.get(ctx, "/apis", &groups); err != nil {
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
	var out []Resource
	for _, r := range wanted {
		for _, version := range versions[r.Group] {
			gv := schema.GroupVersion{Group: r.Group, Version: version}
			if lists[gv] == nil {
				path := "/apis/" + gv.String()
				if gv.Group == "" {
					path = "/api/" + gv.Version
				}
				var list metav1.APIResourceList
				if err := c.get(ctx, path, &list); err != nil {
					return nil, fmt.Errorf("asking for the resources of %s: %w", gv, err)
				}
				lists[gv] = resourceNames(&list)
			}
			if lists[gv][r.Name] {
				r.Version = version
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
