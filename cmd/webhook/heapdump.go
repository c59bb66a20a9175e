//go:build heapdump

package main

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// In binaries made for the end-to-end tests SIGUSR2 writes a heap dump to the file that GATELINT_HEAP_DUMP names.
func init() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR2)
	go func() {
		for range got {
			runtime.GC()
			runtime.GC() // what sync.Pools held goes with the second
			name := os.Getenv("GATELINT_HEAP_DUMP")
			f, err := os.Create(name + ".new")
			if err != nil {
				panic(err)
			}
			debug.WriteHeapDump(f.Fd())
			f.Close()
			if err := os.Rename(f.Name(), name); err != nil {
				panic(err)
			}
		}
	}()
}
