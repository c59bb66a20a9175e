package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// traceStyle is how walks are written for people.
type traceStyle struct {
	color, all bool
	begun      bool // there is something above
}

func (s traceStyle) paint(color, text string) string {
	return (&textReport{color: s.color}).paint(color, text)
}

// traceText is one walk as it is written.
type traceText struct {
	traceStyle
	strings.Builder
	walk *routing.Walk
}

const (
	green = "1;32"
	label = 13 // columns of the stage's name
	lots  = 12 // routes that are shown in any case
)

// render writes where a request goes, in one sentence, and how it comes there, a stage a paragraph.
func (s traceStyle) render(w *routing.Walk) string {
	t := &traceText{traceStyle: s, walk: w}
	asked := short(w.Request.String(), 200)
	if w.Request.Host == "" && w.Answer.Outcome == routing.OutcomeBadRequest {
		asked = fmt.Sprintf("a request without a host to port %d", w.Request.Port) // no URL says that
	}
	fmt.Fprintf(t, "%s\n\n", s.paint(bold, asked+" "+short(fate(w), 300)))
	t.order()
	t.stages()
	t.hops(w.Hops())
	return t.String()
}

// fate says what becomes of the request.
func fate(w *routing.Walk) string {
	switch {
	case w.Why != "":
		return "gets no connection: " + w.Why
	case w.Request.Mesh != nil && w.Answer.Outcome == routing.OutcomeNoHost:
		return "is not routed: the sidecar has no virtual host of the name"
	case (w.Answer.Outcome == routing.OutcomeNoHost || w.Answer.Outcome == routing.OutcomeNoRoute) && hasIngress(w.Config):
		return "is taken by no VirtualService; the routes of an Ingress on this port are not seen"
	case len(w.Claimed()) > 0:
		return "has an outcome that depends on the claims of its token"
	}
	return becomes(w.Answer)
}

func hasIngress(rc *routing.RouteConfig) bool {
	return slices.ContainsFunc(rc.Servers, func(s *routing.Server) bool { return s.Gateway.Ingress })
}

func (t *traceText) stages() {
	w := t.walk
	t.client()
	t.listener()
	if w.Chain != nil || w.Why != "" {
		t.chain()
	}
	if w.Answer.Outcome == routing.OutcomeTCP {
		t.connection(w.Chain.TCP)
	}
	if w.Config != nil {
		t.host()
	}
	if w.Host != nil && w.Answer.Outcome != routing.OutcomeHTTPSRedirect {
		t.routes()
	}
	t.alternatives()
	if w.Entry != nil && w.Entry.Rule != nil {
		t.action()
	}
	for i := range w.Targets {
		if x := &w.Targets[i]; x.Weight > 0 || len(w.Targets) == 1 {
			t.destination(x)
		}
	}
}

// order says when the answer rests on ages that files do not tell.
func (t *traceText) order() {
	if t.walk.RestsOnAge() {
		fmt.Fprint(t, "This rests on which object is older, which files do not tell: names decide here. See below.\n\n")
	}
}

// stage writes the lines of a stage behind its name.
func (t *traceText) stage(name string, lines ...string) {
	for i, text := range lines {
		if i > 0 {
			name = ""
		}
		pad := strings.Repeat(" ", label-len(name))
		if name != "" {
			name = t.paint(bold, name)
		}
		fmt.Fprintf(t, "%s%s%s\n", name, pad, text)
	}
}

func (t *traceText) client() {
	w := t.walk
	if w.Request.Mesh != nil {
		lines := []string{"sidecar of a pod in namespace " + plainText(w.Request.Mesh.Namespace)}
		if len(w.Request.Mesh.Labels) > 0 {
			lines[0] += " with " + plainText(mesh.LabelText(w.Request.Mesh.Labels))
		}
		t.stage("client", lines...)
		return
	}
	if w.Table == nil {
		lines := []string{fmt.Sprintf("none of the input listens on port %d", w.Request.Port)}
		for _, table := range w.Tables().Gateways {
			lines = append(lines, plainText(table.Name())+" listens on "+ports(table))
		}
		t.stage("workload", t.firstOf(lines, "")...)
		return
	}
	wl := w.Table.Workload
	lines := []string{plainText("any pods with " + mesh.LabelText(wl.Labels) + ": the input has none, so ports are taken as they are")}
	if wl.Object != nil {
		lines[0] = at(wl.Object.Kind+" "+w.Table.Name(), wl.Object)
	}
	lines = append(lines, t.attached()...)
	for _, why := range w.Table.Opaque {
		lines = append(lines, plainText(why+" may change what follows"))
	}
	t.stage("workload", lines...)
}

