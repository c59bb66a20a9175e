package admission

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	networking "istio.io/api/networking/v1alpha3"
)

// maxAround is the number of Gateways beyond which all of them are as good.
const maxAround = 200

// around are Gateways among which a changed one, and those that it makes fare otherwise, fare as among all.
type around struct {
	objects map[*manifest.Object]bool
	// near are those that share a host or a certificate with the changed one; the others stand for their ports.
	near map[string]bool
}

// aroundGateway finds them: those with a host of a server, or of a server that falls with one; for each port of its workloads
// some of each kind, of which the first decides what the port speaks; and what these need. nil if that could be all.
func (l *slice) aroundGateway(id manifest.ID) *around {
	a := &around{objects: map[*manifest.Object]bool{}, near: map[string]bool{id.Namespace + "/" + id.Name: true}}
	selectors := map[string]bool{}
	for _, f := range l.seed[id] {
		if f.attached {
			return nil
		}
		selectors[f.selector] = true
	}
	if len(selectors) != 1 || !l.meet(a, l.seed[id]) {
		return nil
	}
	alike := l.s.alike[l.seed[id][0].selector]
	if len(alike) == 0 || l.s.implied[l.seed[id][0].selector] || l.opt.ScopeToGateways {
		return nil
	}
	list := slices.Collect(maps.Keys(a.objects))
	for _, kind := range alike {
		list = append(list, a.standing(kind)...)
	}
	for len(list) > 0 && len(a.objects) <= maxAround {
		o := list[0]
		list = list[1:]
		a.objects[o] = true
		for _, n := range l.s.needs[o.Namespace+"/"+o.Name] {
			if !a.objects[n] {
				list = append(list, n)
			}
		}
	}
	for o := range a.objects {
		if l.seed[o.ID] != nil {
			delete(a.objects, o)
		}
	}
	if len(a.objects) > maxAround {
		return nil
	}
	return a
}

// standing are the Gateways that stand for all with servers of a kind: the first two, and the first two that are not near. What
// makes others of the kind fare otherwise does so to these.
func (a *around) standing(kind []*manifest.Object) []*manifest.Object {
	out := slices.Clone(kind[:min(2, len(kind))])
	left := 2
	for _, o := range kind {
		if left > 0 && !a.near[o.Namespace+"/"+o.Name] {
			out = append(out, o)
			left--
		}
	}
	return out
}

// meet adds the Gateways that have a host or a certificate of these.
func (l *slice) meet(a *around, from []*facts) bool {
	for len(from) > 0 {
		f := from[0]
		from = from[1:]
		for _, c := range f.secrets {
			from = l.near(a, l.x.by[key{byCredential, c}], from)
		}
		for _, h := range f.hosts {
			if h == "*" {
				return false
			}
			from = l.near(a, l.servers(h), from)
			from = l.near(a, l.s.certified[h], from)
			for i := range h {
				if h[i] == '.' {
					from = l.near(a, l.s.certified["*"+h[i:]], from)
				}
			}
			if strings.HasPrefix(h, "*") {
				from = l.near(a, l.s.certifiedUnder[h], from)
			}
		}
		if len(a.objects) > maxAround {
			return false
		}
	}
	return true
}

// servers are the Gateways with servers for a name, or for one that it covers.
func (l *slice) servers(name string) []*manifest.Object {
	return slices.Concat(l.x.by[key{byServer, name}], l.x.related(byServer, name), l.x.under(byServers, name))
}

func (l *slice) near(a *around, list []*manifest.Object, from []*facts) []*facts {
	for _, o := range list {
		name := o.Namespace + "/" + o.Name
		if l.seed[o.ID] != nil || a.near[name] {
			continue
		}
		a.near[name], a.objects[o] = true, true
		if taker(o) {
			from = append(from, l.x.facts[o.ID]) // its servers can fall, and give their hosts to others
		}
	}
	return from
}

// fits tells whether the Gateways around a change fare before it as among all, those that only stand for others fare the same
// after it, and all are there for whose hosts the changed one's certificates are good.
func (l *slice) fits(a *around, before, after *skeleton, name string) bool {
	for o := range a.objects {
		g := o.Namespace + "/" + o.Name
		if before.states[g] != l.s.states[g] || !a.near[g] && before.states[g] != after.states[g] {
			return false
		}
	}
	for _, s := range []*skeleton{before, after} {
		for n, list := range s.certified {
			if !slices.ContainsFunc(list, func(o *manifest.Object) bool { return o.Namespace+"/"+o.Name == name }) {
				continue
			}
			for _, o := range l.servers(n) {
				if l.seed[o.ID] == nil && !a.near[o.Namespace+"/"+o.Name] {
					return false
				}
			}
		}
	}
	return before.states[name] == l.s.states[name]
}

// kinds notes for each selector the Gateways of the tables that it leads to, in their order, by port and by what their servers
// speak there. Workloads that Gateways only imply may go with them.
func (s *skeleton) kinds(t *routing.Table) {
	type kind struct {
		listen         uint32
		protocol, bind string
		mode           networking.ServerTLSSettings_TLSmode
		tls, redirect  bool
	}
	lists := map[kind][]*manifest.Object{}
	selectors := map[string]bool{}
	for _, srv := range t.Servers {
		k := kind{
			srv.Listen, strings.ToUpper(srv.Spec.GetPort().GetProtocol()), srv.Spec.Bind,
			srv.Spec.GetTls().GetMode(), srv.Spec.Tls != nil, srv.Redirects(),
		}
		lists[k] = append(lists[k], srv.Gateway.Object)
		selectors[mesh.LabelText(srv.Gateway.Spec.Selector)] = true
	}
	for text := range selectors {
		if t.Workload.Assumed {
			s.implied[text] = true
		}
		s.alike[text] = slices.AppendSeq(s.alike[text], maps.Values(lists))
	}
}
