package validation

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

func (a at) serviceEntry(s *networking.ServiceEntry) {
	if !a.in("resolution").known() || !a.in("workloadSelector", "labels").plainSelector(s.WorkloadSelector.GetLabels()) {
		return
	}
	if s.WorkloadSelector != nil && len(s.Endpoints) > 0 {
		a.in("endpoints").refuse("\"workloadSelector\" and \"endpoints\" exclude each other")
	}
	if len(s.Hosts) == 0 {
		a.refuse("there are no hosts")
	}
	for i, h := range s.Hosts {
		if h == "*" {
			a.in("hosts", i).refuse("host \"*\" is everything, which no ServiceEntry may be")
			continue
		}
		a.in("hosts", i).because(wildcard("host", h))
	}
	for i, addr := range s.Addresses {
		here := a.in("addresses", i)
		here.because(subnet("address", addr))
		if strings.Contains(addr, "/") && !manifest.Placeholder(addr) && s.Resolution != networking.ServiceEntry_NONE && s.Resolution != networking.ServiceEntry_STATIC {
			here.refuse("address %q is a block, which resolution %s does not take", addr, s.Resolution)
		}
	}
	ports := a.entryPorts(s)
	switch s.Resolution {
	case networking.ServiceEntry_NONE:
		if len(s.Endpoints) > 0 {
			a.in("endpoints").refuse("endpoints stand beside resolution NONE, which uses none")
		}
	case networking.ServiceEntry_STATIC:
		for i, e := range s.Endpoints {
			a.in("endpoints", i).staticEndpoint(e, ports)
		}
	case networking.ServiceEntry_DNS, networking.ServiceEntry_DNS_ROUND_ROBIN:
		a.resolved(s, ports)
	case networking.ServiceEntry_DYNAMIC_DNS:
		a.dynamic(s)
	}
	if s.Resolution != networking.ServiceEntry_NONE && len(s.Hosts) > 1 {
		for i, p := range s.Ports {
			if !mesh.IsHTTP(p.GetProtocol()) && !isTLS(p.GetProtocol()) && !manifest.Placeholder(p.GetProtocol()) {
				a.in("ports", i).refuse("port %d tells several hosts apart neither by HTTP nor by TLS", p.GetNumber())
				break
			}
		}
	}
	a.exportTo(s.ExportTo, true)
}

// entryPorts checks the ports and gives their names.
func (a at) entryPorts(s *networking.ServiceEntry) map[string]bool {
	names, numbers := map[string]bool{}, map[uint32]bool{}
	for i, p := range s.Ports {
		here := a.in("ports", i)
		name := p.GetName()
		if names[name] && !manifest.Placeholder(name) {
			here.in("name").refuse("port name %q stands twice", name)
		}
		if numbers[p.GetNumber()] {
			here.in("number").refuse("port %d stands twice", p.GetNumber())
		}
		names[name], numbers[p.GetNumber()] = true, true
		here.in("name").because(label("port name", name))
		if proto := p.GetProtocol(); proto != "" && !isProtocol(proto) && !manifest.Placeholder(proto) {
			here.in("protocol").refuse("protocol %q is none that istiod knows", proto)
		}
		here.in("number").because(port("port", p.GetNumber()))
		if n := p.GetTargetPort(); n != 0 {
			here.in("targetPort").because(port("targetPort", n))
		}
	}
	return names
}

func (a at) staticEndpoint(e *networking.WorkloadEntry, ports map[string]bool) {
	path, unix := strings.CutPrefix(e.GetAddress(), "unix://")
	switch {
	case e.GetAddress() == "":
		if e.GetNetwork() == "" {
			a.refuse("an endpoint has no address")
			return
		}
	case unix:
		a.in("address").because(socket("address", path))
		if len(e.GetPorts()) > 0 {
			a.in("ports").refuse("ports stand beside the address of a socket, which has none")
		}
		if len(ports) != 1 {
			a.in("address").refuse("the address of a socket serves one port, and there are %d", len(ports))
		}
	default:
		a.in("address").because(address("address", e.GetAddress()))
	}
	a.endpoint(e, ports)
}

// endpoint is what endpoints of every resolution have in common.
func (a at) endpoint(e *networking.WorkloadEntry, ports map[string]bool) {
	templated := slices.ContainsFunc(slices.Collect(maps.Keys(ports)), manifest.Placeholder)
	for _, name := range manifest.Keys(e.GetPorts()) {
		here := a.in("ports", name)
		if !ports[name] && !templated && !manifest.Placeholder(name) {
			here.refuse("port %q of the endpoint is none of the ServiceEntry", name)
			continue
		}
		here.because(label("port name", name))
		here.because(port("port", e.Ports[name]))
	}
	a.in("labels").labelMap(e.GetLabels())
}

// resolved is for names that Envoy asks DNS for.
func (a at) resolved(s *networking.ServiceEntry, ports map[string]bool) {
	if len(s.Endpoints) == 0 {
		for i, h := range s.Hosts {
			if why := domain("host", h); why != "" {
				a.in("hosts", i).refuse("%s, and resolution %s asks DNS for it", why, s.Resolution)
				break
			}
		}
	}
	if s.Resolution == networking.ServiceEntry_DNS_ROUND_ROBIN && len(s.Endpoints) > 1 {
		a.in("endpoints", 1).refuse("resolution DNS_ROUND_ROBIN takes one endpoint at most, and there are %d", len(s.Endpoints))
	}
	for i, e := range s.Endpoints {
		here := a.in("endpoints", i)
		if !isAddress(e.GetAddress()) {
			here.in("address").because(domain("address", e.GetAddress()))
		}
		here.endpoint(e, ports)
	}
}

// dynamic is for wildcard hosts that Envoy resolves when they are asked for.
func (a at) dynamic(s *networking.ServiceEntry) {
	for i, h := range s.Hosts {
		if !strings.HasPrefix(h, "*") && !manifest.Placeholder(h) {
			a.in("hosts", i).refuse("host %q is no wildcard, which resolution DYNAMIC_DNS is for", h)
		}
	}
	for _, f := range [...]struct {
		name string
		n    int
	}{{"addresses", len(s.Addresses)}, {"endpoints", len(s.Endpoints)}} {
		if f.n > 0 {
			a.in(f.name).refuse("%s stand beside resolution DYNAMIC_DNS, which uses none", f.name)
		}
	}
	for i, p := range s.Ports {
		switch strings.ToUpper(p.GetProtocol()) {
		case "HTTP", "TLS", "GRPC", "HTTP2":
		default:
			if !manifest.Placeholder(p.GetProtocol()) {
				a.in("ports", i).refuse("resolution DYNAMIC_DNS works with HTTP, HTTP2, GRPC and TLS, not with protocol %q", p.GetProtocol())
			}
		}
	}
	waypoint := a.obj.Labels["istio.io/use-waypoint"]
	if s.Location == networking.ServiceEntry_MESH_INTERNAL && waypoint != "" && !strings.EqualFold(waypoint, "none") {
		a.in("location").refuse("location MESH_INTERNAL with resolution DYNAMIC_DNS does not work through a waypoint")
	}
}