func (t *traceText) attached() []string {
	var lines []string
	var last *mesh.Gateway
	for _, s := range t.walk.Table.Servers {
		if s.Gateway != last {
			last = s.Gateway
			lines = append(lines, at("with "+s.Gateway.Object.ID.String(), s.Gateway.Object))
		}
	}
	return t.firstOf(lines, " Gateways")
}

func (t *traceText) listener() {
	w := t.walk
	if w.Table == nil {
		return
	}
	port := w.Request.Port
	if w.Listener == nil {
		lines := []string{fmt.Sprintf("none on port %d; the workload listens on %s", port, ports(w.Table))}
		for _, s := range w.Table.Servers {
			if s.Number() == port {
				lines = append(lines, t.server(s)+": "+noListener(s))
			}
		}
		t.stage("listener", lines...)
		return
	}
	text := fmt.Sprintf("port %d", port)
	if w.Listener.Bind == w.Request.Address {
		text += " of address " + plainText(w.Request.Address)
	}
	for _, svc := range w.Table.Workload.Services {
		if _, ok := svc.Port(port); ok {
			text = at(fmt.Sprintf("port %d of Service %s", port, svc.ID()), svc.Object)
			break
		}
	}
	if w.Listener.Port != port {
		text += fmt.Sprintf(", port %d of the pods", w.Listener.Port)
	}
	lines := []string{text}
	if o := w.Listener.Rejected; o != nil {
		lines = append(lines, "Envoy refuses it: two servers match the same connections", t.server(o.A.Server), t.server(o.B.Server))
	} else if c := w.Listener.Refused; c != nil {
		lines = append(lines, "Envoy refuses it for a value of this server (lint says which)", t.server(c.Server))
	}
	t.stage("listener", lines...)
}

func noListener(s *routing.Server) string {
	if s.Drop != nil {
		return dropped(s)
	}
	return "no " + s.Section() + " rule of a VirtualService of the input is bound to it; without one istiod opens nothing"
}

