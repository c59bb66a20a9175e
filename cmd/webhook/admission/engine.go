package admission

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
)

// Engine holds the live objects and says what a change to them does to the findings. It looks at what the change touches, and at
// everything where that cannot be told apart.
type Engine struct {
	// Timing, if set before the first request, is told how long each run of a rule took.
	Timing func(rule string, took time.Duration)

	rules   []*rules.Rule
	options mesh.Options
	turns   *turns
	large   chan struct{} // Worlds of everything: only so many are built at a time

	mu      sync.RWMutex
	objects map[manifest.ID]*manifest.Object
	sorted  []*manifest.Object // nil after a change
	version int

	index    *index
	skeleton *skeleton      // nil after a change that it hangs on
	whole    map[string]int // changes judged over everything, by reason
}

// Change is one change: an object that is not there before or after it is nil.
type Change struct {
	Before, After *manifest.Object
	Review        *Review // nil: no policy is asked about it
}

func (c Change) namespace() string {
	switch {
	case c.After != nil:
		return c.After.Namespace
	case c.Before != nil:
		return c.Before.Namespace
	}
	return ""
}

// Effect is what a change does to the findings.
type Effect struct {
	Before, After []rules.Finding
	Troubles
}

// Troubles are what kept rules from saying all they could.
type Troubles struct {
	Broken map[string]string // rules that panicked, with the stack: they have no findings
	Failed map[string]string // policies that could not be evaluated to their end, with the error
}

func none() Troubles { return Troubles{map[string]string{}, map[string]string{}} }

// NewEngine makes an engine without objects. Options say what no object does; Complete is set by Know.
func NewEngine(list []*rules.Rule, opt mesh.Options) *Engine {
	x := newIndex(opt.ClusterDomain)
	x.revision = opt.Revision
	x.reuse = slices.ContainsFunc(list, func(r *rules.Rule) bool { return r.Name == "shared-certificate" })
	return &Engine{
		rules: list, options: opt, turns: newTurns(), large: make(chan struct{}, runtime.GOMAXPROCS(0)), objects: map[manifest.ID]*manifest.Object{},
		index: x, whole: map[string]int{},
	}
}

// Know says which kinds and namespaces are held completely.
func (e *Engine) Know(c mesh.Complete) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.options.Complete = c
	e.skeleton = nil
	e.version++
}

// Set puts objects in place.
func (e *Engine) Set(objs ...*manifest.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range objs {
		e.stale(o.ID)
		e.objects[o.ID] = o
		e.index.set(o)
		e.stale(o.ID)
	}
	e.sorted = nil
	e.version++
}

// Remove takes objects out.
func (e *Engine) Remove(ids ...manifest.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		e.stale(id)
		delete(e.objects, id)
		e.index.remove(id)
	}
	e.sorted = nil
	e.version++
}

// Get gives a live object, nil if it is not there.
func (e *Engine) Get(id manifest.ID) *manifest.Object {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.objects[id]
}

// Version changes with what the engine holds.
func (e *Engine) Version() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.version
}

// Count gives the number of live objects of each kind.
func (e *Engine) Count() map[string]int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	out := map[string]int{}
	for id := range e.objects {
		kind := id.Kind
		if id.Group != "" {
			kind += "." + id.Group
		}
		out[kind]++
	}
	return out
}

// stale drops the skeleton if it hangs on an object.
func (e *Engine) stale(id manifest.ID) {
	if f := e.index.facts[id]; f != nil && f.structural() {
		e.skeleton = nil
	}
}

// Whole counts the changes that were judged over everything, by reason.
func (e *Engine) Whole() map[string]int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return maps.Clone(e.whole)
}

// Judge gives the findings with what the change has before and after in place, whatever the live objects say of it: those that
// differ, and those that touch the object. Its error is the context's.
func (e *Engine) Judge(ctx context.Context, c Change) (Effect, error) {
	end, err := e.turns.take(ctx, c.namespace())
	if err != nil {
		return Effect{}, err
	}
	defer end()
	out, why, err := e.incremental(ctx, c)
	if err != nil || why == "" {
		return out, err
	}
	e.mu.Lock()
	e.whole[why]++
	e.mu.Unlock()
	return e.everything(ctx, c)
}

// everything judges a change over all live objects.
func (e *Engine) everything(ctx context.Context, c Change) (Effect, error) {
	select {
	case e.large <- struct{}{}:
		defer func() { <-e.large }()
	case <-ctx.Done():
		return Effect{}, ctx.Err()
	}
	live, opt := e.snapshot()
	rest := make([]*manifest.Object, 0, len(live)+1)
	for _, o := range live {
		if (c.Before == nil || o.ID != c.Before.ID) && (c.After == nil || o.ID != c.After.ID) {
			rest = append(rest, o)
		}
	}
	out, _, err := e.compare(ctx, rest, c, opt, nil)
	return out, err
}

