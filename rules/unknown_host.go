package rules

import (
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var unknownHost = &Rule{
	Name: "unknown-host", Severity: Error, Admission: Warn, Elsewhere: Warn,
	AlsoKnownAs: []string{"IST0101", "IST0174", "KIA1101", "KIA0202"}, Since: "0.1.0",
	Doc: `A host that no service has

A destination must name a service's host exactly: the short name of a Service in the same namespace,
name.namespace.svc.cluster.local, or a host of a ServiceEntry. A name with a dot is never expanded, so "web.shop" is no
Service. Without a service there is no cluster, and Envoy answers 503 NC. A service that is not exported to the client's
namespace is as good as none. For a DestinationRule or a mirror the finding is a warning: traffic still flows.

Over files the finding is an error only where the input is complete, and a warning on a positive sign, such as a name close to
it or the same name in another namespace.

Fix: correct the name, give the full name of the namespace, or export the service.`,
	Run: func(p *Pass) {
		p.eachUse(func(u *routing.Use) { p.destinationHost(u) })
		for _, d := range p.World.DestinationRules {
			p.ruleHost(d)
		}
	},
}

func (p *Pass) destinationHost(u *routing.Use) {
	v := &u.Views[0]
	hidden := false
	for i := range u.Views {
		if len(u.Views[i].Services) > 0 && !u.Views[i].OnMesh {
			v = &u.Views[i]
		}
		if len(u.Views[i].Services) == 0 && len(u.Views[i].Hidden) > 0 && (u.Views[i].Table != nil || u.Views[i].Client != "") {
			v, hidden = &u.Views[i], true
			break
		}
	}
	if !hidden && len(v.Services) > 0 {
		return
	}
	path := append(u.Path[:len(u.Path):len(u.Path)], "host")
	f := Fault{On: u.VS.Object, Path: path, Severity: Error, Words: v.Host}
	if u.Mirror {
		f.Severity = Warning
	}
	if hidden {
		s := v.Hidden[0]
		f.Message = fmt.Sprintf("%s %s is not exported to %s: requests to it get 503 (no cluster)", s.Kind, s.ID(), clientText(v))
		f.Ends = []End{{s.Object, exportPath(s), "exported only to some namespaces"}}
		p.Report(f)
		return
	}
	p.reportHost(f, v.Host, v.Sibling, v.Spec.Host, "requests to it get 503 (no cluster)")
}

func (p *Pass) reportHost(f Fault, host string, sibling bool, text, consequence string) {
	r := p.World.JudgeHost(host, sibling)
	if p.open(r, Reference{Kind: "Service", Namespace: p.World.HostNamespace(host), Name: mesh.Shown(host), By: f.On, Path: f.Path}) {
		return
	}
	f.Suspect = r.State == mesh.Suspect
	f.Message = fmt.Sprintf("no service has the host %q: %s", text, consequence)
	if text != mesh.Shown(host) {
		f.Message = fmt.Sprintf("no service has the host %q (that is %s): %s", text, host, consequence)
	}
	p.explain(&f, r, text)
	p.Report(f)
}

// explain adds what was found in the stead of a reference, which is written as text.
func (p *Pass) explain(f *Fault, r mesh.Resolution, text string) {
	if r.Near != "" {
		f.Message += fmt.Sprintf("; did you mean %q?", r.Near)
		f.Instead, f.Meant = nearWritten(text, r.Near), r.Meant
	}
	if r.State == mesh.Suspect {
		f.Message += " (" + r.Why + ")"
	}
	if r.Instead != nil {
		f.Ends = append(f.Ends, End{r.Instead, []any{"metadata", "name"}, "what is there instead"})
	}
}

// nearWritten is a near name as the reference would have it: with its namespace before a slash, or the rest of a full name.
func nearWritten(text, near string) string {
	if ns, _, ok := strings.Cut(text, "/"); ok {
		return ns + "/" + near
	}
	if _, rest, ok := strings.Cut(text, "."); ok && !strings.Contains(near, ".") {
		return near + "." + rest
	}
	return near
}

func (p *Pass) ruleHost(d *mesh.DestinationRule) {
	host := d.Host
	if strings.HasPrefix(host, "*") || host == "" || manifest.Placeholder(host) || len(p.World.ServicesFor(host)) > 0 || len(p.World.Wildcard(host)) > 0 {
		return
	}
	p.reportHost(Fault{On: d.Object, Path: []any{"spec", "host"}, Severity: Warning, Words: host}, host, false, d.Spec.Host, "the rule applies to nothing")
}
