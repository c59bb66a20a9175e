package routing

import (
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
)

// holder is the VirtualService that has the virtual host on mesh; nil for a Service that none names.
func (vh *VirtualHost) holder() *mesh.VirtualService {
	if vh.Entries[0].Rule == nil {
		return nil
	}
	return vh.Entries[0].Rule.VS
}

// Contender is a VirtualService that has the request's host on mesh if it is the oldest of those that want it, which only ages
// that are not known decide: the holder's routes are not tried then.
type Contender struct {
	VS   *mesh.VirtualService
	Walk *Walk // as it is then
}

// Contenders are those with which the request fares otherwise. Sidecars use one VirtualService a host, the first that has routes
// for them; those that are exported to their namespace alone, or to it by name, come before the others, whatever their age.
func (w *Walk) Contenders() []Contender {
	if w.Request.Mesh == nil || w.Host == nil || w.Host.holder() == nil {
		return nil
	}
	if w.contendersRead {
		return w.contenders
	}
	w.contendersRead = true
	s, holder := w.tables.sidecarOf(w.Request.Mesh), w.Host.holder()
	name := w.Host.Domain
	if w.Host.service != nil {
		name = strings.ToLower(w.Host.service.Host)
	}
	order := w.tables.visible(w.tables.onMesh, w.Request.Mesh.Namespace)
	at := slices.IndexFunc(order, func(b binding) bool { return b.vs == holder })
	for _, b := range order[at+1:] {
		wants := slices.ContainsFunc(b.vs.Hosts, func(h string) bool { return Covers(strings.ToLower(h), name) })
		if !wants || !undecided(order[at], b) || slices.ContainsFunc(w.contenders, func(c Contender) bool { return mesh.OrderKnown(c.VS.Object, b.vs.Object) }) {
			continue
		}
		if len(w.contenders) == maxOlder {
			break
		}
		if x := s.askWith(b.vs, holder, w.Request); x.Host != nil && x.Host.holder() == b.vs && !w.likewise(x) {
			w.contenders = append(w.contenders, Contender{b.vs, x})
		}
	}
	return w.contenders
}

// undecided tells whether only ages that are not known put one VirtualService before another.
func undecided(a, b binding) bool {
	return (a.tier == b.tier || a.tier == tierUnknown || b.tier == tierUnknown) && (a.tier == tierUnknown || b.tier == tierUnknown || !mesh.OrderKnown(a.vs.Object, b.vs.Object))
}

// askWith asks the sidecar as it is if one VirtualService comes just before another.
func (s *sidecar) askWith(v, before *mesh.VirtualService, r Request) *Walk {
	order := slices.DeleteFunc(s.t.OnMesh(s.client.Namespace), func(o *mesh.VirtualService) bool { return o == v })
	x := &sidecar{t: s.t, client: s.client, order: slices.Insert(order, slices.Index(order, before), v), ports: map[uint32]*RouteConfig{}}
	w := &Walk{Request: r, Answer: Answer{ID: r.ID}, tables: s.t}
	w.http(x.config(r.Port))
	return w
}

// likewise tells whether the request fares the same by another walk, whichever VirtualService has the host.
func (w *Walk) likewise(x *Walk) bool {
	if w.Entry == nil || x.Entry == nil || len(w.Open)+len(x.Open) > 0 {
		return sameFate(w.Answer, x.Answer)
	}
	return w.tables.Outcome(w.Entry.Rule) == w.tables.Outcome(x.Entry.Rule)
}

// byHolders are the answers by the Contenders.
func (w *Walk) byHolders() (nominal string, out []Alternative) {
	contenders := w.Contenders()
	which := oldest(len(contenders))
	for _, c := range contenders {
		x := Alternative{If: c.VS.ID().String() + which, Answer: c.Walk.Answer}
		x.ID = ""
		out = append(out, x)
	}
	if len(out) > 0 {
		nominal = w.Host.holder().ID().String() + which
	}
	return nominal, out
}