// compare gives the effect of a change on some objects, with the tables before it. Policies look beyond these through live.
func (e *Engine) compare(ctx context.Context, rest []*manifest.Object, c Change, opt mesh.Options, live *policy.Live) (Effect, *routing.Tables, error) {
	out := Effect{Troubles: none()}
	before, after := e.builder(ctx, rest, c.Before, opt), e.builder(ctx, rest, c.After, opt)
	if err := e.run(ctx, e.rules, before, out.Troubles, &out.Before); err != nil {
		return Effect{}, nil, err
	}
	if err := e.run(ctx, e.rules, after, out.Troubles, &out.After); err != nil {
		return Effect{}, nil, err
	}
	if err := e.review(ctx, c, before, after, live, &out); err != nil {
		return Effect{}, nil, err
	}
	rules.Sort(out.Before)
	rules.Sort(out.After)
	out.settle(c)
	return out, before.tables, nil
}

func with(rest []*manifest.Object, o *manifest.Object) []*manifest.Object {
	if o == nil {
		return rest
	}
	return append(rest[:len(rest):len(rest)], o)
}

// snapshot gives the live objects in a fixed order.
func (e *Engine) snapshot() ([]*manifest.Object, mesh.Options) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sorted == nil {
		e.sorted = slices.SortedFunc(maps.Values(e.objects), compareObjects)
	}
	return e.sorted, e.options
}

// builder makes tables when the first rule asks for them.
type builder struct {
	build  func() *routing.Tables
	ended  func() bool
	tables *routing.Tables
}

// builder is for some objects and one that is not among them.
func (e *Engine) builder(ctx context.Context, rest []*manifest.Object, o *manifest.Object, opt mesh.Options) *builder {
	return newBuilder(ctx, func() *routing.Tables {
		w := mesh.New(with(rest, o), opt)
		// What istiod and Envoy say of an object by itself is the same before and after for all others.
		w.Istio = slices.DeleteFunc(w.Istio, func(x *manifest.Object) bool { return x != o })
		return routing.Build(w)
	})
}

func newBuilder(ctx context.Context, build func() *routing.Tables) *builder {
	return &builder{build: build, ended: func() bool { return ctx.Err() != nil }}
}

func (b *builder) get() *routing.Tables {
	if b.tables == nil {
		b.tables = b.build()
		b.tables.Ended = b.ended
	}
	return b.tables
}

// run runs each rule by itself over tables. A rule that panics is entered in broken, and the tables, which it may have left half
// made, are built anew for the others.
func (e *Engine) run(ctx context.Context, list []*rules.Rule, b *builder, t Troubles, out *[]rules.Finding) error {
	for _, r := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.Run == nil || t.Broken[r.Name] != "" {
			continue
		}
		found, problem, err := e.attempt(b, r, *out)
		if problem != "" {
			t.Broken[r.Name] = problem
			continue
		}
		if err != nil {
			t.Failed[r.Name] = err.Error()
		}
		*out = append(*out, found...)
	}
	return ctx.Err() // what was left open in the end is no answer
}

// attempt runs one rule; problem is its panic, err what kept a policy from its end.
func (e *Engine) attempt(b *builder, r *rules.Rule, before []rules.Finding) (found []rules.Finding, problem string, err error) {
	t := b.get()
	start := time.Now()
	defer func() {
		if e.Timing != nil {
			e.Timing(r.Name, time.Since(start))
		}
		if p := recover(); p != nil {
			problem, b.tables = fmt.Sprintf("%v\n%s", p, debug.Stack()), nil
		}
	}()
	found, err = r.Alone(t, before)
	return found, "", err
}

// Live is everything that is wrong with the live objects of one moment.
type Live struct {
	Objects  []*manifest.Object
	Findings []rules.Finding
	Troubles
	Version int
}

// Audit runs rules over the live objects as they are now. Requests do not wait for it: it takes no turn of theirs, and holds the lock only
// while it notes which objects there are. Its error is the context's.
func (e *Engine) Audit(ctx context.Context, list []*rules.Rule) (Live, error) {
	e.mu.RLock()
	out := Live{Objects: slices.Collect(maps.Values(e.objects)), Troubles: none(), Version: e.version}
	opt := e.options
	e.mu.RUnlock()
	slices.SortFunc(out.Objects, compareObjects)
	b := newBuilder(ctx, func() *routing.Tables { return routing.Build(mesh.New(out.Objects, opt)) })
	err := e.run(ctx, list, b, out.Troubles, &out.Findings)
	rules.Sort(out.Findings)
	return out, err
}
