package routing

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// Server is one server of a Gateway on one workload.
type Server struct {
	Gateway  *mesh.Gateway
	Workload *mesh.Workload
	Index    int // spec.servers[Index]
	Spec     *networking.Server
	Listen   uint32 // the port that Envoy listens on: spec.port.number translated through the workload's Services
	Exposed  bool   // a Service of the workload has port spec.port.number, or no Service is known
	Drop     *Drop  // nil when istiod keeps the server
	Risk     *Drop  // of one that istiod keeps, unless the Gateway of another is older, which files do not tell
	// Contested lists servers that win over this one, or lose to it, by an order that files do not tell.
	Contested []*Server

	key       serverPort
	routeName string
	hosts     *hostSet
}

// Reasons why a server falls (pilot/pkg/model/gateway.go, mergeGateways).
const (
	DropHosts    = "hosts"    // a TLS or redirecting server shares a host string with an earlier one
	DropProtocol = "protocol" // an earlier plaintext server has the port
	DropPortName = "port name"
)

// Drop says why istiod leaves a server out.
type Drop struct {
	Reason string
	By     *Server // the server that has the host or the port
	Hosts  []int   // for DropHosts: the clashing indexes in spec.servers[i].hosts
	// Certain is false when the order of the two Gateways is not known: then one of them falls, and which is open.
	Certain bool
}

// InEveryOrder tells whether one of the two falls whichever Gateway is older: a plaintext server after TLS servers is kept.
func (d *Drop) InEveryOrder(s *Server) bool {
	return d.Certain || d.Reason != DropProtocol || !s.IsTLS()
}

type serverPort struct {
	number   uint32
	protocol string
	bind     string
}

// Number is the port as written.
func (s *Server) Number() uint32 { return s.Spec.GetPort().GetNumber() }

// ID is "namespace/name spec.servers[i]".
func (s *Server) ID() string {
	return s.Gateway.ID().String() + " spec.servers[" + strconv.Itoa(s.Index) + "]"
}

// IsHTTP tells whether the plaintext HTTP family serves it.
func (s *Server) IsHTTP() bool { return mesh.IsHTTP(s.Spec.GetPort().GetProtocol()) }

// IsTLS tells whether it has a filter chain of its own by SNI.
func (s *Server) IsTLS() bool { return s.Spec.Tls != nil && !s.IsHTTP() }

// IsPassthrough tells whether TLS goes through unterminated.
func (s *Server) IsPassthrough() bool {
	m := s.Spec.GetTls().GetMode()
	return s.Spec.Tls != nil && (m == networking.ServerTLSSettings_PASSTHROUGH || m == networking.ServerTLSSettings_AUTO_PASSTHROUGH)
}

// UsesHTTP tells whether http rules of VirtualServices apply: the HTTP family, and HTTPS that is terminated.
func (s *Server) UsesHTTP() bool {
	return s.IsHTTP() || strings.EqualFold(s.Spec.GetPort().GetProtocol(), "HTTPS") && s.Spec.Tls != nil && !s.IsPassthrough()
}

// Redirects tells whether it answers every plaintext request with a redirect to https.
func (s *Server) Redirects() bool { return s.Spec.GetTls().GetHttpsRedirect() }

// Hosts are the entries with their namespaces rewritten.
func (s *Server) entries() []serverHost { return s.hosts.all }

func (s *Server) names() []string {
	var out []string
	for _, h := range s.entries() {
		out = append(out, h.Host)
	}
	return out
}

// Bind is the listener's address, "0.0.0.0" when none is given.
func (s *Server) Bind() string {
	if s.Spec.Bind == "" {
		return "0.0.0.0"
	}
	return s.Spec.Bind
}

// Address is the one that it is bound to, "" for all.
func (s *Server) Address() string {
	if everywhere(s.Bind()) {
		return ""
	}
	return s.Bind()
}

