// Package routing gives the tables that istiod programs for each proxy: which servers of which Gateways survive, the virtual
// hosts of each, their routes in the order Envoy tries them, and the cluster each destination names.
package routing

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
)

// Tables are all tables of a World.
type Tables struct {
	World    *mesh.World
	Gateways []*Table // one a gateway workload, known ones first

	// Ended, if it is there, tells that nobody waits for answers any more: what would take long then stays undecided or unsaid.
	Ended func() bool

	expanded  map[*mesh.VirtualService]*vsRules
	byGateway map[string][]*mesh.VirtualService // gatewayKey -> VirtualServices, istiod's nominal order
	rules     *ruleIndex
	sidecars  map[string]*sidecar
	serving   map[string][]*Table        // gatewayKey -> tables it is in
	fronted   map[*mesh.Service][]*Table // Service of a known gateway workload -> its tables
	onMesh    []*mesh.VirtualService
	mu        sync.Mutex // guards sidecars and uses
	uses      map[*mesh.VirtualService][]*Use
	fateOnce  sync.Once
	fates     []*Fate
}

// Table is what one gateway workload gets.
type Table struct {
	Workload  *mesh.Workload
	Servers   []*Server // merge order, dropped ones too
	Listeners []*Listener
	// Opaque says why the routes may differ from what is modelled; empty when they are exact.
	Opaque []string

	revision string          // "" where there is only one
	gateways []*mesh.Gateway // attached, merge order, without those that cannot be read
	older    map[[2]*mesh.Gateway]*Table
	configs  map[string]*RouteConfig
	order    []*RouteConfig
	lostSNI  []LostL4
	tables   *Tables
}

// Listener is one address and port.
type Listener struct {
	Port   uint32
	Bind   string // "0.0.0.0" for all addresses
	Chains []*Chain
	// Rejected is set when Envoy refuses the listener: two chains that match the same connections.
	Rejected *Overlap
	// Refused is the chain with a value that Envoy takes in no listener; nil for none.
	Refused *Chain

	once  sync.Once
	bySNI map[string]*Chain
}

// Stuck tells whether Envoy refuses the listener: it keeps what it had.
func (l *Listener) Stuck() bool { return l.Rejected != nil || l.Refused != nil }

// Overlap is a pair of filter chains that Envoy will not take together.
type Overlap struct {
	SNI  string // "" for two chains without server names
	A, B *Chain
}

// Chain is one filter chain: a TLS server, the plaintext servers of a port, or one SNI match of a passthrough server.
type Chain struct {
	SNI      []string // nil: any connection
	Server   *Server  // the first one of a plaintext HTTP chain
	TLS      bool     // terminates TLS
	Internal bool     // AUTO_PASSTHROUGH: serves only Istio's own clients
	HTTP     *RouteConfig
	TCP      *L4Route
}

// RouteConfig is one Envoy route configuration.
type RouteConfig struct {
	Name    string
	Servers []*Server
	Hosts   map[string]*VirtualHost // by lower-case domain
	// Rejected is set when Envoy refuses the configuration: all its hosts keep what they had.
	Rejected bool
	Second   *mesh.Service // for which a sidecar's is: its short name is "*", the domain of what has no other virtual host
	domains  []string      // sorted
}

// Domains are the domains of the virtual hosts, sorted.
func (rc *RouteConfig) Domains() []string { return rc.domains }

// VirtualHost is one domain of a route configuration.
type VirtualHost struct {
	Domain     string
	RequireTLS bool
	Entries    []Entry // in the order Envoy tries them
	Table      *Table
	Config     *RouteConfig

	Port    uint32               // of a virtual host that is judged alone
	Alone   *mesh.VirtualService // set when it is judged alone: on mesh, or on a gateway that is not known
	behind  []Entry              // not generated: their VirtualService has a catch-all before them
	OnMesh  bool                 // judged alone, for sidecars
	from    string               // on mesh: a namespace whose sidecars have it
	service *mesh.Service        // on mesh: the service whose host it is
}

// Entry is one route in a virtual host, with the server through which its VirtualService is bound and the Service port on
// which destinations without a port fall back.
type Entry struct {
	*Route
	Server *Server
	Port   uint32
	tier   int
	late   bool // behind a catch-all of its own VirtualService: not generated
}

