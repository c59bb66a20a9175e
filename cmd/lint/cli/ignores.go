package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
)

// ignoreJSON is one ignore, exception or hand-over in `gatelint ignores -o json`.
type ignoreJSON struct {
	Kind     string       `json:"kind"` // annotation, comment, exception, handover, or istioctl's analyze-suppress
	Rule     string       `json:"rule"` // of analyze-suppress the code, of a hand-over ""
	On       string       `json:"on"`   // what it is about: an object, a line, patterns; to whom a host is handed over
	Position positionJSON `json:"position"`
	Reason   string       `json:"reason"`
	Owner    string       `json:"owner"`   // as the config says, else who wrote the line, by git; "" if nobody knows
	Until    string       `json:"until"`   // the last day, "" for ever
	Written  string       `json:"written"` // the day, by git; "" if it is not committed
	AgeDays  *int         `json:"ageDays"` // null if it is not committed
	Accepts  *int         `json:"accepts"` // the number of findings; null for a hand-over, and where its rule failed
	Problem  string       `json:"problem"` // why it does not count or is for nothing, "" if all is well
}

func (a *app) ignoresCommand() *cobra.Command {
	f := &flags{colorise: "auto"}
	var format string
	cmd := &cobra.Command{
		Use: "ignores [PATH...]", Short: "List every ignore, exception and hand-over, with reason, owner, expiry and age",
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("-o: unknown format %q, use text or json", format)
			}
			r, err := a.request(f, args)
			if err != nil {
				return err
			}
			if r.noIgnores {
				return errors.New("--no-ignores leaves nothing to list")
			}
			list, err := a.listIgnores(r)
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(a.stdout, struct {
					Schema  int          `json:"schema"`
					Ignores []ignoreJSON `json:"ignores"`
				}{1, list})
			}
			return a.ignoreTable(list)
		},
	}
	oneOutput(cmd.Flags(), &format, "text", "text or json")
	f.input(cmd)
	f.judging(cmd)
	return cmd
}

func (a *app) listIgnores(r *request) ([]ignoreJSON, error) {
	r.baseline = ""
	res, err := a.analyse(r)
	if err != nil {
		return nil, err
	}
	for _, err := range res.unreadable {
		a.say("%v", err)
		a.code = exitFailed
	}
	a.tellFailed(res)
	out := []ignoreJSON{}
	for _, g := range res.ignores {
		out = append(out, ignoreEntry(g, res))
	}
	for _, y := range res.yields {
		out = append(out, ignoreJSON{Kind: "handover", On: strings.TrimSuffix(y.Owner.ID.String()+" to "+y.To, " to "), Position: positionJSON(y.Pos), Until: dayText(y.Until), Problem: y.Problem})
	}
	slices.SortStableFunc(out, func(a, b ignoreJSON) int {
		x, y := a.Position, b.Position
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.On, b.On))
	})
	out = slices.CompactFunc(out, func(a, b ignoreJSON) bool { // of a file that is part of several worlds
		return a.Position == b.Position && a.Rule == b.Rule && a.On == b.On && a.Kind == b.Kind
	})
	sign(out, r.now)
	return out, nil
}

func ignoreEntry(g *settings.Ignore, res *result) ignoreJSON {
	n := res.applied.Accepts(g)
	x := ignoreJSON{
		Kind: "comment", Rule: g.Rule, On: fmt.Sprintf("line %d", g.Line), Position: positionJSON(g.Pos),
		Reason: g.Reason, Owner: g.Owner, Until: dayText(g.Until), Accepts: &n, Problem: g.Mistake(res.policy),
	}
	switch {
	case g.Objects != nil:
		x.Kind, x.On = "exception", ""
		for i, o := range g.Objects {
			if i > 0 {
				x.On += ", "
			}
			x.On += cmp.Or(o.Kind, "*") + " " + cmp.Or(o.Namespace, "*") + "/" + cmp.Or(o.Name, "*")
		}
	case g.Code != "":
		x.Kind, x.Rule, x.On = "analyze-suppress", g.Code, g.Object.ID.String()
	case g.Object != nil:
		x.Kind, x.On = "annotation", g.Object.ID.String()
	}
	ran := slices.ContainsFunc(res.policy.Ran, func(r *rules.Rule) bool { return r.Name == g.Rule })
	switch {
	case x.Problem != "":
	case n == 0 && ran && res.failed.open(g.Rule):
		x.Accepts, x.Problem = nil, "its rule failed: what it accepts is not known"
	case res.applied.Refused(g):
		x.Problem = "METADATA of the policy say ignorable: false"
	case n == 0 && ran && res.policy.Judge(g):
		x.Problem = "matches no finding"
	}
	return x
}

func dayText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// sign enters who wrote each entry and when, as far as git knows.
func sign(list []ignoreJSON, now time.Time) {
	lines := map[string][]int{}
	for _, x := range list {
		lines[x.Position.File] = append(lines[x.Position.File], x.Position.Line)
	}
	for _, file := range manifest.Keys(lines) {
		authors := blame(file, lines[file])
		for i := range list {
			x := &list[i]
			by, ok := authors[x.Position.Line]
			if x.Position.File != file || !ok {
				continue
			}
			x.Owner = cmp.Or(x.Owner, by.name)
			x.Written = dayText(by.at)
			age := max(0, int(now.Sub(by.at).Hours()/24))
			x.AgeDays = &age
		}
	}
}

func (a *app) ignoreTable(list []ignoreJSON) error {
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHERE\tKIND\tRULE\tON\tUNTIL\tAGE\tOWNER\tACCEPTS\tREASON")
	for _, x := range list {
		age, accepts := "-", "-"
		if x.AgeDays != nil {
			age = fmt.Sprintf("%dd", *x.AgeDays)
		}
		if x.Accepts != nil {
			accepts = count(*x.Accepts, "finding")
		}
		reason := x.Reason
		if x.Problem != "" {
			reason = cmp.Or(reason, "-") + " (!) " + x.Problem
		}
		fmt.Fprintf(t, "%s:%d:%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Position.File, x.Position.Line, x.Position.Column, x.Kind,
			plainText(cmp.Or(x.Rule, "-")), plainText(x.On), cmp.Or(x.Until, "-"), age, plainText(cmp.Or(x.Owner, "-")), accepts, plainText(cmp.Or(reason, "-")))
	}
	if err := t.Flush(); err != nil {
		return failure{fmt.Errorf("writing the ignores: %w", err)}
	}
	return nil
}
