package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/cobra"
)

// ruleJSON is one rule in `gatelint rules -o json`.
type ruleJSON struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Severity    string   `json:"severity"`
	Admission   string   `json:"admission"`
	Elsewhere   string   `json:"elsewhere"`
	AlsoKnownAs []string `json:"alsoKnownAs"`
	Since       string   `json:"since"`
	Preview     bool     `json:"preview"`
}

func (a *app) rulesCommand() *cobra.Command {
	var format string
	f := &flags{}
	cmd := &cobra.Command{
		Use: "rules", Short: "List the rules, those of policies with them", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := a.findConfig(f); err != nil {
				return err
			}
			switch format {
			case "json":
				return writeJSON(a.stdout, a.ruleList())
			case "text":
				return a.ruleTable(a.stdout)
			}
			return fmt.Errorf("unknown format %q: use text or json", format)
		},
	}
	oneOutput(cmd.Flags(), &format, "text", "text or json")
	f.settings(cmd)
	return cmd
}

func (a *app) ruleList() []ruleJSON {
	out := []ruleJSON{}
	for _, r := range a.rules {
		out = append(out, ruleJSON{
			Name: r.Name, Title: r.Title(), Severity: r.Severity.String(), Admission: r.Admission.String(), Elsewhere: r.Elsewhere.String(),
			AlsoKnownAs: append([]string{}, r.AlsoKnownAs...), Since: r.Since, Preview: r.Preview,
		})
	}
	return out
}

func (a *app) ruleTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RULE\tSEVERITY\tADMISSION\tALSO KNOWN AS\tIT MEANS")
	for _, r := range a.rules {
		known := strings.Join(r.AlsoKnownAs, ", ")
		if known == "" {
			known = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.Severity, admission(r), known, r.Title())
	}
	if err := t.Flush(); err != nil {
		return failure{fmt.Errorf("writing the rules: %w", err)}
	}
	return nil
}

// admission is how admission treats a rule, in one's own namespace and, where that differs, in another's.
func admission(r *rules.Rule) string {
	if r.Admission == r.Elsewhere {
		return r.Admission.String()
	}
	return r.Admission.String() + "/" + r.Elsewhere.String()
}

func (a *app) explainCommand() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "explain RULE", Short: "Say what a rule, or a code of istioctl analyze or Kiali, is about, what happens in production and what to do",
		ValidArgsFunction: a.completeRule,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("explain takes the name of one rule; gatelint rules lists them")
			}
			text, err := a.explanation(args[0], f)
			if err != nil {
				return err
			}
			return a.print(text)
		},
	}
	f.settings(cmd)
	return cmd
}

var foreignCode = regexp.MustCompile(`(?i)^(IST|KIA)[0-9]+$`)

func (a *app) explanation(name string, f *flags) (string, error) {
	if r := rules.Find(name); r != nil {
		return page(r), nil
	}
	if foreignCode.MatchString(name) {
		return codePage(strings.ToUpper(name))
	}
	if _, err := a.findConfig(f); err != nil {
		return "", err
	}
	r, err := settings.Lookup(name, a.rules)
	if err != nil {
		return "", err
	}
	return page(r), nil // of a policy
}

func page(r *rules.Rule) string {
	title, text, _ := strings.Cut(strings.TrimSpace(r.Doc), "\n")
	known := ""
	if len(r.AlsoKnownAs) > 0 {
		known = "\nAlso known as: " + strings.Join(r.AlsoKnownAs, ", ") + "."
	}
	return fmt.Sprintf("%s: %s\n\n%s\n\nSeverity: %s. Admission (standard): %s.%s\n",
		r.Name, title, strings.TrimSpace(text), r.Severity, admission(r), known)
}

// codePage says what a code is about in the tool that has it, and the pages of the rules that stand for it.
func codePage(name string) (string, error) {
	c, by, ok := rules.FindCode(name)
	if !ok {
		var names []string
		for _, c := range rules.Codes {
			names = append(names, c.Names...)
		}
		hint := ""
		if near := manifest.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return "", fmt.Errorf("code %q is not known%s; docs/coming-from.md has those that are", name, hint)
	}
	tool := "Kiali"
	if strings.HasPrefix(name, "IST") {
		tool = "istioctl analyze"
	}
	about := fmt.Sprintf("%s of %s is about %s; ", name, tool, strings.ReplaceAll(c.About, "`", ""))
	if len(by) == 0 {
		why := strings.NewReplacer("`", "", "†", "").Replace(c.Why)
		return fmt.Sprintf("%sgatelint has no rule for that: %s\n", about, why), nil
	}
	var names, pages []string
	for _, r := range by {
		names, pages = append(names, r.Name), append(pages, page(r))
	}
	return about + "reported by " + strings.Join(names, ", ") + "\n\n" + strings.Join(pages, "\n"), nil
}

// settings are the flags that say which rules there are.
func (f *flags) settings(cmd *cobra.Command) {
	f.policies.add(cmd)
	f.configFlags(cmd)
}

func (a *app) completeRule(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, r := range a.rules {
		out = append(out, r.Name+"\t"+r.Title())
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) versionLine() string {
	return fmt.Sprintf("gatelint %s (verdicts hold for Istio %s)\n", a.version, settings.Release)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version and the Istio release that the verdicts hold for", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print(a.versionLine())
		},
	}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return failure{fmt.Errorf("writing JSON: %w", err)}
	}
	return nil
}
