package validation

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

func (a at) sidecar(s *networking.Sidecar) {
	if !a.in("workloadSelector", "labels").plainSelector(s.WorkloadSelector.GetLabels()) {
		return
	}
	if len(s.Egress) == 0 && len(s.Ingress) == 0 && s.OutboundTrafficPolicy == nil && s.InboundConnectionPool == nil {
		a.refuse("a Sidecar says nothing")
		return
	}
	ports := map[uint32]bool{}
	for i, l := range s.Ingress {
		a.in("ingress", i).ingress(l, ports)
	}
	if s.InboundConnectionPool != nil {
		a.in("inboundConnectionPool").connectionPool(s.InboundConnectionPool)
	}
	ports, sockets := map[uint32]bool{}, map[string]bool{}
	for i, l := range s.Egress {
		here := a.in("egress", i)
		switch {
		case l.GetPort() != nil:
			here.egressPort(l, ports, sockets)
		case i < len(s.Egress)-1:
			here.refuse("an egress listener without port is for all the rest: it is the last one")
		}
		if len(l.GetHosts()) == 0 {
			here.refuse("an egress listener has no hosts")
		}
		for k, h := range l.GetHosts() {
			here.in("hosts", k).serverHost(h, false)
		}
	}
	if t := s.OutboundTrafficPolicy; t != nil && t.EgressProxy != nil {
		here := a.in("outboundTrafficPolicy", "egressProxy")
		if t.Mode != networking.OutboundTrafficPolicy_ALLOW_ANY {
			here.refuse("egressProxy stands beside mode %s, and is for ALLOW_ANY alone", t.Mode)
			return
		}
		here.in("host").because(domain("host", t.EgressProxy.Host))
		if t.EgressProxy.Port == nil {
			here.refuse("egressProxy has no port")
			return
		}
		here.destination(t.EgressProxy)
	}
}

// listenerPort checks what ports of both directions have in common.
func (a at) listenerPort(p *networking.SidecarPort) {
	//lint:ignore SA1019 refused, not read
	if p.TargetPort > 0 {
		a.in("targetPort").refuse("targetPort is nothing that a Sidecar has")
	}
	if p.Name != "" {
		a.in("name").because(label("port name", p.Name))
	}
	if p.Protocol != "" && !isProtocol(p.Protocol) && !manifest.Placeholder(p.Protocol) {
		a.in("protocol").refuse("protocol %q is none that istiod knows", p.Protocol)
	}
}

func (a at) onlyOnce(n uint32, seen map[uint32]bool) {
	if seen[n] {
		a.refuse("port %d stands twice", n)
	}
	seen[n] = true
}

func (a at) ingress(l *networking.IstioIngressListener, ports map[uint32]bool) {
	p := l.GetPort()
	if p == nil {
		a.refuse("an ingress listener has no port")
		return
	}
	here := a.in("port")
	here.listenerPort(p)
	here.in("number").because(port("port", p.Number))
	here.in("number").onlyOnce(p.Number, ports)
	if l.Bind != "" {
		a.in("bind").because(address("bind", l.Bind))
	}
	if l.DefaultEndpoint != "" {
		a.in("defaultEndpoint").defaultEndpoint(l.DefaultEndpoint)
	}
	if l.Tls != nil {
		a.in("tls").ingressTLS(l.Tls, p.Protocol)
	}
	if l.ConnectionPool != nil {
		a.in("connectionPool").connectionPool(l.ConnectionPool)
	}
}

func (a at) defaultEndpoint(e string) {
	if manifest.Placeholder(e) {
		return
	}
	if path, unix := strings.CutPrefix(e, "unix://"); unix {
		a.because(socket("defaultEndpoint", path))
		return
	}
	host, text, err := net.SplitHostPort(e)
	n, wrong := strconv.Atoi(text)
	if err != nil || wrong != nil || n < 1 || n > 65535 || !slices.Contains([]string{"", "127.0.0.1", "0.0.0.0", "::1", "::"}, host) {
		a.refuse("defaultEndpoint %q is no port of the pod itself, as 127.0.0.1:PORT or unix://PATH", e)
	}
}

func (a at) ingressTLS(t *networking.ServerTLSSettings, protocol string) {
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"subjectAltNames", len(t.SubjectAltNames) > 0},
		{"httpsRedirect", t.HttpsRedirect},
		{"credentialName", t.CredentialName != ""},
		{"credentialNames", len(t.CredentialNames) > 0},
		{"tlsCertificates", len(t.TlsCertificates) > 0},
	} {
		if f.set {
			a.in(f.name).refuse("%s is for Gateways, not for the ingress of a Sidecar", f.name)
		}
	}
	if t.Mode == networking.ServerTLSSettings_ISTIO_MUTUAL || t.Mode == networking.ServerTLSSettings_AUTO_PASSTHROUGH {
		a.in("mode").refuse("mode %s is for Gateways, not for the ingress of a Sidecar", t.Mode)
	}
	if !isTLS(protocol) && !manifest.Placeholder(protocol) {
		a.refuse("tls stands on a port of plaintext protocol %q", protocol)
	}
	a.serverTLS(t)
}

func (a at) egressPort(l *networking.IstioEgressListener, ports map[uint32]bool, sockets map[string]bool) {
	here := a.in("port")
	here.listenerPort(l.Port)
	if l.Port.Number != 0 {
		here.in("number").because(port("port", l.Port.Number))
		here.in("number").onlyOnce(l.Port.Number, ports)
		if l.Bind != "" {
			a.in("bind").because(address("bind", l.Bind))
		}
		return
	}
	path, unix := strings.CutPrefix(l.Bind, "unix://")
	switch {
	case manifest.Placeholder(l.Bind):
	case !unix:
		here.refuse("a port without number binds to no socket")
	case sockets[l.Bind]:
		a.in("bind").refuse("bind %q stands twice", l.Bind)
	default:
		a.in("bind").because(socket("bind", path))
	}
	sockets[l.Bind] = true
	if l.CaptureMode != networking.CaptureMode_DEFAULT && l.CaptureMode != networking.CaptureMode_NONE {
		a.in("captureMode").refuse("captureMode %s stands on a socket, whose traffic nothing captures", l.CaptureMode)
	}
}
