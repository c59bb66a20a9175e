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
	"time"

	"github.com/gatelint/gatelint/rules"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	yamlv3 "go.yaml.in/yaml/v3"
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
	var doc any
	if err := yamlv3.Unmarshal(text, &doc); err != nil {
		return err
	}
	return schema.Validate(asJSON(doc))
}

// asJSON has values as an editor has them, which reads YAML 1.2: a date is text there.
func asJSON(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.DateOnly)
	case map[string]any:
		for k := range v {
			v[k] = asJSON(v[k])
		}
	case []any:
		for i := range v {
			v[i] = asJSON(v[i])
		}
	}
	return v
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
		for pattern, value := range mapping(s["patternProperties"]) {
			visit(value.(map[string]any), func(v any) any { return wrap(map[string]any{strings.Trim(pattern, "^$"): v}) })
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

func mapping(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
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
		beyond := slices.ContainsFunc([]string{"is no glob", "is no pattern", "unknown rule", "on line", "cannot be accepted"},
			func(s string) bool { return strings.Contains(want, s) })
		if invalid := validate(t, []byte(text)); !beyond {
			require.Error(t, invalid, text)
			var v *jsonschema.ValidationError
			require.True(t, errors.As(invalid, &v), "%v", invalid)
		}
	}
}

// verdicts are small configs below "version: 1", with what parser and schema say of them: "" to take it, "no" to refuse it, else a
// part of what the parser says against it that no schema can say.
var verdicts = map[string]string{
	"paths: []":            "",
	"paths: a":             "",
	"paths: 2026-01-01":    "",
	"paths: [2026]":        "no",
	"paths: 5":             "no",
	"paths: true":          "no",
	"exclude: []":          "",
	"exclude: {a: b}":      "no",
	"exclude: '['":         "is no glob",
	"exclude: '!a/**'":     "no",
	"exclude: [a, '']":     "no",
	"exclude: /a/**":       "no",
	"exclude: [a, 'b\\c']": "no",
	"exclude: 'a\\*b'":     "",
	"exclude: 'a\\\\b'":    "",
	"exclude: 'a\\\\\\b'":  "no",
	"exclude: ../a/**":     "",
	"context: [[a]]":       "no",
	"path: a":              "no",
	"Version: 1":           "no",
	"fail-on: never":       "",
	"fail-on: off":         "no",
	"fail-on: false":       "no",
	"fail-on: [error]":     "no",
	"fail-on: Error":       "no",
	"baseline: 5":          "no",
	"baseline: b.json":     "",

	"namespace: shop":           "",
	"namespace: 5":              "",
	"namespace: [a]":            "no",
	"namespace:":                "",
	"namespace: {'**': ~}":      "no",
	"namespace: {}":             "",
	"namespace: {'**': 5}":      "",
	"namespace: {'**': {a: b}}": "no",
	"namespace: {'[': a}":       "is no glob",
	"namespace: {/a: b}":        "absolute path",
	"namespace: Shop X":         "no",
	"namespace: ''":             "",
	"namespace: ${NS}":          "",
	"namespace: {'**': Shop}":   "no",

	"complete: true":               "",
	"complete: True":               "",
	"complete: false":              "",
	"complete: []":                 "",
	"complete: 'true'":             "",
	"complete: [true]":             "no",
	"complete: Secret/a, Service":  "",
	"complete: [Secret/a,Service]": "",
	"complete: Secret/":            "no",
	"complete: [Secrets]":          "no",
	"complete: 1":                  "no",
	"complete: Secret/a/b":         "no",
	"complete: [Service/Shop]":     "no",
	"complete: Secret/*, Pod/a":    "",

	"rules:":                                                               "",
	"rules: {}":                                                            "",
	"rules: [no-effect]":                                                   "no",
	"rules: {no-effect: off}":                                              "",
	"rules: {no-effect: false}":                                            "",
	"rules: {no-effect: False}":                                            "",
	"rules: {no-effect: 'false'}":                                          "no",
	"rules: {no-effect: true}":                                             "no",
	"rules: {no-effect: [off]}":                                            "no",
	"rules: {no-effect:}":                                                  "no",
	"rules: {no-effect: {}}":                                               "",
	"rules: {no-effect: critical}":                                         "no",
	"rules: {no-effect: {severity: never}}":                                "no",
	"rules: {no-effect: {severity: {off: true}}}":                          "no",
	"rules: {no-effect: {admission: off}}":                                 "",
	"rules: {no-effect: {admission: strict}}":                              "no",
	"rules: {no-effect: {ignorable: no}}":                                  "no",
	"rules: {no-effect: {ignorable: True}}":                                "",
	"rules: {no-effect: {level: off}}":                                     "no",
	"rules: {No_Effect: off}":                                              "no",
	"rules: {IST0130: off}":                                                "no",
	"rules: {not-a-rule: off}":                                             "unknown rule",
	"rules: {expired-certificate: {params: {days: 30}}}":                   "",
	"rules: {expired-certificate: {params: {}}}":                           "",
	"rules: {expired-certificate: {severity: info, params: {days: 1}}}":    "",
	"rules: {expired-certificate: {params: {days: 0}}}":                    "no",
	"rules: {expired-certificate: {params: {days: 1.5}}}":                  "no",
	"rules: {expired-certificate: {params: {days: '30'}}}":                 "no",
	"rules: {expired-certificate: {params: {days: 14d}}}":                  "no",
	"rules: {expired-certificate: {params: {days: [1]}}}":                  "no",
	"rules: {expired-certificate: {params: {days: 99999999999999999999}}}": "no",
	"rules: {expired-certificate: {params: {weeks: 1}}}":                   "no",
	"rules: {expired-certificate: {params: 30}}":                           "no",
	"rules: {no-effect: {params: {days: 30}}}":                             "no",
	"overrides: []":                                                        "",
	"overrides: [{paths: '!a', rules: {no-effect: info}}]":                 "no",
	"overrides: [{paths: [/a], rules: {no-effect: info}}]":                 "no",
	"overrides: {paths: a}":                                                "no",
	"overrides: [{paths: a, rules: {no-effect: info}}]":                    "",
	"overrides: [{paths: a, rules: {no-effect: {admission: off}}}]":        "no",
	"overrides: [{paths: a, rules: {}}]":                                   "no",
	"overrides: [{paths: [], rules: {no-effect: info}}]":                   "no",

	"policies: []":                       "",
	"policies: {paths: [p], library: x}": "",
	"policies: {params: {x: {y: [1]}}}":  "",
	"policies: {params: {x: 1}}":         "no",
	"policies: {bundlekey: k}":           "no",
	"policies: 5":                        "no",

	"exceptions: []": "",
	"exceptions: [{rules: no-effect, objects: [{name: 5}], reason: b, until: 2027-03-31}]":   "",
	"exceptions: [{rules: no-effect, objects: [{name: a}], reason: b, until: '2027-03-31'}]": "",
	"exceptions: [{rules: no-effect, objects: [{name: a}], reason: b, until: 2027-13-31}]":   "no",
	"exceptions: [{rules: no-effect, objects: [{name: a}], reason: b, until: 2027-02-30}]":   "is no date",
	"exceptions: [{rules: no-effect, objects: [{name: a}], reason: b, until: 31.03.2027}]":   "no",
	"exceptions: [{rules: no-effect, objects: [{name: a}], reason: b, until: 20270331}]":     "no",
	"exceptions: [{rules: no-effect, objects: [{name: a}], reason: ''}]":                     "no",
	"exceptions: [{rules: no-effect, objects: [{name: a}], reason: ' '}]":                    "no",
	"exceptions: [{rules: no-effect, objects: [{name: a}], reason: 5}]":                      "",
	"exceptions: [{rules: no-effect, objects: [{name: ''}], reason: b}]":                     "no",
	"exceptions: [{rules: no-effect, objects: [{kind: Gateway, name: ''}], reason: b}]":      "no",
	"exceptions: [{rules: no-effect, objects: [{kind: Gatway}], reason: b}]":                 `c:2:50: exceptions.objects.kind: no object has the kind "Gatway"; did you mean "Gateway"?`,
	"exceptions: [{rules: no-effect, objects: [{kind: Rollout}], reason: b}]":                "",
	"exceptions: [{rules: no-effect, objects: [{kind: TCPRoute}], reason: b}]":               "",
	"exceptions: [{rules: no-effect, objects: [{kind: Gateway*}], reason: b}]":               "",
	"exceptions: [{rules: no-effect, objects: [{namespace: Shop X}], reason: b}]":            "is no name of a namespace",
	"exceptions: [{rules: no-effect, objects: [{namespace: '*-X'}], reason: b}]":             "",
	"assume: {secrets: ['Shop X/a']}":                                                        "is no name of a namespace",
	"exceptions: [{rules: no-effect, objects: [], reason: b}]":                               "no",
	"exceptions: [{rules: no-effect, objects: {name: a}, reason: b}]":                        "no",
	"exceptions: [{rules: [], objects: [{name: a}], reason: b}]":                             "no",
	"exceptions: [{rules: syntax, objects: [{name: a}], reason: b}]":                         "cannot be accepted",

	"assume: {}":                            "",
	"assume: {secrets: [a/b]}":              "",
	"assume: {secrets: [a]}":                "no",
	"assume: {gateways: a/b/c}":             "no",
	"assume: {gateways: /a}":                "no",
	"assume: {hosts: ['*.a.b']}":            "",
	"assume: {hosts: {a: b}}":               "no",
	"assume: {hosts: [a.b, catalog]}":       "no",
	"assume: {hosts: ''}":                   "no",
	"assume: {hosts: 'catalog*'}":           "",
	"assume: {services: [a/b]}":             "no",
	"istio: {}":                             "",
	"istio: {version: 1.31}":                "",
	"istio: {version: '" + Release + "'}":   "",
	"istio: {version: 1.31.2}":              "",
	"istio: {version: '1.310'}":             "no",
	"istio: {version: 1.30}":                "no",
	"istio: {version: true}":                "no",
	"istio: {revision: 5}":                  "",
	"istio: {revision:}":                    "no",
	"istio: {clusterDomain: 5}":             "no",
	"istio: {clusterDomain: a b}":           "no",
	"istio: {clusterDomain: ''}":            "",
	"istio: {clusterDomain: cluster-1.a.b}": "",
	"istio: {clusterDomain: a..b}":          "no",
	"istio: {revision: a b}":                "no",
	"istio: {revision: 1-31.2}":             "",
	"istio: {rootNamespace: '${ROOT}'}":     "",
	"istio: {rootNamespace: A/b}":           "no",
	"istio: {rootNamespace: ''}":            "no",
	"istio: {rootNamespace: mesh-1}":        "",
	"istio: {scopeGatewayToNamespace: yes}": "no",

	"worlds: {}":      "",
	"worlds: []":      "no",
	"worlds: {a: {}}": "no",
	"worlds: {a:}":    "no",
	"worlds: {a: {paths: b, vars: {A: 1.5}}}":  "",
	"worlds: {a: {paths: b, vars: {A: [1]}}}":  "no",
	"worlds: {a: {paths: b, complete: [Foo]}}": "no",
	"worlds: {a: {paths: b, exclude: c}}":      "no",

	"admission: {enforcement: off}":                            "",
	"admission: {enforcement: False}":                          "",
	"admission: {enforcement: hard}":                           "no",
	"admission: {deletes: off}":                                "no",
	"admission: {deletes: deny}":                               "",
	"admission: {rules: {no-effect: {enforcement: strict}}}":   "",
	"admission: {rules: {no-effect: {severity: off}}}":         "no",
	"admission: {namespaces: [{}]}":                            "no",
	"admission: {namespaces: [{names: []}]}":                   "no",
	"admission: {namespaces: [{labels: {}}]}":                  "no",
	"admission: {namespaces: [{names: [], labels: {a: b}}]}":   "",
	"admission: {namespaces: {names: a}}":                      "no",
	"admission: {namespaces: [{names: a, enforcement: warn}]}": "",
	"admission: {exempt: {users: [1]}}":                        "no",
	"admission: {exempt: [a]}":                                 "no",

	"paths:":      "",
	"exclude: ~":  "",
	"context:":    "",
	"complete:":   "",
	"overrides:":  "",
	"exceptions:": "",
	"policies:":   "",
	"assume:":     "",
	"istio:":      "",
	"worlds:":     "",
	"admission:":  "",
	"baseline:":   "no",
	"fail-on:":    "no",
	"paths: [~]":  "no",
	"worlds: {a: &a {paths: b, complete: true}, c: {<<: *a, paths: d}}":               "",
	"worlds: {a: &a {paths: b}, c: &c {complete: [Foo]}, d: {<<: [*a, *c]}}":          `c:2:46: complete: unknown kind "Foo"`,
	"worlds: {a: &a {paths: b}, c: &c {<<: *a}, d: {<<: *c}}":                         "<< joins a mapping that has a << itself",
	"worlds: {a: &a {paths: b, <<: *a}}":                                              "<< joins a mapping that has a << itself",
	"worlds: {a: &a [b], c: {<<: *a, paths: d}}":                                      `<< is "b": it joins mappings only`,
	"worlds: {a: {paths: b, paths: c}}":                                               "stands on line 2 already",
	"worlds: {a: {paths: b, \"<<\": c}}":                                              "no",
	"worlds: {a: {paths: b, with: ~, namespace: ~, vars: ~, complete: ~}}":            "",
	"worlds: {a: {paths: ~}}":                                                         "world \"a\" has no paths",
	"policies: {paths: ~, library: ~, namespaces: ~, allow: ~, params: ~}":            "",
	"policies: {params: {x: ~}}":                                                      "",
	"overrides: [~]":                                                                  "no",
	"overrides: [{paths: ~, rules: {no-effect: info}}]":                               "needs both paths and rules",
	"exceptions: [{rules: no-effect, objects: ~, reason: b}]":                         "no",
	"assume: {secrets: ~, gateways: ~, hosts: ~}":                                     "",
	"rules: {expired-certificate: {params: ~}}":                                       "",
	"admission: {rules: ~, namespaces: ~, exempt: ~}":                                 "",
	"admission: {exempt: {users: ~, groups: ~}, namespaces: [{names: a, labels: ~}]}": "",

	"paths: a\npaths: b": "on line",
	"---\nversion: 1":    "a second document",
}

// TestSchemaVerdicts holds parser and schema to one verdict on each of them.
func TestSchemaVerdicts(t *testing.T) {
	for text, want := range verdicts {
		text = "version: 1\n" + text + "\n"
		_, err := Parse([]byte(text), "c", rules.All())
		invalid := validate(t, []byte(text))
		switch want {
		case "":
			require.NoError(t, err, text)
			require.NoError(t, invalid, text)
		case "no":
			require.Error(t, err, text)
			require.Error(t, invalid, text)
		default:
			require.ErrorContains(t, err, want, text)
		}
	}
	for _, kind := range closable {
		require.NoError(t, validate(t, []byte("version: 1\ncomplete: "+kind)))
	}
	for version, ok := range map[string]bool{"1": true, "1.0": true, "'1'": false, "2": false, "true": false, "": false, "v1": false, "[1]": false} {
		text := []byte("version: " + version)
		_, err := Parse(text, "c", rules.All())
		require.Equal(t, ok, err == nil, version)
		require.Equal(t, ok, validate(t, text) == nil, version)
	}
}
