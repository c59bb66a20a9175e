package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

func (a *app) configCommand() *cobra.Command {
	begin := &cobra.Command{
		Use: "init", Short: "Write a " + settings.FileName + " to begin with", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.initConfig() },
	}
	schema := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the config", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.print(string(settings.Schema)) },
	}
	return group("config", "Begin, check or show the config", begin, a.verifyCommand(), a.showCommand(), schema)
}

// group is a command that is nothing without one of its own.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			var names []string
			for _, c := range commands {
				names = append(names, c.Name())
			}
			hint := "use " + strings.Join(names, ", ")
			if near := manifest.Nearest(args[0], names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return fmt.Errorf("unknown command %q of %s; %s", args[0], use, hint)
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}

func (a *app) print(text string) error {
	if _, err := fmt.Fprint(a.stdout, text); err != nil {
		return failure{fmt.Errorf("writing to standard output: %w", err)}
	}
	return nil
}

// firstConfig is what config init writes.
const firstConfig = `# yaml-language-server: $schema=https://raw.githubusercontent.com/gatelint/gatelint/main/rules/settings/schema.json
# All keys: docs/configuration.md. "gatelint config verify" checks this file.
version: 1
paths: [.]
# exclude: ["**/testdata/**"]
# context: [platform/gateways]        # read beside, not reported
# fail-on: error                      # error, warning, info or never
# namespace: {"deploy/shop/**": shop} # of manifests that state none
# complete: [Secret/istio-system]     # these are all in the input
# rules: {unexposed-port: info}       # error, warning, info or off
`

func (a *app) initConfig() error {
	file, err := os.OpenFile(settings.FileName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already", settings.FileName)
	}
	if err == nil {
		_, err = file.WriteString(firstConfig)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return failure{fmt.Errorf("writing the config: %w", err)}
	}
	return a.print("wrote " + settings.FileName + "\n")
}

func (a *app) verifyCommand() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "verify [FILE...]", Short: "Check config files: every key and value, and that the files they name are there",
		RunE: func(_ *cobra.Command, files []string) error {
			if err := f.fromEnvironment(); err != nil {
				return err
			}
			if len(files) == 0 || f.config != "" && f.from["config"] == "" {
				files = append([]string{f.config}, files...)
			}
			var wrong []error
			builtin := a.rules
			for _, file := range files {
				f.config = file
				a.rules, a.policies = builtin, nil // the policies of one file are not those of the next
				wrong = append(wrong, a.verify(f))
			}
			return errors.Join(wrong...)
		},
	}
	f.input(cmd)
	cmd.Flags().VisitAll(func(x *pflag.Flag) { x.Hidden = x.Name != "config" }) // the others shape Worlds, of which there are none here
	return cmd
}

func (a *app) verify(f *flags) error {
	r := &request{}
	err := a.setInput(r, f)
	c := r.config
	if c == nil || err != nil && c.File == "" {
		return err
	}
	if c.File == "" {
		return fmt.Errorf("there is no %s here or in a folder above", settings.FileName)
	}
	type list struct {
		in    []string // keys
		files []string
	}
	named := []list{{[]string{"paths"}, c.Paths}, {[]string{"context"}, c.Context}}
	if c.Baseline != "" {
		named = append(named, list{[]string{"baseline"}, []string{c.Baseline}})
	}
	for _, w := range c.Worlds {
		named = append(named, list{[]string{"worlds", w.Name, "paths"}, w.Paths}, list{[]string{"worlds", w.Name, "with"}, w.With})
	}
	slices.SortFunc(named, func(a, b list) int { return strings.Compare(strings.Join(a.in, "."), strings.Join(b.in, ".")) })
	wrong := []error{err}
	for _, l := range named {
		key := strings.Join(l.in, ".")
		for i, p := range l.files {
			full := p
			if !filepath.IsAbs(full) {
				full = filepath.Join(c.Dir, full)
			}
			_, err := os.Stat(full)
			if !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			why := "does not exist"
			if strings.ContainsAny(p, "*?[{") && key != "baseline" {
				if found, _ := doublestar.FilepathGlob(full, doublestar.WithNoFollow()); len(found) > 0 {
					continue
				}
				why = "matches nothing"
			}
			wrong = append(wrong, mistake(c, l.in, l.files[:i+1], "%s: %s %s", key, p, why))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if text := a.idle(f, c); text != "" {
		a.say("%s", text)
	}
	return a.print(c.File + " is as it should be\n")
}

// idle says what of the config does nothing for want of a clock, "" if all does.
func (a *app) idle(f *flags, c *settings.Config) string {
	for _, r := range a.rules {
		if r.Clock && f.now == "" && os.Getenv(variable("now")) == "" && len(c.Rules[r.Name].Params) > 0 {
			return fmt.Sprintf("rules.%s.params does nothing without a clock: the rule runs with --now or GATELINT_NOW only", r.Name)
		}
	}
	return ""
}

// mistake is one in the last of the values that stand under some keys of a config.
func mistake(c *settings.Config, keys, values []string, format string, args ...any) error {
	var doc yaml.Node
	_ = yaml.Unmarshal(c.Text, &doc) // it has been read before
	e := &settings.Error{File: c.File, Line: 1, Column: 1, Message: fmt.Sprintf(format, args...)}
	var visit func(n *yaml.Node, keys []string)
	visit = func(n *yaml.Node, keys []string) {
		switch {
		case n.Kind == yaml.AliasNode:
			visit(n.Alias, keys)
		case n.Kind == yaml.MappingNode && len(keys) > 0:
			for i := 0; i < len(n.Content); i += 2 {
				switch n.Content[i].Value {
				case keys[0]:
					visit(n.Content[i+1], keys[1:])
				case "<<":
					visit(n.Content[i+1], keys)
				}
			}
		case n.Kind == yaml.ScalarNode && len(values) > 0 && n.Value == values[0]:
			e.Line, e.Column, values = n.Line, n.Column, values[1:]
		default:
			for _, item := range n.Content {
				visit(item, keys)
			}
		}
	}
	visit(&doc, keys)
	return e
}
