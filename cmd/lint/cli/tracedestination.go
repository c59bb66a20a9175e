package cli

import (
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	networking "istio.io/api/networking/v1alpha3"
)

// action says what the route does with the request, other than to send it on as it is.
func (t *traceText) action() {
	w := t.walk
	rule := w.Entry.Rule
	vs, base := rule.Source()
	here := func(text, field string) string {
		return at(text, vs.Object, append(base[:len(base):len(base)], field)...)
	}
	switch {
	case rule.HTTP.Redirect != nil:
		t.stage("redirect", here(routing.RedirectText(rule.HTTP.Redirect), "redirect"))
		return
	case rule.HTTP.DirectResponse != nil:
		t.stage("response", here(fmt.Sprintf("status %d, nothing is asked behind it", rule.HTTP.DirectResponse.Status), "directResponse"))
		return
	}
	host, path := w.Sent(0)
	var changes []string
	if path != w.Request.Path {
		changes = append(changes, "path "+short(path, 100))
	}
	if host != w.Request.Host {
		changes = append(changes, "host "+short(host, 100))
	}
	if field := "rewrite"; len(changes) > 0 {
		if rule.HTTP.Rewrite == nil {
			field = "headers"
		}
		t.stage("rewrite", here("to "+strings.Join(changes, " and "), field))
	}
	for _, m := range w.Mirrors() {
		what := "a copy goes to " + hostPort(&m)
		if m.Exists == mesh.No {
			what = "no copy goes to " + hostPort(&m) + ", of which there is no cluster"
		}
		t.stage("mirror", at(what, m.VS.Object, m.Path...))
	}
}

func hostPort(x *routing.Target) string {
	return plainText(destinationText(x.Host, x.Port, x.Spec.GetSubset()))
}

// destinationText names a destination, without port and subset where there is none.
func destinationText(host string, port uint32, subset string) string {
	text := mesh.Shown(host)
	if port > 0 {
		text = fmt.Sprintf("%s:%d", text, port)
	}
	if subset != "" {
		text += " subset " + subset
	}
	return text
}

// destination is one of the places where the request can go.
func (t *traceText) destination(x *routing.Target) {
	text := hostPort(x)
	if x.Weight != 100 {
		text = fmt.Sprintf("%s, weight %d", text, x.Weight)
	}
	if x.VS != nil {
		text = at(text, x.VS.Object, x.Path...)
	}
	lines := []string{text}
	for _, s := range x.Services {
		lines = append(lines, at(s.Kind+" "+s.ID().String(), s.Object))
	}
	for _, s := range x.Hidden {
		lines = append(lines, at(s.Kind+" "+s.ID().String(), s.Object)+" is not exported to this client")
	}
	if len(x.Services)+len(x.Hidden) == 0 {
		lines = append(lines, "no Service or ServiceEntry of the input has this host")
	}
	if r := t.walk.Rule(x); r != nil {
		lines = append(lines, t.rule(x, r)...)
	}
	if c := x.Cluster(); c != "" {
		lines = append(lines, "cluster "+plainText(strings.Replace(c, "..svc.", ".(no namespace).svc.", 1))+": "+exists(x.Exists))
	} else {
		lines = append(lines, "no port is written: it is the Service's if that has just one, else the server's")
	}
	if x.Exists != mesh.No {
		lines = append(lines, t.endpoints(x)...)
	}
	t.stage("destination", lines...)
}

func exists(k mesh.Truth) string {
	return map[mesh.Truth]string{mesh.Yes: "exists", mesh.No: "does not exist, requests get 503", mesh.Maybe: "not known whether it exists"}[k]
}

