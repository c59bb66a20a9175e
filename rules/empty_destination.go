package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	networking "istio.io/api/networking/v1alpha3"
)

var emptyDestination = &Rule{
	Name: "empty-destination", Severity: Info, Admission: Off, Elsewhere: Off,
	AlsoKnownAs: []string{"IST0173", "KIA0203"}, Since: "0.1.0",
	Doc: `A destination without endpoints

A subset takes those endpoints of its service that have all its labels. If none has them the route works and every request gets
503 (no healthy upstream); for a ServiceEntry that is resolved by DNS istiod leaves out the cluster, and requests get 503 (no
cluster). It is judged only where workloads of the Service are in the input, or the endpoints stand in the ServiceEntry, and it
is an info, because other workloads can be elsewhere; a warning where all are known.

A ServiceEntry without endpoints is the same: resolution NONE sends a sidecar's connection to wherever it was going, but a
gateway has no such address, and answers 503.

Fix: correct the subset's labels or those of the pods; for a gateway use resolution DNS, or list endpoints.`,
	Run: func(p *Pass) {
		seen := map[string]bool{}
		p.eachUse(func(u *routing.Use) {
			for i := range u.Views {
				v := &u.Views[i]
				if key, f := p.emptyDestination(u, v); f != nil && !seen[key] {
					seen[key] = true
					p.Report(*f)
				}
			}
		})
	},
}

// emptyDestination gives the fault of one view, with a key for what is at fault; nil if there is none.
func (p *Pass) emptyDestination(u *routing.Use, v *routing.View) (string, *Fault) {
	if len(v.Services) == 0 {
		return "", nil
	}
	var all []mesh.Endpoint
	for _, s := range v.Services {
		list, known := p.World.Endpoints(s)
		if !known {
			return "", nil
		}
		all = append(all, list...)
	}
	switch {
	case len(all) == 0:
		return p.noEndpoints(u, v)
	case v.Spec.Subset == "" || v.Rule == nil || !v.Rule.Certain || v.Rule.Subsets[v.Spec.Subset] == nil:
		return "", nil
	}
	return p.emptySubset(u, v, all)
}

func (p *Pass) emptySubset(u *routing.Use, v *routing.View, all []mesh.Endpoint) (string, *Fault) {
	s, svc := v.Rule.Subsets[v.Spec.Subset], v.Services[0]
	labels := s.Rule.Spec.Subsets[s.Index].Labels
	for _, e := range all {
		if e.CouldHave(labels) {
			return "", nil
		}
	}
	whose, closed := "workload of Service", p.World.EndpointsClosed(svc.Namespace)
	rest := "no healthy upstream"
	if svc.Entry != nil {
		whose, closed = "endpoint of ServiceEntry", p.World.Closed("ServiceEntry", "")
		if svc.Entry.Resolution != networking.ServiceEntry_STATIC {
			rest = "no cluster"
		}
	}
	f := &Fault{
		On: s.Rule.Object, Path: []any{"spec", "subsets", s.Index}, Severity: Info, Words: v.Host + "|" + v.Spec.Subset + "|" + mesh.LabelText(labels),
		Message: fmt.Sprintf("no %s %s has the labels %s of subset %q: %s", whose, svc.ID(), mesh.LabelText(labels), v.Spec.Subset, lost(u, rest)),
		Ends:    []End{{u.VS.Object, append(u.Path[:len(u.Path):len(u.Path)], "subset"), "sends requests to it"}},
	}
	if closed {
		f.Severity = Warning
	}
	for _, e := range all[:min(len(all), 3)] {
		text := "has no labels"
		if len(e.Labels) > 0 {
			text = "has the labels " + mesh.LabelText(e.Labels)
		}
		f.Ends = append(f.Ends, End{e.Object, []any{"metadata", "name"}, text})
	}
	return pathText(f.Path) + s.Rule.ID().String() + svc.ID().String(), f
}

// noEndpoints reports a ServiceEntry that has none for a gateway.
func (p *Pass) noEndpoints(u *routing.Use, v *routing.View) (string, *Fault) {
	if v.Table == nil || len(v.Table.Opaque) > 0 || v.Services[0].Entry == nil {
		return "", nil
	}
	for _, ns := range []string{v.Table.Workload.Namespace, p.World.Root, ""} {
		if p.World.Count("EnvoyFilter", ns) > 0 {
			return "", nil // it may give the cluster what it lacks
		}
	}
	svc := v.Services[0]
	f := &Fault{
		On: u.VS.Object, Path: append(u.Path[:len(u.Path):len(u.Path)], "host"), Severity: Info, Words: v.Host,
		Message: fmt.Sprintf("ServiceEntry %s has no endpoints and resolution %s, which gives %s nothing to send to: %s", svc.ID(), svc.Entry.Resolution, workloadText(v.Table), lost(u, "no healthy upstream")),
		Ends:    []End{{svc.Object, []any{"spec", "resolution"}, "without endpoints"}},
	}
	if p.World.Closed("ServiceEntry", "") {
		f.Severity = Warning
	}
	return u.VS.ID().String() + pathText(f.Path), f
}

// lost is what becomes of the requests, or of the connections of tcp and tls rules.
func lost(u *routing.Use, why string) string {
	switch {
	case u.Path[1] != "http":
		return "connections to it are closed (" + why + ")"
	case u.Mirror:
		return "mirrored requests are lost (" + why + ")"
	}
	return "requests to it get 503 (" + why + ")"
}
