package mesh

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// Service is a Kubernetes Service or one host of a ServiceEntry.
type Service struct {
	*manifest.Object
	Host         string
	Kube         bool // a Kubernetes Service
	Ports        []Port
	Selector     map[string]string
	ExportTo     Visibility
	ExternalName string
	Addresses    []string // that clients dial, IP addresses
	Headless     bool     // clusterIP None
	// Untranslated is set when the Service opts out of gateway port translation.
	Untranslated bool
	Entry        *networking.ServiceEntry // nil for Kubernetes Services
	Opaque       bool                     // its ports hold placeholders, or what cannot be read
}

// Port is one port of a Service. Target is what the pods listen on, 0 when it is a name.
type Port struct {
	Number     uint32
	Target     uint32
	TargetName string
	Name       string
	Protocol   string // upper-case Istio protocol: HTTP, HTTPS, TLS, TCP, …; "" when it is sniffed
	UDP        bool
}

// Port finds a port by number; UDP ports have no cluster and do not count.
func (s *Service) Port(number uint32) (Port, bool) {
	for _, p := range s.Ports {
		if p.Number == number && !p.UDP {
			return p, true
		}
	}
	return Port{}, false
}

// ID is the namespaced name of the object.
func (s *Service) ID() Name { return Name{s.Namespace, s.Name} }

func (w *World) addService(o *manifest.Object) {
	spec, _ := o.Tree["spec"].(map[string]any)
	s := &Service{
		Object: o, Kube: true, Host: o.Name + "." + o.Namespace + ".svc." + w.Domain,
		Selector: strs(spec["selector"]), ExternalName: str(spec["externalName"]), Opaque: len(o.Opaque) > 0,
		ExportTo: visibility(splitList(o.Annotations["networking.istio.io/exportTo"]), o.Namespace, w.Settings.ServiceExportTo),
	}
	ip := str(spec["clusterIP"])
	if s.Headless = ip == "None"; !s.Headless {
		s.Addresses = addresses(ip)
		if all := list(spec["clusterIPs"]); len(all) > 1 {
			s.Addresses = addresses(all...)
		}
	}
	_, s.Untranslated = o.Labels["experimental.istio.io/disable-gateway-port-translation"]
	for _, p := range list(spec["ports"]) {
		m, _ := p.(map[string]any)
		port := Port{Number: num(m["port"]), Name: str(m["name"]), UDP: str(m["protocol"]) == "UDP"}
		if port.Number == 0 {
			s.Opaque = true
		}
		switch t := m["targetPort"].(type) {
		case nil:
			port.Target = port.Number
		case string:
			port.TargetName = t
		default:
			port.Target = num(t)
		}
		port.Protocol = serviceProtocol(port.Name, str(m["appProtocol"]))
		s.Ports = append(s.Ports, port)
	}
	w.Services = append(w.Services, s)
	w.hosts[s.Host] = append(w.hosts[s.Host], s)
	w.kube[o.Name] = append(w.kube[o.Name], s)
}

// addresses are those of a list that are IP addresses: no placeholder, nothing unset.
func addresses(list ...any) []string {
	var out []string
	for _, v := range list {
		if ip, err := netip.ParseAddr(str(v)); err == nil && !ip.IsUnspecified() {
			out = append(out, ip.String())
		}
	}
	return out
}

// serviceProtocol reads the protocol from appProtocol, else from the port name's prefix (pkg/config/kube/conversion.go).
func serviceProtocol(name, app string) string {
	p := app
	if p == "" {
		p, _, _ = strings.Cut(name, "-")
		if strings.HasPrefix(name, "grpc-web") {
			p = "grpc-web"
		}
	}
	p = strings.TrimPrefix(strings.ToLower(p), "kubernetes.io/")
	switch p {
	case "http", "http2", "grpc", "grpc-web", "https", "tls", "tcp", "mongo", "mysql", "redis", "hbone":
		return strings.ToUpper(p)
	case "h2c", "ws":
		return "HTTP"
	case "wss":
		return "HTTPS"
	}
	return ""
}

// IsHTTP tells whether an upper-case protocol is of the HTTP family, which one connection manager serves
// (pkg/config/protocol/instance.go).
func IsHTTP(protocol string) bool {
	switch strings.ToUpper(protocol) {
	case "HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY":
		return true
	}
	return false
}

