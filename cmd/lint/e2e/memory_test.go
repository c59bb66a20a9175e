//go:build e2e

package e2e

import (
	"os"
	"syscall"
)

// memory is the most that a process held, in bytes.
func memory(p *os.ProcessState) int64 {
	return p.SysUsage().(*syscall.Rusage).Maxrss << 10
}
