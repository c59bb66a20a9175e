package policy

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// claims are the objects that name a host.
type claims struct {
	gateways                       []any
	virtual, services, destination []any
}

// claimsAt gives the objects that have exactly this host, expanded, in lower case.
func (f *facts) claimsAt(keys []string) any {
	host := strings.ToLower(keys[0])
	m := f.model
	if f.live != nil {
		m = f.claimants(host)
	}
	m.indexHosts()
	c := m.hosts[host]
	if c == nil {
		return nil
	}
	return map[string]any{
		"gateways": list(c.gateways), "virtualservices": list(c.virtual), "services": list(c.services), "destinationrules": list(c.destination),
	}
}

// claimants is a model of no more than what can name a host.
func (f *facts) claimants(host string) *model {
	objects, w := []*manifest.Object{f.object}, f.tables.World
	named := f.live.Named(host)
	if open := w.FQDN(host, ""); open != host { // as shown
		named = append(named[:len(named):len(named)], f.live.Named(open)...)
	}
	for _, o := range named {
		if o.ID != f.object.ID && !slices.Contains(objects, o) {
			objects = append(objects, o)
		}
	}
	return &model{tables: &routing.Tables{World: mesh.New(objects, mesh.Options{ClusterDomain: w.Domain, RootNamespace: w.Root})}}
}

func (f *facts) eachHost(_ []string, yield func(...string)) {
	f.indexHosts()
	for h := range f.hosts {
		yield(h)
	}
}

func list(l []any) []any {
	if l == nil {
		return []any{}
	}
	return l
}

func (m *model) indexHosts() {
	m.hostsOnce.Do(func() {
		m.hosts = map[string]*claims{}
		of := func(host string) *claims {
			host = strings.ToLower(mesh.Shown(host))
			if m.hosts[host] == nil {
				m.hosts[host] = &claims{}
			}
			return m.hosts[host]
		}
		w := m.tables.World
		for _, g := range w.Gateways {
			for i, s := range g.Spec.Servers {
				for _, h := range s.GetHosts() {
					if _, after, ok := strings.Cut(h, "/"); ok {
						h = after
					}
					c := of(h)
					c.gateways = append(c.gateways, map[string]any{
						"namespace": g.Namespace, "name": g.Name, "server": i, "port": int(s.GetPort().GetNumber()), "protocol": s.GetPort().GetProtocol(),
					})
				}
			}
		}
		for _, v := range w.VirtualServices {
			for _, h := range v.Hosts {
				c := of(h)
				c.virtual = append(c.virtual, named(v.ID()))
			}
		}
		for _, s := range w.Services {
			c := of(s.Host)
			c.services = append(c.services, map[string]any{"kind": s.Kind, "namespace": s.Namespace, "name": s.Name})
		}
		for _, d := range w.DestinationRules {
			c := of(d.Host)
			c.destination = append(c.destination, named(d.ID()))
		}
	})
}

func named(n mesh.Name) map[string]any {
	return map[string]any{"namespace": n.Namespace, "name": n.Name}
}

// virtualServiceAt says where a VirtualService is bound and where it sends requests.
func (f *facts) virtualServiceAt(keys []string) any {
	f.names()
	v := f.virtuals[mesh.Name{Namespace: keys[0], Name: keys[1]}]
	if v == nil {
		return nil
	}
	if v.IsDelegate() { // it is bound wherever what refers to it is
		return map[string]any{"hosts": []any{}, "destinations": f.destinations(v)}
	}
	gateways := []any{}
	for _, r := range v.Gateways {
		x := named(r.Name)
		x["found"] = len(r.Found) > 0
		gateways = append(gateways, x)
	}
	servers := []any{}
	b := f.tables.Binding(v)
	for _, k := range manifest.Keys(b.Seen) {
		for _, s := range b.Seen[k] {
			x := f.server(s)
			x["host"] = mesh.Shown(v.Hosts[k])
			servers = append(servers, x)
		}
	}
	hosts := []any{}
	for _, h := range v.Hosts {
		hosts = append(hosts, mesh.Shown(h))
	}
	return map[string]any{
		"hosts": hosts, "gateways": gateways, "mesh": v.OnMesh, "servers": servers, "destinations": f.destinations(v),
	}
}

// server is a server on one workload.
func (f *facts) server(s *routing.Server) map[string]any {
	out := named(s.Gateway.ID())
	out["server"], out["port"], out["protocol"] = s.Index, int(s.Number()), s.Spec.GetPort().GetProtocol()
	out["hosts"], out["workload"] = anys(s.Spec.Hosts), s.Workload.String()
	if s.IsTLS() { // of plain HTTP istiod reads no more than httpsRedirect
		out["tls"] = s.Spec.Tls.GetMode().String()
	}
	if d := cmp.Or(s.Drop, s.Risk); d != nil {
		by := named(d.By.Gateway.ID())
		by["server"] = d.By.Index
		out["dropped"] = map[string]any{"reason": d.Reason, "by": by, "certain": d.Certain}
	}
	return out
}

