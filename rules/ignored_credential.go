package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	networking "istio.io/api/networking/v1alpha3"
)

var ignoredCredential = &Rule{
	Name: "ignored-credential", Severity: Warning, Admission: Warn, Elsewhere: Warn, Since: "0.1.0",
	Doc: `A DestinationRule credential that sidecars ignore

credentialName in a DestinationRule is for gateways. Without a workloadSelector istiod gives sidecars no TLS settings at all for
the host when the mode is SIMPLE or MUTUAL with a credentialName: not TLS without a certificate, but plaintext, which leaves the
pod for a host that was meant to be reached over TLS. configmap:// names work everywhere.

The rule speaks only where sidecars are seen to use the host, by application pods in its namespace or by a mesh
route to it, and where nothing hands the host to a gateway workload, which would read it.

Fix: give it a workloadSelector for the pods that may read the Secret, or send the host through an egress gateway.`,
	Run: func(p *Pass) {
		var to *traffic
		for _, d := range p.World.DestinationRules {
			fields := gatewayCredentials(d)
			if len(fields) == 0 || d.Spec.WorkloadSelector != nil || !d.Known("spec", "workloadSelector") {
				continue
			}
			if to == nil {
				to = p.traffic()
			}
			if !p.sidecarsUse(d, to) {
				continue
			}
			for _, path := range fields {
				p.Report(Fault{
					On: d.Object, Path: path, Severity: Warning, Words: "credential",
					Message: fmt.Sprintf("sidecars ignore the credentialName of DestinationRule %s, which has no workloadSelector: they send plaintext to %s", d.ID(), d.Spec.Host),
				})
			}
		}
	},
}

// gatewayCredentials are the paths of the credentials that only gateways read (networking/core/cluster_tls.go).
func gatewayCredentials(d *mesh.DestinationRule) [][]any {
	var out [][]any
	add := func(t *networking.ClientTLSSettings, path ...any) {
		tls := t.GetMode() == networking.ClientTLSSettings_SIMPLE || t.GetMode() == networking.ClientTLSSettings_MUTUAL
		name := t.GetCredentialName()
		if tls && name != "" && !strings.HasPrefix(name, "configmap://") && !manifest.Placeholder(name) && d.Known(append(path, "tls")...) {
			out = append(out, append(path, "tls", "credentialName"))
		}
	}
	policy := func(t *networking.TrafficPolicy, path ...any) {
		add(t.GetTls(), slices.Clone(path)...)
		for i, s := range t.GetPortLevelSettings() {
			add(s.GetTls(), append(slices.Clone(path), "portLevelSettings", i)...)
		}
	}
	policy(d.Spec.TrafficPolicy, "spec", "trafficPolicy")
	for i, s := range d.Spec.Subsets {
		policy(s.GetTrafficPolicy(), "spec", "subsets", i, "trafficPolicy")
	}
	return out
}

// traffic is who sends what where, as far as VirtualServices say.
type traffic struct {
	fromGateways map[string]bool // hosts to which a VirtualService on a gateway routes
	fromMesh     map[string]bool // hosts to which a VirtualService on the sidecars routes
	handed       []string        // hosts that the sidecars may hand to something else
	apps         map[string]bool // namespaces with pods that are no gateways
	gateways     map[string]bool // namespaces with gateway workloads
}

func (p *Pass) traffic() *traffic {
	t := &traffic{fromGateways: map[string]bool{}, fromMesh: map[string]bool{}, apps: map[string]bool{}, gateways: map[string]bool{}}
	for _, wl := range p.World.Apps {
		t.apps[wl.Namespace] = true
	}
	for _, wl := range p.World.Workloads {
		t.gateways[wl.Namespace] = true
	}
	for _, v := range p.World.VirtualServices {
		elsewhere := len(v.Opaque) > 0 || slices.ContainsFunc(v.Spec.Http, func(h *networking.HTTPRoute) bool { return h.GetDelegate() != nil })
		for _, u := range p.Tables.Uses(v) {
			host := u.Views[0].Host
			t.fromGateways[host] = t.fromGateways[host] || len(v.Gateways) > 0
			t.fromMesh[host] = t.fromMesh[host] || v.OnMesh
			elsewhere = elsewhere || !slices.Contains(v.Hosts, host)
		}
		if v.OnMesh && elsewhere {
			t.handed = append(t.handed, v.Hosts...)
		}
	}
	return t
}

// sidecarsUse tells whether sidecars are seen to send to the host of a DestinationRule, and nothing points at a gateway.
func (p *Pass) sidecarsUse(d *mesh.DestinationRule, to *traffic) bool {
	services := p.World.ServicesFor(d.Host)
	switch {
	case slices.ContainsFunc(p.World.Rules(d.Namespace), func(o *mesh.DestinationRule) bool { return o.Host == d.Host && o.Spec.WorkloadSelector != nil }):
		return false // the pods that matter may be selected there
	case d.ExportTo.Covers(d.Namespace) != mesh.Yes:
		return false
	case d.Namespace == "" || d.Namespace == p.World.Root || len(services) == 0 || manifest.Placeholder(d.Host):
		return false
	case to.gateways[d.Namespace] || to.fromGateways[d.Host] || !to.apps[d.Namespace] && !to.fromMesh[d.Host]:
		return false
	case slices.ContainsFunc(to.handed, func(h string) bool { return routing.Covers(h, d.Host) || manifest.Placeholder(h) }):
		return false
	case slices.ContainsFunc(services, func(s *mesh.Service) bool { return s.Labels["istio.io/use-waypoint"] != "" }):
		return false
	case slices.ContainsFunc(p.World.HTTPRoutes, func(r *mesh.HTTPRoute) bool { return strings.Contains(fmt.Sprint(r.Tree), d.Spec.Host) }):
		return false
	}
	// A Gateway that names the host takes it out of the mesh.
	return !slices.ContainsFunc(p.World.Gateways, func(g *mesh.Gateway) bool {
		return slices.ContainsFunc(g.Spec.Servers, func(s *networking.Server) bool {
			return slices.ContainsFunc(s.GetHosts(), func(h string) bool { return h == d.Host || strings.HasSuffix(h, "/"+d.Host) })
		})
	})
}
