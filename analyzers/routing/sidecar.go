package routing

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// sidecar is what the sidecars of a namespace with certain labels get.
type sidecar struct {
	t      *Tables
	client Client
	open   bool                   // the client's labels are any: conditions on them are dimensions of the algebra
	order  []*mesh.VirtualService // that it sees; nil for OnMesh
	mu     sync.Mutex
	ports  map[uint32]*RouteConfig
}

func (t *Tables) sidecarOf(c *Client) *sidecar {
	key := c.Namespace + "/" + mesh.LabelText(c.Labels)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sidecars[key] == nil {
		t.sidecars[key] = &sidecar{t: t, client: *c, ports: map[uint32]*RouteConfig{}}
	}
	return t.sidecars[key]
}

// OnMesh gives the VirtualServices that sidecars of a namespace see, in the order in which the first one for a host wins.
func (t *Tables) OnMesh(namespace string) []*mesh.VirtualService {
	var out []*mesh.VirtualService
	for _, b := range t.visible(t.onMesh, namespace) {
		out = append(out, b.vs)
	}
	return out
}

// config gives the virtual hosts of one port (networking/core/httproute.go, BuildSidecarOutboundVirtualHosts): for each host
// the first VirtualService that yields a route.
func (s *sidecar) config(port uint32) *RouteConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rc := s.ports[port]; rc != nil {
		return rc
	}
	rc := &RouteConfig{Name: itoa(port), Hosts: map[string]*VirtualHost{}}
	s.ports[port] = rc
	services := s.services(port)
	served := map[string]bool{}
	all := s.order
	if all == nil {
		all = s.t.OnMesh(s.client.Namespace)
	}
	names := byEnd(services)
	specific := s.mostSpecific(all, services, names)
	for _, v := range all {
		s.addVirtualService(rc, v, port, services, names, specific, served)
	}
	for _, h := range manifest.Keys(services) {
		svc := services[h]
		p, _ := svc.Port(port)
		if served[h] || svc.ExternalName != "" || !sniffedOrHTTP(p.Protocol) {
			continue
		}
		s.domain(rc, h, svc, []Entry{{Route: &Route{Match: -1, Box: match.FromHTTP(nil)}, Port: port}}, services)
	}
	rc.Rejected = rc.refused()
	if second := rc.Hosts["*"]; second != nil && second.service != nil && !rc.Rejected && s.shared(services, port) {
		rc.Rejected, rc.Second = true, second.service
	}
	return rc
}

// shared tells whether sidecars have the one route configuration for all services of the port.
func (s *sidecar) shared(services map[string]*mesh.Service, port uint32) bool {
	for _, svc := range services {
		if p, _ := svc.Port(port); shares(svc, p) {
			return true
		}
	}
	return false
}

// shares tells whether a port of a service makes sidecars ask for the route configuration of the port number.
func shares(svc *mesh.Service, p mesh.Port) bool {
	return !p.UDP && sniffedOrHTTP(p.Protocol) && !apart(svc, p)
}

// apart tells whether sidecars serve a port of a service by a listener and a route configuration of its own: where the bytes tell
// the protocol, and the service has addresses (networking/core/listener.go, buildSidecarOutboundListener).
func apart(svc *mesh.Service, p mesh.Port) bool {
	return p.Protocol == "" && (svc.Headless || len(svc.Addresses) > 0 || len(svc.Entry.GetAddresses()) > 0)
}

// spares tells whether a request meets no second catch-all, for its host is served apart.
func (rc *RouteConfig) spares(r Request) bool {
	vh := rc.Lookup(r.Host)
	if rc.Second == nil || vh == nil || vh.service == nil {
		return false
	}
	p, _ := vh.service.Port(r.Port)
	return apart(vh.service, p)
}

func sniffedOrHTTP(protocol string) bool { return protocol == "" || mesh.IsHTTP(protocol) }

// services are those the client has that have the port, by lower-case host.
func (s *sidecar) services(port uint32) map[string]*mesh.Service {
	visible := map[string][]*mesh.Service{}
	for _, svc := range s.t.World.Services {
		if svc.ExportTo.Covers(s.client.Namespace) != mesh.No {
			h := strings.ToLower(svc.Host)
			visible[h] = append(visible[h], svc)
		}
	}
	out := map[string]*mesh.Service{}
	for h, list := range visible {
		had, _ := oneNamespaces(list, s.client.Namespace)
		for _, svc := range had {
			if _, ok := svc.Port(port); ok && out[h] == nil {
				out[h] = svc
			}
		}
	}
	return out
}