// Build derives the tables of a World.
func Build(w *mesh.World) *Tables {
	t := &Tables{
		World: w, expanded: map[*mesh.VirtualService]*vsRules{}, byGateway: map[string][]*mesh.VirtualService{},
		sidecars: map[string]*sidecar{}, uses: map[*mesh.VirtualService][]*Use{}, serving: map[string][]*Table{},
		fronted: map[*mesh.Service][]*Table{},
	}
	t.rules = newRuleIndex(w)
	t.expandAll()
	for _, v := range w.VirtualServices {
		if v.OnMesh {
			t.onMesh = append(t.onMesh, v)
		}
		seen := map[string]bool{}
		for _, ref := range v.Gateways {
			if len(ref.Found) == 1 && !seen[gatewayKey(ref.Found[0])] {
				seen[gatewayKey(ref.Found[0])] = true
				t.byGateway[gatewayKey(ref.Found[0])] = append(t.byGateway[gatewayKey(ref.Found[0])], v)
			}
		}
	}
	var bySelector mesh.Selectors[*mesh.Gateway]
	var everywhere, byService []*mesh.Gateway
	for _, g := range w.Gateways {
		switch {
		case len(g.Services) > 0:
			byService = append(byService, g)
			continue
		case len(g.Spec.Selector) == 0:
			everywhere = append(everywhere, g)
		}
		bySelector.Add(g.Spec.Selector, g)
	}
	for _, wl := range append(append([]*mesh.Workload(nil), w.Workloads...), assumed(w, len(everywhere) > 0)...) {
		gateways := attached(w, wl, bySelector.Matching(wl.Labels), everywhere, byService)
		sort.SliceStable(gateways, func(i, j int) bool { return mesh.Before(gateways[i].Object, gateways[j].Object) })
		for _, rev := range revisions(w) {
			table := t.newTable(wl, gateways, rev)
			t.Gateways = append(t.Gateways, table)
			for _, g := range table.gateways {
				t.serving[gatewayKey(g)] = append(t.serving[gatewayKey(g)], table)
			}
			for _, s := range wl.Services {
				t.fronted[s] = append(t.fronted[s], table)
			}
		}
	}
	return t
}

