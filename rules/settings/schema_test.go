package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/rules"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"
)

func schemaTree(t testing.TB) map[string]any {
	t.Helper()
	var tree map[string]any
	require.NoError(t, json.Unmarshal(Schema, &tree))
	return tree
}

// validate holds the text of a config to the schema.
func validate(t testing.TB, text []byte) error {
	t.Helper()
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", tree))
	schema, err := c.Compile("schema.json")
	require.NoError(t, err)
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	config, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return schema.Validate(config)
}

// TestSchemaKeys asks the parser, at every mapping of the schema, for the keys it knows there.
func TestSchemaKeys(t *testing.T) {
	tree := schemaTree(t)
	defs := tree["$defs"].(map[string]any)
	require.Equal(t, ruleNames(), defs["rule"].(map[string]any)["anyOf"].([]any)[0].(map[string]any)["enum"], "the rules of schema.json")
	seen := 0
	var visit func(s map[string]any, wrap func(any) any)
	visit = func(s map[string]any, wrap func(any) any) {
		if ref, ok := s["$ref"].(string); ok {
			visit(defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any), wrap)
		}
		for _, alternative := range anys(s["oneOf"]) {
			visit(alternative.(map[string]any), wrap)
		}
		if items, ok := s["items"].(map[string]any); ok {
			visit(items, func(v any) any { return wrap([]any{v}) })
		}
		if values, ok := s["additionalProperties"].(map[string]any); ok {
			visit(values, func(v any) any { return wrap(map[string]any{"no-effect": v}) })
		}
		properties, ok := s["properties"].(map[string]any)
		if !ok {
			return
		}
		seen++
		names := slices.Sorted(maps.Keys(properties))
		text, err := yaml.Marshal(wrap(map[string]any{"qqqqqqqq": 1}))
		require.NoError(t, err)
		_, err = Parse(text, "c", rules.All())
		require.ErrorContains(t, err, "; the keys are "+strings.Join(names, ", "), "%s", text)
		for name, p := range properties {
			p := p.(map[string]any)
			require.True(t, p["description"] != nil || p["$ref"] != nil, "%s has no description", name)
			visit(p, func(v any) any { return wrap(map[string]any{name: v}) })
		}
	}
	visit(tree, func(v any) any { return v })
	require.Greater(t, seen, 10)
}

func ruleNames() (out []any) {
	for _, r := range rules.All() {
		out = append(out, r.Name)
	}
	return out
}

func anys(v any) []any {
	list, _ := v.([]any)
	return list
}

// TestSchemaExamples holds the examples, which the documentation shows, to parser and schema.
func TestSchemaExamples(t *testing.T) {
	for name, p := range schemaTree(t)["properties"].(map[string]any) {
		examples := anys(p.(map[string]any)["examples"])
		require.NotEmpty(t, examples, name)
		for _, x := range examples {
			text, err := yaml.Marshal(map[string]any{"version": 1, name: x})
			require.NoError(t, err)
			_, err = Parse(text, "c", rules.All())
			require.NoError(t, err, "%s", text)
			require.NoError(t, validate(t, text), "%s", text)
		}
	}
}

// TestSchemaAgrees holds parser and schema to each other on the configs of all scripts: what the parser takes, the schema takes.
func TestSchemaAgrees(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/cli/*.txtar")
	require.NoError(t, err)
	taken, refused := 0, 0
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		require.NoError(t, err)
		for _, f := range ar.Files {
			if !bytes.HasPrefix(f.Data, []byte("version: ")) || !strings.HasSuffix(f.Name, ".yaml") {
				continue
			}
			_, err := Parse(f.Data, f.Name, rules.All())
			invalid := validate(t, f.Data)
			if err == nil {
				taken++
				require.NoError(t, invalid, "%s: %s", file, f.Name)
			} else if invalid != nil {
				refused++
			}
		}
	}
	require.Greater(t, taken, 5)
	require.Greater(t, refused, 5)
}

// TestSchemaMistakes has the schema refuse what the parser refuses, but for what a schema cannot say.
func TestSchemaMistakes(t *testing.T) {
	for text, want := range mistakes {
		_, err := Parse([]byte(text), "c", list)
		require.EqualError(t, err, want, text)
		beyond := slices.ContainsFunc([]string{"is no glob", "is no pattern", "unknown rule", "unknown kind", "on line", "the verdicts of", "cannot be accepted", "is not NAMESPACE/NAME"},
			func(s string) bool { return strings.Contains(want, s) })
		if invalid := validate(t, []byte(text)); !beyond {
			require.Error(t, invalid, text)
			var v *jsonschema.ValidationError
			require.True(t, errors.As(invalid, &v), "%v", invalid)
		}
	}
}