// oneNamespaces gives those of several services for one host, which are visible and in order of age, that the proxies of a namespace
// have: of several namespaces one's, its own if that has one, else that of a Kubernetes Service, of what is exported to it by name, of
// the oldest (pilot/pkg/model/sidecar.go, selectServices); there the Kubernetes Service alone, else the oldest with those that are
// like it (appendSidecarServices). Where that hangs on ages that are not known it is not sure, and all are given that can be.
func oneNamespaces(list []*mesh.Service, namespace string) (out []*mesh.Service, sure bool) {
	best := list[0]
	for _, svc := range list[1:] {
		if prefers(namespace, svc, best) {
			best = svc
		}
	}
	sure = true
	var first *mesh.Service
	for _, svc := range list {
		switch {
		case svc.Namespace != best.Namespace:
			if !prefers(namespace, best, svc) && !mesh.OrderKnown(best.Object, svc.Object) {
				return list, false
			}
		case first == nil || svc.Kube && !first.Kube:
			first = svc
		}
	}
	for _, svc := range list {
		if svc.Namespace != best.Namespace || svc.Kube != first.Kube {
			continue
		}
		if alike(first, svc) || !mesh.OrderKnown(first.Object, svc.Object) {
			out = append(out, svc)
			sure = sure && alike(first, svc)
		}
	}
	return out, sure
}

// alike tells whether two services for one host and namespace are merged into one with the ports of both.
func alike(a, b *mesh.Service) bool {
	return a.Entry.GetResolution() == b.Entry.GetResolution() && maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Selector, b.Selector) &&
		a.ExportTo.Public == b.ExportTo.Public && maps.Equal(a.ExportTo.To, b.ExportTo.To)
}

// prefers tells whether the proxies of a namespace take a service before an older one of another namespace.
func prefers(namespace string, svc, older *mesh.Service) bool {
	if a, b := svc.Namespace == namespace, older.Namespace == namespace; a != b {
		return a
	}
	if svc.Kube != older.Kube {
		return svc.Kube
	}
	return !svc.ExportTo.Public && older.ExportTo.Public
}

// mostSpecific gives for each service the VirtualService whose wildcard host is the longest that covers it; an exact one wins.
func (s *sidecar) mostSpecific(all []*mesh.VirtualService, services map[string]*mesh.Service, names ends) map[string]*mesh.VirtualService {
	longest := map[string]string{}
	out := map[string]*mesh.VirtualService{}
	for _, v := range all {
		for _, h := range v.Hosts {
			h = strings.ToLower(h)
			if !strings.HasPrefix(h, "*") {
				if services[h] != nil && longest[h] != h {
					longest[h], out[h] = h, v
				}
				continue
			}
			for _, name := range names.below(h) {
				if len(h) > len(longest[name]) && longest[name] != name {
					longest[name], out[name] = h, v
				}
			}
		}
	}
	return out
}

func (s *sidecar) addVirtualService(rc *RouteConfig, v *mesh.VirtualService, port uint32, services map[string]*mesh.Service, names ends,
	specific map[string]*mesh.VirtualService, served map[string]bool,
) {
	routes, _ := s.t.generate(v, client{gateway: mesh.Mesh, port: port, labels: s.client.Labels, namespace: s.client.Namespace, anyLabels: s.open})
	if len(routes) == 0 {
		return
	}
	var entries []Entry
	for _, r := range routes {
		entries = append(entries, Entry{Route: r, Port: port})
	}
	var plain []string
	var matched []*mesh.Service
	usable := false
	for _, h := range v.Hosts {
		h = strings.ToLower(h)
		if !strings.HasPrefix(h, "*") {
			if svc := services[h]; svc != nil {
				matched = append(matched, svc)
			} else {
				plain = append(plain, h)
			}
			continue
		}
		// A wildcard has no virtual host of its own beside services, not even one narrower than theirs.
		under, wider := names.below(h), above(h, services)
		if !wider && len(under) == 0 {
			plain = append(plain, h)
		}
		for _, name := range under {
			if specific[name] == v {
				matched = append(matched, services[name])
			}
		}
	}
	for _, svc := range matched {
		p, _ := svc.Port(port)
		usable = usable || sniffedOrHTTP(p.Protocol)
	}
	if !usable && port != 80 {
		return
	}
	for _, h := range plain {
		s.domain(rc, h, nil, entries, services)
	}
	for _, svc := range matched {
		if p, _ := svc.Port(port); sniffedOrHTTP(p.Protocol) {
			served[strings.ToLower(svc.Host)] = true
			s.domain(rc, strings.ToLower(svc.Host), svc, entries, services)
		}
	}
}

