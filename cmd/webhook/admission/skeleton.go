package admission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// skeleton are the tables of all Gateways without what http rules bring: which workloads there are, which servers fall, which
// listeners Envoy refuses. A slice is held to it.
type skeleton struct {
	tables   *routing.Tables
	objects  []*manifest.Object // of which it is built
	always   []*manifest.Object // part of every slice, in the order of snapshots
	fronts   map[string]bool    // hosts of the Services before gateway workloads
	gateways map[string]*mesh.Gateway
	needs    map[string][]*manifest.Object   // of a Gateway: others without which its servers fare otherwise
	coupled  map[string]bool                 // Gateways with a certificate that is good for another server's hosts
	falling  map[string]bool                 // Gateways with a server that certainly falls: its message counts VirtualServices
	states   map[string]string               // how a Gateway's servers fare: slices must agree on it
	servers  map[serverID]serverState        // the same of each server
	alike    map[string][][]*manifest.Object // by selector: see kinds
	implied  map[string]bool                 // selectors that lead to a workload which only they imply
	// certified are the Gateways with a certificate that is good for a name, certifiedUnder the same by each wildcard that covers it.
	certified, certifiedUnder map[string][]*manifest.Object
}

func gatewayID(g *mesh.Gateway) string { return g.Namespace + "/" + g.Name }

// newSkeleton builds it from the live objects, with those of a change in their places.
// Of the Gateways only those around the change, if they are given.
func newSkeleton(x *index, opt mesh.Options, without manifest.ID, with *manifest.Object, a *around) *skeleton {
	set := map[*manifest.Object]bool{}
	add := func(list []*manifest.Object) {
		for _, o := range list {
			if o.ID != without {
				set[o] = true
			}
		}
	}
	s := &skeleton{
		fronts: map[string]bool{}, gateways: map[string]*mesh.Gateway{}, needs: map[string][]*manifest.Object{},
		coupled: map[string]bool{}, falling: map[string]bool{}, alike: map[string][][]*manifest.Object{}, implied: map[string]bool{},
		certified: map[string][]*manifest.Object{}, certifiedUnder: map[string][]*manifest.Object{},
	}
	for _, k := range []key{rare, refused} {
		add(x.by[k])
	}
	homes := map[string]bool{}
	for _, o := range x.by[rare] {
		if !homes[o.Namespace] {
			homes[o.Namespace] = true
			add(x.by[key{byHome, "Service " + o.Namespace}])
		}
	}
	list := x.by[gateways]
	if a == nil {
		add(x.by[l4])
	} else {
		list = slices.Collect(maps.Keys(a.objects))
		for g := range a.near {
			add(x.by[key{byL4, g}])
		}
		for o := range a.objects {
			add(x.by[key{byL4, o.Namespace + "/" + o.Name}])
		}
	}
	add(list)
	for _, o := range list {
		for _, n := range x.facts[o.ID].secrets {
			add(x.by[key{bySecret, n}])
		}
	}
	if with != nil {
		set[with] = true
		for _, n := range x.read(with).secrets {
			add(x.by[key{bySecret, n}])
		}
	}
	s.objects = ordered(set)
	s.tables = routing.Build(mesh.New(s.objects, opt))
	for _, g := range s.tables.World.Gateways {
		s.gateways[gatewayID(g)] = g
	}
	always := map[*manifest.Object]bool{}
	for _, k := range []key{rare, refused} {
		for _, o := range x.by[k] {
			always[o] = true
		}
	}
	for _, wl := range s.tables.World.Workloads {
		for _, svc := range wl.Services {
			s.fronts[strings.ToLower(svc.Host)] = true
			always[svc.Object] = true
		}
	}
	s.always = ordered(always)
	for _, t := range s.tables.Gateways {
		s.table(t, x)
		s.kinds(t)
	}
	s.states, s.servers = statesOf(s.tables)
	return s
}

