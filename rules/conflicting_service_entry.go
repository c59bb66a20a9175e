package rules

import (
	"fmt"
	"slices"

	"github.com/gatelint/gatelint/analyzers/mesh"
)

var conflictingServiceEntry = &Rule{
	Name: "conflicting-service-entry", Severity: Error, Admission: Warn, Elsewhere: Warn,
	AlsoKnownAs: []string{"IST0177", "KIA1211", "KIA1212"}, Since: "0.1.0",
	Doc: `Two ServiceEntries that describe one host and port differently

Of several ServiceEntries with the same host and port a client gets one: that of its own namespace, else the oldest of those
exported to its namespace by name, else the oldest of those exported to all. The protocol, resolution and location of the others
mean nothing to it. So an HTTP port is served as TCP, and VirtualServices for it do nothing, or the other way round, and creating
one entry again changes it for everybody. Endpoints are joined only inside one namespace.

It is an error if the protocols differ, else a warning. Equal entries in many namespaces are silent, and so is one for a single
namespace beside one for all, which it replaces there.

Fix: keep one ServiceEntry for the host, limit each to its own namespace (exportTo: ["."]), or make them equal.`,
	Run: func(p *Pass) {
		for _, c := range p.World.EntryClashes() {
			p.entryClash(c)
		}
	},
}

func (p *Pass) entryClash(c mesh.EntryClash) {
	f := Fault{
		On: c.Loser.Object, Path: entryHost(c.Loser), Severity: Warning, Clash: true, Words: fmt.Sprintf("%s port %d %s", c.Host, c.Port, c.What),
		Ends: []End{{c.Winner.Object, entryHost(c.Winner), "the host is here too"}},
	}
	if c.Protocols {
		f.Severity = Error
	}
	for _, s := range c.More {
		f.Ends = append(f.Ends, End{s.Object, entryHost(s), "and here"})
	}
	f.Message = fmt.Sprintf("host %q port %d is in ServiceEntry %s too, with %s: ", c.Host, c.Port, c.Winner.ID(), c.What)
	switch {
	case len(c.More) > 0:
		f.Message += fmt.Sprintf("of these and %d more clients get only the oldest", len(c.More))
	case mesh.OrderKnown(c.Loser.Object, c.Winner.Object):
		f.Message += "that one is older, and what this one says is not used"
	default:
		f.Message += "clients get only the older one"
	}
	if c.Winner.Namespace != c.Loser.Namespace && c.Winner.ExportTo.Public && c.Loser.ExportTo.Public {
		f.Message += ", except in the namespace of the other"
	}
	p.Report(f)
}

func entryHost(s *mesh.Service) []any {
	return []any{"spec", "hosts", slices.Index(s.Entry.Hosts, s.Host)}
}
