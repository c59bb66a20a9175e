package rules

import (
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var rejectedByEnvoy = &Rule{
	Name: "rejected-by-envoy", Severity: Error, Admission: Deny, Elsewhere: Deny, Since: "0.1.0",
	Doc: `A value that istiod passes on and Envoy refuses

istiod checks less than Envoy does. A redirect with code 304, a direct response with status 600, a line break at the end of a
rewrite, a match on the mere presence of a claim: all of these pass the schema and the webhook. Envoy refuses not the rule but
the whole resource that it is part of, and keeps the one it had. On a gateway that is every host of the port: no route of any
team changes any more, and a pod that starts anew gets none at all. Only the proxies' logs and the metric pilot_total_xds_rejects
tell.

So it does with the routes of a port if two hosts are "*". Sidecars have one for what no other host takes, and know a host of
their own namespace by its first label too: a ServiceEntry for "*.shop.svc.cluster.local" is a second one to those in namespace
shop. It has to name the hosts.

Fix: correct the value; whatever was changed since then takes effect with it.`,
	Run: func(p *Pass) {
		for _, o := range p.World.Istio {
			found := routing.Refused(o)
			if len(found) == 0 {
				continue
			}
			refused := p.toldByIstiod(o)
			for _, r := range found {
				if !refused(r.Path) && o.Known(r.Path...) {
					p.Report(Fault{
						On: o, Path: r.Path, Severity: Error, Words: r.Message,
						Message: fmt.Sprintf("%s: Envoy refuses the whole %s that %s is part of, %s", r.Message, r.Resource, o.ID, frozen[r.Resource]),
					})
				}
			}
		}
		for _, svc := range p.Tables.SecondCatchAlls() {
			if len(p.refusalsOf(svc.Object)) == 0 {
				p.secondCatchAll(svc)
			}
		}
	},
}

func (p *Pass) secondCatchAll(svc *mesh.Service) {
	ns, _, _ := strings.Cut(strings.TrimPrefix(svc.Host, "*."), ".")
	words := fmt.Sprintf("to sidecars in namespace %s host %q is also \"*\", which they have already", strings.ToLower(ns), svc.Host)
	p.Report(Fault{
		On: svc.Object, Path: entryHost(svc), Severity: Error, Words: words,
		Message: fmt.Sprintf("%s: Envoy refuses the whole %s that %s is part of there, %s", words, routing.RouteConfiguration, svc.Object.ID, frozen[routing.RouteConfiguration]),
	})
}

var frozen = map[string]string{
	routing.RouteConfiguration: "and every host on it keeps the routes it had",
	routing.ListenerResource:   "and every host on its port keeps what it had",
	routing.ClusterResource:    "and the host keeps the settings it had, or answers 503",
}