func newServer(g *mesh.Gateway, i int, wl *mesh.Workload) *Server {
	spec := g.Spec.Servers[i]
	s := &Server{Gateway: g, Workload: wl, Index: i, Spec: spec}
	s.Listen, s.Exposed = resolvePort(spec.Port.Number, wl)
	s.hosts = newHostSet(serverHosts(spec.Hosts, g.Namespace))
	s.key = serverPort{s.Listen, spec.Port.Protocol, spec.Bind}
	bind := ""
	if spec.Bind != "" {
		bind = "." + spec.Bind
	}
	switch {
	case s.IsHTTP():
		s.routeName = "http." + strconv.Itoa(int(s.Listen)) + bind
	case s.UsesHTTP():
		s.routeName = "https." + strconv.Itoa(int(s.Number())) + "." + spec.Port.Name + "." + g.Name + "." + g.Namespace + bind
	}
	return s
}

// resolvePort translates a Gateway port as istiod does: the first Service port with that number, oldest Service first;
// ports of one Service that share a target are one port (pilot/pkg/model/gateway.go, resolvePorts).
func resolvePort(number uint32, wl *mesh.Workload) (listen uint32, exposed bool) {
	exposed = len(wl.Services) == 0
	for _, svc := range wl.Services {
		if svc.Opaque {
			exposed = true
		}
		seen := map[string]bool{}
		for _, p := range svc.Ports {
			target := p.Target
			if target == 0 {
				target = wl.Ports[p.TargetName]
			}
			key := strconv.Itoa(int(target)) + p.TargetName + strconv.FormatBool(p.UDP)
			if seen[key] {
				continue
			}
			seen[key] = true
			if p.Number != number || p.UDP {
				continue
			}
			if svc.Untranslated {
				exposed = true
				continue
			}
			if target == 0 {
				target = number
			}
			return target, true
		}
		if _, ok := svc.Port(number); ok {
			exposed = true
		}
		for _, p := range svc.Ports {
			exposed = exposed || p.Target == number
		}
	}
	return number, exposed
}

// merger is the state that istiod keeps while it merges the Gateways of a workload
// (pilot/pkg/model/gateway.go, mergeGateways); its rules are first come, first served.
type merger struct {
	ports     map[uint32][]*Server   // servers that opened or joined the port
	plain     map[uint32]serverPort  // the most recent plaintext bind of a port
	plainBy   map[serverPort]*Server // who has it
	tlsHosts  map[uint32]map[string]hostOwner
	routes    map[string][]*Server // servers by route config
	kept      map[serverPort][]*Server
	order     []serverPort
	routeName map[serverPort]string
}

type hostOwner struct {
	bind   string
	server *Server
}

func newMerger() *merger {
	return &merger{
		ports: map[uint32][]*Server{}, plain: map[uint32]serverPort{}, plainBy: map[serverPort]*Server{},
		tlsHosts: map[uint32]map[string]hostOwner{},
		routes:   map[string][]*Server{}, kept: map[serverPort][]*Server{}, routeName: map[serverPort]string{},
	}
}

func (m *merger) drop(s *Server, reason string, by *Server, hosts []int) {
	s.Drop = &Drop{Reason: reason, By: by, Hosts: hosts, Certain: mesh.OrderKnown(s.Gateway.Object, by.Gateway.Object)}
	if by.Risk == nil && !s.Drop.Certain && s.Drop.InEveryOrder(s) {
		by.Risk = &Drop{Reason: reason, By: s}
	}
}

// add enters a server after all earlier ones, and says in s.Drop if it falls.
func (m *merger) add(s *Server) {
	if s.Spec.Tls != nil && !m.claimHosts(s) {
		return
	}
	if len(m.ports[s.Listen]) == 0 {
		m.open(s)
		return
	}
	current, hasPlain := m.plain[s.Listen]
	switch {
	case hasPlain && current.bind == s.key.bind:
		first := m.plainBy[current]
		if !mesh.IsHTTP(s.key.protocol) || !mesh.IsHTTP(current.protocol) {
			m.drop(s, DropProtocol, first, nil)
			return
		}
		m.join(s, current)
	case hasPlain:
		if len(m.kept[s.key]) == 0 {
			m.open(s)
			return
		}
		m.join(s, s.key)
	case !s.IsTLS():
		m.contest(s)
		m.ports[s.Listen] = append(m.ports[s.Listen], s)
		m.plain[s.Listen], m.plainBy[s.key] = s.key, s
		if s.UsesHTTP() {
			m.routes[s.routeName] = []*Server{s}
		}
		m.keep(s, s.key)
	default:
		m.addTLS(s)
	}
}

