package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var brokenEgressHop = &Rule{
	Name: "broken-egress-hop", Severity: Warning, Admission: Warn, Elsewhere: Warn, Since: "0.1.0",
	Doc: `Sidecars send a host to a gateway that does not serve it

Traffic through an egress gateway takes two rules: one for the sidecars (gateway "mesh"), which sends the host to the gateway's
Service, and one for the gateway, which sends it on. If the gateway workload has no server on that port, or none for the host, or
no VirtualService is bound to it for the host, the first rule sends every request into 404, a TLS reset or a refused connection.
A DestinationRule that begins TLS towards the gateway counts: then a TLS server must have the name that it sends.

It is judged only where the gateway workload is known, and only where all Gateways and VirtualServices are known or the
VirtualService is itself bound to a Gateway of that workload.

Fix: add the host to a server of the Gateway on that port, and a rule for the gateway (match.gateways) that sends it on.`,
	Run: func(p *Pass) {
		for _, b := range p.Tables.BrokenHops() {
			p.brokenHop(b)
		}
	},
}

func (p *Pass) brokenHop(b routing.BrokenHop) {
	closed := p.World.Closed("Gateway", "") && p.World.Closed("VirtualService", "")
	own := p.boundTo(b.VS, b.Table)
	if !closed && own == nil {
		return
	}
	svc, host := b.Target.Services[0], b.VS.Spec.Hosts[b.Host]
	f := Fault{
		On: b.Target.VS.Object, Path: append(b.Target.Path[:len(b.Target.Path):len(b.Target.Path)], "host"), Severity: Warning, Suspect: !closed, Words: b.Target.Host + "|" + host,
		Message: fmt.Sprintf("sidecars send requests for %q to Service %s port %d, and %s %s", host, svc.ID(), b.Target.Port, workloadText(b.Table), refusal(b)),
		Ends:    []End{{svc.Object, []any{"metadata", "name"}, "stands before " + workloadText(b.Table)}},
		Witness: &Witness{URL: b.Request.URL(), Request: b.Request, Answer: b.Answer},
	}
	if own != nil {
		f.Ends = append(f.Ends, End{own.Object, []any{"spec", "servers"}, "a Gateway of that workload, to which the VirtualService is bound"})
	}
	p.Report(f)
}

// refusal says what the gateway workload does with the request.
func refusal(b routing.BrokenHop) string {
	switch b.Answer.Outcome {
	case routing.OutcomeNoListener:
		return "opens nothing on that port: connections are refused"
	case routing.OutcomeNoTLSServer:
		if b.Request.TLS {
			return fmt.Sprintf("has no TLS server for the name %q there: connections are reset", b.Request.SNI)
		}
		return "has only TLS servers there, while the requests come without TLS: connections are reset"
	case routing.OutcomeNoHost:
		return "has no VirtualService for it there: requests get 404"
	}
	return "has no route for it there: requests get 404"
}

// boundTo is the Gateway of a workload to which a VirtualService is bound, nil if there is none.
func (p *Pass) boundTo(v *mesh.VirtualService, table *routing.Table) *mesh.Gateway {
	for _, ref := range v.Gateways {
		if len(ref.Found) != 1 {
			continue
		}
		for _, t := range p.Tables.Serving(ref.Found[0]) {
			if t == table {
				return ref.Found[0]
			}
		}
	}
	return nil
}
