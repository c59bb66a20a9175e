// Package validation says what istiod's own validation, the webhook that the API server asks, refuses of one object alone
// (istio pkg/config/validation). What the CRD's schema refuses is package manifest's to say. Warnings of the webhook are left
// out: they refuse nothing.
//
// It is held to istiod's code object by object: fixtures/istiod/validation_test.go.
package validation

import (
	"fmt"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// Refusal is one reason for which istiod refuses an object.
type Refusal struct {
	Path    []any
	Message string // a clause without the consequence
	Twice   bool   // the very same value stands before it in its list
}

// Check lists why istiod refuses an object, in the order of its fields; nil for kinds that it does not know. What rests on a
// placeholder, or on a value that the schema has refused already, is left out.
func Check(o *manifest.Object) []Refusal {
	for _, internal := range [...]string{"internal.istio.io/gateway-semantics", "internal.istio.io/route-semantics"} {
		if o.Annotations[internal] != "" {
			return nil // made of Gateway API objects, by other rules
		}
	}
	var list []Refusal
	a := at{list: &list, obj: o}
	for _, k := range [...]string{"istio.io/dry-run", "internal.istio.io/parents", "internal.istio.io/parent-namespace"} {
		if _, set := o.Annotations[k]; set && o.Spec != nil {
			a.in("metadata", "annotations", k).refuse("annotation %q may not stand on a %s", k, o.Kind)
		}
	}
	spec := a.in("spec")
	switch s := o.Spec.(type) {
	case *networking.VirtualService:
		spec.virtualService(s)
	case *networking.Gateway:
		spec.gateway(s)
	case *networking.DestinationRule:
		spec.destinationRule(s)
	case *networking.ServiceEntry:
		spec.serviceEntry(s)
	case *networking.Sidecar:
		spec.sidecar(s)
	}
	return list
}

// at is a place in the object under check.
type at struct {
	list *[]Refusal
	obj  *manifest.Object
	path [deepest]any // by value: a valid object costs no allocation
	deep int
}

// deepest bounds the paths of this package's own fields, which end in destinationrule.go.
const deepest = 16

func (a at) in(path ...any) at {
	for _, step := range path {
		a.path[a.deep] = step
		a.deep++
	}
	return a
}

// refuse enters a refusal, unless something in or around the place is not known or has been reported.
func (a at) refuse(format string, args ...any) {
	if a.known() {
		*a.list = append(*a.list, Refusal{Path: slices.Clone(a.path[:a.deep]), Message: fmt.Sprintf(format, args...)})
	}
}

// because enters a refusal if there is a reason; what is a clause about the value.
func (a at) because(reason string) {
	if reason != "" {
		a.refuse("%s", reason)
	}
}

func (a at) known() bool { return a.obj.Known(a.path[:a.deep]...) }

// exportTo checks visibility (validateExportTo). A ServiceEntry may be exported to no one.
func (a at) exportTo(list []string, entry bool) {
	seen := map[string]bool{}
	for i, e := range list {
		here, key := a.in("exportTo", i), e
		if e == "." && a.obj.Namespace != "" {
			key = a.obj.Namespace
		}
		switch {
		case manifest.Placeholder(e):
		case seen[key]:
			here.refuse("exportTo lists namespace %q twice", key)
		case e == "~" && !entry:
			here.refuse("exportTo \"~\" is for ServiceEntries alone")
		case e != "." && e != "*" && e != "~" && !isLabel(e):
			here.refuse("exportTo %q is neither \".\" nor \"*\" nor a namespace", e)
		case (e == "*" || e == "~") && len(list) > 1:
			here.refuse("exportTo %q stands beside other entries", e)
		}
		seen[key] = true
	}
}