// ends are host names by their last letters, so that a wildcard finds those that it covers without looking at the others.
type ends []string // sorted, each written backwards

func byEnd(services map[string]*mesh.Service) ends {
	out := make(ends, 0, len(services))
	for h := range services {
		out = append(out, backwards(h))
	}
	slices.Sort(out)
	return out
}

// below are the names that a wildcard covers, sorted.
func (e ends) below(wildcard string) []string {
	end := backwards(wildcard[1:])
	var out []string
	for i, _ := slices.BinarySearch(e, end); i < len(e) && strings.HasPrefix(e[i], end); i++ {
		out = append(out, backwards(e[i]))
	}
	slices.Sort(out)
	return out
}

// above tells whether a service has a wildcard that covers a narrower one.
func above(wildcard string, services map[string]*mesh.Service) bool {
	for i := 2; i <= len(wildcard); i++ {
		if services["*"+wildcard[i:]] != nil {
			return true
		}
	}
	return false
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// domain enters a virtual host unless the domain is taken: the first one wins. A service also gets its addresses, a Kubernetes
// Service its shorter names, as far as they are no full name of another service, and a headless one all names below these; the
// names of what stands for it (ExternalName) are its names, too (networking/core/httproute.go, generateVirtualHostDomains). Of a family that a pod has no address of, istiod leaves out the
// addresses; here they are not told apart.
func (s *sidecar) domain(rc *RouteConfig, name string, svc *mesh.Service, entries []Entry, full map[string]*mesh.Service) {
	names, own := []string{name}, map[string]bool{name: true}
	if svc != nil || strings.Contains(name, "..") { // that of a Service in a namespace that is not stated
		names = append(names, s.shortNames(name)...)
	}
	if svc != nil {
		for _, a := range s.t.World.Aliases(name) {
			own[a] = true
			names = append(append(names, a), s.shortNames(a)...)
		}
		if svc.Headless {
			for _, n := range names {
				names = append(names, "*."+n)
			}
		}
		for _, ip := range svc.Addresses {
			if strings.Contains(ip, ":") {
				ip = "[" + ip + "]"
			}
			names = append(names, ip)
		}
	}
	for _, n := range names {
		if rc.Hosts[n] == nil && (own[n] || full[n] == nil) {
			rc.Hosts[n] = &VirtualHost{Domain: n, Config: rc, Entries: entries, service: svc}
		}
	}
}

// shortNames are those by which the client can call a host of a Service, whether there is one or not
// (networking/core/httproute.go, GenerateAltVirtualHosts).
func (s *sidecar) shortNames(host string) []string {
	out := []string{host + "."}
	base, kube := strings.CutSuffix(host, ".svc."+s.t.World.Domain)
	name, ns, whole := strings.Cut(base, ".")
	if !kube || !whole {
		return out
	}
	if ns == "" { // not stated: none of the names with a namespace is known
		return []string{name}
	}
	out = append(out, base, base+".svc")
	if ns == s.client.Namespace {
		out = append(out, name)
	}
	return out
}

// SecondCatchAlls are the hosts of ServiceEntries for which Envoy refuses route configurations of the sidecars in the namespace that
// they name: there the short name is "*". Left out are those that these sidecars may not get: because of a Sidecar, or of another
// namespace that has the host.
func (t *Tables) SecondCatchAlls() []*mesh.Service {
	hosts := map[string][]*mesh.Service{}
	for _, svc := range t.World.Services {
		if _, ok := t.World.WholeNamespace(svc.Host); ok && svc.Entry != nil { // no Service can have such a name
			hosts[strings.ToLower(svc.Host)] = append(hosts[strings.ToLower(svc.Host)], svc)
		}
	}
	var out []*mesh.Service
	for _, h := range manifest.Keys(hosts) {
		ns, _ := t.World.WholeNamespace(h)
		foreign := func(svc *mesh.Service) bool { return svc.Namespace != hosts[h][0].Namespace }
		if slices.ContainsFunc(hosts[h], foreign) || len(t.World.Sidecars(ns))+len(t.World.Sidecars(t.World.Root)) > 0 {
			continue
		}
		for _, svc := range hosts[h] {
			there := svc.ExportTo.Covers(ns) == mesh.Yes && svc.Namespace != "" && !svc.Opaque
			if there && slices.ContainsFunc(svc.Ports, func(p mesh.Port) bool { return shares(svc, p) }) {
				out = append(out, svc)
			}
		}
	}
	return out
}
