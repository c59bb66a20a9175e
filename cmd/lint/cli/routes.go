package cli

import (
	"bufio"
	"fmt"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/spf13/cobra"
)

// hostJSON is one line of routes -o json: a virtual host, or what a TCP or passthrough server does with a server name ("*" for
// any connection). Other programs rely on it.
type hostJSON struct {
	Table  tableJSON   `json:"table"`
	Port   uint32      `json:"port"` // the Service port that a client dials
	Server string      `json:"server,omitempty"`
	Host   string      `json:"host"`
	Routes []routeJSON `json:"routes"`
	Worlds []string    `json:"worlds,omitempty"` // where the input is several

	note  string
	order string        // which routes come first by an age that is not known
	at    func() string // where the server is written
}

type tableJSON struct {
	Workload *routing.Client `json:"workload,omitempty"`
	Mesh     *meshJSON       `json:"mesh,omitempty"`
}

// meshJSON is the sidecars of a namespace; "" for all that have nothing of their own.
type meshJSON struct {
	Namespace string `json:"namespace"`
}

type routeJSON struct {
	VirtualService string                 `json:"virtualService"`
	Route          string                 `json:"route"`
	Match          string                 `json:"match,omitempty"`
	Delegate       *routing.DelegateRef   `json:"delegate,omitempty"`
	State          string                 `json:"state"`
	Witness        *wireJSON              `json:"witness,omitempty"`
	Destinations   []routing.AnswerTarget `json:"destinations"`

	takes, leads string
	at           func() string // where it is written; the text asks for few of many
}

// listing is one table as routes shows it.
type listing struct {
	title string
	notes []string
	hosts []hostJSON
}