// rule is the DestinationRule that istiod chooses, and the subset in it.
func (t *traceText) rule(x *routing.Target, r *routing.EffectiveRule) []string {
	var lines []string
	why := map[routing.Tier]string{
		routing.TierClient: "from the client's own namespace", routing.TierService: "from the Service's namespace", routing.TierRoot: "from the root namespace",
	}[r.Tier]
	if r.Wildcard {
		why += fmt.Sprintf(", by host %q", r.From[0].Host)
	}
	if !r.Certain {
		why += ", if nothing that is not known changes it"
	}
	for i, d := range r.From {
		text := at("DestinationRule "+d.ID().String(), d.Object)
		if i == 0 {
			text += " " + plainText(why)
		} else {
			text += " merged into it"
		}
		lines = append(lines, text)
	}
	name := x.Spec.GetSubset()
	if name == "" {
		return lines
	}
	s := r.Subsets[name]
	if s == nil {
		return append(lines, fmt.Sprintf("it has no subset %q", plainText(name)))
	}
	labels := mesh.LabelText(s.Rule.Spec.Subsets[s.Index].Labels)
	if labels == "" {
		labels = "no labels"
	}
	return append(lines, at(fmt.Sprintf("subset %s: %s", name, labels), s.Rule.Object, "spec", "subsets", s.Index))
}

// endpoints are the workloads behind a destination, as far as the input has them.
func (t *traceText) endpoints(x *routing.Target) []string {
	if len(x.Services) == 0 {
		return nil
	}
	if e := x.Services[0].Entry; e != nil && e.WorkloadSelector == nil {
		return []string{"endpoints " + entryEndpoints(e, x.Services[0].Host)}
	}
	var lines []string
	for _, wl := range t.walk.Endpoints(x) {
		if len(lines) == fewNames && !t.all {
			lines = append(lines, "and more (--all)")
			break
		}
		if wl.Object != nil {
			lines = append(lines, at("endpoints "+wl.Object.Kind+" "+mesh.Name{Namespace: wl.Namespace, Name: wl.Object.Name}.String(), wl.Object))
		}
	}
	if len(lines) == 0 {
		return []string{"endpoints none in the input"}
	}
	return lines
}

func entryEndpoints(e *networking.ServiceEntry, host string) string {
	var out []string
	for _, p := range e.Endpoints {
		if p.GetAddress() != "" {
			out = append(out, p.Address)
		}
	}
	switch {
	case len(out) > 0:
		return plainText(few(out))
	case e.Resolution == networking.ServiceEntry_NONE:
		return "the address that the client dialled"
	case e.Resolution == networking.ServiceEntry_DNS || e.Resolution == networking.ServiceEntry_DNS_ROUND_ROBIN:
		return plainText(host) + " by DNS"
	}
	return "none in the input"
}

// hops goes on at the gateway workloads behind the destinations.
func (t *traceText) hops(list []routing.Hop) {
	for _, h := range list {
		wl := h.Walk.Table.Workload
		fmt.Fprintf(t, "\n%s\n\n", t.paint(bold, "then "+plainText(sent(h.Walk.Request)+" at gateway workload "+wl.String()+" "+fate(h.Walk))))
		if h.Loop {
			fmt.Fprintf(t, "%s the same route of this workload took it before: it goes round until a limit stops it\n", t.paint(red, "loop:"))
			continue
		}
		next := &traceText{traceStyle: t.traceStyle, walk: h.Walk}
		next.stages()
		t.WriteString(next.String())
		if h.Cut {
			fmt.Fprintln(t, "and on to another gateway workload, which is not followed any more")
		}
		t.hops(h.Next)
	}
}

// sent is a request as it goes from one workload to the next.
func sent(r routing.Request) string {
	text := short(r.URL(), 200)
	if r.TLS && r.ServerName() != strings.ToLower(r.Host) {
		text += " with server name " + r.ServerName()
	}
	return text
}

// at is a thing with its place: that of its name for a whole object. In a cluster there is no place but the path.
func at(text string, o *manifest.Object, path ...any) string {
	switch {
	case o.Doc == nil && (len(path) == 0 || strings.HasSuffix(text, manifest.FieldPath(path...))):
		return plainText(text)
	case o.Doc == nil:
		return fmt.Sprintf("%s (%s)", plainText(text), manifest.FieldPath(path...))
	case len(path) == 0:
		path = []any{"metadata", "name"}
	}
	return fmt.Sprintf("%s (%s)", plainText(text), location(o.At(path...), o.ID))
}

// place is where a route stands, "" in a cluster: its path stands beside it anyway.
func place(e *routing.Entry) string {
	vs, _ := e.Rule.Source()
	if vs.Doc == nil {
		return ""
	}
	return location(e.Rule.At(e.Match), vs.Object.ID)
}
