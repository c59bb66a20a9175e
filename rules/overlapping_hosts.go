package rules

import (
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var overlappingHosts = &Rule{
	Name: "overlapping-hosts", Severity: Error, Admission: Deny, Elsewhere: Deny,
	AlsoKnownAs: []string{"IST0145", "IST0109", "KIA0301", "KIA1106"}, Since: "0.1.0",
	Doc: `One host claimed twice where only one can have it

TLS servers of one workload that share a host string on one port: istiod keeps the server of the older Gateway and drops the
whole later server, also its hosts that nobody else claims; their clients see a TLS reset. The same holds for HTTP servers that
redirect to https. If the strings differ only in a namespace prefix or in letter case istiod keeps both, and Envoy refuses the
listener: no change reaches that port any more.

Two VirtualServices for one host on the sidecars: the first one takes the host, the other is not used at all. The same holds for
the tcp and tls rules of VirtualServices on one server of a gateway.

Plain HTTP servers with the same host merge, and are no fault.

Fix: let one Gateway own the host, give the servers disjoint hosts, or merge the VirtualServices.`,
	Run: func(p *Pass) {
		p.droppedServers(routing.DropHosts, p.hostClash)
		p.refusedListeners()
		p.lostL4()
		for _, c := range p.Tables.MeshClashes() {
			p.meshClash(c)
		}
	},
}

func (p *Pass) hostClash(by *routing.Server, losers []*routing.Server) {
	s := losers[0]
	host := s.Spec.Hosts[s.Drop.Hosts[0]]
	f := Fault{
		On: s.Gateway.Object, Path: s.Path(), Severity: Error, Clash: true,
		Words: fmt.Sprintf("%s port %d", strings.Join(clashing(s), " "), s.Number()),
	}
	claim := fmt.Sprintf("host %q on port %d is claimed by server %s too", host, s.Number(), p.serverText(by))
	switch {
	case s.Drop.Certain:
		f.Message = fmt.Sprintf("%s, which comes first: istiod drops this whole server, with its %s", claim, plural(len(s.Spec.Hosts), "host"))
		f.Message += p.hanging(s)
	case len(losers) == 1:
		f.Message = claim + ": istiod drops the whole server of the younger Gateway"
	default:
		f.Message = fmt.Sprintf("%s and by %d more: istiod keeps the server of the oldest Gateway and drops the others whole", claim, len(losers)-1)
	}
	f.Ends = append(f.Ends, End{s.Gateway.Object, s.Path("hosts", s.Drop.Hosts[0]), "claimed here"})
	f.Ends = append(f.Ends, End{by.Gateway.Object, by.HostPath(s, s.Drop.Hosts[0]), "and here"})
	for _, l := range losers[1:] {
		f.Ends = append(f.Ends, End{l.Gateway.Object, l.Path("hosts", l.Drop.Hosts[0]), "and here"})
	}
	p.Report(f)
}

// refusedListeners reports listeners that Envoy refuses because two TLS chains have the same server name.
func (p *Pass) refusedListeners() {
	seen := map[string]bool{}
	for _, table := range p.Tables.Gateways {
		for _, l := range table.Listeners {
			if o := l.Rejected; o != nil && (o.SNI != "" || o.A.IsTLS() && o.B.IsTLS()) {
				at, path := o.B.Source(o.SNI)
				other, otherPath := o.A.Source(o.SNI)
				if key := at.ID.String() + pathText(path) + other.ID.String() + pathText(otherPath); seen[key] {
					continue
				} else {
					seen[key] = true
				}
				name := o.SNI
				if name == "" {
					name = "*"
				}
				p.Report(Fault{
					On: at, Path: path, Severity: Error, Clash: true, Words: fmt.Sprintf("sni %s port %d", name, l.Port),
					Message: fmt.Sprintf("server name %q is on port %d twice, which Envoy refuses: the port keeps its old configuration, or never opens, for all its hosts", name, o.B.Server.Number()),
					Ends:    []End{{other, otherPath, "the same server name, written differently or in another kind of server"}},
				})
			}
		}
	}
}

func (p *Pass) lostL4() {
	seen := map[string]bool{}
	for _, table := range p.Tables.Gateways {
		for _, l := range table.LostL4() {
			key := l.VS.ID().String() + "<" + l.By.VS.ID().String() + l.Section
			if seen[key] {
				continue
			}
			seen[key] = true
			p.Report(Fault{
				On: l.VS.Object, Path: []any{"spec", "hosts", l.Host}, Severity: Error, Clash: true, Words: l.Section + " " + l.VS.Spec.Hosts[l.Host],
				Message: fmt.Sprintf("%s and %s both have %s rules for server %s: %s", l.VS.ID(), l.By.VS.ID(), l.Section, p.serverText(l.Server), "only the first takes them, the other is not used there"),
				Ends:    []End{{l.By.VS.Object, []any{"spec", l.By.Section, l.By.Index}, "has the connections"}},
			})
		}
	}
}

func (p *Pass) meshClash(c routing.MeshClash) {
	f := Fault{
		On: c.Loser.Object, Path: []any{"spec", "hosts", c.Host}, Severity: Error, Clash: true, Words: "mesh " + c.Loser.Hosts[c.Host],
		Ends: []End{{c.Winner.Object, []any{"spec", "hosts", c.WinnerHost}, "claimed here too"}},
	}
	for _, o := range c.More {
		f.Ends = append(f.Ends, End{o.Object, []any{"spec", "hosts"}, "and here"})
	}
	host := c.Loser.Spec.Hosts[c.Host]
	if mesh.OrderKnown(c.Loser.Object, c.Winner.Object) {
		f.Message = fmt.Sprintf("host %q on the sidecars belongs to VirtualService %s, which comes first: this one is not used for it at all", host, c.Winner.ID())
	} else {
		f.Message = fmt.Sprintf("host %q is on the sidecars twice, here and in VirtualService %s: the older one takes it whole, they do not merge", host, c.Winner.ID())
	}
	p.Report(f)
}
