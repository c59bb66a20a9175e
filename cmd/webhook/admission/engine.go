package admission

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
)

// Engine holds the live objects and says what a change to them does to the findings. It builds each World from scratch; what
// callers see of it leaves room for one that does not.
type Engine struct {
	rules   []*rules.Rule
	options mesh.Options
	turn    chan struct{} // Worlds are large: only so many are built at a time

	mu      sync.RWMutex
	objects map[manifest.ID]*manifest.Object
	sorted  []*manifest.Object // nil after a change
	version int
}

// Change is one change: an object that is not there before or after it is nil.
type Change struct{ Before, After *manifest.Object }

// Effect is what a change does to the findings.
type Effect struct {
	Before, After []rules.Finding
	// Broken are the rules that panicked before or after; After has no findings of theirs.
	Broken map[string]string
}

// NewEngine makes an engine without objects. Options say what no object does; Complete is set by Know.
func NewEngine(list []*rules.Rule, opt mesh.Options) *Engine {
	return &Engine{rules: list, options: opt, turn: make(chan struct{}, runtime.GOMAXPROCS(0)), objects: map[manifest.ID]*manifest.Object{}}
}

// Know says which kinds and namespaces are held completely.
func (e *Engine) Know(c mesh.Complete) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.options.Complete = c
	e.version++
}

// Set puts objects in place.
func (e *Engine) Set(objs ...*manifest.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range objs {
		e.objects[o.ID] = o
	}
	e.sorted = nil
	e.version++
}

// Remove takes objects out.
func (e *Engine) Remove(ids ...manifest.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		delete(e.objects, id)
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

// Judge gives the findings with what the change has before and after in place, whatever the live objects say of it. Its error
// is the context's.
func (e *Engine) Judge(ctx context.Context, c Change) (Effect, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return Effect{}, ctx.Err()
	}
	live, opt := e.snapshot()
	ids := map[manifest.ID]bool{}
	for _, o := range []*manifest.Object{c.Before, c.After} {
		if o != nil {
			ids[o.ID] = true
		}
	}
	rest := make([]*manifest.Object, 0, len(live)+1)
	for _, o := range live {
		if !ids[o.ID] {
			rest = append(rest, o)
		}
	}
	out := Effect{Broken: map[string]string{}}
	var err error
	if out.Before, err = e.findings(ctx, with(rest, c.Before), opt, out.Broken); err != nil {
		return Effect{}, err
	}
	if out.After, err = e.findings(ctx, with(rest, c.After), opt, out.Broken); err != nil {
		return Effect{}, err
	}
	return out, nil
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
		e.sorted = slices.SortedFunc(maps.Values(e.objects), func(a, b *manifest.Object) int {
			return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
	}
	return e.sorted, e.options
}

// findings runs each rule by itself. One that panics is entered in broken, and the tables, which it may have left half made,
// are built anew for the others.
func (e *Engine) findings(ctx context.Context, objs []*manifest.Object, opt mesh.Options, broken map[string]string) ([]rules.Finding, error) {
	var out []rules.Finding
	var tables *routing.Tables
	for _, r := range e.rules {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.Run == nil || broken[r.Name] != "" {
			continue
		}
		if tables == nil {
			tables = routing.Build(mesh.New(objs, opt))
		}
		found, problem := run(tables, r)
		if problem != "" {
			broken[r.Name], tables = problem, nil
			continue
		}
		out = append(out, found...)
	}
	rules.Sort(out)
	return out, nil
}

func run(t *routing.Tables, r *rules.Rule) (found []rules.Finding, problem string) {
	defer func() {
		if p := recover(); p != nil {
			problem = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	return rules.Run(t, []*rules.Rule{r}).Findings, ""
}
