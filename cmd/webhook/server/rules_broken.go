//go:build brokenrule

package server

import "github.com/gatelint/gatelint/rules"

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
