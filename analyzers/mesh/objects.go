package mesh

import "github.com/gatelint/gatelint/analyzers/manifest"

// KindName names a kind apart from all others: "Gateway" is Istio's, "Service" is Kubernetes' own, every other kind carries its group,
// as in "Gateway.gateway.networking.k8s.io" and "Deployment.apps".
func KindName(id manifest.ID) string {
	if id.Group == "" || id.Group == "networking.istio.io" {
		return id.Kind
	}
	return id.Kind + "." + id.Group
}

// OfKind gives the objects of a kind, as KindName names it, by namespace and name.
func (w *World) OfKind(kind string) map[string]map[string]*manifest.Object {
	w.kindsOnce.Do(func() {
		w.byKind = map[string]map[string]map[string]*manifest.Object{}
		for _, o := range w.Objects {
			kind := KindName(o.ID)
			if w.byKind[kind] == nil {
				w.byKind[kind] = map[string]map[string]*manifest.Object{}
			}
			if w.byKind[kind][o.Namespace] == nil {
				w.byKind[kind][o.Namespace] = map[string]*manifest.Object{}
			}
			if o.Name != "" {
				w.byKind[kind][o.Namespace][o.Name] = o
			}
		}
	})
	return w.byKind[kind]
}

// Object finds an object by its kind, as KindName names it; nil if there is none.
func (w *World) Object(kind, namespace, name string) *manifest.Object {
	return w.OfKind(kind)[namespace][name]
}
