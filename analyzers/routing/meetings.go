package routing

import (
	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// Meeting is a request that fits routes of two VirtualServices that only their age orders, and whose outcomes differ. A is the
// narrower of the two, by path.
type Meeting struct {
	Host    *VirtualHost
	A, B    Entry
	Decided bool // the creation times say which is older: the answer is the older one's
	Request Request
	Answer  Answer
}

// Meetings finds for each route of each virtual host on gateways one route of another VirtualService that it meets. A meeting that
// certainly earlier routes take before both is none. Beyond the budgets of judging fates meetings go unreported.
func (t *Tables) Meetings() []Meeting {
	var out []Meeting
	left := steps(worldBudget)
	for _, table := range t.Gateways {
		if len(table.Opaque) > 0 {
			continue
		}
		for _, rc := range table.order {
			for _, d := range rc.domains {
				if vh := rc.Hosts[d]; manyOwners(vh.Entries) {
					out = append(out, t.meetings(vh, &left)...)
				}
			}
		}
	}
	return out
}

func (t *Tables) meetings(full *VirtualHost, all *steps) []Meeting {
	vh := full.once()
	*all += steps(routeBudget * len(vh.Entries))
	left := min(hostBudget, *all)
	before := left
	defer func() { *all -= before - left }()
	var index match.Index
	for i, e := range vh.Entries {
		if !e.Opaque {
			index.Add(i, e.Box)
		}
	}
	outcomes := map[*Rule]string{}
	outcome := func(r *Rule) string {
		if _, known := outcomes[r]; !known {
			outcomes[r] = t.Outcome(r)
		}
		return outcomes[r]
	}
	var out []Meeting
	reported := map[[2]int]bool{}
	for i, e := range vh.Entries {
		if e.Opaque {
			continue
		}
		if t.ended() {
			return out
		}
		for _, j := range index.Meeting(e.Box) {
			b := vh.Entries[j]
			if left--; left < 0 {
				return out
			}
			if b.Rule.VS == e.Rule.VS || reported[[2]int{j, i}] || vh.OrderKnown(e, b) && !byAge(e, b) || outcome(b.Rule) == outcome(e.Rule) {
				continue
			}
			if m, ok := t.meeting(vh, e, b, &left); ok {
				m.Host = full
				m.Decided = byAge(e, b)
				reported[[2]int{i, j}] = true
				out = append(out, m)
				break
			}
		}
	}
	return out
}

// once is the virtual host without the routes that come a second time, through another server or Gateway: the first stands before
// them and takes all that they would.
func (vh *VirtualHost) once() *VirtualHost {
	type source struct {
		rule  *Rule
		match int
	}
	seen := map[source]bool{}
	out := *vh
	out.Entries = nil
	for _, e := range vh.Entries {
		if s := (source{e.Rule, e.Match}); !seen[s] {
			seen[s] = true
			out.Entries = append(out.Entries, e)
		}
	}
	return &out
}

// byAge tells whether only the creation times of the VirtualServices order two entries.
func byAge(a, b Entry) bool {
	return a.Server == b.Server && a.tier == b.tier && !a.CatchAll && !b.CatchAll && mesh.OrderKnown(a.Rule.VS.Object, b.Rule.VS.Object)
}

func manyOwners(entries []Entry) bool {
	for _, e := range entries {
		if e.Rule.VS != entries[0].Rule.VS {
			return true
		}
	}
	return false
}

// meeting looks for a request of two entries whose outcomes differ, and has the router answer it twice: without the one
// VirtualService, and without the other.
func (t *Tables) meeting(vh *VirtualHost, a, b Entry, left *steps) (Meeting, bool) {
	var both match.Box
	var verdict match.Verdict
	left.spend(func(budget *int) { both, verdict = match.Meet(a.Box, b.Box, budget) })
	if verdict != match.Alive {
		return Meeting{}, false
	}
	r, ok := both.Witness(vh.Domain)
	if !ok || len(r.Claims) > 0 {
		return Meeting{}, false
	}
	x, known := vh.Take(r, func(e Entry) bool { return e.Rule.VS == b.Rule.VS })
	y, known2 := vh.Take(r, func(e Entry) bool { return e.Rule.VS == a.Rule.VS })
	if !known || !known2 || x == nil || y == nil || x.Route != a.Route || y.Route != b.Route {
		return Meeting{}, false
	}
	req, answer, _, ok := t.Shown(vh, both, a, b)
	return Meeting{A: a, B: b, Request: req, Answer: answer}, ok
}
