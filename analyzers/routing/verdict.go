package routing

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// maxOlder bounds how many Gateways are put before another one, to see what that changes.
const maxOlder = 8

// Verdict is the answer without what only names decide: unknown where it rests on ages that files do not tell, or on the claims
// of a token, with the Answer as the first alternative.
func (w *Walk) Verdict() Answer {
	var nominal []string
	var others []Alternative
	for _, part := range []func() (string, []Alternative){w.byGateways, w.byVirtualServices, w.byClaims} {
		if text, list := part(); len(list) > 0 {
			nominal, others = append(nominal, text), append(others, list...)
		}
	}
	if len(others) == 0 {
		return w.Answer
	}
	out := Answer{ID: w.Answer.ID, Outcome: OutcomeUnknown, VirtualHost: w.Answer.VirtualHost, Alternatives: w.Answer.Alternatives}
	if len(out.Alternatives) == 0 {
		first := Alternative{If: strings.Join(nominal, " and "), Answer: w.Answer}
		first.ID = ""
		out.Alternatives = []Alternative{first}
	}
	out.Alternatives = append(slices.Clip(out.Alternatives), others...)
	if slices.ContainsFunc(others, func(x Alternative) bool { return x.VirtualHost != out.VirtualHost }) {
		out.VirtualHost = ""
	}
	return out
}

// RestsOnAge tells whether the answer would be another one if objects were of other ages, as files do not tell them.
func (w *Walk) RestsOnAge() bool {
	_, list := w.byGateways()
	return len(list) > 0 || len(w.Rivals()) > 0
}

// byVirtualServices are the answers by the Rivals.
func (w *Walk) byVirtualServices() (nominal string, out []Alternative) {
	rivals := w.Rivals()
	which := oldest(len(rivals))
	for i := range rivals {
		out = append(out, w.takenBy(&rivals[i], rivals[i].Rule.VS.ID().String()+which))
	}
	if len(out) > 0 {
		nominal = w.Entry.Rule.VS.ID().String() + which
	}
	return nominal, out
}

func oldest(others int) string {
	if others == 1 {
		return " is the older one"
	}
	return " is the oldest"
}

func (w *Walk) takenBy(e *Entry, condition string) Alternative {
	x := Alternative{If: condition, Answer: Answer{VirtualHost: w.Host.Domain}}
	w.take(&x.Answer, e, w.targets(e))
	return x
}

// byGateways are the answers where another Gateway is older than the one whose server takes the connection.
func (w *Walk) byGateways() (nominal string, out []Alternative) {
	if w.Table == nil {
		return "", nil
	}
	pairs := w.contests()
	var who *mesh.Gateway
	for i, p := range pairs {
		if i == maxOlder {
			out = append(out, Alternative{If: fmt.Sprintf("one of %d more Gateways is", len(pairs)-i), Answer: Answer{Outcome: OutcomeUnknown}})
			break
		}
		other := w.Table.where(p[0], p[1]).walk(w.Request).Answer
		if !sameFate(other, w.Answer) {
			other.ID, who = "", p[1]
			out = append(out, Alternative{If: "Gateway " + p[0].ID().String(), Answer: other})
		}
	}
	if who == nil {
		return "", nil
	}
	which := oldest(len(out))
	for i := range min(len(out), maxOlder) {
		out[i].If += which
	}
	return "Gateway " + who.ID().String() + which, out
}

// contests are pairs of Gateways: the first would change what takes the connection if it were older than the second.
func (w *Walk) contests() [][2]*mesh.Gateway {
	var out [][2]*mesh.Gateway
	add := func(later, earlier *Server) {
		if p := [2]*mesh.Gateway{later.Gateway, earlier.Gateway}; p[0] != p[1] && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, s := range w.Losers() {
		if !s.Drop.Certain {
			add(s, s.Drop.By)
		}
	}
	if w.Chain != nil {
		for _, s := range w.Chain.Server.Contested {
			if mesh.Before(s.Gateway.Object, w.Chain.Server.Gateway.Object) {
				add(w.Chain.Server, s)
			} else {
				add(s, w.Chain.Server)
			}
		}
	}
	return out
}

// where is the table as it is if one Gateway comes just before another.
func (table *Table) where(g, before *mesh.Gateway) *Table {
	t, key := table.tables, [2]*mesh.Gateway{g, before}
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := table.older[key]; x != nil {
		return x
	}
	order := slices.DeleteFunc(slices.Clone(table.gateways), func(o *mesh.Gateway) bool { return o == g })
	x := t.newTable(table.Workload, slices.Insert(order, slices.Index(order, before), g), table.revision)
	if table.older == nil {
		table.older = map[[2]*mesh.Gateway]*Table{}
	}
	table.older[key] = x
	return x
}

// sameFate tells whether a request fares the same by two answers, whichever Gateway it came through.
func sameFate(a, b Answer) bool {
	a.ID, b.ID, a.Gateway, b.Gateway = "", "", "", ""
	return reflect.DeepEqual(a, b)
}

// byClaims are the answers where a token has the claims that a route asks for. Conditions on what a claim is not are none that can
// be read (Entry.Doubt).
func (w *Walk) byClaims() (nominal string, out []Alternative) {
	for _, e := range w.Claimed() {
		out = append(out, w.takenBy(e, fmt.Sprintf("%s %s takes it, which depends on the claims of the token", e.Rule.VS.ID(), e.at())))
	}
	return "no claim of a token decides otherwise", out
}

// Claimed are routes that fit the request but for conditions on claims, where the request does not say which its token has, and
// that lead elsewhere than the route that takes it; without those that no claims can reach behind the others.
func (w *Walk) Claimed() []*Entry {
	if w.claimsRead {
		return w.claimed
	}
	w.claimsRead = true
	if len(w.Request.Claims) > 0 {
		return nil // these, and no others
	}
	var before []match.Box
	for i := range w.Tried {
		e := &w.Tried[i]
		if e.Rule == nil || e.uncertain() || !e.Box.Claimed(w.Seen) {
			continue
		}
		if verdict, _, _ := match.Subtract(e.Box, before, nil); verdict == match.Empty {
			continue
		}
		before = append(before, e.Box)
		if w.Entry == nil || w.Entry.Rule == nil || w.tables.Outcome(e.Rule) != w.tables.Outcome(w.Entry.Rule) {
			w.claimed = append(w.claimed, e)
		}
	}
	return w.claimed
}

// at is where the route is written in its VirtualService.
func (e *Entry) at() string {
	a := e.Answer()
	return either(a.Match, a.Route)
}
