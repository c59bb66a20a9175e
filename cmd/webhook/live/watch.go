package live

import (
	"context"
	"errors"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/cmd/cluster"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// watch lists and watches one resource in one namespace, or in all. It is the store of a reflector: what arrives is converted
// and held by the engine, once.
type watch struct {
	cluster.Resource
	namespace string // "" for all
	source    *Source
	stop      context.CancelFunc

	// Guarded by the source's lock.
	held    map[manifest.ID]bool
	synced  bool
	missing time.Time // since when discovery does not name its kind
	gone    bool      // its kind is not served any more: what still arrives is late
	err     error     // of the last try
}

// run lists and watches until the context ends, ever slower while that fails.
func (w *watch) run(ctx context.Context) {
	reflector := cache.NewReflectorWithOptions(w.lister(), w.expected(), w, cache.ReflectorOptions{Name: w.Name, TypeDescription: w.GVR().String()})
	const first, last = time.Second, 30 * time.Second
	for pause := first; ctx.Err() == nil; pause = min(2*pause, last) {
		err := reflector.ListAndWatchWithContext(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pause = first
		}
		w.note(err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// note remembers how the last try ended.
func (w *watch) note(err error) {
	s := w.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && (w.err == nil || w.err.Error() != err.Error()) {
		s.Log.Warn("a kind cannot be listed", "kind", w.Kind, "group", w.Group, "namespace", w.namespace, "error", err.Error())
	}
	if w.err = err; err != nil && !w.gone {
		s.know()
	}
}

func (w *watch) expected() any {
	if w.Metadata {
		return &metav1.PartialObjectMetadata{}
	}
	return &unstructured.Unstructured{}
}

// lister lists and watches through the client that fits.
func (w *watch) lister() cache.ListerWatcher {
	s := w.source
	set := func(o *metav1.ListOptions) { o.LabelSelector, o.FieldSelector = w.Labels, w.Fields }
	if !w.Metadata {
		client := s.clients.Dynamic.Resource(w.GVR()).Namespace(w.namespace)
		return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				set(&o)
				return client.List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
				set(&o)
				return client.Watch(ctx, o)
			},
		}, s.clients.Dynamic)
	}
	client := s.clients.Metadata.Resource(w.GVR()).Namespace(w.namespace)
	return plainList{&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			set(&o)
			return client.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			set(&o)
			watch, err := client.Watch(ctx, o)
			if err != nil {
				return nil, err
			}
			return forgetting(watch), nil
		},
	}}
}

// Add, Update, Delete, Replace and Resync are what a reflector wants of its store.

func (w *watch) Add(obj any) error { return w.put(obj) }

func (w *watch) Update(obj any) error { return w.put(obj) }

func (w *watch) Resync() error { return nil }

func (w *watch) put(obj any) error {
	o, err := cluster.Convert(w.Resource, obj)
	if err != nil {
		return err
	}
	s := w.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.gone {
		return nil
	}
	w.held[o.ID] = true
	s.Engine.Set(o)
	w.remote(o)
	return nil
}

// Delete takes an object out.
func (w *watch) Delete(obj any) error {
	m, ok := obj.(metav1.Object)
	if !ok {
		return errors.New("what is deleted has no metadata")
	}
	s := w.source
	s.mu.Lock()
	defer s.mu.Unlock()
	id := manifest.ID{Group: w.Group, Kind: w.Kind, Namespace: m.GetNamespace(), Name: m.GetName()}
	delete(w.held, id)
	s.Engine.Remove(id)
	if s.remote[id] {
		delete(s.remote, id)
		s.know()
	}
	return nil
}

// Replace takes a whole list: from now on the kind is known.
func (w *watch) Replace(list []any, _ string) error {
	objs := make([]*manifest.Object, 0, len(list))
	for _, obj := range list {
		o, err := cluster.Convert(w.Resource, obj)
		if err != nil {
			return err
		}
		objs = append(objs, o)
	}
	s := w.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.gone {
		return nil
	}
	old := w.held
	w.held = make(map[manifest.ID]bool, len(objs))
	for _, o := range objs {
		w.held[o.ID] = true
		w.remote(o)
	}
	var lost []manifest.ID
	for id := range old {
		if !w.held[id] {
			lost = append(lost, id)
			delete(s.remote, id)
		}
	}
	s.Engine.Remove(lost...)
	s.Engine.Set(objs...)
	w.synced, w.err = true, nil
	s.know()
	return nil
}

// remote notes a Secret by which istiod joins another cluster. The caller holds the lock.
func (w *watch) remote(o *manifest.Object) {
	s := w.source
	is := cluster.Remote(o, s.IstiodNamespace)
	if is == s.remote[o.ID] {
		return
	}
	if is {
		s.remote[o.ID] = true
	} else {
		delete(s.remote, o.ID)
	}
	s.know()
}
