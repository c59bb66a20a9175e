package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const prefix = "GATELINT_"

// variable is the environment variable that stands for a flag: GATELINT_FAIL_ON for --fail-on.
func variable(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment gives flags that are not given the values of their variables; a repeatable one takes a list with commas. What
// was set is entered in f.from.
func (f *flags) fromEnvironment() error {
	first := strays()
	f.from = map[string]string{}
	f.heeded.VisitAll(func(x *pflag.Flag) {
		name := variable(x.Name)
		text := os.Getenv(name)
		if x.Changed || text == "" || x.Name == "help" || x.Name == "version" {
			return
		}
		var err error
		if list, ok := x.Value.(pflag.SliceValue); ok {
			err = list.Replace(strings.Split(text, ","))
		} else {
			err = x.Value.Set(text)
		}
		if err != nil && first == nil {
			if first = fmt.Errorf("%s: %q: %w", name, text, err); x.Value.Type() == "bool" {
				first = fmt.Errorf("%s is %q, not true or false", name, text)
			}
		}
		f.from[x.Name] = name
	})
	return first
}

// strays refuses variables GATELINT_* that one typing error parts from one that is read. Others are not ours: Kubernetes sets some for a
// Service, people have their own. So short names (STATE is not STATS) and values that a switch does not take (CLUSTERS=a,b) say nothing.
func strays() error {
	known, long, switches := map[string]bool{}, []string{}, map[string]bool{}
	cmd := &cobra.Command{}
	(&flags{}).lint(cmd)
	cmd.Flags().VisitAll(func(x *pflag.Flag) {
		name := strings.TrimPrefix(variable(x.Name), prefix)
		known[name], switches[name] = true, x.Value.Type() == "bool"
		if len(name) >= 6 {
			long = append(long, name)
		}
	})
	var wrong []error
	for _, entry := range slices.Sorted(slices.Values(os.Environ())) {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, prefix)
		if !ours || known[rest] || value == "" {
			continue
		}
		near := manifest.Nearest(rest, long)
		if near == "" || manifest.Edits(strings.ToUpper(rest), near, 1) > 1 || switches[near] && value != "true" && value != "false" {
			continue
		}
		wrong = append(wrong, fmt.Errorf("%s is not read; did you mean %s?", name, prefix+near))
	}
	return errors.Join(wrong...)
}

// blames names the variable that an error is about. Of a flag people see what they have typed.
func (f *flags) blames(flag string, err error) error {
	if name := f.from[flag]; name != "" {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// said is where the value of a flag comes from, as messages name it.
func (f *flags) said(flag string) string {
	if name := f.from[flag]; name != "" {
		return name
	}
	return "--" + flag
}

// over tells whether the first of two flags that exclude each other counts, where both have a value: one that is given goes before the
// environment.
func (f *flags) over(one, other string) (bool, error) {
	if first, second := f.from[one] == "", f.from[other] == ""; first != second {
		return first, nil
	}
	return false, fmt.Errorf("%s and %s exclude each other", f.said(one), f.said(other))
}
