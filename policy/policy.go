// Package policy runs what a platform team says of its manifests in Rego, beside what gatelint says itself: a policy becomes a rule
// like any other. OPA's engine is embedded; Istio's facts are read from the World, under data.gatelint.
package policy

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/ast"
)

// Set holds policies that are ready to run. It is not changed after Load and can be used from many goroutines.
type Set struct {
	policies []*policy
	sources  *sources
	caps     *ast.Capabilities
	schemas  *ast.SchemaSet
	compiler *ast.Compiler
	folded   *ast.Compiler // with the parameters in place, for the queries
	store    *store
	asked    func() *Set // folded, for requests
	lone     func() *Set // folded, for objects that nobody asks about: what needs a request says nothing of them
	timeout  time.Duration
	params   map[string]map[string]any // as they were set
	roots    []string
	joints   []joint // of folded, where it is another than compiler
	batches  batches
	last     bool // a policy reads what built-in rules found
}

// policy is one package.
type policy struct {
	*Policy
	rule    *rules.Rule
	queries []query
}

// Policy is what is said of a policy.
type Policy struct {
	Name       string // of its rule: the last element of the package, with - for _
	Element    string // the last element of the package, by which parameters are kept
	Package    string // without data.
	File       string
	Line       int
	Title      string
	Text       string // what its METADATA describe
	Severity   rules.Severity
	Admission  rules.Decision // the hardest of its verdicts
	Ignorable  bool           // findings of one of its verdicts
	Gatekeeper bool           // its input is {"review": …, "parameters": …}
	Kinds      []string       // of objects that it is run on, all its verdicts together; none: all
	Params     map[string]any
	Schema     map[string]any // JSON Schema of the parameters; nil: METADATA have none
	Rules      []Verdict
}

// Verdict is one rule of a policy whose elements are findings.
type Verdict struct {
	Name      string // deny, violation, warn, or one of these with _suffix
	File      string
	Line      int // of the first rule of that name
	Title     string
	Text      string
	Several   bool // there are more: their elements are one set, and cannot be told apart
	Severity  rules.Severity
	Admission rules.Decision
	Ignorable bool
	Kinds     []string
}

// query is what is asked about objects of some kinds.
type query struct {
	kinds    []string // none: all
	verdicts []Verdict
	question *question // for the set of each verdict: data.….deny, …
}

// Policies are the policies in order of their names.
func (s *Set) Policies() []*Policy {
	out := make([]*Policy, len(s.policies))
	for i, p := range s.policies {
		out[i] = p.Policy
	}
	return out
}

// Rules are the policies as rules that run over every object of a World, on so many objects at a time; 0: as many as there are CPUs.
func (s *Set) Rules(workers int) []*rules.Rule {
	return s.sweeping(&sweeps{set: s.lone, workers: cmp.Or(workers, runtime.GOMAXPROCS(0))})
}

// Created are the policies as rules that say of every object that admission is asked about what they would say there, if nobody knew
// who creates it.
func (s *Set) Created() []*rules.Rule {
	return s.sweeping(&sweeps{set: s.asked, workers: runtime.GOMAXPROCS(0), created: true})
}

func (s *Set) sweeping(runs *sweeps) []*rules.Rule {
	out := make([]*rules.Rule, len(s.policies))
	for i, p := range s.policies {
		r := *p.rule
		r.Run = func(pass *rules.Pass) {
			joined(runs.over(pass).of(i)).report(pass)
		}
		out[i] = &r
	}
	return out
}

// Review is what admission asks about: one object.
type Review struct {
	Object  *manifest.Object
	Request *Request
	Live    *Live // nil: the tables hold everything
}

// Live answers for what lies beyond the tables, where these hold no more than what a change touches.
type Live struct {
	Object func(manifest.ID) *manifest.Object
	// Named gives the Gateways, VirtualServices, DestinationRules, Services and ServiceEntries that can name a host.
	Named func(host string) []*manifest.Object
	// Holds tells whether the tables say of a Gateway what they would say among all objects.
	Holds func(manifest.ID) bool
	// Beyond is set when a policy asks for what is known among all objects only.
	Beyond bool
}

// Request is what only admission knows, as data.gatelint.request.
type Request struct {
	Operation       string            // CREATE, UPDATE, DELETE
	OldObject       *manifest.Object  // nil on CREATE
	User            string            // who asks
	Groups          []string          // of the user
	NamespaceLabels map[string]string // of the object's namespace
	DryRun          bool
	Unasked         bool // nobody asks: there is no user
}

// Of gives the policies that can say something of an object under review, as rules that run on it alone. Reading all objects of a kind is
// an error there.
func (s *Set) Of(ctx context.Context, r Review) []*rules.Rule {
	asked := s.asked()
	var out []*rules.Rule
	var mu sync.Mutex
	said := map[*routing.Tables]map[int]outcome{}
	of := func(pass *rules.Pass) map[int]outcome {
		t := pass.Tables
		mu.Lock()
		defer mu.Unlock()
		if _, known := said[t]; !known {
			said[t] = asked.all(ctx, &subject{
				object: r.Object,
				facts:  &facts{model: &model{tables: t, keyed: true}, object: r.Object, request: r.Request, live: r.Live, found: pass.Found},
			}, &course{})
		}
		return said[t]
	}
	for i, p := range asked.policies {
		if !slices.ContainsFunc(p.queries, func(q query) bool { return concerns(q.kinds, r.Object.ID) }) {
			continue
		}
		rule := *p.rule
		rule.Run = func(pass *rules.Pass) {
			if o, says := of(pass)[i]; says {
				joined([]outcome{o}).report(pass)
			}
		}
		out = append(out, &rule)
	}
	return out
}

// Problem is what is wrong with a policy, with its place.
type Problem struct {
	File    string
	Line    int // 0: the file as a whole
	Column  int // 0: the line as a whole
	Message string
	// On is the first object that it shows on, and Others how many more; "" where no object takes part.
	On     string
	Others int
}

func (p *Problem) Error() string {
	text := p.Message
	switch {
	case p.Others > 0:
		text += fmt.Sprintf(", on %s and %d more", p.On, p.Others)
	case p.On != "":
		text += ", on " + p.On
	}
	switch {
	case p.File == "":
		return text
	case p.Line == 0:
		return p.File + ": " + text
	}
	if p.Column == 0 {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, text)
}

// Problems are all that is wrong with the policies of a Set.
type Problems []*Problem

func (list Problems) Error() string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.Error()
	}
	return strings.Join(out, "\n")
}

// Unwrap gives the problems one by one.
func (list Problems) Unwrap() (out []error) {
	for _, p := range list {
		out = append(out, p)
	}
	return out
}

func (list Problems) sorted() Problems {
	slices.SortStableFunc(list, func(a, b *Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(list, func(a, b *Problem) bool { return *a == *b })
}

func at(loc *ast.Location, format string, args ...any) *Problem {
	p := &Problem{Message: fmt.Sprintf(format, args...)}
	if loc != nil {
		p.File, p.Line = loc.File, loc.Row
	}
	return p
}
