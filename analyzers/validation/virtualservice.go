package validation

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/routing"
	networking "istio.io/api/networking/v1alpha3"
)

const meshGateway = "mesh"

func (a at) virtualService(v *networking.VirtualService) {
	if !a.in("hosts").known() || !a.in("gateways").known() {
		return // what it is for depends on them
	}
	delegate := len(v.Hosts) == 0
	if delegate {
		for _, part := range [...]struct {
			name string
			n    int
		}{{"gateways", len(v.Gateways)}, {"tls", len(v.Tls)}, {"tcp", len(v.Tcp)}} {
			if part.n > 0 {
				a.in(part.name).refuse("a VirtualService without hosts is a delegate and has no %s", part.name)
			}
		}
	}
	onGateway := len(v.Gateways) > 0 && !slices.Contains(v.Gateways, meshGateway)
	a.in("gateways").gatewayNames(v.Gateways)
	a.hosts(v, onGateway)
	if len(v.Http)+len(v.Tcp)+len(v.Tls) == 0 && a.in("http").known() && a.in("tcp").known() && a.in("tls").known() {
		a.refuse("there is neither http nor tcp nor tls")
	}
	for i, r := range v.Http {
		here := a.in("http", i)
		here.httpRoute(r, delegate)
		if !onGateway {
			here.noClaims(r)
		}
	}
	for i, r := range v.Tls {
		a.in("tls", i).tlsRoute(r, v, !slices.Contains(v.Gateways, meshGateway))
	}
	for i, r := range v.Tcp {
		a.in("tcp", i).tcpRoute(r)
	}
	a.exportTo(v.ExportTo, false)
}

// hosts are names, addresses, or the server names of AUTO_PASSTHROUGH; a wildcard covers no other host of the list.
func (a at) hosts(v *networking.VirtualService, onGateway bool) {
	sni := onGateway && slices.ContainsFunc(v.Tls, func(r *networking.TLSRoute) bool {
		return slices.ContainsFunc(r.GetMatch(), func(m *networking.TLSMatchAttributes) bool { return len(m.GetSniHosts()) > 0 })
	})
	good := true
	for i, h := range v.Hosts {
		here := a.in("hosts", i)
		switch why := hostName("host", h, sni); {
		case why != "" && !isAddress(h):
			here.because(why)
			good = false
		case h == "*" && !onGateway:
			here.refuse("host \"*\" is for gateways alone, and this VirtualService is on the sidecars")
			good = false
		}
	}
	if good {
		a.overlaps(v.Hosts)
	}
}

// overlaps finds hosts of which one covers the other; the later one of two is refused, once.
func (a at) overlaps(hosts []string) {
	first := map[string]int{} // by host, a wildcard as "*.rest"
	refused := map[int]bool{}
	refuse := func(i, j int) {
		if i, j = max(i, j), min(i, j); !refused[i] {
			refused[i] = true
			n := len(*a.list)
			a.in("hosts", i).refuse("hosts %q and %q overlap in one VirtualService", hosts[j], hosts[i])
			if len(*a.list) > n {
				(*a.list)[n].Twice = hosts[i] == hosts[j]
			}
		}
	}
	for i, h := range hosts {
		if j, twice := first[h]; twice {
			refuse(i, j)
		} else if !manifest.Placeholder(h) {
			first[h] = i
		}
	}
	for i, h := range hosts {
		name := strings.TrimPrefix(h, "*")
		for k := range len(name) + 1 {
			if j, ok := first["*"+name[k:]]; ok && j != i && hosts[j] != h && !manifest.Placeholder(h) {
				refuse(i, j)
			}
		}
	}
}

// hostName is a domain with a wildcard or, where server names are, Istio's own outbound_.PORT_.SUBSET_.HOST.
func hostName(what, h string, sni bool) string {
	if !sni || !strings.HasPrefix(h, "outbound_") || len(h) > 255 {
		return wildcard(what, h)
	}
	parts := strings.Split(h, "_")
	if len(parts) < 4 || !strings.ContainsAny(strings.Trim(parts[1], "."), "0123456789") || !hasLetter(strings.Trim(parts[3], ".")) {
		return what + " \"" + h + "\" does not read outbound_.PORT_.SUBSET_.HOST"
	}
	return ""
}