// table notes what the Gateways of a table need of each other.
func (s *skeleton) table(t *routing.Table, x *index) {
	need := func(g *mesh.Gateway, o *mesh.Gateway) {
		if g != o && !slices.Contains(s.needs[gatewayID(g)], o.Object) {
			s.needs[gatewayID(g)] = append(s.needs[gatewayID(g)], o.Object)
		}
	}
	for _, rc := range t.Configs() {
		for _, srv := range rc.Servers[1:] {
			need(srv.Gateway, rc.Servers[0].Gateway)
		}
	}
	var implied []*manifest.Object
	if t.Workload.Assumed {
		implied = x.by[key{bySelector, mesh.LabelText(t.Workload.Labels)}]
	}
	names := map[string][]*routing.Server{}
	for _, srv := range t.Servers {
		g := srv.Gateway
		if srv.Drop != nil {
			need(g, srv.Drop.By.Gateway)
			if srv.Drop.Certain {
				s.falling[gatewayID(g)] = true
			}
		}
		if len(srv.Contested) > 0 {
			need(g, srv.Contested[0].Gateway)
		}
		if len(implied) > 0 && !slices.Contains(s.needs[gatewayID(g)], implied[0]) {
			s.needs[gatewayID(g)] = append(s.needs[gatewayID(g)], implied[0])
		}
		for _, n := range s.certificates(t, srv, x.reuse) {
			names[n] = append(names[n], srv)
			if !strings.HasPrefix(n, "secret ") {
				s.certify(n, g.Object)
			}
		}
	}
	s.couple(t, names)
}

func (s *skeleton) certify(name string, g *manifest.Object) {
	s.certified[name] = append(s.certified[name], g)
	for i := 1; i < len(name); i++ {
		if name[i] == '.' {
			s.certifiedUnder["*"+name[i:]] = append(s.certifiedUnder["*"+name[i:]], g)
		}
	}
}

// certificates are what a server's certificates are good for: names, and the Secrets whose names are not known.
func (s *skeleton) certificates(t *routing.Table, srv *routing.Server, reuse bool) []string {
	if !reuse {
		return nil
	}
	var out []string
	for _, c := range t.Credentials(srv) {
		if c.Keys && !c.OtherNamespace {
			out = append(out, "secret "+c.Secret.Name)
			for _, secret := range s.tables.World.Secrets(c.Secret) {
				if secret.Certificate != nil {
					for _, n := range secret.Certificate.Names {
						out = append(out, strings.ToLower(n))
					}
				}
			}
		}
	}
	return out
}

// couple marks servers of a table whose certificates may be good for hosts of each other.
func (s *skeleton) couple(t *routing.Table, names map[string][]*routing.Server) {
	hosts := map[string][]*routing.Server{}
	for _, srv := range t.Servers {
		if srv.IsTLS() && srv.UsesHTTP() {
			for _, h := range srv.Spec.Hosts {
				h = strings.ToLower(h[strings.LastIndexByte(h, '/')+1:])
				hosts[h] = append(hosts[h], srv)
				if i := strings.IndexByte(h, '.'); i > 0 {
					hosts["*"+h[i:]] = append(hosts["*"+h[i:]], srv)
				}
			}
		}
	}
	for n, list := range names {
		all := slices.Concat(list, hosts["*"])
		for i := range n {
			if i == 0 || n[i] == '.' {
				all = slices.Concat(all, hosts[n[i:]], hosts["*"+n[i:]])
			}
		}
		if slices.ContainsFunc(all, func(o *routing.Server) bool { return o != all[0] }) {
			for _, srv := range all {
				s.coupled[gatewayID(srv.Gateway)] = true
			}
		}
	}
}

// serverID is a server of a Gateway by its place.
type serverID struct {
	gateway string
	index   int
}

// serverState is how a server fares: odd if findings can tell the VirtualServices on it so.
type serverState struct {
	text string
	odd  bool
}

// statesOf says of each Gateway how its servers fare, on which workloads and listeners.
func statesOf(t *routing.Tables) (map[string]string, map[serverID]serverState) {
	out, each := map[string]string{}, map[serverID]serverState{}
	for _, table := range t.Gateways {
		listeners := map[uint32]string{}
		for _, l := range table.Listeners {
			listeners[l.Port] += fmt.Sprint(" ", l.Bind, l.Rejected != nil, l.Refused != nil)
		}
		firsts := map[*routing.Server]string{}
		for _, rc := range table.Configs() {
			first := rc.Servers[0]
			text := fmt.Sprint(" ", rc.Name, first.Drop != nil, len(first.Contested) > 0)
			for _, s := range rc.Servers {
				firsts[s] += text
			}
		}
		for _, s := range table.Servers {
			text := fmt.Sprint("\n", table.Name(), table.Opaque, s.Index, s.Listen, s.Exposed, len(s.Contested) > 0, firsts[s], listeners[s.Listen])
			if s.Drop != nil {
				text += fmt.Sprint(" ", s.Drop.Reason, s.Drop.By.ID(), s.Drop.Hosts, s.Drop.Certain)
			}
			out[gatewayID(s.Gateway)] += text
			id := serverID{gatewayID(s.Gateway), s.Index}
			state := each[id]
			state.text += text
			state.odd = state.odd || !s.UsesHTTP() || s.Drop != nil || len(s.Contested) > 0 || !s.Exposed
			each[id] = state
		}
	}
	return out, each
}
