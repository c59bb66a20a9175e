package rules

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gatelint/gatelint/analyzers/routing"
)

const day = 24 * time.Hour

// Expiring is how many days before its end a certificate is a warning.
var Expiring = Param{Key: "days", Default: 14, Least: 1, Most: 3650}

var expiredCertificate = &Rule{
	Name: "expired-certificate", Severity: Error, Admission: Off, Elsewhere: Off, AlsoKnownAs: []string{"IST0161"}, Since: "0.1.0", Clock: true, Params: []Param{Expiring},
	Doc: `A certificate that has expired, or will within 14 days

A server of a Gateway uses a Secret whose certificate has run out: every client that checks certificates ends the connection. One
that runs out within two weeks is a warning, for renewal should have happened by then; rules.expired-certificate.params.days of
the config says another number of days.

The rule needs a clock: it runs with --now. Of Secrets whose content is not in the input nothing is known; in a cluster no content
is read.

Fix: renew the certificate, or mend what should have renewed it.`,
	Run: func(p *Pass) {
		if p.World.Now.IsZero() {
			return
		}
		seen := map[string]bool{}
		for _, table := range p.Tables.Gateways {
			for _, s := range table.Servers {
				for _, c := range table.Credentials(s) {
					if key := s.ID() + pathText(c.Path) + c.Secret.String(); c.Keys && !c.OtherNamespace && !seen[key] {
						seen[key] = true
						p.expiry(s, c)
					}
				}
			}
		}
	},
}

func (p *Pass) expiry(s *routing.Server, c routing.Credential) {
	found := p.World.Secrets(c.Secret)
	if len(found) != 1 || found[0].Certificate == nil || found[0].Certificate.NotAfter.IsZero() {
		return
	}
	end := found[0].Certificate.NotAfter
	left := end.Sub(p.World.Now)
	if left > cmp.Or(p.World.Soon, time.Duration(Expiring.Default)*day) {
		return
	}
	f := Fault{
		On: s.Gateway.Object, Path: c.Path, Severity: Error, Words: found[0].ID.Ref() + " expires",
		Message: fmt.Sprintf("the certificate of Secret %s expired on %s: clients refuse TLS connections to %s", found[0].ID.Ref(), end.UTC().Format(time.DateOnly), hostsText(s)),
		Ends:    []End{{found[0].Object, []any{"metadata", "name"}, "holds the certificate"}},
	}
	if left > 0 {
		f.Severity = Warning
		f.Message = fmt.Sprintf("the certificate of Secret %s expires on %s, in %s: from then on clients refuse TLS connections to %s",
			found[0].ID.Ref(), end.UTC().Format(time.DateOnly), plural(int(left/day), "day"), hostsText(s))
	}
	p.Report(f)
}