func (w *World) addServiceEntry(o *manifest.Object, spec *networking.ServiceEntry) {
	exportTo := visibility(spec.ExportTo, o.Namespace, w.Settings.ServiceExportTo)
	for _, h := range spec.Hosts {
		s := &Service{Object: o, Host: h, ExportTo: exportTo, Entry: spec, Selector: spec.GetWorkloadSelector().GetLabels(), Opaque: len(o.Opaque) > 0}
		for _, a := range spec.Addresses { // of several, istiod programs one, now this and now that
			s.Addresses = append(s.Addresses, addresses(strings.TrimSuffix(a, "/32"))...)
		}
		for _, p := range spec.Ports {
			if p == nil {
				continue
			}
			s.Ports = append(s.Ports, Port{Number: p.Number, Target: p.TargetPort, Name: p.Name, Protocol: strings.ToUpper(p.Protocol), UDP: strings.EqualFold(p.Protocol, "UDP")})
		}
		w.Services = append(w.Services, s)
		w.hosts[h] = append(w.hosts[h], s)
		if strings.HasPrefix(h, "*") {
			w.wildcards[h[1:]] = append(w.wildcards[h[1:]], s)
		}
	}
}

// ServicesFor gives the services whose hostname is exactly host, whatever their visibility. A Kubernetes Service whose
// namespace is unstated answers to any, and a host in an unstated namespace to any Service of that name.
func (w *World) ServicesFor(host string) []*Service {
	out := w.hosts[host]
	n, ok := w.kubeName(host)
	if !ok {
		return out
	}
	if n.Namespace == "" {
		return w.kube[n.Name]
	}
	if len(out) == 0 {
		out = w.hosts[n.Name+"..svc."+w.Domain]
	}
	return out
}

// Aliases are the hosts of the Services that stand for a service (ExternalName), through others or not, sorted
// (pilot/pkg/model/push_context.go, resolveServiceAliases).
func (w *World) Aliases(host string) []string { return w.aliases[strings.ToLower(host)] }

func (w *World) resolveAliases() {
	to := map[string]string{}
	for _, s := range w.Services {
		if s.ExternalName != "" {
			to[strings.ToLower(s.Host)] = strings.ToLower(s.ExternalName)
		}
	}
	w.aliases = map[string][]string{}
	for _, alias := range manifest.Keys(to) {
		end, hops := to[alias], 0
		for to[end] != "" && hops <= maxHops {
			end, hops = to[end], hops+1
		}
		if to[end] == "" {
			w.aliases[end] = append(w.aliases[end], alias)
		}
	}
}

// maxHops bounds the Services that stand for one another, so that a circle ends.
const maxHops = 100

// ServiceOf is what a host says of a service that is not in the World: its name, and its namespace if it is a Kubernetes one.
func (w *World) ServiceOf(host string) *Service {
	n, _ := w.kubeName(host)
	return &Service{Object: &manifest.Object{ID: manifest.ID{Kind: "Service", Namespace: n.Namespace, Name: n.Name}}, Host: host}
}

// Wildcard gives the ServiceEntries whose wildcard host covers host: such a host is known to sidecars, but no cluster has its name.
func (w *World) Wildcard(host string) []*Service {
	for i := range len(host) {
		if s := w.wildcards[host[i:]]; len(s) > 0 && (i > 0 || host[0] == '.') {
			return s
		}
	}
	return nil
}

// str is the text of a scalar. A number or boolean where a string belongs has been reported, and means its text.
func str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64, float64, bool:
		return fmt.Sprint(v)
	}
	return ""
}

func num(v any) uint32 {
	switch n := v.(type) {
	case int64:
		if n > 0 && n < 65536 {
			return uint32(n)
		}
	case float64:
		return uint32(n)
	}
	return 0
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func obj(v any, path ...string) map[string]any {
	m, _ := v.(map[string]any)
	for _, p := range path {
		m, _ = m[p].(map[string]any)
	}
	return m
}

func strs(v any) map[string]string {
	m, _ := v.(map[string]any)
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, x := range m {
		out[k] = str(x)
	}
	return out
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
