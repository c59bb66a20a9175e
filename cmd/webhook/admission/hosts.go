package admission

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// What a changed DestinationRule or ServiceEntry touches: all that is for its hosts.

// covers tells whether a host is another, or a wildcard for it.
func covers(wide, host string) bool {
	rest, wild := strings.CutPrefix(wide, "*")
	return wide == host || wild && strings.HasSuffix(host, rest)
}

func (l *slice) destinationRule() {
	for _, versions := range l.seed {
		for _, f := range versions {
			l.ruleFor(f.hosts[0])
			if f.has(private) {
				l.whole = "credential"
			}
		}
	}
}

// ruleFor adds what a DestinationRule for a host touches: who sends there, and the other rules for the host.
func (l *slice) ruleFor(host string) {
	l.add(l.x.by[key{byRule, host}]...)
	l.users(host)
	for _, s := range l.x.by[aliases] {
		if f := l.x.facts[s.ID]; covers(host, f.targets[0]) {
			l.users(f.hosts[0])
		}
	}
	for front := range l.s.fronts {
		if covers(host, front) {
			l.whole = "hop" // requests come to a gateway workload with the TLS that the rule says
		}
	}
	for _, o := range l.x.by[private] {
		if l.x.facts[o.ID].hosts[0] == host {
			l.whole = "credential"
		}
	}
	l.bareRule(host)
}

// bareRule adds what says whether anything has the host of a DestinationRule.
func (l *slice) bareRule(host string) {
	l.add(l.x.related(byService, host)...)
	if !strings.HasPrefix(host, "*") && len(l.x.by[key{byService, host}]) == 0 {
		l.missingHost(host)
	}
}

// users holds exactly the VirtualServices that send to a host, or to one that it covers.
func (l *slice) users(host string) {
	l.each(l.x.by[key{byTarget, host}], exact)
	switch {
	case host == "*":
		l.whole = `host "*"`
	case strings.HasPrefix(host, "*"):
		l.each(l.x.under(byTargets, host), exact)
	}
}

func (l *slice) serviceEntry() {
	for _, versions := range l.seed {
		for _, f := range versions {
			for _, h := range f.hosts {
				l.entryFor(h)
			}
			if f.has(wholes) {
				l.add(l.x.by[sidecars]...)
			}
		}
	}
	l.offered()
}

// entryFor adds what a ServiceEntry for a host touches: who sends there or has routes for it, other entries and DestinationRules.
func (l *slice) entryFor(host string) {
	l.add(l.x.by[key{byService, host}]...)
	l.users(host)
	l.each(l.x.related(byRoute, host), exact)
	rules := slices.Concat(l.x.by[key{byRule, host}], l.x.under(byRules, host))
	for _, o := range rules {
		l.add(o)
		l.bareRule(l.x.facts[o.ID].hosts[0])
		if l.x.facts[o.ID].has(private) {
			l.whole = "credential"
		}
	}
}

// offered looks at references to external hosts that nothing has: messages offer near ones of ServiceEntries in their stead.
func (l *slice) offered() {
	for _, o := range l.x.by[outside] {
		f := l.x.facts[o.ID]
		for _, h := range slices.Concat(f.targets, f.hosts) {
			others := slices.ContainsFunc(l.x.by[key{byService, h}], func(s *manifest.Object) bool { return l.seed[s.ID] == nil })
			if others || strings.HasSuffix(h, ".svc."+l.x.naming.Domain) {
				continue
			}
			if o.Kind == "DestinationRule" {
				l.add(o)
				l.bareRule(h)
			}
			l.hold(o.ID, exact)
			l.add(o)
			l.missingHost(h)
		}
	}
}