// seenBy is what can differ from client to client of a destination.
type seenBy struct {
	host   string
	port   uint32
	exists any
	rule   mesh.Name
}

// destinations gives each destination as each of its clients sees it; those that see the same once.
func (f *facts) destinations(v *mesh.VirtualService) []any {
	out := []any{}
	called := sync.OnceValue(func() []uint32 { return f.called(v) })
	for _, u := range f.tables.Uses(v) {
		var seen []seenBy
		for i := range u.Views {
			view := &u.Views[i]
			alike := false // whichever port the client asks for
			if view.OnMesh && view.Port == 0 && !view.Unresolved {
				view, alike = f.onPorts(view, called())
			}
			x := map[string]any{
				"path": u.Path, "host": hostOf(view), "mirror": u.Mirror, "weight": int(view.Weight), "exists": truth(view.Exists),
				"in": named(u.VS.ID()),
			}
			if view.Port != 0 {
				x["port"] = int(view.Port)
			} else if !alike && !f.missing(view) {
				x["exists"] = nil // which cluster is meant hangs on the port that the client asks for
			}
			if s := view.Spec.GetSubset(); s != "" {
				x["subset"] = s
			}
			key := seenBy{host: hostOf(view), port: view.Port, exists: x["exists"]}
			if r := f.tables.Chosen(view); r != nil && len(r.From) > 0 {
				key.rule = r.From[0].ID()
				x["destinationrule"] = named(key.rule)
			}
			if !slices.Contains(seen, key) {
				seen = append(seen, key)
				out = append(out, x)
			}
		}
	}
	return out
}

// hostOf is the host of a destination: as written, if its namespace is open, but for a Service that can alone be meant.
func hostOf(v *routing.View) string {
	shown := mesh.Shown(v.Host)
	if shown != v.Host && len(v.Services) == 1 {
		return mesh.Shown(v.Services[0].Host)
	}
	return shown
}

// onPorts is a destination as clients see it that call one of some ports, without a port if there are several. alike tells that it is there
// for all of them, or for none.
func (f *facts) onPorts(v *routing.View, ports []uint32) (out *routing.View, alike bool) {
	for i, p := range ports {
		at := f.tables.OnPort(*v, p)
		switch {
		case i == 0:
			out, alike = &at, true
		case at.Exists != out.Exists:
			return v, false
		}
	}
	if out == nil {
		return v, false
	}
	if len(ports) > 1 {
		out.Port = 0
	}
	return out, alike
}

// missing tells that a destination has no cluster, whichever port the client asks for.
func (f *facts) missing(view *routing.View) bool {
	for _, s := range view.Services {
		for _, p := range s.Ports {
			if f.tables.OnPort(*view, p.Number).Exists != mesh.No {
				return false
			}
		}
	}
	return view.Exists == mesh.No
}

// called are the ports on which clients on mesh call the hosts of a VirtualService, once each; none if not all are known. What no service
// has is there on port 80 (pilot/pkg/networking/core/httproute.go), and on the ports of those beside it.
func (f *facts) called(v *mesh.VirtualService) (ports []uint32) {
	if v.Namespace == "" { // its hosts may be those of any Service of the name
		return nil
	}
	for _, h := range v.Hosts {
		w := f.tables.World
		if f.live != nil {
			w = f.claimants(strings.ToLower(h)).tables.World
		}
		services := w.ServicesFor(h)
		if len(services) == 0 {
			if strings.Contains(h, "*") || !f.tables.World.HostClosed(h) {
				return nil
			}
			ports = append(ports, 80)
		}
		for _, s := range services {
			if s.Opaque || s.ExternalName != "" || len(s.Ports) == 0 {
				return nil
			}
			for _, p := range s.Ports {
				ports = append(ports, p.Number)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func truth(t mesh.Truth) any {
	switch t {
	case mesh.Yes:
		return true
	case mesh.No:
		return false
	}
	return nil
}

// gatewayAt says what becomes of the servers of a Gateway on each workload.
func (f *facts) gatewayAt(keys []string) any {
	f.names()
	g := f.gateways[mesh.Name{Namespace: keys[0], Name: keys[1]}]
	if g == nil {
		return nil
	}
	servers := []any{}
	for _, t := range f.tables.Serving(g) {
		for _, s := range t.Servers {
			if s.Gateway == g {
				servers = append(servers, f.server(s))
			}
		}
	}
	return map[string]any{"servers": servers}
}
