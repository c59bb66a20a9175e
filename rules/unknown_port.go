package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var unknownPort = &Rule{
	Name: "unknown-port", Severity: Error, Admission: Warn, Elsewhere: Warn,
	AlsoKnownAs: []string{"IST0101", "IST0112"}, Since: "0.1.0",
	Doc: `A destination port that the service does not have

A destination's port is the port of the Service, not the pods' targetPort. Where none is given a gateway takes the service's only
port or, if it has several, its own port number, which is rarely one of them. There is then no such cluster, and Envoy answers
503 NC. A sidecar takes the port that its client asks for.

Fix: give destination.port.number one of the service's ports.`,
	Run: func(p *Pass) {
		p.eachUse(func(u *routing.Use) {
			for i := range u.Views {
				v := &u.Views[i]
				if len(v.Services) > 0 && lacksPort(v) {
					p.port(u, v)
					return
				}
			}
		})
	},
}

// lacksPort tells whether certainly no visible service of the host has the port; on mesh a port that is left out is the
// listener's, which cannot be wrong.
func lacksPort(v *routing.View) bool {
	if v.Spec.Port == nil && (!v.Inferred || v.Table == nil) {
		return false
	}
	for _, s := range v.Services {
		if _, ok := s.Port(v.Port); ok || s.Opaque || s.ExternalName != "" || len(s.Ports) == 0 {
			return false
		}
	}
	return v.Port != 0
}

func (p *Pass) port(u *routing.Use, v *routing.View) {
	s := v.Services[0]
	f := Fault{
		On: u.VS.Object, Path: append(u.Path[:len(u.Path):len(u.Path)], "port", "number"), Severity: Error, Words: v.Cluster(),
		Message: fmt.Sprintf("%s %s has no port %d, only %s: requests get 503 (no cluster)", s.Kind, s.ID(), v.Port, portText(s)),
		Ends:    []End{{s.Object, []any{"spec", "ports"}, "its ports"}},
	}
	if v.Inferred {
		f.Path = append(u.Path[:len(u.Path):len(u.Path)], "host")
		why := fmt.Sprintf("no port is given and %s %s has several (%s)", s.Kind, s.ID(), portText(s))
		if len(s.Ports) == 1 {
			why = fmt.Sprintf("no port is given, nor by the ExternalName Service that stands for %s %s (%s)", s.Kind, s.ID(), portText(s))
		}
		f.Message = fmt.Sprintf("%s: %s takes its own port %d, and requests get 503 (no cluster)", why, clientText(v), v.Port)
	} else if t := targetOf(s, v.Port); t != 0 {
		f.Message += fmt.Sprintf("; %d is the pods' port, the Service's is %d", v.Port, t)
	}
	p.Report(f)
}

func targetOf(s *mesh.Service, target uint32) uint32 {
	for _, p := range s.Ports {
		if p.Target == target {
			return p.Number
		}
	}
	return 0
}
