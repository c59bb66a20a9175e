package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var unboundHost = &Rule{
	Name: "unbound-host", Severity: Error, Admission: Warn, Elsewhere: Warn,
	AlsoKnownAs: []string{"IST0132"}, Since: "0.1.0",
	Doc: `A host that no server of the VirtualService's gateways accepts

A VirtualService gets a host only where a server of one of its gateways lists it, by name or wildcard, and for the
VirtualService's namespace if the server says ns/host. Otherwise istiod leaves it out: requests get 404, or another
VirtualService's routes. The same happens if the VirtualService is not exported to the namespace of the gateway's pods, or has
only http rules where all servers pass TLS through (and the other way round). A name without a dot is expanded to a Service's
full name, which a gateway hardly ever lists. Names are compared case-sensitively.

Where a server passes TLS through it is enough if it lists one of the hosts: connections come to the others by the names in
sniHosts. On plain TCP no name is looked at.

It is an error if nothing of the VirtualService is served, else a warning.

Fix: add the host to a server of the Gateway, or bind the VirtualService to the Gateway that has it.`,
	Run: func(p *Pass) {
		for _, v := range p.World.VirtualServices {
			switch {
			case v.IsDelegate():
			case v.OnMesh:
				p.misspelt(v)
			default:
				p.unbound(v)
			}
		}
	},
}

func (p *Pass) unbound(v *mesh.VirtualService) {
	b := p.Tables.Binding(v)
	if !b.Known {
		return
	}
	if len(b.Tables) > 0 && !b.Visible {
		t := b.Tables[0]
		p.Report(Fault{
			On: v.Object, Path: []any{"spec", "hosts", 0}, Severity: Error, Words: "exportTo",
			Message: fmt.Sprintf("VirtualService %s is not exported to namespace %s, where %s runs: nothing of it is served", v.ID(), t.Workload.Namespace, workloadText(t)),
			Ends:    []End{{v.Object, []any{"spec", "exportTo"}, "exported only to some namespaces"}},
		})
		return
	}
	served := 0
	for k := range v.Hosts {
		if len(b.Servers[k]) > 0 {
			served++
		}
	}
	for k, h := range v.Spec.Hosts {
		if len(b.Servers[k]) == 0 && !manifest.Placeholder(h) {
			p.unboundHost(v, k, served, b)
		}
	}
	if served > 0 {
		p.unusedRules(v, b)
	}
}

func (p *Pass) unboundHost(v *mesh.VirtualService, k, served int, b routing.Binding) {
	f := Fault{On: v.Object, Path: []any{"spec", "hosts", k}, Severity: Warning, Words: v.Spec.Hosts[k]}
	rest := "requests for it get 404 or go to another VirtualService"
	if !slices.ContainsFunc(b.All, (*routing.Server).UsesHTTP) {
		rest = "connections for it are closed or go to another VirtualService"
	}
	if served == 0 {
		f.Severity = Error
		rest = "nothing of it is served there"
		if len(v.Hosts) > 1 {
			rest = "no other of its hosts is accepted either, so nothing of it is served"
		}
	}
	host := v.Spec.Hosts[k]
	f.Message = fmt.Sprintf("no server of %s accepts host %q of VirtualService %s: %s", gatewaysText(v), host, v.ID(), rest)
	if full := v.Hosts[k]; full != host {
		if mesh.Shown(full) != full {
			full = "a Service's full name"
		}
		f.Message = fmt.Sprintf("host %q has no dot and stands for %s, which no server of %s accepts: %s", host, full, gatewaysText(v), rest)
	}
	var listed []string
	for _, s := range b.All {
		for _, h := range s.Spec.Hosts {
			ns, name, ok := strings.Cut(h, "/")
			if !ok {
				name = h
			}
			if routing.Covers(name, v.Hosts[k]) {
				f.Message += fmt.Sprintf("; server %s is for namespace %q only", h, ns)
			}
			listed = append(listed, name)
		}
		if len(f.Ends) < 4 {
			f.Ends = append(f.Ends, End{s.Gateway.Object, s.Path("hosts"), "accepts only " + strings.Join(s.Spec.Hosts, ", ")})
		}
	}
	if near := manifest.Nearest(host, listed); near != "" {
		f.Message += fmt.Sprintf("; did you mean %q?", near)
		f.Instead = near
	}
	p.Report(f)
}

// unusedRules reports rules of a kind that none of the servers it is bound to uses.
func (p *Pass) unusedRules(v *mesh.VirtualService, b routing.Binding) {
	uses := map[string]bool{}
	for _, servers := range b.Servers {
		for _, s := range servers {
			uses[s.Section()] = true
		}
	}
	has := map[string]bool{"http": len(v.Spec.Http) > 0, "tcp": len(v.Spec.Tcp) > 0, "tls": len(v.Spec.Tls) > 0}
	useful := false
	for _, section := range []string{"http", "tcp", "tls"} {
		useful = useful || has[section] && uses[section]
	}
	for _, section := range []string{"http", "tcp", "tls"} {
		if !has[section] || uses[section] || uses[""] {
			continue
		}
		f := Fault{On: v.Object, Path: []any{"spec", section}, Severity: Warning, Words: section}
		if !useful {
			f.Severity = Error
		}
		which := gatewaysText(v)
		other := slices.IndexFunc(b.All, func(s *routing.Server) bool { return s.Section() == section })
		if other >= 0 {
			which += " that accepts its hosts"
		}
		f.Message = fmt.Sprintf("no server of %s uses %s rules: those of VirtualService %s are not programmed", which, section, v.ID())
		for k := range v.Hosts {
			if servers := b.Servers[k]; len(servers) > 0 {
				s := servers[0]
				f.Ends = append(f.Ends, End{s.Gateway.Object, s.Path(), "uses " + s.Section() + " rules"})
				break
			}
		}
		if other >= 0 {
			s := b.All[other]
			f.Ends = append(f.Ends, End{s.Gateway.Object, s.Path("hosts"), "uses " + section + " rules, and accepts only " + strings.Join(s.Spec.Hosts, ", ")})
		}
		p.Report(f)
	}
}
