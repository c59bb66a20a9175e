package validation

import (
	"math/big"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

func (a at) destinationRule(d *networking.DestinationRule) {
	a.in("host").because(wildcard("host", d.Host))
	if d.TrafficPolicy != nil {
		a.in("trafficPolicy").trafficPolicy(d.TrafficPolicy)
	}
	names := map[string]bool{}
	for i, s := range d.Subsets {
		here := a.in("subsets", i)
		if names[s.GetName()] && !manifest.Placeholder(s.GetName()) {
			here.in("name").refuse("subset %q stands twice in one DestinationRule", s.GetName())
		}
		names[s.GetName()] = true
		here.in("name").because(label("subset", s.GetName()))
		here.in("labels").labelMap(s.GetLabels())
		if s.GetTrafficPolicy() != nil {
			here.in("trafficPolicy").trafficPolicy(s.TrafficPolicy)
		}
	}
	a.exportTo(d.ExportTo, false)
	if d.WorkloadSelector == nil {
		return
	}
	a.in("workloadSelector", "matchLabels").plainSelector(d.WorkloadSelector.MatchLabels)
	for i, e := range d.ExportTo {
		if e != "." && e != a.obj.Namespace && a.obj.Namespace != "" && !manifest.Placeholder(e) {
			a.in("exportTo", i).refuse("exportTo %q stands beside a workloadSelector, which works in the own namespace alone", e)
		}
	}
}

func (a at) trafficPolicy(p *networking.TrafficPolicy) {
	if p.OutlierDetection == nil && p.ConnectionPool == nil && p.LoadBalancer == nil && p.Tls == nil && len(p.PortLevelSettings) == 0 &&
		p.Tunnel == nil && p.ProxyProtocol == nil && p.RetryBudget == nil {
		a.refuse("a trafficPolicy has no field")
		return
	}
	if p.Tunnel != nil && p.ProxyProtocol != nil {
		a.in("proxyProtocol").refuse("\"tunnel\" and \"proxyProtocol\" exclude each other in trafficPolicy")
		return
	}
	a.policy(p.OutlierDetection, p.ConnectionPool, p.LoadBalancer, p.Tls)
	for i, s := range p.PortLevelSettings {
		here := a.in("portLevelSettings", i)
		if s.GetPort() == nil {
			here.refuse("an entry of portLevelSettings has no port")
		}
		if s.GetOutlierDetection() == nil && s.GetConnectionPool() == nil && s.GetLoadBalancer() == nil && s.GetTls() == nil {
			here.refuse("an entry of portLevelSettings has no field but its port")
		}
		here.policy(s.GetOutlierDetection(), s.GetConnectionPool(), s.GetLoadBalancer(), s.GetTls())
	}
	if t := p.Tunnel; t != nil {
		here := a.in("tunnel")
		if t.Protocol != "" && t.Protocol != "CONNECT" && t.Protocol != "POST" && !manifest.Placeholder(t.Protocol) {
			here.in("protocol").refuse("protocol %q of a tunnel is neither \"CONNECT\" nor \"POST\"", t.Protocol)
		}
		if !isAddress(t.TargetHost) {
			here.in("targetHost").because(domain("targetHost", t.TargetHost))
		}
		here.in("targetPort").because(port("targetPort", t.TargetPort))
	}
	if v := p.ProxyProtocol.GetVersion(); v != networking.TrafficPolicy_ProxyProtocol_V1 && v != networking.TrafficPolicy_ProxyProtocol_V2 {
		a.in("proxyProtocol", "version").refuse("proxyProtocol has no version %d", v)
	}
}

// policy is what the whole and a port of it have in common.
func (a at) policy(o *networking.OutlierDetection, c *networking.ConnectionPoolSettings, lb *networking.LoadBalancerSettings, tls *networking.ClientTLSSettings) {
	if o != nil {
		a.in("outlierDetection").outlierDetection(o)
	}
	if c != nil {
		a.in("connectionPool").connectionPool(c)
	}
	if lb != nil {
		a.in("loadBalancer").loadBalancer(lb)
	}
	if tls != nil {
		a.in("tls").clientTLS(tls)
	}
}

func (a at) outlierDetection(o *networking.OutlierDetection) {
	a.duration("baseEjectionTime", o.BaseEjectionTime)
	a.duration("interval", o.Interval)
	if !o.SplitExternalLocalOriginErrors && o.ConsecutiveLocalOriginFailures.GetValue() > 0 && a.in("splitExternalLocalOriginErrors").known() {
		a.in("consecutiveLocalOriginFailures").refuse("consecutiveLocalOriginFailures counts nothing without splitExternalLocalOriginErrors")
	}
	for _, f := range [...]struct {
		name string
		n    int32
	}{{"maxEjectionPercent", o.MaxEjectionPercent}, {"minHealthPercent", o.MinHealthPercent}} {
		if f.n < 0 || f.n > 100 {
			a.in(f.name).refuse("%s %d is no percentage", f.name, f.n)
		}
	}
}

func (a at) connectionPool(c *networking.ConnectionPoolSettings) {
	if c.Http == nil && c.Tcp == nil {
		a.refuse("connectionPool has no field")
	}
	if h := c.Http; h != nil {
		here := a.in("http")
		here.notNegative("http1MaxPendingRequests", h.Http1MaxPendingRequests)
		here.notNegative("http2MaxRequests", h.Http2MaxRequests)
		here.notNegative("maxRequestsPerConnection", h.MaxRequestsPerConnection)
		here.notNegative("maxRetries", h.MaxRetries)
		here.notNegative("maxConcurrentStreams", h.MaxConcurrentStreams)
		here.duration("idleTimeout", h.IdleTimeout)
		if h.UseClientProtocol && h.H2UpgradePolicy == networking.ConnectionPoolSettings_HTTPSettings_UPGRADE {
			here.in("useClientProtocol").refuse("useClientProtocol stands beside h2UpgradePolicy UPGRADE, which decides the protocol")
		}
		if k := h.Http2KeepAlive; k != nil {
			if k.Interval == nil || k.Timeout == nil {
				here.in("http2KeepAlive").refuse("http2KeepAlive lacks interval or timeout")
			}
			here.in("http2KeepAlive").duration("interval", k.Interval)
			here.in("http2KeepAlive").duration("timeout", k.Timeout)
		}
	}
	if t := c.Tcp; t != nil {
		here := a.in("tcp")
		here.notNegative("maxConnections", t.MaxConnections)
		here.duration("connectTimeout", t.ConnectTimeout)
		here.duration("maxConnectionDuration", t.MaxConnectionDuration)
		if t.IdleTimeout.AsDuration().Milliseconds() != 0 { // none switches the timeout off
			here.duration("idleTimeout", t.IdleTimeout)
		}
		here.in("tcpKeepalive").duration("time", t.TcpKeepalive.GetTime())
		here.in("tcpKeepalive").duration("interval", t.TcpKeepalive.GetInterval())
	}
}

func (a at) notNegative(name string, n int32) {
	if n < 0 {
		a.in(name).refuse("%s %d is negative", name, n)
	}
}

func (a at) loadBalancer(lb *networking.LoadBalancerSettings) {
	if h := lb.GetConsistentHash(); h != nil {
		a.in("consistentHash").consistentHash(h)
	}
	if lb.LocalityLbSetting != nil && lb.ZoneAwareLbSetting != nil {
		a.in("zoneAwareLbSetting").refuse("\"localityLbSetting\" and \"zoneAwareLbSetting\" exclude each other in loadBalancer")
	}
	if l := lb.LocalityLbSetting; l != nil {
		a.in("localityLbSetting").locality(l)
	}
	if z := lb.ZoneAwareLbSetting; z != nil {
		here := a.in("zoneAwareLbSetting")
		for i, l := range z.FailoverPriority {
			if slices.Contains(topology, l) {
				here.in("failoverPriority", i).refuse("failoverPriority has %q, which zone-aware balancing orders by itself", l)
			}
		}
		failover(here, z.Failover)
	}
	if w := lb.Warmup; w != nil {
		here := a.in("warmup")
		if w.Duration == nil {
			here.refuse("warmup lacks duration")
		}
		here.duration("duration", w.Duration)
		if w.MinimumPercent.GetValue() > 100 {
			here.in("minimumPercent").refuse("minimumPercent is more than 100")
		}
		if w.Aggression != nil && w.Aggression.Value <= 0 {
			here.in("aggression").refuse("aggression is not above 0")
		}
	}
}

func (a at) consistentHash(h *networking.LoadBalancerSettings_ConsistentHashLB) {
	if c := h.GetHttpCookie(); c != nil {
		here := a.in("httpCookie")
		if c.Name == "" {
			here.refuse("httpCookie has no name")
		}
		seen := map[string]bool{}
		for i, attr := range c.Attributes {
			switch n := attr.GetName(); {
			case n == "":
				here.in("attributes", i).refuse("an attribute of the cookie has no name")
			case seen[n] && !manifest.Placeholder(n):
				here.in("attributes", i).refuse("attribute %q of the cookie stands twice", n)
			}
			seen[attr.GetName()] = true
		}
	}
	//lint:ignore SA1019 refused, not read
	if h.MinimumRingSize != 0 && h.HashAlgorithm != nil {
		a.in("minimumRingSize").refuse("minimumRingSize stands beside ringHash or maglev, which replace it")
	}
	const largest = 5_000_011
	if m := h.GetMaglev(); m != nil && (m.TableSize >= largest || m.TableSize != 1 && !new(big.Int).SetUint64(m.TableSize).ProbablyPrime(0)) {
		a.in("maglev", "tableSize").refuse("tableSize %d of maglev is no prime number below %d", m.TableSize, largest)
	}
}

var topology = []string{"topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"}

func (a at) locality(l *networking.LocalityLoadBalancerSetting) {
	if len(l.Distribute) > 0 && len(l.Failover) > 0 {
		a.in("failover").refuse("\"distribute\" and \"failover\" exclude each other in localityLbSetting")
		return
	}
	for i, p := range l.FailoverPriority {
		if len(l.Failover) > 0 && slices.Contains(topology, p) {
			a.in("failoverPriority", i).refuse("failoverPriority has %q beside failover, which orders by it", p)
			return
		}
	}
	var from []string
	for i, d := range l.Distribute {
		here := a.in("distribute", i, "to")
		from = append(from, d.GetFrom())
		var total uint32
		for _, to := range manifest.Keys(d.GetTo()) {
			if w := d.To[to]; w < 1 || w > 100 {
				here.in(to).refuse("weight %d of locality %q is not between 1 and 100", w, to)
				return
			}
			total += d.To[to]
		}
		if total != 100 {
			here.refuse("the weights of the localities add up to %d, not to 100", total)
			return
		}
		here.localities(manifest.Keys(d.GetTo()), false)
	}
	a.in("distribute").localities(from, true)
	failover(a, l.Failover)
}

// failover goes from region to region.
func failover[F interface {
	GetFrom() string
	GetTo() string
}](a at, list []F) {
	for i, f := range list {
		switch here := a.in("failover", i); {
		case f.GetFrom() == f.GetTo():
			here.refuse("failover goes from %q to itself", f.GetFrom())
		case strings.ContainsAny(f.GetFrom()+f.GetTo(), "/*") && !manifest.Placeholder(f.GetFrom()+f.GetTo()):
			here.refuse("failover from %q to %q names more or less than two regions", f.GetFrom(), f.GetTo())
		}
	}
}

// localities are region/zone/subzone with a wildcard at the end at most, of which none covers another. istiod compares each
// with those before it only; the keys of a map have no order, so that there only what meets in both counts.
func (a at) localities(list []string, ordered bool) {
	for i, l := range list {
		if manifest.Placeholder(l) {
			continue
		}
		if n := strings.Count(l, "*"); n > 1 || n == 1 && !strings.HasSuffix(l, "*") {
			a.refuse("locality %q has a wildcard that is not its end", l)
			return
		}
		if slices.Contains(strings.SplitN(l, "/", 3), "") {
			a.refuse("locality %q has an empty part", l)
			return
		}
		for _, other := range list[:i] {
			if !manifest.Placeholder(other) && localitiesMeet(other, l) && (ordered || localitiesMeet(l, other)) {
				a.refuse("localities %q and %q overlap", other, l)
				return
			}
		}
	}
}

// localitiesMeet compares part by part; what ends, or is "*", covers all below it.
func localitiesMeet(a, b string) bool {
	x, y := strings.SplitN(a, "/", 3), strings.SplitN(b, "/", 3)
	for i := range min(len(x), len(y)) {
		if x[i] == "*" {
			return true
		}
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

func (a at) clientTLS(t *networking.ClientTLSSettings) {
	if !a.in("mode").known() {
		return
	}
	if rest, ok := strings.CutPrefix(t.CredentialName, "configmap://"); ok && !manifest.Placeholder(rest) {
		parts := strings.Split(rest, "/")
		switch {
		case len(parts) < 2 || parts[0] == "" || parts[1] == "":
			a.in("credentialName").refuse("credentialName %q does not read configmap://NAMESPACE/NAME", t.CredentialName)
		case parts[0] != a.obj.Namespace && a.obj.Namespace != "":
			a.in("credentialName").refuse("credentialName %q is a ConfigMap of another namespace than the DestinationRule's", t.CredentialName)
		}
	}
	simple, mutual := t.Mode == networking.ClientTLSSettings_SIMPLE, t.Mode == networking.ClientTLSSettings_MUTUAL
	if t.InsecureSkipVerify.GetValue() && (simple || mutual) &&
		(t.CaCertificates != "" || len(t.SubjectAltNames) > 0 || simple && t.CredentialName != "") {
		a.in("insecureSkipVerify").refuse("insecureSkipVerify stands beside what the server's certificate is verified with")
	}
	if (simple || mutual) && t.CredentialName != "" {
		if t.ClientCertificate != "" || t.CaCertificates != "" || t.PrivateKey != "" || t.CaCrl != "" {
			a.in("credentialName").refuse("credentialName stands beside certificates from files")
		}
		return
	}
	if mutual && (t.ClientCertificate == "" || t.PrivateKey == "") {
		a.refuse("mode MUTUAL lacks credentialName, or clientCertificate and privateKey")
	}
}
