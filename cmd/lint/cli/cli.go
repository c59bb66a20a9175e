// Package cli is the command line of gatelint: it reads manifests and settings, runs the rules and reports what they find.
package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/cmd/version"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
)

// Exit codes. A usage error beats a failure, a failure beats findings.
const (
	exitClean    = 0 // nothing at or above --fail-on
	exitFindings = 1
	exitUsage    = 2 // wrong usage, config or policy
	exitFailed   = 3 // I/O or an internal error
)

// failure is an error that is not the user's: exit code 3. Every other error of a command is wrong usage.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// app is one run of the command line.
type app struct {
	rules          []*rules.Rule
	version        string
	plugin         bool // it runs as kubectl gatelint
	stdin          io.Reader
	stdout, stderr io.Writer

	policies *policy.Set // nil without any

	at   atomic.Value // what it does now: a string
	code int          // what the command says when it returns no error
}

// Main runs gatelint and gives its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	Hurry()
	a := &app{rules: rules.All(), version: version.String(), stdin: stdin, stdout: stdout, stderr: stderr}
	name, _, _ := strings.Cut(filepath.Base(os.Args[0]), ".")
	a.plugin = name == "kubectl-gatelint"
	return a.main(args)
}

// Hurry makes garbage collection rare, as fits a process that soon ends, until it holds one and a half gibibytes, or half of what its
// cgroup may have. GOGC and GOMEMLIMIT win.
func Hurry() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(3 << 29)
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if most, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // else it is max
			limit = min(limit, most/2)
		}
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(limit)
}

func (a *app) main(args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(a.stderr, "gatelint: internal error, please report it: %v\n%s", r, debug.Stack())
			code = exitFailed
		}
	}()
	root := a.command()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteC()
	if err == nil {
		return a.code
	}
	code, help := exitFailed, false
	for _, err := range each(err) {
		a.say("%v", err)
		if f := (failure{}); errors.As(err, &f) {
			continue
		}
		code = exitUsage
		var path *fs.PathError
		var inConfig *settings.Error
		var inPolicy *policy.Problem
		help = help || !errors.As(err, &inConfig) && !errors.As(err, &inPolicy) && !errors.As(err, &path)
	}
	if help {
		fmt.Fprintf(a.stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	return code
}

// each gives the errors that one is made of.
func each(err error) (out []error) {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, err := range list.Unwrap() {
		out = append(out, each(err)...)
	}
	return out
}

// say writes one message to standard error.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.stderr, "gatelint: %s\n", plainText(fmt.Sprintf(format, args...)))
}

func (a *app) command() *cobra.Command {
	lint := a.lintCommand("lint [PATH...]", "Check manifests (the default command)")
	root := a.lintCommand("gatelint [PATH...]", "Find what Istio will not do, before it is applied")
	root.Long = `gatelint reads Istio gateways, routes and what they refer to, works out what istiod would program
for each proxy, and reports what will not work: with the lines at fault and a request that shows it.

PATH is a file, a folder, or - for standard input; without one the config's paths, else the working
directory. Exit code 0: nothing at or above --fail-on; 1: findings; 2: wrong usage, config or policy; 3: gatelint failed.`
	root.AddCommand(a.configCommand(), a.ignoresCommand(), a.baselineCommand())
	run, version := root.RunE, root.Flags().Bool("version", false, "print the version")
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if *version {
			return a.print(a.versionLine())
		}
		if err := misspelt(cmd, args); err != nil {
			return err
		}
		return run(cmd, args)
	}
	if a.plugin {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl gatelint"}
	}
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return err })
	root.AddCommand(lint, a.traceCommand(), a.routesCommand(), a.snapshotCommand(), a.rulesCommand(), a.explainCommand(), a.policyCommand(), a.versionCommand())
	return root
}

// misspelt tells a command with a typing error from a path.
func misspelt(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if _, err := os.Stat(args[0]); err == nil {
		return nil
	}
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	if near := manifest.Nearest(args[0], names); near != "" {
		return fmt.Errorf("unknown command %q; did you mean %q?", args[0], near)
	}
	return nil
}
