package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
)

// FuzzResults holds that nothing a rule gives crashes us, and that what is reported has a place and a message of one bounded line.
func FuzzResults(f *testing.F) {
	for _, seed := range []string{
		`["a", {"msg": "b", "path": ["spec", "hosts", 0]}, {"msg": "c", "path": "spec.http[0].route", "severity": "info"}]`,
		`[{"msg": "a", "path": ["spec", -1, 1e99, null, {}]}, {"msg": 1}, {"msg": ""}, 1, null, [], {"path": "["}]`,
		`[{"msg": "a\nb", "related": [{"kind": "Gateway", "name": "public", "namespace": "edge", "path": ["spec"]}, {}]}, {"msg": "x", "related": 1}]`,
		`[{"msg": "x", "witness": {"port": 80, "host": "shop.example.com", "path": "/a"}}]`, `[{"msg": "x", "paht": "spec"}, {"msg": "x", "severity": "high"}, {"msg": "x", "witness": {}}]`, `[{}]`, `["a"]`,
	} {
		f.Add([]byte(seed))
	}
	t := tables(f, shop)
	f.Fuzz(func(tt *testing.T, data []byte) {
		var found []any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if d.Decode(&found) != nil {
			return
		}
		out, problems := results(Verdict{Name: "deny", Severity: rules.Error}, found)
		require.LessOrEqual(tt, len(out), maxResults)
		rule := &rules.Rule{Name: "x", Run: func(p *rules.Pass) {
			for _, r := range out {
				p.Report(r.fault(p, t.World.VirtualServices[0].Object))
			}
			for _, x := range problems {
				p.Fail(x)
			}
		}}
		res, _ := rule.Alone(t, nil)
		for _, x := range res {
			require.Positive(tt, x.Pos.Line)
			require.NotEmpty(tt, x.Message)
			require.NotContains(tt, x.Message, "\n")
			require.LessOrEqual(tt, utf8.RuneCountInString(x.Message), maxMessage+1)
		}
	})
}

// FuzzMetadata holds that no METADATA crash the loader, nor any other text of a policy.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{
		"title: a\ncustom:\n  severity: error\n  kinds: [Gateway]", "custom: {params: {a: null}}", "custom: [1]", "scope: rule\ncustom: {kinds: x}",
		"schemas:\n- input: schema.gatelint.gateway", "custom: {input: gatekeeper, admission: off, ignorable: maybe}", ": :", "a: &a [*a]", "custom: {1: 2, severty: x}",
	} {
		f.Add(seed, "deny contains \"x\"")
	}
	f.Add("title: a", "deny contains x if x := input.spec[_]")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, metadata, rule string) {
		text := "# METADATA\n# " + strings.ReplaceAll(metadata, "\n", "\n# ") + "\npackage gatelint.a\n\n" + rule + "\n"
		file := filepath.Join(dir, "a.rego")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		s, err := Load(context.Background(), Options{Paths: []string{file}})
		require.True(t, (s == nil) == (err != nil))
	})
}

// FuzzPath holds that a path which is printed reads back as itself.
func FuzzPath(f *testing.F) {
	f.Add("spec.http[0].route", "a.b/c", 3)
	f.Add(`["`, `]"\`, 0)
	f.Fuzz(func(t *testing.T, text, name string, i int) {
		manifest.ParsePath(text)
		want := []any{"spec", name, max(0, min(i, 1<<30))}
		got, ok := manifest.ParsePath(manifest.FieldPath(want...))
		if utf8.ValidString(name) {
			require.True(t, ok)
			require.Equal(t, want, got)
		}
	})
}
