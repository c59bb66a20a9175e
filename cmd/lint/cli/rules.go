package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

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
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
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
		Use: "explain RULE", Short: "Say what a rule finds, what happens in production and what to do",
		ValidArgsFunction: a.completeRule,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("explain takes the name of one rule; gatelint rules lists them")
			}
			r := rules.Find(args[0])
			if r == nil { // of a policy
				var err error
				if _, err = a.findConfig(f); err != nil {
					return err
				}
				if r, err = settings.Lookup(args[0], a.rules); err != nil {
					return err
				}
			}
			title, text, _ := strings.Cut(strings.TrimSpace(r.Doc), "\n")
			known := ""
			if len(r.AlsoKnownAs) > 0 {
				known = "\nAlso known as: " + strings.Join(r.AlsoKnownAs, ", ") + "."
			}
			_, err := fmt.Fprintf(a.stdout, "%s: %s\n\n%s\n\nSeverity: %s. Admission (standard): %s.%s\n",
				r.Name, title, strings.TrimSpace(text), r.Severity, admission(r), known)
			if err != nil {
				return failure{fmt.Errorf("writing the explanation: %w", err)}
			}
			return nil
		},
	}
	f.settings(cmd)
	return cmd
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

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version and the Istio release that the verdicts hold for", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := fmt.Fprintf(a.stdout, "gatelint %s (verdicts hold for Istio %s)\n", a.version, settings.Release); err != nil {
				return failure{fmt.Errorf("writing the version: %w", err)}
			}
			return nil
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