// claimHosts checks the host strings of a server that has tls (redirecting HTTP servers too) against those on its port.
func (m *merger) claimHosts(s *Server) bool {
	known := m.tlsHosts[s.Listen]
	if known == nil {
		known = map[string]hostOwner{}
		m.tlsHosts[s.Listen] = known
	}
	var dup []int
	var by *Server
	for _, h := range s.entries() {
		if o, ok := known[h.String()]; ok && o.bind == s.Spec.Bind {
			dup = append(dup, h.Index)
			if by == nil {
				by = o.server
			}
		}
	}
	if by != nil {
		m.drop(s, DropHosts, by, dup)
		return false
	}
	for _, h := range s.entries() {
		known[h.String()] = hostOwner{s.Spec.Bind, s}
	}
	return true
}

func (m *merger) open(s *Server) {
	m.ports[s.Listen] = append(m.ports[s.Listen], s)
	if !s.IsTLS() {
		m.plain[s.Listen] = s.key
		m.plainBy[s.key] = s
	}
	if s.UsesHTTP() {
		m.routes[s.routeName] = []*Server{s}
	}
	m.kept[s.key] = nil
	m.keep(s, s.key)
}

func (m *merger) join(s *Server, at serverPort) {
	m.ports[s.Listen] = append(m.ports[s.Listen], s)
	m.kept[at] = append(m.kept[at], s)
	m.routes[s.routeName] = append(m.routes[s.routeName], s)
	if at == s.key {
		m.routeName[at] = s.routeName
	}
}

func (m *merger) keep(s *Server, at serverPort) {
	if len(m.kept[at]) == 0 {
		m.order = append(m.order, at)
		m.routeName[at] = s.routeName
	}
	m.kept[at] = append(m.kept[at], s)
}

// addTLS adds to a port that has only TLS servers so far.
func (m *merger) addTLS(s *Server) {
	if s.UsesHTTP() {
		if other := m.routes[s.routeName]; len(other) > 0 {
			m.drop(s, DropPortName, other[0], nil)
			return
		}
		m.routes[s.routeName] = []*Server{s}
	}
	m.ports[s.Listen] = append(m.ports[s.Listen], s)
	m.keep(s, s.key)
}

// contest notes that a plaintext server which comes after TLS servers would drop them if it came first.
func (m *merger) contest(s *Server) {
	for _, t := range m.ports[s.Listen] {
		if t.Spec.Bind == s.Spec.Bind && t.IsTLS() && !mesh.OrderKnown(s.Gateway.Object, t.Gateway.Object) {
			s.Contested = append(s.Contested, t)
			t.Contested = append(t.Contested, s)
			t.Risk = &Drop{Reason: DropProtocol, By: s}
		}
	}
}

// attached gives the Gateways that a workload gets, in istiod's nominal order.
func attached(w *mesh.World, wl *mesh.Workload, selected, everywhere, byService []*mesh.Gateway) []*mesh.Gateway {
	out := make([]*mesh.Gateway, 0, len(selected)+len(everywhere))
	for _, g := range byService {
		if slices.ContainsFunc(wl.Services, func(s *mesh.Service) bool {
			return s.Namespace == g.Namespace && slices.Contains(g.Services, s.Host)
		}) {
			out = append(out, g)
		}
	}
	for _, g := range append(selected[:len(selected):len(selected)], everywhere...) {
		if w.Scoped && g.Namespace != wl.Namespace && g.Namespace != "" && wl.Namespace != "" {
			continue
		}
		out = append(out, g)
	}
	return out
}

// Path is the field path of the server, or of a field of it, in its Gateway; for one that istiod makes of an Ingress, what
// stands for it there.
func (s *Server) Path(field ...any) []any {
	switch {
	case !s.Gateway.Ingress:
		return append([]any{"spec", "servers", s.Index}, field...)
	case s.IsTLS():
		return []any{"spec", "tls", s.Index}
	}
	return []any{"spec", "rules"}
}
