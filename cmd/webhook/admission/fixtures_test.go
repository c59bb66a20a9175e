package admission

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

var fixtureTime = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)

// request is the file "request" of a case: what is not the default.
type request struct {
	Operation   admissionv1.Operation
	User        string
	Groups      []string
	SubResource string
	DryRun      bool
	NoName      bool // as when a collection is deleted, or the name is generated
}

// TestFixtures runs fixtures/webhook/*.txtar. The files of a case: live.yaml, old.yaml, new.yaml, request, config.yaml, and
// want, whose lines are
//
//	OUTCOME                  the outcome, first line
//	message: REGEXP          the denial's text, any line of it
//	warning: REGEXP          every warning, in order
//	cause: FIELD             details.causes has this field
//	audit: KEY=VALUE         an audit annotation
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("../../../fixtures/webhook/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		require.NotEmpty(t, strings.TrimSpace(string(archive.Comment)), "%s does not say why its cases exist", file)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			var order []string
			cases := map[string]map[string]string{}
			for _, f := range archive.Files {
				name, rest, ok := strings.Cut(f.Name, "/")
				require.True(t, ok, "%s lies in no case", f.Name)
				if cases[name] == nil {
					cases[name] = map[string]string{"live.yaml": string(shared(archive))}
					order = append(order, name)
				}
				cases[name][rest] += "\n---\n" + string(f.Data)
			}
			for _, name := range order {
				if name != "all" {
					t.Run(name, func(t *testing.T) { runCase(t, cases[name]) })
				}
			}
		})
	}
}

// shared are the live objects of every case of an archive: all/live.yaml.
func shared(a *txtar.Archive) []byte {
	for _, f := range a.Files {
		if f.Name == "all/live.yaml" {
			return f.Data
		}
	}
	return nil
}

func runCase(t *testing.T, files map[string]string) {
	list, policies := rules.All(), (*policy.Set)(nil)
	if text := strings.TrimPrefix(files["policy.rego"], "\n---\n"); text != "" {
		file := filepath.Join(t.TempDir(), "policy.rego")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		var err error
		policies, err = policy.Load(t.Context(), policy.Options{Paths: []string{file}, Taken: list})
		require.NoError(t, err)
		list = append(list, policies.Rules(1)...)
	}
	config, err := settings.Parse([]byte("version: 1\n"+strings.TrimPrefix(files["config.yaml"], "\n---\n")), "config.yaml", list)
	require.NoError(t, err)
	config.Known = list
	engine := NewEngine(rules.All(), mesh.Options{Complete: mesh.Everything()})
	for _, doc := range strings.Split(files["live.yaml"], "\n---\n") {
		if raw := toJSON(t, doc); raw != nil {
			o, faults := manifest.ParseObject(raw, manifest.Options{})
			require.NotNil(t, o, "%v", faults)
			require.Empty(t, faults)
			engine.Set(o)
		}
	}
	req := admissionRequest(t, files)
	before := engine.sorted
	d, err := Decide(context.Background(), Config{Engine: engine, Settings: config, Policies: policies, Now: fixtureTime}, req)
	require.NoError(t, err)
	require.Empty(t, d.Broken)
	if before != nil {
		require.Equal(t, before, engine.sorted, "a request changes nothing")
	}
	checkLimits(t, req, d.Response)
	checkWant(t, strings.TrimPrefix(files["want"], "\n---\n"), d)
}

func admissionRequest(t *testing.T, files map[string]string) *admissionv1.AdmissionRequest {
	var r request
	require.NoError(t, yaml.UnmarshalStrict([]byte(strings.TrimPrefix(files["request"], "\n---\n")), &r))
	req := &admissionv1.AdmissionRequest{
		UID: "1234", Operation: r.Operation, SubResource: r.SubResource, DryRun: &r.DryRun,
		UserInfo: authenticationv1.UserInfo{Username: r.User, Groups: r.Groups},
		Object:   runtime.RawExtension{Raw: toJSON(t, files["new.yaml"])}, OldObject: runtime.RawExtension{Raw: toJSON(t, files["old.yaml"])},
	}
	submitted := req.Object.Raw
	if submitted == nil {
		submitted = req.OldObject.Raw
	}
	switch {
	case req.Operation != "":
	case req.Object.Raw == nil:
		req.Operation = admissionv1.Delete
	case req.OldObject.Raw == nil:
		req.Operation = admissionv1.Create
	default:
		req.Operation = admissionv1.Update
	}
	var o metav1.PartialObjectMetadata
	require.NoError(t, json.Unmarshal(submitted, &o))
	gvk := o.GroupVersionKind()
	req.Kind = metav1.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind}
	req.Namespace = o.Namespace
	if !r.NoName {
		req.Name = o.Name
	}
	return req
}

func toJSON(t *testing.T, text string) []byte {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\n---\n"))
	if text == "" {
		return nil
	}
	raw, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err, text)
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// checkLimits holds a response to what the API server passes on.
func checkLimits(t *testing.T, req *admissionv1.AdmissionRequest, r *admissionv1.AdmissionResponse) {
	require.Equal(t, req.UID, r.UID)
	total := 0
	for _, w := range r.Warnings {
		require.LessOrEqual(t, utf8.RuneCountInString(w), 256)
		require.NotRegexp(t, `[[:cntrl:]]`, w)
		total += utf8.RuneCountInString(w)
	}
	require.LessOrEqual(t, total, 4096)
	if !r.Allowed {
		require.EqualValues(t, 403, r.Result.Code)
		require.Equal(t, metav1.StatusReasonForbidden, r.Result.Reason)
		require.NotEmpty(t, r.Result.Details.Causes)
		require.Contains(t, r.Result.Message, "docs/webhook.md#")
	}
}

func checkWant(t *testing.T, want string, d Decision) {
	outcome, rest, _ := strings.Cut(strings.TrimSpace(want), "\n")
	require.Equal(t, outcome, string(d.Outcome), "%v", d.Response)
	require.Equal(t, d.Outcome != Denied, d.Response.Allowed)
	warnings := d.Response.Warnings
	fields := map[string]bool{}
	message := ""
	if !d.Response.Allowed {
		message = d.Response.Result.Message
		for _, c := range d.Response.Result.Details.Causes {
			fields[c.Field] = true
		}
	}
	for _, line := range strings.Split(rest, "\n") {
		key, arg, _ := strings.Cut(line, ": ")
		switch key {
		case "message":
			require.Regexp(t, arg, message)
		case "warning":
			require.NotEmpty(t, warnings, "no warning for %s", arg)
			require.Regexp(t, arg, warnings[0])
			warnings = warnings[1:]
		case "cause":
			require.True(t, fields[arg], "%v", fields)
		case "audit":
			k, v, _ := strings.Cut(arg, "=")
			require.Equal(t, v, d.Response.AuditAnnotations[k], "%v", d.Response.AuditAnnotations)
		case "":
		default:
			require.Fail(t, "want: no such line", line)
		}
	}
	require.Empty(t, warnings, "unexpected warnings")
	if d.Outcome == Denied {
		require.Contains(t, want, "message: ", "a denial without its text wanted")
	}
}
