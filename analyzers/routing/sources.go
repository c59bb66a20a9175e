package routing

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// ForeignSource is a source condition that the workloads of no Gateway of a VirtualService meet: istiod compares it with the proxy
// that it makes routes for, not with the client (networking/core/route/route.go, sourceMatchHTTP).
type ForeignSource struct {
	Field    string // "sourceLabels" or "sourceNamespace"
	Why      string // a clause that begins with the condition
	Workload *mesh.Workload
}

// GatewayWorkloads are the workloads of the Gateways of a VirtualService; none if one of them is not known.
func (t *Tables) GatewayWorkloads(v *mesh.VirtualService) []*mesh.Workload {
	var out []*mesh.Workload
	for _, ref := range v.Gateways {
		if len(ref.Found) != 1 || ref.K8s || len(ref.Found[0].Opaque) > 0 || len(t.Serving(ref.Found[0])) == 0 {
			return nil
		}
		for _, table := range t.Serving(ref.Found[0]) {
			if wl := table.Workload; wl.Assumed || wl.Namespace == "" || wl.Object != nil && len(wl.Object.Opaque) > 0 {
				return nil
			}
			out = append(out, table.Workload)
		}
	}
	return out
}

// ForeignSourceOf finds a condition of a match that none of the workloads meets; nil where there is none, or for a match that names
// gateways: istiod leaves its source conditions out.
func ForeignSourceOf(m *networking.HTTPMatchRequest, workloads []*mesh.Workload) *ForeignSource {
	if len(m.GetGateways()) > 0 || len(workloads) == 0 {
		return nil
	}
	var out *ForeignSource
	if ns := m.GetSourceNamespace(); ns != "" && !manifest.Placeholder(ns) {
		out = &ForeignSource{"sourceNamespace", fmt.Sprintf("sourceNamespace %q is compared with the namespace of the Gateway's own pods, %q", ns, workloads[0].Namespace), workloads[0]}
		for _, wl := range workloads {
			if wl.Namespace == ns {
				out = nil
				break
			}
		}
	}
	var lacking *ForeignSource
	for _, wl := range workloads {
		key := lackingLabel(m.GetSourceLabels(), wl.Labels)
		if key == "" {
			return out
		}
		if lacking == nil {
			lacking = &ForeignSource{"sourceLabels", whyLabel(key, m.GetSourceLabels()[key], wl), wl}
		}
	}
	return lacking
}

func whyLabel(key, asked string, wl *mesh.Workload) string {
	why := fmt.Sprintf("sourceLabels %s %q is compared with the labels of the Gateway's own pods, which have ", key, asked)
	if have, ok := wl.Labels[key]; ok {
		return why + strconv.Quote(have)
	}
	return why + "none of that name"
}

// lackingLabel is the key of a label that a workload certainly has otherwise, or not: Kubernetes and Istio add labels to pods.
func lackingLabel(asked, labels map[string]string) string {
	for _, k := range manifest.Keys(asked) {
		have, has := labels[k]
		added := !has && (strings.Contains(k, "/") || strings.HasSuffix(k, "-hash") || strings.HasSuffix(k, "-generation"))
		if (!has || have != asked[k]) && !added && !manifest.Placeholder(k) && !manifest.Placeholder(asked[k]) && !manifest.Placeholder(have) {
			return k
		}
	}
	return ""
}