func hasLetter(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' })
}

// gatewayNames checks references to gateways. istiod looks no further than the first name without a slash.
func (a at) gatewayNames(names []string) {
	for i, name := range names {
		here := a.in(i)
		ns, gw, ok := strings.Cut(name, "/")
		if !ok {
			here.because(domain("the name of Gateway", name))
			return
		}
		here.because(label("namespace", ns))
		here.because(label("the name of Gateway", gw))
	}
}

// noClaims finds routing on JWT claims where sidecars would have to do it.
func (a at) noClaims(r *networking.HTTPRoute) {
	for i, m := range r.GetMatch() {
		for _, part := range [...]struct {
			name string
			on   map[string]*networking.StringMatch
		}{{"headers", m.GetHeaders()}, {"withoutHeaders", m.GetWithoutHeaders()}} {
			for _, k := range manifest.Keys(part.on) {
				if isClaim(k) {
					a.in("match", i, part.name, k).refuse("a match on the claim %q is for gateways alone, and this VirtualService is on the sidecars", k)
				}
			}
		}
	}
}

func (a at) tlsRoute(r *networking.TLSRoute, v *networking.VirtualService, onGateway bool) {
	if len(r.GetMatch()) == 0 {
		a.refuse("a tls rule has no match")
	}
	for i, m := range r.GetMatch() {
		here := a.in("match", i)
		if len(m.GetSniHosts()) == 0 {
			here.refuse("a tls match has no sniHosts")
		}
		for k, h := range m.GetSniHosts() {
			here.in("sniHosts", k).sniHost(h, v, onGateway)
		}
		here.l4Match(m.GetDestinationSubnets(), m.GetPort(), m.GetSourceLabels(), m.GetGateways())
	}
	a.l4Route("tls", r.GetRoute())
}

func (a at) sniHost(h string, v *networking.VirtualService, onGateway bool) {
	if manifest.Placeholder(h) || slices.ContainsFunc(v.Hosts, manifest.Placeholder) {
		return
	}
	if why := hostName("sniHosts", h, onGateway); why != "" {
		if !isAddress(h) {
			a.because(why)
		}
		return
	}
	if !slices.ContainsFunc(v.Hosts, func(host string) bool { return routing.Covers(host, h) }) {
		a.refuse("sniHosts %q is none of the hosts of the VirtualService (%s)", h, strings.Join(v.Hosts, ", "))
	}
}

func (a at) tcpRoute(r *networking.TCPRoute) {
	for i, m := range r.GetMatch() {
		a.in("match", i).l4Match(m.GetDestinationSubnets(), m.GetPort(), m.GetSourceLabels(), m.GetGateways())
	}
	a.l4Route("tcp", r.GetRoute())
}

func (a at) l4Match(subnets []string, number uint32, labels map[string]string, gateways []string) {
	for i, s := range subnets {
		a.in("destinationSubnets", i).because(subnet("destinationSubnets", s))
	}
	if number != 0 {
		a.in("port").because(port("port", number))
	}
	a.in("sourceLabels").labelMap(labels)
	a.in("gateways").gatewayNames(gateways)
}

func (a at) l4Route(kind string, list []*networking.RouteDestination) {
	if len(list) == 0 {
		a.refuse("a %s rule has no route", kind)
	}
	var total int32
	for i, d := range list {
		here := a.in("route", i)
		here.in("destination").destination(d.GetDestination())
		here.weight(d.GetWeight())
		total += d.GetWeight()
	}
	a.total(len(list), total)
}

func (a at) weight(w int32) {
	if w < 0 {
		a.in("weight").refuse("weight %d is negative", w)
	}
}

func (a at) total(n int, total int32) {
	if n > 1 && total == 0 {
		a.in("route").refuse("the weights of the %d destinations add up to nothing", n)
	}
}

func (a at) destination(d *networking.Destination) {
	if d == nil {
		a.refuse("there is no destination")
		return
	}
	if d.Host == "*" {
		a.in("host").refuse("destination host \"*\" names no service")
	} else {
		a.in("host").because(wildcard("destination host", d.Host))
	}
	if d.Subset != "" {
		a.in("subset").because(label("subset", d.Subset))
	}
	if d.Port != nil {
		a.in("port", "number").because(port("port", d.Port.GetNumber()))
	}
}