// assumed gives a workload for each distinct selector that no known workload satisfies; one without labels if there is
// nothing else for Gateways without selector to attach to.
func assumed(w *mesh.World, everywhere bool) []*mesh.Workload {
	satisfied := map[string]bool{}
	var index mesh.Selectors[string]
	labels := map[string]map[string]string{}
	for _, g := range w.Gateways {
		if key := mesh.LabelText(g.Spec.Selector); key != "" && labels[key] == nil && len(g.Services) == 0 {
			labels[key] = g.Spec.Selector
			index.Add(g.Spec.Selector, key)
		}
	}
	for _, wl := range w.Workloads {
		for _, key := range index.Matching(wl.Labels) {
			satisfied[key] = true
		}
	}
	keys := make([]string, 0, len(labels))
	for key := range labels {
		if !satisfied[key] {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	var out []*mesh.Workload
	for _, key := range keys {
		out = append(out, &mesh.Workload{Labels: labels[key], Assumed: true})
	}
	if len(out) == 0 && len(w.Workloads) == 0 && everywhere {
		out = append(out, &mesh.Workload{Assumed: true})
	}
	return out
}

// revisions are the control planes whose objects never meet: one istiod sees those labelled with its revision, and those
// without label. Fewer than two labels are one control plane, as far as the input tells.
func revisions(w *mesh.World) []string {
	seen := map[string]bool{}
	for _, g := range w.Gateways {
		seen[g.Labels[revisionLabel]] = true
	}
	for _, v := range w.VirtualServices {
		seen[v.Labels[revisionLabel]] = true
	}
	delete(seen, "")
	if len(seen) < 2 {
		return []string{""}
	}
	return manifest.Keys(seen)
}

const revisionLabel = "istio.io/rev"

// sees tells whether the istiod of a revision sees an object; "" is any.
func sees(revision string, labels map[string]string) bool {
	rev := labels[revisionLabel]
	return revision == "" || rev == "" || rev == revision
}

func (t *Tables) newTable(wl *mesh.Workload, gateways []*mesh.Gateway, revision string) *Table {
	table := &Table{Workload: wl, revision: revision, configs: map[string]*RouteConfig{}, tables: t}
	m := newMerger()
	for _, g := range gateways {
		if !sees(revision, g.Labels) {
			continue
		}
		if len(g.Opaque) > 0 {
			table.Opaque = append(table.Opaque, "Gateway "+g.ID().String()+" cannot be read in full")
			continue
		}
		table.gateways = append(table.gateways, g)
		for i, spec := range g.Spec.Servers {
			if spec.GetPort() == nil {
				continue
			}
			s := newServer(g, i, wl)
			table.Servers = append(table.Servers, s)
			m.add(s)
		}
	}
	for _, f := range t.World.Filters {
		if f.Applies(t.World.Root, wl) {
			table.Opaque = append(table.Opaque, "EnvoyFilter "+mesh.Name{Namespace: f.Namespace, Name: f.Name}.String())
		}
	}
	table.Opaque = append(table.Opaque, t.World.Touching(wl)...)
	table.listen(m)
	return table
}

// listen builds listeners and their chains from the merged servers (networking/core/gateway.go, buildGatewayListeners).
func (table *Table) listen(m *merger) {
	byAddress := map[string]*Listener{}
	snis := map[string]sniOwner{}
	for _, key := range m.order {
		servers := m.kept[key]
		l := byAddress[servers[0].Bind()+"/"+itoa(key.number)]
		if l == nil {
			l = &Listener{Port: key.number, Bind: servers[0].Bind()}
			byAddress[l.Bind+"/"+itoa(key.number)] = l
			table.Listeners = append(table.Listeners, l)
		}
		if mesh.IsHTTP(key.protocol) {
			l.Chains = append(l.Chains, &Chain{Server: servers[0], HTTP: table.config(m.routeName[key], m.routes[m.routeName[key]])})
			continue
		}
		for _, s := range servers {
			l.Chains = append(l.Chains, table.chains(s, m, snis)...)
		}
	}
	kept := table.Listeners[:0]
	for _, l := range table.Listeners {
		if len(l.Chains) > 0 {
			l.Rejected = overlap(l.Chains)
			if i := slices.IndexFunc(l.Chains, (*Chain).refused); i >= 0 {
				l.Refused = l.Chains[i]
			}
			kept = append(kept, l)
		}
	}
	table.Listeners = kept
	for _, s := range table.Servers {
		if s.Drop != nil && !s.Drop.Certain && s.IsTLS() && s.UsesHTTP() {
			table.config(s.routeName, []*Server{s}) // it may be the other that falls: its hosts are judged too
		}
	}
	sort.SliceStable(table.order, func(i, j int) bool { return table.order[i].Name < table.order[j].Name })
}

func (table *Table) chains(s *Server, m *merger, snis map[string]sniOwner) []*Chain {
	switch {
	case s.UsesHTTP():
		return []*Chain{{SNI: sniOf(s), Server: s, TLS: true, HTTP: table.config(s.routeName, m.routes[s.routeName])}}
	case s.IsPassthrough():
		return table.passthrough(s, snis)
	}
	if r := table.tcp(s); r != nil {
		c := &Chain{Server: s, TCP: r, TLS: s.Spec.Tls != nil}
		if c.TLS {
			c.SNI = sniOf(s)
		}
		return []*Chain{c}
	}
	return nil
}

// refused tells a chain with a value that Envoy refuses the whole listener for.
func (c *Chain) refused() bool {
	within := func(o *manifest.Object, path ...any) bool {
		return slices.ContainsFunc(Refused(o), func(r Refusal) bool {
			return r.Resource == ListenerResource && len(r.Path) >= len(path) && slices.Equal(r.Path[:len(path)], path)
		})
	}
	return c.Server.Spec.GetTls() != nil && within(c.Server.Gateway.Object, "spec", "servers", c.Server.Index) ||
		c.TCP != nil && c.TCP.Section == "tls" && within(c.TCP.VS.Object, "spec", "tls", c.TCP.Index)
}

// sniOf gives the server names of a TLS server; a "*" among them makes the chain match every connection.
func sniOf(s *Server) []string {
	var out []string
	seen := map[string]bool{}
	for _, h := range s.entries() {
		if h.Host == "*" {
			return nil
		}
		if !seen[h.Host] {
			seen[h.Host] = true
			out = append(out, h.Host)
		}
	}
	sort.Strings(out)
	return out
}

// overlap finds two chains that Envoy refuses together: the same server name in any letter case, or none on both.
func overlap(chains []*Chain) *Overlap {
	seen := map[string]*Chain{}
	for _, c := range chains {
		names := c.SNI
		if len(names) == 0 {
			names = []string{""}
		}
		for _, n := range names {
			n = strings.ToLower(n)
			key := n
			if c.Internal {
				key += "/internal"
			}
			if a := seen[key]; a != nil && a != c {
				return &Overlap{SNI: n, A: a, B: c}
			}
			seen[key] = c
		}
	}
	return nil
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// Serving gives the tables in which a Gateway takes part.
func (t *Tables) Serving(g *mesh.Gateway) []*Table { return t.serving[gatewayKey(g)] }

// proxy is the workload as a client; an assumed one can have more labels than the selector that implies it.
func (table *Table) proxy() proxy {
	return proxy{table.Workload.Namespace, table.Workload.Labels, !table.Workload.Assumed}
}

// Name is the workload, and its control plane where there are several.
func (table *Table) Name() string {
	if table.revision == "" {
		return table.Workload.String()
	}
	return table.Workload.String() + " of revision " + table.revision
}

// Configs are the route configurations of the table, sorted by name.
func (table *Table) Configs() []*RouteConfig { return table.order }
