package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/routing"
)

var gatewayLoop = &Rule{
	Name: "gateway-loop", Severity: Error, Admission: Deny, Elsewhere: Deny, Since: "0.1.0",
	Doc: `A route of a gateway that leads back to the gateway

A VirtualService with gateways: [egress, mesh] sends the sidecars' requests to the egress gateway, and the gateway's on to the
outside. Its rules apply to both, unless a match says for which: without match.gateways the first rule sends the gateway's own
requests to the gateway again, with the same host, and there the same rule takes them again. One request is multiplied until
it times out, and nothing ever leaves.

The finding follows a request through rewrites and the DestinationRule's TLS, and is made only if the same rule takes it again.

Fix: put gateways: [mesh] into the match that leads to the gateway, and gateways: [NAME] into the one that leads out.`,
	Run: func(p *Pass) {
		for _, l := range p.Tables.Loops() {
			p.loop(l)
		}
	},
}

func (p *Pass) loop(l routing.Loop) {
	rule, path := l.Entry.Rule.Source()
	svc := l.Target.Services[0]
	f := Fault{
		On: l.Target.VS.Object, Path: append(l.Target.Path[:len(l.Target.Path):len(l.Target.Path)], "host"), Severity: Error, Words: l.Target.Host + "|" + l.Entry.Box.String(),
		Message: fmt.Sprintf("requests for %s on %s go to its own Service %s port %d and come back to %s of %s: they go round until they time out",
			l.Request.Host, workloadText(l.Table), svc.ID(), l.Target.Port, pathText(path), rule.ID()),
		Ends: []End{
			{svc.Object, []any{"metadata", "name"}, "stands before " + workloadText(l.Table)},
			{l.Entry.Server.Gateway.Object, l.Entry.Server.Path("hosts"), "takes the request the first time"},
		},
		Witness: &Witness{URL: l.Request.URL(), Request: l.Request, Answer: l.Answer},
	}
	if l.Hops > 1 {
		f.Message = fmt.Sprintf("requests for %s on %s go to Service %s port %d and come back to %s of %s by way of %s: they go round until they time out",
			l.Request.Host, workloadText(l.Table), svc.ID(), l.Target.Port, pathText(path), rule.ID(), plural(l.Hops-1, "other gateway workload"))
		f.Ends[0].Message = "stands before the next gateway workload"
	}
	p.Report(f)
}
