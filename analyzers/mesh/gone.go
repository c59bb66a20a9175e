package mesh

import (
	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// taken is the positive sign for what a change has taken out of the input.
const taken = "the change takes it away"

// gone is what a change has taken out of the input: a reference to it is suspect, though others could exist elsewhere.
type gone struct {
	objects map[manifest.ID]bool
	hosts   map[string]bool // of ServiceEntries
	rules   []*DestinationRule
}

func (w *World) readGone(objs []*manifest.Object) {
	w.gone = gone{objects: map[manifest.ID]bool{}, hosts: map[string]bool{}}
	for _, o := range objs {
		w.gone.objects[o.ID] = true
		switch spec := o.Spec.(type) {
		case *networking.ServiceEntry:
			for _, h := range spec.Hosts {
				w.gone.hosts[h] = true
			}
		case *networking.DestinationRule:
			w.gone.rules = append(w.gone.rules, &DestinationRule{Object: o, Spec: spec, Host: w.FQDN(spec.Host, o.Namespace)})
		}
	}
}

// SubsetGone tells whether a change has taken away a DestinationRule of one of some namespaces that defines a subset of a host.
func (w *World) SubsetGone(host, subset string, namespaces ...string) bool {
	for _, d := range w.gone.rules {
		for _, ns := range namespaces {
			if d.Host != host || ns == "" || d.Namespace != ns || w.rendered[ns] {
				continue
			}
			for _, s := range d.Spec.Subsets {
				if s.GetName() == subset {
					return true
				}
			}
		}
	}
	return false
}
