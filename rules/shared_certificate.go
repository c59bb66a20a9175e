package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/routing"
)

var sharedCertificate = &Rule{
	Name: "shared-certificate", Severity: Warning, Admission: Off, Elsewhere: Off,
	AlsoKnownAs: []string{"IST0138"}, Since: "0.1.0",
	Doc: `TLS servers of one port whose certificates cover each other's hosts

A browser that has an HTTP/2 connection uses it for every host that the connection's certificate is good for and that has the
same address. But on a gateway the server name of the first request chose the TLS server, and each TLS server knows only its own
hosts: a request for a host of another server gets 404 over that connection, or another VirtualService's answer, now and then,
depending on what the client has open.

Such servers are one group, however many they are, and one finding, with a request that shows it. Without the certificate's
names it is an info, and only where the servers name the same Secret. Servers that answer for each other's hosts in the same way
are fine.

Fix: put the hosts of one certificate into one server, or use a certificate for each server that covers no host of the others.`,
	Run: func(p *Pass) {
		for _, s := range p.Tables.SharedCertificates() {
			p.sharedCertificate(s)
		}
	},
}

func (p *Pass) sharedCertificate(s routing.SharedCertificate) {
	other := s.Others[0]
	one, two := p.serverTexts(s.Server, other)
	f := Fault{
		On: s.Server.Gateway.Object, Path: s.Server.Path(), Severity: Warning, Clash: true, Words: fmt.Sprintf("%s port %d", s.Host, s.Server.Number()),
		Message: fmt.Sprintf("the certificate of server %s is good for %s of server %s too", one, s.Host, two),
		Ends:    []End{{other.Gateway.Object, other.Path("hosts"), "has routes for " + s.Host + ", which the first does not have"}},
		Witness: &Witness{URL: s.Request.URL(), Request: s.Request, Answer: s.Answer},
	}
	if !s.Known {
		f.Severity = Info
		f.Message = fmt.Sprintf("server %s has the same certificate as server %s with %s", one, two, s.Host)
	}
	if n := len(s.Others) - 1; n > 0 {
		f.Message += fmt.Sprintf(" (a group with %s)", plural(n, "more server"))
	}
	f.Message += ": HTTP/2 clients reuse a connection to the one for the other, and get "
	switch s.Answer.Outcome {
	case routing.OutcomeNoHost, routing.OutcomeNoRoute:
		f.Message += "404"
	default:
		f.Message += "the answer of VirtualService " + s.Answer.VirtualService
	}
	for _, o := range s.Others[1:min(len(s.Others), 4)] {
		f.Ends = append(f.Ends, End{o.Gateway.Object, o.Path("hosts"), "in the same group"})
	}
	p.Report(f)
}
