package admission

import (
	"context"
	"runtime"
	"sync"
)

// turns bound how much is judged at a time: the World of a judgment can be large. Requests of one namespace wait for each other
// before they wait for others, so that those of one tenant, however long they take, hold up nobody else.
type turns struct {
	all chan struct{}

	mu sync.Mutex
	of map[string]*line // by namespace
}

type line struct {
	seats chan struct{}
	users int // those who wait too
}

func newTurns() *turns {
	return &turns{all: make(chan struct{}, 16*runtime.GOMAXPROCS(0)), of: map[string]*line{}}
}

// take waits for a turn and gives what ends it. Its error is the context's.
func (t *turns) take(ctx context.Context, namespace string) (end func(), err error) {
	t.mu.Lock()
	l := t.of[namespace]
	if l == nil {
		l = &line{seats: make(chan struct{}, runtime.GOMAXPROCS(0))}
		t.of[namespace] = l
	}
	l.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(t.of, namespace)
		}
	}
	select {
	case l.seats <- struct{}{}:
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
	select {
	case t.all <- struct{}{}:
	case <-ctx.Done():
		<-l.seats
		leave()
		return nil, ctx.Err()
	}
	return func() {
		<-t.all
		<-l.seats
		leave()
	}, nil
}
