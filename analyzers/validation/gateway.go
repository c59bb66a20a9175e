package validation

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

func (a at) gateway(g *networking.Gateway) {
	at{list: a.list, obj: a.obj}.in("metadata", "name").because(label("the name of a Gateway", a.obj.Name))
	if len(g.Servers) == 0 {
		a.refuse("there are no servers")
	}
	names := map[string]bool{}
	for i, s := range g.Servers {
		here := a.in("servers", i)
		here.server(s)
		if p := s.GetPort(); p != nil && p.Name != "" && !manifest.Placeholder(p.Name) {
			if names[p.Name] {
				here.in("port", "name").refuse("port name %q stands twice in one Gateway", p.Name)
			}
			names[p.Name] = true
		}
	}
}

func (a at) server(s *networking.Server) {
	if len(s.GetHosts()) == 0 {
		a.refuse("a server has no hosts")
	}
	for i, h := range s.GetHosts() {
		a.in("hosts", i).serverHost(h, true)
	}
	path, unix := strings.CutPrefix(s.GetBind(), "unix://")
	switch {
	case unix:
		a.in("bind").because(socket("bind", path))
		if s.GetPort().GetNumber() != 0 {
			a.in("bind").refuse("bind %q is a socket, which has no port %d", s.Bind, s.Port.Number)
		}
	case s.GetBind() != "":
		a.in("bind").because(address("bind", s.Bind))
	}
	p := s.GetPort()
	if p == nil {
		a.refuse("a server has no port")
		return
	}
	here := a.in("port")
	if p.Number > 0 || !unix {
		here.in("number").because(port("port", p.Number))
	}
	//lint:ignore SA1019 refused, not read
	if p.TargetPort > 0 {
		here.in("targetPort").refuse("targetPort is nothing that a Gateway has: the Service in front of the pods translates ports")
	}
	if p.Name == "" {
		here.refuse("a port has no name")
	}
	a.in("tls").serverTLS(s.GetTls())
	a.protocol(s)
}

// protocol holds the protocol and the TLS settings of a server to each other.
func (a at) protocol(s *networking.Server) {
	p := s.Port.Protocol
	if manifest.Placeholder(p) {
		return
	}
	if !isProtocol(p) {
		a.in("port", "protocol").refuse("protocol %q is none that istiod knows", p)
		return
	}
	tls := s.GetTls()
	terminates := tls != nil && tls.Mode != networking.ServerTLSSettings_PASSTHROUGH && tls.Mode != networking.ServerTLSSettings_AUTO_PASSTHROUGH
	switch {
	case isTLS(p):
		if tls == nil {
			a.refuse("a server of protocol %s has no tls", strings.ToUpper(p))
		}
	case tls == nil || !a.in("port").known():
	case mesh.IsHTTP(p) && (terminates || tls.CaCertificates != "" || tls.PrivateKey != "" || tls.ServerCertificate != ""):
		a.in("tls").refuse("tls stands on a server of plaintext protocol %s, which takes only httpsRedirect", strings.ToUpper(p))
	case !mesh.IsHTTP(p):
		a.in("tls").refuse("tls stands on a server of plaintext protocol %s", strings.ToUpper(p))
	}
}

func isTLS(protocol string) bool {
	return strings.EqualFold(protocol, "HTTPS") || strings.EqualFold(protocol, "TLS")
}

func isProtocol(p string) bool {
	switch strings.ToUpper(p) {
	case "TCP", "UDP", "MONGO", "REDIS", "MYSQL":
		return true
	}
	return mesh.IsHTTP(p) || isTLS(p)
}

// serverHost is namespace/name. Only Gateways may leave the namespace out; Sidecars may exclude one with "~".
func (a at) serverHost(h string, gateway bool) {
	if manifest.Placeholder(h) {
		return
	}
	ns, name, ok := strings.Cut(h, "/")
	switch {
	case !ok && !gateway:
		a.refuse("host %q is not of the form NAMESPACE/NAME", h)
		return
	case !ok:
		name = h
	default:
		if !gateway {
			if ns = strings.TrimPrefix(ns, "~"); ns == "" && h[0] == '~' {
				ns = "*"
			}
		}
		if ns != "*" && ns != "." && !isLabel(ns) {
			a.refuse("host %q has %q where a namespace is expected", h, ns)
		}
	}
	switch why := wildcard("host", name); {
	case name != "*" && !strings.Contains(name, "."):
		a.refuse("host %q has no dot: short names are not expanded here", h)
	case why != "" && (!gateway || !isAddress(name)):
		a.because(why)
	case partial(name):
		a.refuse("host %q has a wildcard that is not the whole first label", h)
	}
}

// partial tells "*-x.example.com" from "*.example.com".
func partial(host string) bool {
	return strings.Contains(host, "*") && host != "*" && !strings.HasPrefix(host, "*.")
}

// serverTLS checks which certificates stand beside which mode.
func (a at) serverTLS(t *networking.ServerTLSSettings) {
	if t == nil || !a.in("mode").known() {
		return
	}
	single := t.ServerCertificate != "" && t.PrivateKey != ""
	sources := count(single, t.CredentialName != "", len(t.CredentialNames) > 0, len(t.TlsCertificates) > 0)
	mutual := t.Mode == networking.ServerTLSSettings_MUTUAL || t.Mode == networking.ServerTLSSettings_OPTIONAL_MUTUAL
	switch {
	case t.Mode == networking.ServerTLSSettings_ISTIO_MUTUAL:
		a.istioMutual(t)
		return
	case sources > 1:
		a.refuse("of credentialName, credentialNames, tlsCertificates and serverCertificate with privateKey only one may be set")
	}
	if (mutual || t.Mode == networking.ServerTLSSettings_SIMPLE) && (t.CredentialName != "" || len(t.CredentialNames) > 0) {
		return
	}
	if mutual && t.CaCertificates == "" {
		a.refuse("mode %s has neither credentialName nor caCertificates, the CA of the clients", t.Mode)
	}
	if mutual || t.Mode == networking.ServerTLSSettings_SIMPLE {
		a.certificates(t)
	}
	if t.CaCrl != "" && t.CredentialName != "" {
		a.in("caCrl").refuse("caCrl stands beside credentialName, whose Secret holds the list")
	}
	if t.CaCrl != "" && t.Mode == networking.ServerTLSSettings_SIMPLE {
		a.in("caCrl").refuse("caCrl stands beside mode SIMPLE, which asks for no client certificate")
	}
}

func (a at) certificates(t *networking.ServerTLSSettings) {
	if len(t.TlsCertificates) == 0 && (t.ServerCertificate == "" || t.PrivateKey == "") {
		a.refuse("mode %s has no certificate: credentialName is missing", t.Mode)
	}
	for i, c := range t.TlsCertificates {
		if c.GetServerCertificate() == "" || c.GetPrivateKey() == "" {
			a.in("tlsCertificates", i).refuse("an entry of tlsCertificates lacks serverCertificate or privateKey")
		}
	}
}

func (a at) istioMutual(t *networking.ServerTLSSettings) {
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"serverCertificate", t.ServerCertificate != ""},
		{"privateKey", t.PrivateKey != ""},
		{"caCertificates", t.CaCertificates != ""},
		{"tlsCertificates", len(t.TlsCertificates) > 0},
		{"credentialName", t.CredentialName != ""},
		{"credentialNames", len(t.CredentialNames) > 0},
	} {
		if f.set {
			a.in(f.name).refuse("%s stands beside mode ISTIO_MUTUAL, which uses Istio's own certificates", f.name)
		}
	}
}

func count(list ...bool) int {
	n := 0
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}
