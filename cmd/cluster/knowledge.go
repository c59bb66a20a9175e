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

// Knowledge gives the kinds and namespaces of which what is not there is missing, beside those that are declared. remote tells
// that istiod joins other clusters.
func Knowledge(declared mesh.Complete, held []Held, istiodNamespace string, remote bool) mesh.Complete {
	c := mesh.Complete{All: declared.All, Kinds: map[string]map[string]bool{}}
	add := func(kind, namespace string) {
		if c.Kinds[kind] == nil {
			c.Kinds[kind] = map[string]bool{}
		}
		c.Kinds[kind][namespace] = true
	}
	for kind, namespaces := range declared.Kinds {
		for ns := range namespaces {
			add(kind, ns)
		}
	}
	// A remote cluster can have the Services that this one lacks; whether there is one, only Secrets tell.
	one := !remote && slices.ContainsFunc(held, func(h Held) bool {
		return h.Kind == "Secret" && (h.Namespace == "" || h.Namespace == istiodNamespace)
	})
	for _, h := range held {
		switch {
		case !h.Complete || h.Kind == "Service" && !one:
		case h.Namespace == "":
			add(h.Kind, "*")
		default:
			add(h.Kind, h.Namespace)
		}
	}
	return c
}
