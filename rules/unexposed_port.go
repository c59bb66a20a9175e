package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var unexposedPort = &Rule{
	Name: "unexposed-port", Severity: Warning, Admission: Warn, Elsewhere: Off,
	AlsoKnownAs: []string{"IST0162", "IST0101", "KIA0302"}, Since: "0.1.0",
	Doc: `A server that no client can reach

The gateway's pods listen on the port of a server, but no Service in front of them has it, so nothing outside the pods gets
there. Or the Gateway's selector matches none of the gateway workloads, so its servers are nowhere.

Fix: add the port to the workload's Service, or correct the selector.`,
	Run: func(p *Pass) {
		for _, g := range p.World.Gateways {
			if g.Ingress {
				continue // its ports are istiod's choice
			}
			tables := p.Tables.Serving(g)
			if len(tables) == 1 && tables[0].Workload.Assumed {
				p.selector(g)
				continue
			}
			for i := range g.Spec.Servers {
				p.exposed(g, i, tables)
			}
		}
	},
}

// exposed reports a server whose port no Service of any of its workloads has.
func (p *Pass) exposed(g *mesh.Gateway, i int, tables []*routing.Table) {
	var server *routing.Server
	var table *routing.Table
	for _, t := range tables {
		for _, s := range t.Servers {
			if s.Gateway != g || s.Index != i {
				continue
			}
			if s.Exposed || t.Workload.HostPorts || s.Drop != nil || s.Spec.Bind != "" {
				return
			}
			server, table = s, t
		}
	}
	if server == nil {
		return
	}
	f := Fault{
		On: g.Object, Path: []any{"spec", "servers", i, "port", "number"}, Severity: Warning, Words: fmt.Sprintf("port %d", server.Number()),
		Message: fmt.Sprintf("no Service of %s has port %d: the pods listen on it, and no client gets there", workloadText(table), server.Number()),
	}
	for _, s := range table.Workload.Services {
		f.Ends = append(f.Ends, End{s.Object, []any{"spec", "ports"}, "has only the ports " + portText(s)})
	}
	p.Report(f)
}

func (p *Pass) selector(g *mesh.Gateway) {
	if len(g.Spec.Selector) == 0 {
		return
	}
	near, why := p.World.NearWorkload(g)
	if near == nil {
		return
	}
	p.Report(Fault{
		On: g.Object, Path: []any{"spec", "selector"}, Severity: Warning, Suspect: true, Words: mesh.LabelText(g.Spec.Selector),
		Message: fmt.Sprintf("selector %s matches no gateway workload, so %s is served nowhere: %s", mesh.LabelText(g.Spec.Selector), g.ID(), why),
		Ends:    []End{{near.Object, []any{"metadata", "name"}, "has the labels " + mesh.LabelText(near.Labels)}},
	})
}
