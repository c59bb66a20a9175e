package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var ambiguousOrder = &Rule{
	Name: "ambiguous-order", Severity: Warning, Admission: Off, Elsewhere: Off, Since: "0.1.0",
	Doc: `Two VirtualServices whose order decides where a request goes

VirtualServices for one host on one gateway are merged: the routes of the older one come before those of the younger one. Files
do not tell which is older, and creating one of them again changes it. Here a request fits a match of each, and they do
different things with it; the finding shows such a request. Matches that no request has in common, or that do the same, are
silent, and so is a plain catch-all, which istiod always moves to the end. Where both have a creation time the finding is an info
that names the older one, unless the older one is the narrower.

Fix: make the matches disjoint, or put them into one VirtualService (or one root with delegates).`,
	Run: func(p *Pass) {
		seen := map[[2]routing.Place]bool{}
		for _, f := range p.Tables.Fates() {
			if f.Dead() {
				seen[[2]routing.Place{f.Place}] = true // shadowed-match says so
			}
		}
		for _, m := range p.Tables.Meetings() {
			key := [2]routing.Place{m.A.Place(), m.B.Place()}
			if !seen[key] && !seen[[2]routing.Place{key[0]}] && !seen[[2]routing.Place{key[1]}] {
				seen[key] = true
				p.meeting(m)
			}
		}
	},
}

func (p *Pass) meeting(m routing.Meeting) {
	vh := m.Host
	vs, path := m.A.Rule.MatchPath(m.A.Match)
	other, otherPath := m.B.Rule.MatchPath(m.B.Match)
	here, there := p.Tables.GoApart(m.A.Rule, m.B.Rule)
	f := Fault{
		On: vs.Object, Path: path, Severity: Warning, Clash: true, Words: m.A.Box.String() + "|" + m.B.Box.String(),
		Ends: []End{{other.Object, otherPath, "fits the same requests, to " + there}},
	}
	either, instead := fmt.Sprintf("%s or to %s", here, there), fmt.Sprintf("%s and not to %s", there, here)
	if here == there {
		either, instead = here+" with the settings of one or of the other", here+" with the settings of that one"
	}
	both := fmt.Sprintf("requests for %s that fit this match and %s of %s go to ", mesh.Shown(vh.Domain), pathText(otherPath), other.ID())
	f.Message = fmt.Sprintf("%s%s, whichever VirtualService is older", both, either)
	if m.Decided {
		if vh.Precedes(m.A, m.B) {
			return // the narrower one first, which is what one would write into a single VirtualService
		}
		f.Severity = Info
		f.Message = fmt.Sprintf("%s%s, because VirtualService %s is older", both, instead, m.B.Rule.VS.ID())
	}
	f.Witness = &Witness{URL: m.Request.URL(), Request: m.Request, Answer: m.Answer}
	p.Report(f)
}
