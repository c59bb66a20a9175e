package rules

import (
	"fmt"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	networking "istio.io/api/networking/v1alpha3"
)

var noEffect = &Rule{
	Name: "no-effect", Severity: Warning, Admission: Off, Elsewhere: Off, AlsoKnownAs: []string{"KIA1104"}, Since: "0.1.0",
	Doc: `A field that does nothing where it stands

The object is accepted and the field is read, but nothing is programmed of it: ignoreUriCase changes exact and prefix, never a
regex; sourceLabels and sourceNamespace are skipped in a match that names gateways, so that it takes the traffic of every client;
the only destination of a rule gets everything, whatever its weight, 0 too; a mirrorPercentage without mirror copies nothing;
httpsRedirect is for plaintext servers; a server that passes TLS through uses no credential. And where every server of a
VirtualService redirects to https, the redirect comes before any of its rules, those for /.well-known too.

Behind a load balancer that ends TLS and whose X-Forwarded-Proto the gateway is told to trust (numTrustedProxies) redirects
depend on that header; where gatelint sees such a setting it says nothing of them.

Fix: delete the field, or move it to where it works.`,
	Run: func(p *Pass) {
		for _, v := range p.World.VirtualServices {
			for i, h := range v.Spec.Http {
				for j, m := range h.GetMatch() {
					if !v.IsDelegate() && h.Delegate == nil { // between roots and delegates these decide whether rules are merged
						p.idleMatch(v, m, []any{"spec", "http", i, "match", j})
					}
				}
				if h.MirrorPercentage != nil && h.Mirror == nil && !v.IsDelegate() && h.Delegate == nil {
					p.idle(v.Object, "mirrorPercentage is for mirror, which this rule lacks: nothing is copied", "spec", "http", i, "mirrorPercentage")
				}
				if len(h.Route) == 1 {
					p.idleWeight(v.Object, h.Route[0].GetWeight(), "spec", "http", i, "route", 0, "weight")
				}
			}
			for i, r := range v.Spec.Tls {
				p.idleL4(v, r.GetRoute(), "tls", i)
			}
			for i, r := range v.Spec.Tcp {
				p.idleL4(v, r.GetRoute(), "tcp", i)
			}
			p.onlyRedirected(v)
		}
		for _, g := range p.World.Gateways {
			for i, s := range g.Spec.Servers {
				p.idleTLS(g, s, []any{"spec", "servers", i, "tls"})
			}
		}
	},
}

func (p *Pass) idle(o *manifest.Object, message string, path ...any) {
	if o.Known(path...) {
		p.Report(Fault{On: o, Path: path, Severity: Warning, Words: message, Message: message})
	}
}

func (p *Pass) idleMatch(v *mesh.VirtualService, m *networking.HTTPMatchRequest, path []any) {
	at := func(field string) []any { return append(path[:len(path):len(path)], field) }
	_, regex := m.GetUri().GetMatchType().(*networking.StringMatch_Regex)
	switch {
	case m.GetIgnoreUriCase() && regex:
		p.idle(v.Object, "ignoreUriCase does nothing to a regex: the match stays case-sensitive, write (?i) in it", at("ignoreUriCase")...)
	case m.GetIgnoreUriCase() && m.GetUri().GetMatchType() == nil && v.Known(at("uri")...):
		p.idle(v.Object, "ignoreUriCase stands in a match without uri: there is nothing to compare", at("ignoreUriCase")...)
	}
	const message = " is skipped in a match that names gateways: it takes the requests of every client there"
	if len(m.GetGateways()) > 0 && len(m.GetSourceLabels()) > 0 {
		p.idle(v.Object, "sourceLabels"+message, at("sourceLabels")...)
	}
	if len(m.GetGateways()) > 0 && m.GetSourceNamespace() != "" {
		p.idle(v.Object, "sourceNamespace"+message, at("sourceNamespace")...)
	}
}

func (p *Pass) idleL4(v *mesh.VirtualService, route []*networking.RouteDestination, section string, i int) {
	if len(route) == 1 {
		p.idleWeight(v.Object, route[0].GetWeight(), "spec", section, i, "route", 0, "weight")
	}
}

// idleWeight reports the weight of an only destination. A weight of 0 counts if it is written down: who gives it wants no traffic.
func (p *Pass) idleWeight(o *manifest.Object, weight int32, path ...any) {
	if weight != 100 && weight >= 0 && (weight > 0 || slices.Contains(o.Zeros, manifest.FieldPath(path...))) {
		message := fmt.Sprintf("weight %d is the weight of the only destination: it gets every request all the same", weight)
		if o.Known(path...) {
			p.Report(Fault{On: o, Path: path, Severity: Info, Words: message, Message: message})
		}
	}
}

func (p *Pass) idleTLS(g *mesh.Gateway, s *networking.Server, path []any) {
	t := s.GetTls()
	if t == nil || s.GetPort() == nil || g.Ingress || mesh.IsHTTP(s.GetPort().GetProtocol()) || manifest.Placeholder(s.GetPort().GetProtocol()) {
		return
	}
	at := func(field string) []any { return append(path[:len(path):len(path)], field) }
	through := t.Mode == networking.ServerTLSSettings_PASSTHROUGH || t.Mode == networking.ServerTLSSettings_AUTO_PASSTHROUGH
	if t.HttpsRedirect && !p.World.Settings.TrustedProxies {
		p.idle(g.Object, fmt.Sprintf("httpsRedirect does nothing on a server of protocol %s: it is for plaintext HTTP servers", s.Port.Protocol), at("httpsRedirect")...)
	}
	if through && t.CredentialName != "" && g.Known(at("mode")...) {
		p.idle(g.Object, fmt.Sprintf("credentialName does nothing in mode %s: TLS is passed through, and no certificate of the Gateway is used", t.Mode), at("credentialName")...)
	}
}

// onlyRedirected reports the http rules of a VirtualService every server of which redirects to https.
func (p *Pass) onlyRedirected(v *mesh.VirtualService) {
	if v.OnMesh || len(v.Spec.Http) == 0 || len(v.Opaque) > 0 || p.World.Settings.TrustedProxies {
		return
	}
	b := p.Tables.Binding(v)
	if !b.Known || !b.Visible || slices.ContainsFunc(b.Tables, func(t *routing.Table) bool { return len(t.Opaque) > 0 }) {
		return
	}
	if ends := redirects(b.Redirecting(0)); len(ends) > 0 {
		p.Report(Fault{
			On: v.Object, Path: []any{"spec", "http"}, Severity: Warning, Words: "redirected", Ends: ends,
			Message: fmt.Sprintf("the http rules of %s do nothing: every server of its Gateways redirects to https before any rule is tried", v.ID()),
		})
		return
	}
	for i, h := range v.Spec.Http {
		for j, m := range h.GetMatch() {
			if ends := redirects(b.Redirecting(m.GetPort())); m.GetPort() != 0 && len(ends) > 0 {
				p.Report(Fault{
					On: v.Object, Path: []any{"spec", "http", i, "match", j, "port"}, Severity: Warning, Words: fmt.Sprintf("redirected %v", m.GetPort()), Ends: ends,
					Message: fmt.Sprintf("this match of %s does nothing: every server on port %d redirects to https before any rule is tried", v.ID(), m.GetPort()),
				})
			}
		}
	}
}

func redirects(servers []*routing.Server) (ends []End) {
	for _, s := range servers {
		ends = append(ends, End{s.Gateway.Object, s.Path("tls"), "redirects every request"})
	}
	return ends
}
