package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
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
	handed       map[string]bool // hosts that the sidecars may hand to something else
	named        map[string]bool // hosts that a Gateway names, which takes them out of the mesh
	selected     map[string]bool // "namespace/host" of DestinationRules with a workloadSelector
	routes       string          // all that Gateway API routes say
	apps         map[string]bool // namespaces with pods that are no gateways
	gateways     map[string]bool // namespaces with gateway workloads
}

func (p *Pass) traffic() *traffic {
	t := &traffic{
		fromGateways: map[string]bool{}, fromMesh: map[string]bool{}, handed: map[string]bool{}, named: map[string]bool{},
		selected: map[string]bool{}, apps: map[string]bool{}, gateways: map[string]bool{},
	}
	for _, d := range p.World.DestinationRules {
		t.selected[d.Namespace+"/"+d.Host] = t.selected[d.Namespace+"/"+d.Host] || d.Spec.WorkloadSelector != nil
	}
	var routes strings.Builder
	for _, r := range p.World.HTTPRoutes {
		fmt.Fprint(&routes, r.Tree)
	}
	t.routes = routes.String()
	for _, g := range p.World.Gateways {
		for _, s := range g.Spec.Servers {
			for _, h := range s.GetHosts() {
				t.named[h[strings.LastIndexByte(h, '/')+1:]] = true
			}
		}
	}
	for _, wl := range p.World.Apps {
		t.apps[wl.Namespace] = true
	}
	for _, wl := range p.World.Workloads {
		t.gateways[wl.Namespace] = true
	}
	for _, v := range p.World.VirtualServices {
		elsewhere := len(v.Opaque) > 0 || slices.ContainsFunc(v.Spec.Http, func(h *networking.HTTPRoute) bool { return h.GetDelegate() != nil })
		for _, u := range p.Tables.Uses(v) {
			if u.Idle {
				continue
			}
			host := u.Views[0].Host
			t.fromGateways[host] = t.fromGateways[host] || len(v.Gateways) > 0
			t.fromMesh[host] = t.fromMesh[host] || v.OnMesh
			elsewhere = elsewhere || !slices.Contains(v.Hosts, host)
		}
		for _, h := range v.Hosts {
			if manifest.Placeholder(h) {
				h = "*" // it may be any
			}
			t.handed[h] = t.handed[h] || v.OnMesh && elsewhere
		}
	}
	return t
}

// handsOver tells whether the host, or a wildcard that covers it, is handed to something else.
func (t *traffic) handsOver(host string) bool {
	for i := range len(host) + 1 {
		if t.handed["*"+host[i:]] {
			return true
		}
	}
	return t.handed[host]
}

// sidecarsUse tells whether sidecars are seen to send to the host of a DestinationRule, and nothing points at a gateway.
func (p *Pass) sidecarsUse(d *mesh.DestinationRule, to *traffic) bool {
	services := p.World.ServicesFor(d.Host)
	waypoint := func(s *mesh.Service) bool { return s.Labels["istio.io/use-waypoint"] != "" }
	switch {
	case d.Namespace == "" || d.Namespace == p.World.Root || len(services) == 0 || manifest.Placeholder(d.Host) || d.ExportTo.Covers(d.Namespace) != mesh.Yes:
		return false // who its clients are is open
	case !to.apps[d.Namespace] && !to.fromMesh[d.Host] || to.selected[d.Namespace+"/"+d.Host]:
		return false // no sidecar is seen, or those that matter are selected elsewhere
	case to.gateways[d.Namespace] || to.fromGateways[d.Host] || to.named[d.Host] || to.handsOver(d.Host):
		return false // a gateway may be meant
	}
	return !slices.ContainsFunc(services, waypoint) && !strings.Contains(to.routes, d.Spec.Host)
}
