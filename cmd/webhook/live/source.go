// Package live fills an engine from the API server: what exists, and which kinds and namespaces are known completely.
package live

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/cmd/cluster"
	"github.com/gatelint/gatelint/cmd/webhook/admission"
	"k8s.io/client-go/rest"
)

// Source keeps an engine's objects those of a cluster.
type Source struct {
	cluster.Wanted
	Engine   *admission.Engine
	Log      *slog.Logger
	Complete mesh.Complete // what the config declares besides
	Interval time.Duration // at which CRDs are looked for

	clients *cluster.Clients

	mu      sync.Mutex
	watches map[string]*watch // by resource and namespace
	looked  bool              // the kinds that are served are known
	ready   bool              // everything was listed once
	remote  map[manifest.ID]bool
}

// Connect makes the clients.
func (s *Source) Connect(config *rest.Config) error {
	var err error
	if s.clients, err = cluster.Connect(config); err != nil {
		return err
	}
	s.watches, s.remote = map[string]*watch{}, map[manifest.ID]bool{}
	return nil
}

// NeedLeaderElection is false: every replica answers requests.
func (s *Source) NeedLeaderElection() bool { return false }

// Start keeps the engine up to date until the context ends. CRDs may appear and vanish meanwhile.
func (s *Source) Start(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	wait := time.Second
	for {
		list, err := s.clients.Served(ctx, s.Resources())
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("the kinds that the API server has are not known", "error", err.Error())
		}
		if err == nil {
			s.follow(ctx, list, &running)
			wait = s.Interval
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// vanished is how long the API server must not have a kind before its objects are taken out: one that has just started does
// not list the kinds of CRDs yet, though it answers.
const vanished = 30 * time.Second

// follow starts watches of what is served now and stops those of what has not been for a while.
func (s *Source) follow(ctx context.Context, list []cluster.Resource, running *sync.WaitGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := map[string]bool{}
	for _, r := range list {
		namespaces := r.Namespaces
		if namespaces == nil {
			namespaces = []string{""}
		}
		for _, ns := range namespaces {
			key := r.GVR().String() + " " + ns
			wanted[key] = true
			if w := s.watches[key]; w != nil {
				w.missing = time.Time{}
				continue
			}
			w := &watch{Resource: r, namespace: ns, source: s, held: map[manifest.ID]bool{}}
			var run context.Context
			run, w.stop = context.WithCancel(ctx)
			s.watches[key] = w
			running.Go(func() { w.run(run) })
		}
	}
	for key, w := range s.watches {
		switch {
		case wanted[key]:
		case w.missing.IsZero():
			w.missing = time.Now()
		case time.Since(w.missing) >= vanished:
			s.Log.Info("the API server does not have the kind any more", "kind", w.Kind, "group", w.Group)
			w.stop()
			w.gone = true
			for id := range w.held {
				s.Engine.Remove(id)
				delete(s.remote, id)
			}
			delete(s.watches, key)
		}
	}
	s.looked = true
	s.know()
}

// know tells the engine which kinds and namespaces are held completely. The caller holds the lock.
func (s *Source) know() {
	var held []cluster.Held
	for _, w := range s.watches {
		if w.synced {
			held = append(held, cluster.Held{Resource: w.Resource, Namespace: w.namespace})
		}
	}
	s.Engine.Know(s.Complete.And(cluster.Knowledge(held, s.IstiodNamespace, len(s.remote) > 0)))
	s.ready = s.ready || s.unready() == nil
}

// Ready says what is missing before requests can be judged; once nothing is, it stays so.
func (s *Source) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return nil
	}
	return s.unready()
}

func (s *Source) unready() error {
	if !s.looked {
		return errors.New("the API server has not been asked yet")
	}
	var open []string
	for key, w := range s.watches {
		if !w.synced && (!w.Optional || w.err == nil) {
			text := strings.TrimSpace(key)
			if w.err != nil {
				text += " (" + w.err.Error() + ")"
			}
			open = append(open, text)
		}
	}
	if len(open) == 0 {
		return nil
	}
	slices.Sort(open)
	return errors.New("not listed yet: " + strings.Join(open, ", "))
}
