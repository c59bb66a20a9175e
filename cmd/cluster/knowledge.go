package cluster

import (
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// Held is a resource of which every object in a namespace is held, "" for all.
type Held struct {
	Resource
	Namespace string
}

// Remote tells a Secret by which istiod joins another cluster (pkg/kube/multicluster/secretcontroller.go).
func Remote(o *manifest.Object, istiodNamespace string) bool {
	return o.Group == "" && o.Kind == "Secret" && o.Namespace == istiodNamespace && o.Labels["istio/multiCluster"] == "true"
}

// Knowledge gives the kinds and namespaces of which what is not there is missing. remote tells that istiod joins other clusters.
func Knowledge(held []Held, istiodNamespace string, remote bool) mesh.Complete {
	c := mesh.Complete{Kinds: map[string]map[string]bool{}}
	// A remote cluster can have the Services that this one lacks; whether there is one, only Secrets tell.
	one := !remote && slices.ContainsFunc(held, func(h Held) bool {
		return h.Kind == "Secret" && (h.Namespace == "" || h.Namespace == istiodNamespace)
	})
	for _, h := range held {
		if !h.Complete || h.Kind == "Service" && !one {
			continue
		}
		if c.Kinds[h.Kind] == nil {
			c.Kinds[h.Kind] = map[string]bool{}
		}
		ns := h.Namespace
		if ns == "" {
			ns = "*"
		}
		c.Kinds[h.Kind][ns] = true
	}
	return c
}
