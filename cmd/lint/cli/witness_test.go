package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

// TestWitnesses feeds the requests that lint and routes print to trace, unchanged: the answers must be those that were printed
// with them.
func TestWitnesses(t *testing.T) {
	files, err := filepath.Glob("../../../fixtures/*.txtar")
	require.NoError(t, err)
	clean, err := filepath.Glob("../../../fixtures/clean/*.txtar")
	require.NoError(t, err)
	findings, live := 0, 0
	for _, file := range append(files, clean...) {
		for name, flags := range fixtureCases(t, file) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				t.Chdir(filepath.Join(cases, filepath.Base(file)))
				findings += askFindings(t, append(flags, name))
				live += askRoutes(t, append(flags, name))
			})
		}
	}
	require.Greater(t, findings, 20)
	require.Greater(t, live, 200)
}

var cases string // the folder into which fixtures are unpacked

// fixtureCases unpacks a fixture and gives the flags of each of its cases.
func fixtureCases(t *testing.T, file string) map[string][]string {
	ar, err := txtar.ParseFile(file)
	require.NoError(t, err)
	if cases == "" {
		cases = t.TempDir()
	}
	out := map[string][]string{}
	for _, f := range ar.Files {
		name, rest, _ := strings.Cut(f.Name, "/")
		out[name] = append(out[name], "--no-config")
		if rest == "flags" {
			for _, line := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
				switch word, arg, _ := strings.Cut(line, " "); word {
				case "complete":
					out[name] = append(out[name], "--complete="+arg)
				case "namespace":
					out[name] = append(out[name], "-n", arg)
				}
			}
			continue
		}
		path := filepath.Join(cases, filepath.Base(file), f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, f.Data, 0o644))
	}
	return out
}

// askFindings asks the requests of lint's findings. Where the ages of Gateways decide which of two servers is kept, a witness
// is about the other one, and trace about the one that names decide for: those are left out.
func askFindings(t *testing.T, args []string) (asked int) {
	_, out, errs := execute(rules.All(), "", append(args, "-o", "json")...)
	var report struct {
		Findings []struct {
			Message string
			Worlds  []string
			Witness *struct {
				Request json.RawMessage
				Answer  routing.Answer
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report), errs)
	for _, f := range report.Findings {
		if f.Witness == nil || restsOnAge(t, args, f.Witness.Request) {
			continue
		}
		asked++
		answers := ask(t, args, f.Witness.Request)
		require.True(t, slices.ContainsFunc(answers, func(a resultJSON) bool {
			return line(a.Answer) == line(f.Witness.Answer)
		}), "%s\n%s\n%v\n%v", f.Message, f.Witness.Request, f.Witness.Answer, answers)
	}
	return asked
}

func restsOnAge(t *testing.T, args []string, request json.RawMessage) bool {
	_, traced, errs := execute(rules.All(), compact(t, request), append([]string{"trace", "--requests", "-"}, args...)...)
	require.NotEmpty(t, traced, errs)
	return strings.Contains(traced, "if its Gateway is the older one") || strings.Contains(traced, "contested by")
}

// compact is a JSON value on one line.
func compact(t *testing.T, value json.RawMessage) string {
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, value))
	return b.String()
}

// ask gives the answers of the Worlds of an input; of one that depends on ages or claims the one that names decide for.
func ask(t *testing.T, args []string, request json.RawMessage) []resultJSON {
	code, out, errs := execute(rules.All(), compact(t, request), append([]string{"trace", "--requests", "-", "-o", "json"}, args...)...)
	if code != exitClean && !strings.Contains(out, `"worlds"`) { // a workload can be in one World only
		require.Equal(t, exitClean, code, "%s\n%s", out, errs)
	}
	var answers []resultJSON
	for _, text := range bytes.Split(bytes.TrimSpace([]byte(out)), []byte("\n")) {
		var a resultJSON
		require.NoError(t, json.Unmarshal(text, &a))
		if len(a.Alternatives) > 0 {
			a.Answer = a.Alternatives[0].Answer
		}
		answers = append(answers, a)
	}
	return answers
}

// askRoutes asks the request of each live route: exactly that route takes it.
func askRoutes(t *testing.T, args []string) (asked int) {
	code, out, errs := execute(rules.All(), "", append([]string{"routes", "--witness", "-o", "json"}, args...)...)
	if code != exitFailed || out != "" { // else nothing of it can be read
		require.Equal(t, exitClean, code, errs)
	}
	for _, text := range strings.Split(strings.TrimSpace(out), "\n") {
		if text == "" {
			continue
		}
		var h hostJSON
		require.NoError(t, json.Unmarshal([]byte(text), &h))
		for _, r := range h.Routes {
			require.Equal(t, r.State == routing.StateLive, r.Witness != nil, text)
			if r.Witness == nil {
				continue
			}
			asked++
			request, err := json.Marshal(r.Witness)
			require.NoError(t, err)
			require.True(t, slices.ContainsFunc(ask(t, args, request), func(a resultJSON) bool {
				return (!r.Witness.TLS || strings.HasPrefix(h.Server, a.Gateway+" ")) && (a.VirtualHost == h.Host || r.Witness.Host == "" || r.Witness.Mesh != nil) && a.VirtualService == r.VirtualService && a.Route == r.Route && a.Match == r.Match && line(a.Delegate) == line(r.Delegate)
			}), "%s\n%s", text, request)
		}
	}
	return asked
}
