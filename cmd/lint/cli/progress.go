package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress shows that a long run is alive, on a terminal only. The function it gives ends it.
func (a *app) progress() (done func()) {
	a.doing("checking")
	if !isTerminal(a.stderr) {
		return func() {}
	}
	return showProgress(a.stderr, time.Second, func() string { return a.at.Load().(string) })
}

// doing says what the run is at.
func (a *app) doing(what string) { a.at.Store(what) }

// showProgress writes a line over and over, once the time of patience is over, and wipes it in the end.
func showProgress(w io.Writer, patience time.Duration, doing func() string) (done func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		start, shown := time.Now(), false
		tick := time.NewTicker(patience)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				shown = true
				fmt.Fprintf(w, "\r\x1b[Kgatelint: %s, %s", doing(), time.Since(start).Round(time.Second))
			case <-stop:
				if shown {
					fmt.Fprint(w, "\r\x1b[K")
				}
				return
			}
		}
	})
	return func() { close(stop); wg.Wait() }
}
