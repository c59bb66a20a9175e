package mesh

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// Endpoint stands for endpoints with the same labels: the pods of a workload, or one written in a ServiceEntry.
type Endpoint struct {
	Object *manifest.Object
	Labels map[string]string
}

// Endpoints gives what stands behind a service. known is false where the input does not tell: no workload of it is there, or
// others can be (WorkloadEntries, charts, pods of a workload selector, endpoints made by hand).
func (w *World) Endpoints(s *Service) (list []Endpoint, known bool) {
	if s.Opaque || s.ExternalName != "" {
		return nil, false
	}
	if s.Entry != nil {
		return w.entryEndpoints(s)
	}
	for _, kind := range [...]string{"WorkloadEntry", "WorkloadGroup"} {
		if w.Count(kind, s.Namespace) > 0 || w.Count(kind, "") > 0 {
			return nil, false
		}
	}
	if w.rendered[s.Namespace] || w.rendered[""] || w.variants[s.Namespace] {
		return nil, false
	}
	for _, wl := range w.behind[s] {
		list = append(list, Endpoint{wl.Object, wl.Labels})
	}
	return list, len(list) > 0
}

// entryEndpoints joins the endpoints of all entries of a namespace for the host, as istiod does. A host that is resolved by DNS
// and has no endpoints is its own, without labels.
func (w *World) entryEndpoints(s *Service) (list []Endpoint, known bool) {
	for _, e := range w.hosts[s.Host] {
		if e.Namespace != s.Namespace && e.Namespace != "" && s.Namespace != "" {
			continue
		}
		if e.Entry == nil || e.Opaque || e.Entry.WorkloadSelector != nil {
			return nil, false
		}
		for _, p := range e.Entry.Endpoints {
			list = append(list, Endpoint{e.Object, p.GetLabels()})
		}
		switch e.Entry.Resolution {
		case networking.ServiceEntry_DNS, networking.ServiceEntry_DNS_ROUND_ROBIN:
			if len(e.Entry.Endpoints) == 0 {
				list = append(list, Endpoint{Object: e.Object})
			}
		case networking.ServiceEntry_NONE, networking.ServiceEntry_STATIC:
		default:
			return nil, false
		}
	}
	return list, true
}

// CouldHave tells whether an endpoint may have the labels that a subset asks for: placeholders can have any value, and some
// labels come only when the pod is made.
func (e Endpoint) CouldHave(labels map[string]string) bool {
	for k, v := range labels {
		have, ok := e.Labels[k]
		if have != v && !addedLater(k) && !manifest.Placeholder(k) && !manifest.Placeholder(v) && !(ok && manifest.Placeholder(have)) {
			return false
		}
	}
	return true
}

// addedLater tells a label that istiod, its injector or a controller adds to pods and endpoints.
func addedLater(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	return strings.HasSuffix(domain, "istio.io") || strings.HasSuffix(domain, "kubernetes.io") || strings.HasSuffix(key, "-hash")
}

// EndpointsClosed tells whether every pod of a namespace is known.
func (w *World) EndpointsClosed(namespace string) bool {
	return w.Closed("Pod", namespace)
}
