package rules

import (
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/validation"
)

// refusalsOf lists why istiod refuses an object, worked out once for the rules of a run, which ask side by side.
func (p *Pass) refusalsOf(o *manifest.Object) []validation.Refusal {
	check, _ := p.refusals.LoadOrStore(o, sync.OnceValue(func() []validation.Refusal { return validation.Check(o) }))
	return check.(func() []validation.Refusal)()
}

// toldByIstiod tells of a place in an object whether istiod refuses it, or something in or around it: then it never comes to what would
// follow, and rejected-by-istiod says so.
func (p *Pass) toldByIstiod(o *manifest.Object) func(path []any) bool {
	var there, above map[string]bool
	return func(path []any) bool {
		if there == nil {
			there, above = map[string]bool{}, map[string]bool{}
			for _, r := range p.refusalsOf(o) {
				there[pathText(r.Path)] = true
				for i := range r.Path {
					above[pathText(r.Path[:i+1])] = true
				}
			}
		}
		for i := range path {
			if there[pathText(path[:i+1])] {
				return true
			}
		}
		return above[pathText(path)]
	}
}
