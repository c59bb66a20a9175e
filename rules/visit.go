package rules

import (
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// What several rules walk over, and what their files have no room for.

// eachUse visits every destination as written, once.
func (p *Pass) eachUse(visit func(*routing.Use)) {
	seen := map[string]bool{}
	dead := p.Tables.DeadRules()
	for _, v := range p.World.VirtualServices {
		for _, u := range p.Tables.Uses(v) {
			if u.Idle || dead[u.Rule()] {
				continue // nothing is sent there; shadowed-match says why of a dead one
			}
			if u.VS.IsDelegate() {
				key := u.VS.ID().String() + manifest.FieldPath(u.Path...)
				if u.VS == v && seen[key] {
					continue // judged under its root, where the clients are known
				}
				seen[key] = true
			}
			visit(u)
		}
	}
}

// droppedServers visits servers that fall for a reason, each loser once; losers whose order is open come as one group with the
// server they clash with over one thing.
func (p *Pass) droppedServers(reason string, report func(by *routing.Server, losers []*routing.Server)) {
	type cause struct {
		by   *routing.Server
		over string
	}
	seen := map[string]bool{}
	for _, table := range p.Tables.Gateways {
		groups := map[cause][]*routing.Server{}
		var order []cause
		for _, s := range table.Servers {
			if s.Drop == nil || s.Drop.Reason != reason || seen[s.ID()+"<"+s.Drop.By.ID()] {
				continue
			}
			seen[s.ID()+"<"+s.Drop.By.ID()] = true
			if s.Drop.Certain {
				report(s.Drop.By, []*routing.Server{s})
				continue
			}
			c := cause{by: s.Drop.By}
			if len(s.Drop.Hosts) > 0 {
				c.over = pathText(s.Drop.By.HostPath(s, s.Drop.Hosts[0]))
			}
			if groups[c] == nil {
				order = append(order, c)
			}
			groups[c] = append(groups[c], s)
		}
		for _, c := range order {
			report(c.by, groups[c])
		}
	}
}

// hanging counts the VirtualServices that a dropped server would have served.
func (p *Pass) hanging(s *routing.Server) string {
	n := p.Tables.Bound(s)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s bound to it", plural(n, "VirtualService")) + map[bool]string{true: " is", false: " are"}[n == 1] + " not served by it"
}

// misspelt looks at a VirtualService that is on the sidecars too: there any host may be meant, so only one that no service has
// and that is nearly a server's is a sign.
func (p *Pass) misspelt(v *mesh.VirtualService) {
	b := p.Tables.Binding(v)
	if !b.Known {
		return
	}
	for k, h := range v.Spec.Hosts {
		if len(b.Servers[k]) > 0 || len(p.World.ServicesFor(v.Hosts[k])) > 0 || len(h) < 5 || !strings.Contains(h, ".") || p.World.HostNamespace(h) != "" {
			continue
		}
		for _, s := range b.All {
			if near := manifest.Nearest(h, s.Spec.Hosts); near != "" {
				p.Report(Fault{
					On: v.Object, Path: []any{"spec", "hosts", k}, Severity: Warning, Suspect: true, Words: h, Instead: near,
					Message: fmt.Sprintf("no server of %s accepts host %q of VirtualService %s; did you mean %q?", gatewaysText(v), h, v.ID(), near),
					Ends:    []End{{s.Gateway.Object, s.Path("hosts"), "accepts only " + strings.Join(s.Spec.Hosts, ", ")}},
				})
				break
			}
		}
	}
}

// shadowedConnections reports the dead tcp and tls matches.
func (p *Pass) shadowedConnections() {
	for _, v := range p.World.VirtualServices {
		for _, d := range p.Tables.DeadL4(v) {
			f := Fault{
				On: v.Object, Path: d.Path(d.Later), Severity: Error, Words: d.Section + d.Words,
				Message: fmt.Sprintf("no connection reaches this match of %s: %s takes all of them", v.ID(), d.Text(d.Earlier)),
				Ends:    []End{{v.Object, d.Path(d.Earlier), "takes the connections"}},
			}
			switch {
			case d.Port != 0:
				f.Message = fmt.Sprintf("no connection reaches this match of %s: on every port that its Gateways have for it an earlier one takes its place, %s on %d", v.ID(), d.Text(d.Earlier), d.Port)
			case d.Shared != "":
				f.Message = fmt.Sprintf("no connection reaches this match of %s: %s has the server name %q too, and istiod leaves the later one out whole", v.ID(), d.Text(d.Earlier), d.Shared)
			}
			if r, a, ok := d.Shown(); ok {
				f.Witness = &Witness{URL: r.URL(), Request: r, Answer: a}
			}
			p.Report(f)
		}
	}
}

func coveredByOthers(v *mesh.VirtualService, fates []*routing.Fate) bool {
	for _, f := range fates {
		for _, e := range f.Deaths[0].By {
			if src, _ := e.Rule.Source(); src == v {
				return false
			}
		}
	}
	return true
}

// sameStated tells whether a reference and the DestinationRule for it are comparable where namespaces may be left out: all are
// stated, or the rule is for the very host and both namespaces are left out, or both are the host's own.
func (p *Pass) sameStated(v *mesh.VirtualService, host string, r *routing.EffectiveRule) bool {
	rule := r.From[0]
	if rule.Namespace != "" && v.Namespace != "" {
		return true
	}
	own := p.World.HostNamespace(host)
	return !r.Wildcard && rule.Namespace == own && (own != "" || v.Namespace == "")
}
