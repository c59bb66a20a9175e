package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/routing"
)

var unmergedPort = &Rule{
	Name: "unmerged-port", Severity: Error, Admission: Deny, Elsewhere: Deny,
	AlsoKnownAs: []string{"IST0145"}, Since: "0.1.0",
	Doc: `Two servers on one port that cannot be merged

On one port of a gateway workload istiod merges plain HTTP servers with each other, and TLS servers with each other by server
name. Anything else falls, whole and silently: TCP beside HTTP, TCP beside TCP, TLS below an older plaintext server. A
plaintext server that comes after TLS servers is kept, unless one of them has the host "*": then Envoy refuses the listener.
Ports are compared after translation through the workload's Services, so 80 and 8080 can be one port.

Where the order of two Gateways decides and is not known, the finding is a warning that names both.

Fix: give the servers different ports, or different binds.`,
	Run: func(p *Pass) {
		p.droppedServers(routing.DropProtocol, p.portClash)
		seen := map[string]bool{}
		for _, table := range p.Tables.Gateways {
			for _, s := range table.Servers {
				for _, t := range s.Contested {
					if s.IsTLS() || s.Drop != nil || seen[s.ID()+t.ID()] {
						continue
					}
					seen[s.ID()+t.ID()] = true
					p.contested(s, t)
					break
				}
			}
			for _, l := range table.Listeners {
				if o := l.Rejected; o != nil && o.SNI == "" && !(o.A.IsTLS() && o.B.IsTLS()) && !seen[o.A.Server.ID()+o.B.Server.ID()] {
					seen[o.A.Server.ID()+o.B.Server.ID()] = true
					p.refused(o)
				}
			}
		}
	},
}

func (p *Pass) portClash(by *routing.Server, losers []*routing.Server) {
	s := losers[0]
	f := Fault{
		On: s.Gateway.Object, Path: s.Path(), Severity: Error, Clash: true,
		Words: fmt.Sprintf("%s port %d %s", s.Spec.Port.Protocol, s.Number(), s.Drop.Reason),
		Ends:  []End{{by.Gateway.Object, by.Path(), "has the port"}},
	}
	for _, l := range losers[1:] {
		f.Ends = append(f.Ends, End{l.Gateway.Object, l.Path(), "falls too"})
	}
	switch {
	case s.Drop.Certain:
		f.Message = fmt.Sprintf("%s cannot share the port with %s, which comes first: istiod drops it whole", describe(s), describe(by))
		f.Message += p.hanging(s)
	case s.Drop.InEveryOrder(s):
		f.Message = fmt.Sprintf("%s cannot share the port with %s: istiod drops the one of the younger Gateway whole", describe(s), describe(by))
	default:
		f.Suspect = true
		f.Message = fmt.Sprintf("%s is dropped whole if its Gateway is younger than that of %s, and works if it is older", describe(s), describe(by))
	}
	p.Report(f)
}

func (p *Pass) contested(s, t *routing.Server) {
	p.Report(Fault{
		On: t.Gateway.Object, Path: t.Path(), Severity: Error, Suspect: true, Clash: true,
		Words:   fmt.Sprintf("%s port %d %s", t.Spec.Port.Protocol, t.Number(), routing.DropProtocol),
		Message: fmt.Sprintf("%s is dropped whole if its Gateway is younger than that of %s, and works if it is older", describe(t), describe(s)),
		Ends:    []End{{s.Gateway.Object, s.Path(), "shares the port without TLS"}},
	})
}

func (p *Pass) refused(o *routing.Overlap) {
	a, b := o.A.Server, o.B.Server
	p.Report(Fault{
		On: b.Gateway.Object, Path: b.Path(), Severity: Error, Clash: true, Words: fmt.Sprintf("refused port %d", b.Number()),
		Message: fmt.Sprintf("%s and %s both take every connection, which Envoy refuses: the port keeps its old configuration, or never opens", describe(b), describe(a)),
		Ends:    []End{{a.Gateway.Object, a.Path(), "takes every connection too"}},
	})
}
