package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/cmd/lint/cli"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// TestAsWebhook holds gatelint lint --as-webhook to what the webhook says when each object is created in a cluster that has the
// others, over every fixture.
func TestAsWebhook(t *testing.T) {
	said := map[string]int{}
	for pattern, configs := range map[string][]string{
		"*.txtar":         {"", "admission: {enforcement: strict}"},
		"clean/*.txtar":   {""},
		"broken/*.txtar":  {"", "admission: {enforcement: strict}", "admission: {enforcement: warn}", "rules: {dangling-subset: {admission: deny}, shadowed-match: info}"},
		"webhook/*.txtar": {"", "admission: {enforcement: strict}", "admission: {namespaces: [{names: [shop], enforcement: strict}, {names: [istio-system], enforcement: off}]}"},
	} {
		files, err := filepath.Glob("../../../fixtures/" + pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			for name, text := range together(t, file) {
				for _, config := range configs {
					bothSay(t, file+": "+name+" under "+config, "version: 1\n"+config, text, said)
				}
			}
		}
	}
	for _, action := range []string{"deny", "warn"} {
		require.Greater(t, said[action], 50, "%v", said)
	}
}

// together gives what lives together: each file of an archive; of a case of fixtures/webhook, what is live and what is new.
func together(t *testing.T, file string) map[string][]byte {
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	out := map[string][]byte{}
	for _, f := range archive.Files {
		name, rest, ok := strings.Cut(f.Name, "/")
		switch {
		case filepath.Base(filepath.Dir(file)) != "webhook":
			out[f.Name] = f.Data
		case ok && rest == "new.yaml":
			out[name] = slices.Concat(out[name], []byte("---\n"), f.Data, []byte("---\n"), shared(archive))
		case ok && rest == "live.yaml" && name != "all":
			out[name] = slices.Concat(out[name], []byte("---\n"), f.Data)
		}
	}
	return out
}

func bothSay(t *testing.T, name, config string, text []byte, said map[string]int) {
	set := manifest.Parse("all.yaml", text, manifest.Options{})
	if _, ok := asLive(set.Objects); !ok || len(set.Objects) == 0 || len(mesh.Split(set.Objects)) != 1 {
		return
	}
	if bytes.Contains(text, []byte("deletionTimestamp")) || bytes.Contains(text, []byte(selfTest)) {
		return // what is let pass unseen stands in no file
	}
	var live []*manifest.Object
	var raws [][]byte
	for i, o := range set.Objects {
		raws = append(raws, stamped(t, toJSON(t, string(o.Doc.Text)), i))
		o, _ := manifest.ParseObject(raws[i], manifest.Options{})
		live = append(live, o)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.yaml"), bytes.Join(raws, []byte("\n---\n")), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o644))
	var out, errs bytes.Buffer
	code := cli.Main([]string{"--as-webhook", "--complete", "--now", "2026-06-30", "-o", "json", "-c", filepath.Join(dir, "config"), filepath.Join(dir, "all.yaml")}, nil, &out, &errs)
	require.Less(t, code, 2, "%s: %s", name, errs.String())
	var report struct {
		Findings []struct {
			Rule, Severity, Admission, Message, Fingerprint string
			Position                                        struct{ Path string }
		}
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	got := map[string]string{}
	for _, f := range report.Findings {
		got[strings.Join([]string{f.Fingerprint, f.Severity, f.Position.Path, f.Message, f.Rule}, " ")] = f.Admission
		said[f.Admission]++
	}
	want, denied := fromAbove(t, config, live, raws)
	require.Equal(t, want, got, name)
	require.Equal(t, denied, code == 1, name)
}

// stamped gives an object a time of creation, which everything in a cluster has.
func stamped(t *testing.T, raw []byte, second int) []byte {
	object := map[string]any{}
	require.NoError(t, json.Unmarshal(raw, &object))
	metadata := object["metadata"].(map[string]any)
	if metadata["creationTimestamp"] == nil {
		metadata["creationTimestamp"] = time.Unix(int64(second), 0).UTC().Format(time.RFC3339)
	}
	raw, err := json.Marshal(object)
	require.NoError(t, err)
	return raw
}

// fromAbove asks the webhook about the creation of each object; the harshest answer counts.
func fromAbove(t *testing.T, config string, live []*manifest.Object, raws [][]byte) (said map[string]string, denied bool) {
	c, err := settings.Parse([]byte(config), "config", rules.All())
	require.NoError(t, err)
	said = map[string]string{}
	handed := map[string]bool{}
	engine := NewEngine(c.Heard(c.Select(rules.All(), nil, nil)), mesh.Options{Complete: mesh.Everything(), Now: fixtureTime})
	engine.Set(live...)
	for i, o := range live {
		if !judged(o) {
			continue
		}
		engine.Remove(o.ID)
		d, err := Decide(context.Background(), Config{Engine: engine, Settings: c, Now: fixtureTime}, &admissionv1.AdmissionRequest{
			UID: "1", Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: raws[i]},
			Kind: metav1.GroupVersionKind{Group: o.Group, Version: "v1", Kind: o.Kind}, Namespace: o.Namespace, Name: o.Name,
		})
		require.NoError(t, err)
		for _, f := range d.Faults {
			if !slices.Contains(f.Ends(), o.ID) {
				continue
			}
			key := strings.Join([]string{f.Fingerprint, f.Severity.String(), f.Pos.Path, f.Message, f.Rule}, " ")
			handed[key] = handed[key] || f.Spared == "handover" // the owner is there first
			switch {
			case handed[key]:
				said[key] = "warn"
			case said[key] != "deny":
				said[key] = f.Action.String()
			}
		}
		engine.Set(o)
	}
	for _, action := range said {
		denied = denied || action == "deny"
	}
	return said, denied
}
