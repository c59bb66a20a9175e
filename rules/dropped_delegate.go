package rules

import (
	"fmt"

	"github.com/gatelint/gatelint/analyzers/routing"
)

var droppedDelegate = &Rule{
	Name: "dropped-delegate", Severity: Error, Admission: Warn, Elsewhere: Warn, Since: "0.1.0",
	Doc: `A delegate's rule that istiod drops

A rule that delegates hands its own match down: istiod joins it with every match of the delegate's rules. Where the two seem to
contradict each other istiod leaves out the delegate's whole rule, also its other matches, and says so only in its log. Their
requests go to later rules, or get 404. What istiod takes for a contradiction is more than what is one:

- under prefix /api the delegate needs a prefix or exact path that begins with /api: paths are not relative to the root's
- a regex beside any other condition on the same thing, even the same regex
- a header, query parameter or path that the root only asks to be present, beside any condition on it
- ignoreUriCase on one side only, another port, a sourceNamespace that the delegate does not repeat, a gateway the root lacks

A delegate of several roots may hold rules for each of them: one that another root takes is no fault where it could never match.

Fix: repeat the root's condition in the delegate's match or narrow it, or leave the condition to one of the two.`,
	Run: func(p *Pass) {
		for _, d := range p.Tables.DroppedRules() {
			p.droppedRule(d)
		}
	},
}

func (p *Pass) droppedRule(d routing.DroppedRule) {
	rule := []any{"spec", "http", d.DelegateIndex}
	match := append(rule[:len(rule):len(rule)], "match", d.Match)
	more := ""
	if n := len(d.Delegate.Spec.Http[d.DelegateIndex].Match); n > 1 {
		more = fmt.Sprintf(" with its %d matches", n)
	}
	p.Report(Fault{
		On: d.Root.Object, Path: []any{"spec", "http", d.Index, "delegate", "name"}, Severity: Error, Clash: true,
		Words: d.Text + "|" + d.Why,
		Message: fmt.Sprintf("istiod drops %s of delegate %s%s, because %s: requests for it go to other rules or get 404",
			pathText(rule), d.Delegate.ID(), more, d.Why),
		Ends: []End{{d.Delegate.Object, match, "conflicts with the rule that delegates"}},
	})
}