// ports are the Service ports on which a workload listens.
func ports(table *routing.Table) string {
	var out []string
	for _, s := range table.Servers {
		listens := slices.ContainsFunc(table.Listeners, func(l *routing.Listener) bool { return l.Port == s.Listen })
		text := fmt.Sprint(s.Number())
		if s.Address() != "" {
			text += " of address " + plainText(s.Address())
		}
		if s.Drop == nil && listens && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return few(out)
}

func (t *traceText) server(s *routing.Server) string {
	return at(s.ID(), s.Gateway.Object, s.Path()...)
}

func dropped(s *routing.Server) string {
	why := map[string]string{
		routing.DropHosts: "shares a host with", routing.DropProtocol: "cannot share the port with", routing.DropPortName: "has the port name of",
	}[s.Drop.Reason]
	text := fmt.Sprintf("istiod drops it whole, it %s %s", why, s.Drop.By.ID())
	if !s.Drop.Certain {
		text += "; if its Gateway is the older one, the other falls"
	}
	return plainText(text)
}

// chain is the server that takes the connection, and those that would have if istiod had not dropped them.
func (t *traceText) chain() {
	w := t.walk
	var lines []string
	name := w.Request.ServerName()
	switch c := w.Chain; {
	case c == nil:
		lines = append(lines, "none: "+plainText(w.Why))
		lines = append(lines, t.offered()...)
	case c.HTTP != nil && !c.TLS:
		for _, s := range c.HTTP.Servers {
			lines = append(lines, t.server(s)+", plaintext")
		}
		lines = t.firstOf(lines, " that share the port")
	case len(c.SNI) == 0:
		lines = append(lines, t.server(c.Server)+", for any connection")
	default:
		lines = append(lines, fmt.Sprintf("%s, by server name %q", t.server(c.Server), short(name, 100)))
	}
	if w.Chain != nil && w.Why != "" {
		lines = append(lines, "the connection fails: "+plainText(w.Why))
	}
	if w.Chain != nil && w.Chain.TLS && w.Why == "" {
		lines = append(lines, t.credentials(w.Chain.Server)...)
	}
	if w.Chain != nil {
		for _, s := range w.Chain.Server.Contested {
			lines = append(lines, "contested by "+t.server(s)+": the server of the younger Gateway falls")
		}
	}
	for _, s := range w.Losers() {
		lines = append(lines, "not "+t.server(s)+": "+dropped(s))
	}
	t.stage("server", lines...)
}

// credentials are the Secrets of the server that are not known to be there.
func (t *traceText) credentials(s *routing.Server) []string {
	var lines []string
	for _, c := range t.walk.Table.Credentials(s) {
		if t.walk.Tables().Serves(c) != mesh.Yes {
			lines = append(lines, at("if the certificate is delivered: Secret "+c.Secret.String()+" is not in the input", s.Gateway.Object, c.Path...))
		}
	}
	return lines
}

// offered are the server names on the port.
func (t *traceText) offered() []string {
	var names []string
	for _, c := range t.walk.Listener.Chains {
		if !c.Internal {
			names = append(names, c.SNI...)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"the port has " + plainText(few(names))}
}

// connection is the rule of a TCP or passthrough server, which has only one for the connection.
func (t *traceText) connection(r *routing.L4Route) {
	path := []any{"spec", r.Section, r.Index}
	if r.Match >= 0 {
		path = append(path, "match", r.Match)
	}
	t.stage("routes", at("VirtualService "+r.VS.ID().String()+" "+manifest.FieldPath(path...), r.VS.Object, path...)+", for the connection as a whole")
}

func (t *traceText) firstOf(lines []string, which string) []string {
	if n := len(lines) - fewNames; n > 0 && !t.all {
		return append(lines[:fewNames:fewNames], fmt.Sprintf("and %d more%s (--all)", n, which))
	}
	return lines
}

func (t *traceText) host() {
	w := t.walk
	name := short(w.Request.Host, 100)
	switch {
	case w.Request.Host == "":
		t.stage("request", "Envoy refuses what is no HTTP request with a host")
	case w.Answer.Outcome == routing.OutcomeBadRequest:
		t.stage("request", "Envoy refuses a path with a fragment, or with what is no printable ASCII")
	case w.Request.Path == "*":
		t.stage("request", "Envoy routes only paths that begin with a slash, and answers this one itself: 404")
	case w.Answer.Outcome == routing.OutcomeRejected && w.Config.Second != nil:
		t.stage("routes", fmt.Sprintf("Envoy refuses the whole route configuration: host %q of %s is also \"*\" here, which it has already",
			short(w.Config.Second.Host, 100), plainText(w.Config.Second.Object.ID.String())))
	case w.Answer.Outcome == routing.OutcomeRejected:
		t.stage("routes", "Envoy refuses the whole route configuration for one of its routes")
	case w.Host == nil:
		lines := []string{fmt.Sprintf("none for %q", name)}
		if all := w.Config.Domains(); len(all) > 0 {
			lines[0] += "; here are " + plainText(few(all))
		}
		if w.Request.Mesh != nil {
			lines = append(lines, "the sidecar passes it on to the address that was dialled, or refuses it under REGISTRY_ONLY")
		}
		more := t.claimants()
		if len(more) == 0 {
			more = []string{"no VirtualService of the input has it"}
		}
		t.stage("virtual host", append(lines, more...)...)
	case w.Answer.Outcome == routing.OutcomeHTTPSRedirect:
		t.stage("virtual host", plainText(mesh.Shown(w.Host.Domain))+": a server with httpsRedirect sends all plaintext requests to https (301)")
	default:
		text := plainText(mesh.Shown(w.Host.Domain))
		if !strings.EqualFold(text, name) {
			text += fmt.Sprintf(" for %q", name)
		}
		t.stage("virtual host", fmt.Sprintf("%s, with %s; if none takes the request, no other host is tried", text, count(len(w.Host.Entries), "route")))
	}
}

// claimants are VirtualServices that have the host, but not here.
func (t *traceText) claimants() []string {
	var lines []string
	for _, v := range t.walk.Claimants() {
		if len(lines) == fewNames {
			return append(lines, "and more")
		}
		bound := "sidecars only"
		if len(v.Gateways) > 0 {
			var names []string
			for _, g := range v.Gateways {
				names = append(names, g.Name.String())
			}
			bound = "Gateway " + few(names)
		}
		lines = append(lines, at("VirtualService "+v.ID().String(), v.Object)+" has it, for "+plainText(bound))
	}
	return lines
}

// routes lists what Envoy tries, in order; long runs of the same kind of miss are one line.
func (t *traceText) routes() {
	w := t.walk
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for i := 0; i < len(w.Tried); {
		kind, end := kindOf(w, i), i+1
		for end < len(w.Tried) && kindOf(w, end) == kind {
			end++
		}
		show := end
		if end-i > 3 && !t.all && len(w.Tried) > lots {
			show = i + 2
		}
		for ; i < show; i++ {
			t.missed(tab, &w.Tried[i])
		}
		if show < end {
			fmt.Fprintf(tab, "…\t%d more\t\t%s (--all)\n", end-show, kind)
		}
		i = end
	}
	if w.Entry != nil && w.Entry.Rule != nil {
		takes := "takes it: " + w.Entry.Box.String()
		fmt.Fprintf(tab, "✓\t%s\t%s\t%s\n", short(where(w.Entry), 120), place(w.Entry), short(takes, 200))
	}
	tab.Flush()
	lines := strings.Split(strings.TrimSuffix(table.String(), "\n"), "\n")
	switch {
	case w.Entry == nil:
		lines = append(lines, "none takes it: 404")
	case w.Entry.Rule == nil:
		lines = []string{"no VirtualService for the host: the sidecar sends it to the Service of that name"}
	}
	for _, e := range w.Rivals() {
		// Live objects have ages: this is for files.
		lines = append(lines, fmt.Sprintf("%s (%s) fits too, and is tried first if its VirtualService is the older one", where(&e), place(&e)))
	}
	for _, c := range w.Contenders() {
		lines = append(lines, at("VirtualService "+c.VS.ID().String(), c.VS.Object)+" has the host too, and takes it whole if it is the older one")
	}
	t.stage("routes", lines...)
}

// missed is one route that does not take the request, or of which that is not known.
func (t *traceText) missed(w io.Writer, e *routing.Entry) {
	mark := "✗"
	if t.walk.Doubt(e) != "" || slices.Contains(t.walk.Claimed(), e) {
		mark = "?"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", mark, short(where(e), 120), place(e), short(because(t.walk, e), 200))
}

func (t *traceText) alternatives() {
	var lines []string
	for _, x := range t.walk.Verdict().Alternatives {
		goes := becomes(x.Answer)
		if x.Outcome == routing.OutcomeUnknown {
			goes = "goes where is not known"
		}
		lines = append(lines, plainText("if "+x.If+": "+goes))
	}
	if len(lines) > 0 {
		t.stage("depends on", lines...)
	}
}

// kindOf is what a route misses by.
func kindOf(w *routing.Walk, i int) string {
	e := &w.Tried[i]
	if w.Doubt(e) != "" || slices.Contains(w.Claimed(), e) {
		return "not known what they take"
	}
	miss, _ := e.Box.Misses(w.Seen)
	return "miss by " + miss.On
}

// where is the match that a route is made of.
func where(e *routing.Entry) string {
	a := e.Answer()
	return plainText(a.VirtualService + " " + either(a.Match, a.Route) + byDelegate(a.Delegate))
}

// byDelegate says where a merged route stands in its delegate, after where it stands in the root.
func byDelegate(d *routing.DelegateRef) string {
	if d == nil {
		return ""
	}
	return " by delegate " + d.VirtualService + " " + either(d.Match, d.Route)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// short cuts a text that manifests or requests made long.
func short(text string, most int) string {
	text = plainText(text)
	if all := []rune(text); len(all) > most {
		return string(all[:most*2/3]) + "…" + string(all[len(all)-most/3:])
	}
	return text
}
