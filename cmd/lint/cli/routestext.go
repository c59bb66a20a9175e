package cli

import (
	"bufio"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// routesAsText writes the tables for people; Worlds with the same tables once.
func routesAsText(w *bufio.Writer, views []view, witness bool, style traceStyle) {
	order, worlds := grouped(views, func(v view) string {
		var b strings.Builder
		for i, l := range v.listings(witness) {
			if i > 0 {
				b.WriteByte('\n')
			}
			style.listing(&b, l)
		}
		if b.Len() == 0 {
			b.WriteString("no tables: the input has no Gateway, and no VirtualService for sidecars\n")
		}
		return b.String()
	})
	for i, text := range order {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if in := worlds[text]; in[0] != "" {
			fmt.Fprintf(w, "%s\n\n", style.paint(bold, "in "+few(in)+":"))
		}
		w.WriteString(text)
	}
}

func (s traceStyle) listing(b *strings.Builder, l listing) {
	fmt.Fprintf(b, "%s\n", s.paint(bold, l.title))
	last := ""
	for i, h := range l.hosts {
		head := fmt.Sprintf("port %d", h.Port)
		if h.Server != "" {
			head = fmt.Sprintf("port %d, server %s (%s)", h.Port, plainText(h.Server), h.at())
		}
		if head != last {
			fmt.Fprintf(b, "  %s\n", head)
			last = head
		}
		fmt.Fprintf(b, "    %s", s.paint(bold, plainText(mesh.Shown(h.Host))))
		if h.note != "" {
			fmt.Fprintf(b, ": %s", h.note)
		}
		fmt.Fprintln(b)
		s.routes(b, l.hosts[i].Routes)
		if h.order != "" {
			fmt.Fprintf(b, "      %s\n", h.order)
		}
	}
	for _, note := range l.notes {
		fmt.Fprintf(b, "  %s\n", note)
	}
}

var stateColors = map[string]string{routing.StateLive: green, routing.StateShadowed: red, routing.StateUndecided: yellow, routing.StateOpaque: yellow}

// routes writes the routes of a virtual host in columns; colours come last, for they have no width.
func (s traceStyle) routes(b *strings.Builder, list []routeJSON) {
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, r := range list {
		name := r.VirtualService + " " + either(r.Match, r.Route) + byDelegate(r.Delegate)
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t→ %s\n", r.State, short(name, 120), r.at(), short(r.takes, 100), short(r.leads, 200))
	}
	tab.Flush()
	lines := strings.Split(table.String(), "\n")
	for i, r := range list {
		fmt.Fprintf(b, "      %s%s\n", s.paint(stateColors[r.State], r.State), strings.TrimPrefix(lines[i], r.State))
		if r.Witness != nil {
			fmt.Fprintf(b, "        example: %s\n", short(witnessText(r.Witness), 200))
		}
	}
}

func witnessText(w *wireJSON) string {
	return routing.Request{
		Port: w.Port, Address: w.Address, TLS: w.TLS, SNI: w.SNI, Host: w.Host, Path: w.Path, Method: w.Method, Headers: w.Headers, Claims: w.Claims, Mesh: w.Mesh,
	}.String()
}

// share is a weight as part of all, in percent.
func share(weight int32, total int64) string {
	switch {
	case weight == 0:
		return "0%"
	case int64(weight) < total/2000:
		return "<0.1%"
	}
	return strconv.FormatFloat(math.Round(1000*float64(weight)/float64(total))/10, 'f', -1, 64) + "%"
}

// destinationsText names destinations, with their shares where there are several.
func destinationsText(list []routing.AnswerTarget) string {
	var out []string
	total := int64(0)
	for _, d := range list {
		total += int64(d.Weight)
	}
	for _, d := range list {
		text := destinationText(d.Host, d.Port, d.Subset)
		if len(list) > 1 {
			text = share(d.Weight, total) + " " + text
		}
		if d.Exists != nil && !*d.Exists {
			text += " (no cluster)"
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, " | ")
}
