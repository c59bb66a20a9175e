//go:build brokenrule

package server

import (
	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"
)

// catalogue has, in binaries made for the end-to-end tests, one more rule: it panics over VirtualServices with the label "panic".
func catalogue() []*rules.Rule {
	broken := &rules.Rule{Name: "broken-on-purpose", Admission: rules.Warn, Run: func(p *rules.Pass) {
		for _, v := range p.World.VirtualServices {
			if v.Labels["panic"] != "" {
				panic("on purpose")
			}
		}
	}}
	return append([]*rules.Rule{broken}, rules.All()...)
}

// PanicBuiltin is, in these binaries, a builtin function of policies that panics.
const PanicBuiltin = "broken.on_purpose"

var _ = func() bool {
	rego.RegisterBuiltin1(&rego.Function{Name: PanicBuiltin, Decl: types.NewFunction(types.Args(types.S), types.S)},
		func(rego.BuiltinContext, *ast.Term) (*ast.Term, error) { panic("on purpose") })
	return true
}()
