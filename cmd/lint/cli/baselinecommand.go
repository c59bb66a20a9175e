package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gatelint/gatelint/rules"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) baselineCommand() *cobra.Command {
	force := false
	create := a.baselineVerb("create [PATH...]", "Write down the findings of today, so that only new ones are reported", func(r *request, file string) error {
		if _, err := os.Stat(file); !force && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already: gatelint baseline prune takes out what is gone, --force begins again", filepath.ToSlash(file))
		}
		return a.createBaseline(r, file)
	})
	create.Flags().BoolVar(&force, "force", false, "replace a baseline that is there")
	prune := a.baselineVerb("prune [PATH...]", "Take out what is found no more, of the files below PATH", a.pruneBaseline)
	format := ""
	show := a.baselineVerb("show", "Print what the baseline holds", func(r *request, file string) error {
		if len(r.paths) > 0 {
			return errors.New("show takes no paths")
		}
		return a.showBaseline(file, format)
	})
	oneOutput(show.Flags(), &format, "text", "text or json")
	return group("baseline", "Accept the findings of today, and report new ones only", create, prune, show)
}

// baselineVerb is a command on a baseline: the flag's, the config's, or the one beside the config.
func (a *app) baselineVerb(use, short string, run func(r *request, file string) error) *cobra.Command {
	f := &flags{colorise: "auto"}
	cmd := &cobra.Command{
		Use: use, Short: short,
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.request(f, args)
			if err != nil {
				return err
			}
			file := cmp.Or(r.baseline, r.under([]string{baselineName})[0])
			r.baseline = ""
			return run(r, file)
		},
	}
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.StringVar(&f.baseline, "baseline", "", "the `FILE` (default the config's, else "+baselineName+" beside the config)")
	f.heed(cmd, own)
	f.policies.add(cmd)
	f.input(cmd)
	f.judging(cmd)
	return cmd
}

// found gives all that would be reported. Nothing is written if not all could be read.
func (a *app) found(r *request) (*result, error) {
	res, err := a.analyse(r)
	if err == nil && len(res.unreadable) > 0 {
		err = failure{fmt.Errorf("the baseline stays as it is: %w", errors.Join(res.unreadable...))}
	}
	return res, err
}

func (a *app) createBaseline(r *request, file string) error {
	res, err := a.found(r)
	if err != nil {
		return err
	}
	if a.tellFailed(res) { // else what is missing in it would be new as soon as the rule is mended
		a.say("no baseline is written: what these rules find is not all known; mend them, or leave them out with --disable")
		return nil
	}
	b := &baseline{name: file}
	_, rest := r.held(res.findings)
	for _, f := range rest {
		b.list = append(b.list, b.entry(f))
	}
	if err := b.write(); err != nil {
		return err
	}
	if n := len(res.findings) - len(rest); n > 0 {
		a.say("%s of rules with ignorable: false %s left out", count(n, "finding"), isAre(n))
	}
	return a.print(fmt.Sprintf("wrote %s with %s; lint with --baseline %s, or name it in the config\n", filepath.ToSlash(file), count(len(rest), "finding"), filepath.ToSlash(file)))
}

func (a *app) pruneBaseline(r *request, file string) error {
	b, err := readBaseline(file)
	if err != nil {
		return err
	}
	below := r.paths
	r.everything()
	r.least, r.baseline = rules.Info, file
	res, err := a.found(r)
	if err != nil {
		return err
	}
	if len(res.broken) > 0 { // what it has of findings, and what others have because of it, is not seen
		return failure{fmt.Errorf("the baseline stays as it is: %s does not parse, see gatelint lint; mend it, or --exclude it", res.broken[0])}
	}
	if a.tellFailed(res) {
		a.say("what the baseline holds of these rules stays: it is not known whether it is gone")
	}
	out := 0
	for _, x := range res.stale {
		at := filepath.Join(filepath.Dir(file), filepath.FromSlash(x.File))
		if len(below) == 0 || slices.ContainsFunc(below, func(p string) bool { return within(at, p) }) {
			i := slices.Index(b.list, x)
			b.list = slices.Delete(b.list, i, i+1)
			out++
		}
	}
	if err := b.write(); err != nil {
		return err
	}
	return a.print(fmt.Sprintf("%s: %d taken out, %d left\n", filepath.ToSlash(file), out, len(b.list)))
}

func (a *app) showBaseline(file, format string) error {
	b, err := readBaseline(file)
	if err != nil {
		return err
	}
	switch format {
	case "json":
		return writeJSON(a.stdout, struct {
			Schema   int         `json:"schema"`
			Findings []baselined `json:"findings"`
		}{1, append([]baselined{}, b.list...)})
	case "text":
		text := ""
		for _, x := range b.list {
			text += fmt.Sprintf("%s: %s: %s [%s]\n", plainText(x.File), plainText(cmp.Or(x.Object, "(no object)")), plainText(x.Message), plainText(x.Rule))
		}
		return a.print(text + fmt.Sprintf("%s: %s\n", filepath.ToSlash(file), count(len(b.list), "finding")))
	}
	return fmt.Errorf("-o: unknown format %q, use text or json", format)
}
