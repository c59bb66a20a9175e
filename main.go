// Command gatelint checks Istio traffic configuration. It is cmd/lint under the name that go install gives it.
package main

import (
	"os"

	"github.com/gatelint/gatelint/cmd/lint/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
