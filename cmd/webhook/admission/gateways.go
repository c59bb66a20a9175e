package admission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// changedGateway adds all Gateways, and the VirtualServices that the change of one can touch: those bound to it and to others
// whose servers fare otherwise after it, and those whose connections or requests its own hosts take.
func (l *slice) changedGateway(id manifest.ID, c Change) {
	name := id.Namespace + "/" + id.Name
	var before, after *skeleton
	if a := l.aroundGateway(id); a != nil {
		before, after = newSkeleton(l.x, l.opt, id, c.Before, a), newSkeleton(l.x, l.opt, id, c.After, a)
		l.local = l.fits(a, before, after, name)
	}
	if !l.local {
		before, after = l.skeleton(id, c.Before), l.skeleton(id, c.After)
	}
	for _, s := range []*skeleton{before, after} {
		l.each(s.objects, content)
		for front := range s.fronts {
			l.each(l.x.by[key{byTarget, front}], exact)
		}
	}
	if workloads(before) != workloads(after) {
		l.whole = "workloads"
	}
	for g := range gatewaysOf(before, after) {
		if g != name && before.states[g] == after.states[g] {
			continue
		}
		l.servedBy(g, newServing(before, g), newServing(after, g))
		if before.coupled[g] || after.coupled[g] {
			l.whole = "shared certificate"
		}
	}
	for _, s := range []*skeleton{before, after} {
		l.losers(s, name)
		l.credentials(s, id)
	}
	l.taken(newServing(before, name).differing(newServing(after, name)), l.seed[id])
	if slices.ContainsFunc([]*manifest.Object{c.Before, c.After, l.s.objectOf(name)}, taker) {
		l.each(l.x.by[l4], exact) // they share the server names of a port
	}
	l.unbound(id)
}

// skeleton is that of the live objects with one in the place of its live version.
func (l *slice) skeleton(id manifest.ID, o *manifest.Object) *skeleton {
	live := l.s.objectOf(id.Namespace + "/" + id.Name)
	if o == nil && live == nil || o != nil && live != nil && o.Same(live) && o.Created.Equal(live.Created) {
		return l.s
	}
	return newSkeleton(l.x, l.opt, id, o, nil)
}

func (s *skeleton) objectOf(name string) *manifest.Object {
	if g := s.gateways[name]; g != nil {
		return g.Object
	}
	return nil
}

// gatewaysOf are the Gateways of two skeletons.
func gatewaysOf(a, b *skeleton) map[string]bool {
	out := map[string]bool{}
	for _, s := range []*skeleton{a, b} {
		for n := range s.gateways {
			out[n] = true
		}
	}
	return out
}

func workloads(s *skeleton) string {
	var b strings.Builder
	for _, wl := range s.tables.World.Workloads {
		fmt.Fprintln(&b, wl.String())
	}
	return b.String()
}

// losers adds the VirtualServices of Gateways whose servers fall to one: messages count them.
func (l *slice) losers(s *skeleton, name string) {
	for _, t := range s.tables.Gateways {
		for _, srv := range t.Servers {
			if srv.Drop != nil && (gatewayID(srv.Drop.By.Gateway) == name || gatewayID(srv.Gateway) == name) {
				l.each(l.x.by[key{byGateway, gatewayID(srv.Gateway)}], content)
			}
		}
	}
}

// credentials adds the Secrets where a Gateway's are looked for, if one is not there: messages offer others.
func (l *slice) credentials(s *skeleton, id manifest.ID) {
	g := s.gateways[id.Namespace+"/"+id.Name]
	if g == nil {
		return
	}
	homes := map[string]bool{}
	for _, t := range s.tables.Serving(g) {
		for _, srv := range t.Servers {
			if srv.Gateway != g {
				continue
			}
			for _, c := range t.Credentials(srv) {
				if len(s.tables.World.Secrets(c.Secret)) == 0 {
					homes[c.Secret.Namespace], homes[id.Namespace] = true, true
				}
			}
		}
	}
	for ns := range homes {
		list := l.x.by[key{byHome, "Secret " + ns}]
		if len(list) > maxNames {
			l.whole = "names"
		}
		l.add(list...)
	}
}

// taken looks at VirtualServices of other Gateways whose hosts a Gateway has: its servers take the connections for them, its
// redirects their requests. Only hosts that are served differently after the change.
func (l *slice) taken(hosts []string, versions []*facts) {
	for _, h := range hosts {
		l.each(l.x.related(byRoute, h), exact)
		if h == "*" && slices.ContainsFunc(versions, func(f *facts) bool { return !f.plain }) {
			l.whole = `host "*"`
		}
		l.each(l.x.under(byUnder, h), exact)
		for _, o := range l.x.by[private] {
			if l.x.facts[o.ID].hosts[0] == h {
				l.whole = "credential"
			}
		}
	}
}

// unbound looks at references to Gateways that are not there: messages offer the changed one in their stead.
func (l *slice) unbound(id manifest.ID) {
	for _, k := range []key{inNamespace(byGateway, id.Namespace), withName(byGateway, id.Name)} {
		for g := range l.x.named[k] {
			if l.s.gateways[g] == nil {
				l.each(l.x.by[key{byGateway, g}], exact)
			}
		}
	}
}