func (a *app) routesCommand() *cobra.Command {
	f := &inspection{flags: flags{cluster: clusterFlags{on: a.plugin}}}
	witness := false
	cmd := &cobra.Command{
		Use: "routes [PATH...]", Short: "Show what istiod programs for each workload", Args: cobra.ArbitraryArgs,
		Long: `routes prints the tables that istiod would program: for each gateway workload its ports, servers and virtual hosts, and the
routes of each in the order in which Envoy tries them; for sidecars the virtual hosts of VirtualServices.

A route is live (some request reaches it), shadowed (none does), undecided, or opaque (what it takes is not known).
Exit code 0: shown; 1: nothing of the input can be read; 2: wrong usage or config; 3: gatelint failed.`,
		RunE: func(_ *cobra.Command, args []string) error {
			views, err := a.views(f, args)
			if err != nil {
				return err
			}
			w := bufio.NewWriter(a.stdout)
			if f.format == "json" {
				routesAsJSON(w, views, witness)
			} else {
				routesAsText(w, views, witness, traceStyle{color: wantsColor(f.colorise, a.stdout)})
			}
			if err := w.Flush(); err != nil {
				return failure{fmt.Errorf("writing the routes: %w", err)}
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&witness, "witness", false, "add to each live route a request that it takes and no other")
	f.input(cmd)
	return cmd
}

// routesAsJSON writes each virtual host on a line, one that several Worlds have once.
func routesAsJSON(w *bufio.Writer, views []view, witness bool) {
	var order []string
	hosts := map[string]hostJSON{}
	worlds := map[string][]string{}
	for _, v := range views {
		for _, l := range v.listings(witness) {
			for _, h := range l.hosts {
				text := line(h)
				if _, seen := hosts[text]; !seen {
					order = append(order, text)
				}
				hosts[text] = h
				if v.name != "" && !slices.Contains(worlds[text], v.name) {
					worlds[text] = append(worlds[text], v.name)
				}
			}
		}
	}
	for _, text := range order {
		h := hosts[text]
		h.Worlds = worlds[text]
		w.WriteString(line(h))
	}
}

// listings are the tables of a World: of gateway workloads, then of sidecars.
func (v view) listings(witness bool) []listing {
	var out []listing
	for _, table := range v.tables.Gateways {
		out = append(out, gatewayListing(v.tables, table, witness))
	}
	common := map[string]bool{}
	for _, m := range v.tables.MeshTables() {
		if l := meshListing(v.tables, m, witness, common); len(l.hosts) > 0 {
			out = append(out, l)
		}
	}
	return out
}

func gatewayListing(t *routing.Tables, table *routing.Table, witness bool) listing {
	wl := table.Workload
	l := listing{title: "gateway workload " + plainText(table.Name())}
	if wl.Object != nil {
		l.title = at("gateway workload "+table.Name()+" with "+short(mesh.LabelText(wl.Labels), 100), wl.Object)
	}
	for _, why := range table.Opaque {
		l.notes = append(l.notes, plainText(why+" may change what follows"))
	}
	head := tableJSON{Workload: &routing.Client{Namespace: wl.Namespace, Labels: wl.Labels}}
	for _, ln := range table.Listeners {
		for _, c := range ln.Chains {
			if c.HTTP == nil {
				l.hosts = append(l.hosts, connections(head, table, ln, c, witness)...)
				continue
			}
			for _, domain := range c.HTTP.Domains() {
				l.hosts = append(l.hosts, virtualHost(t, head, ln, c, c.HTTP.Hosts[domain], witness))
			}
		}
	}
	for _, s := range table.Servers {
		if why := without(t, s); why != "" {
			l.notes = append(l.notes, fmt.Sprintf("server %s: %s", at(s.ID(), s.Gateway.Object, s.Path()...), why))
		}
	}
	if len(table.Servers) == 0 {
		l.notes = append(l.notes, "no Gateway attaches to it")
	}
	return l
}

// without says why a server has nothing above, "" if it has.
func without(t *routing.Tables, s *routing.Server) string {
	switch section := s.Section(); {
	case s.Drop != nil:
		return dropped(s)
	case section == "":
		return "AUTO_PASSTHROUGH, for Istio's own connections between clusters"
	case s.Gateway.Ingress:
		return "made of an Ingress, whose own routes are not shown"
	case t.Bound(s) > 0 || s.Redirects():
		return ""
	case section == "http":
		return "no VirtualService of the input with http rules is bound to it; without one requests get 404"
	default:
		return noListener(s)
	}
}

func virtualHost(t *routing.Tables, head tableJSON, ln *routing.Listener, c *routing.Chain, vh *routing.VirtualHost, witness bool) hostJSON {
	s := vh.Server()
	h := hostJSON{
		Table: head, Port: s.Number(), Server: s.ID(), Host: vh.Domain, Routes: []routeJSON{},
		at: func() string { return location(s.Gateway.At(s.Path()...), s.Gateway.Object.ID) },
	}
	refused := c.HTTP.Rejected || ln.Stuck()
	switch {
	case refused:
		h.note = "Envoy refuses this configuration"
	case vh.RequireTLS && !s.IsTLS():
		h.note = "every request is redirected to https"
	case c.TLS && !vh.Table.Delivered(s):
		h.note = undelivered
	}
	var unordered []string
	for _, v := range vh.Unordered() {
		if name := v.ID().String(); !slices.Contains(unordered, name) {
			unordered = append(unordered, name)
		}
	}
	if len(unordered) > 0 {
		h.order = "which of " + plainText(few(unordered)) + " comes first rests on their age or that of their Gateways, which files do not tell"
	}
	for _, x := range t.Standings(vh, refused) {
		h.Routes = append(h.Routes, asRoute(x, vh.Table.Targets(x.Entry), witness))
	}
	return h
}

const undelivered = "connections fail, for the server's certificate is not delivered"

// connections are what a TCP or passthrough server does, by server name.
func connections(head tableJSON, table *routing.Table, ln *routing.Listener, c *routing.Chain, witness bool) []hostJSON {
	if c.TCP == nil {
		return nil
	}
	names := c.SNI
	if len(names) == 0 {
		names = []string{"*"}
	}
	path := []any{"spec", c.TCP.Section, c.TCP.Index}
	r := routeJSON{VirtualService: c.TCP.VS.ID().String(), Route: manifest.FieldPath(path...), State: routing.StateLive, Destinations: []routing.AnswerTarget{}}
	if c.TCP.Match >= 0 {
		path = append(path, "match", c.TCP.Match)
		r.Match = manifest.FieldPath(path...)
	}
	note := ""
	switch {
	case ln.Stuck() || len(table.Opaque) > 0:
		r.State = routing.StateUndecided
	case c.TLS && !table.Delivered(c.Server):
		r.State, note = routing.StateShadowed, undelivered
	}
	r.takes, r.at = "connections", func() string { return location(c.TCP.VS.At(path...), c.TCP.VS.Object.ID) }
	r.setDestinations(c.TCP.Targets)
	var out []hostJSON
	for _, name := range names {
		r := r
		if q, ok := table.Connection(c, name); ok && witness && r.State == routing.StateLive {
			w := wire(q)
			r.Witness = &w
		}
		out = append(out, hostJSON{
			Table: head, Port: c.Server.Number(), Server: c.Server.ID(), Host: name, Routes: []routeJSON{r}, note: note,
			at: func() string { return location(c.Server.Gateway.At(c.Server.Path()...), c.Server.Gateway.Object.ID) },
		})
	}
	return out
}

// meshListing is the table of any namespace, or of one as far as it differs from what is common to all.
func meshListing(t *routing.Tables, m *routing.MeshTable, witness bool, common map[string]bool) listing {
	l := listing{title: "sidecars in any namespace, to the hosts of VirtualServices"}
	if m.Namespace != "" {
		l.title = "sidecars in namespace " + plainText(m.Namespace) + ", where it differs"
	}
	for _, vh := range m.Hosts {
		h := sidecarHost(t, m, vh, witness)
		if bare := line(h.bare()); !common[bare] {
			common[bare] = m.Namespace == ""
			h.Table.Mesh = &meshJSON{m.Namespace}
			l.hosts = append(l.hosts, h)
		}
	}
	return l
}

// bare is a virtual host without the requests that show its routes.
func (h hostJSON) bare() hostJSON {
	h.Routes = slices.Clone(h.Routes)
	for i := range h.Routes {
		h.Routes[i].Witness = nil
	}
	return h
}

func sidecarHost(t *routing.Tables, m *routing.MeshTable, vh *routing.VirtualHost, witness bool) hostJSON {
	h := hostJSON{Port: vh.Port, Host: vh.Domain, Routes: []routeJSON{}}
	if vh.Config.Rejected {
		h.note = "Envoy refuses this configuration"
	}
	for _, x := range t.Standings(vh, vh.Config.Rejected) {
		h.Routes = append(h.Routes, asRoute(x, m.Targets(t, x.Entry), witness))
	}
	return h
}

func asRoute(x routing.Standing, targets []routing.Target, witness bool) routeJSON {
	a := x.Answer()
	r := routeJSON{
		VirtualService: a.VirtualService, Route: a.Route, Match: a.Match, Delegate: a.Delegate, State: x.State, Destinations: []routing.AnswerTarget{},
		takes: x.Box.String(), leads: leads(x), at: func() string { return place(&x.Entry) },
	}
	if doubt := x.Doubt(); doubt != "" {
		r.takes = doubt
	}
	if witness && x.Witness != nil {
		w := wire(*x.Witness)
		r.Witness = &w
	}
	if r.leads == "" {
		r.setDestinations(targets)
	}
	return r
}

// leads says where a route leads that has no destination.
func leads(x routing.Standing) string {
	h := x.Rule.HTTP
	switch {
	case x.Rule.Opaque:
		return "not known"
	case h.Redirect != nil:
		return "redirect " + routing.RedirectText(h.Redirect)
	case h.DirectResponse != nil:
		return fmt.Sprintf("response %d", h.DirectResponse.Status)
	}
	return ""
}

func (r *routeJSON) setDestinations(targets []routing.Target) {
	r.Destinations = append(r.Destinations, routing.Destinations(targets)...)
	r.leads = destinationsText(r.Destinations)
}
