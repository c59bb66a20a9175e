package policy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/rules"
	"github.com/open-policy-agent/opa/v1/format"
)

// regoFiles are the files of the library and of the helpers.
func regoFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, dir := range []string{"library", "helpers"} {
		found, err := filepath.Glob(dir + "/*.rego")
		require.NoError(t, err)
		require.NotEmpty(t, found)
		out = append(out, found...)
	}
	return out
}

// TestFormat holds them to opa fmt.
func TestFormat(t *testing.T) {
	for _, file := range regoFiles(t) {
		have, err := os.ReadFile(file)
		require.NoError(t, err)
		want, err := format.Source(file, have)
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "%s is not as opa fmt writes it", file)
	}
}

// TestLibrary runs the tests of the library's policies and of the helpers, and asks that they run every line.
func TestLibrary(t *testing.T) {
	helpers, err := filepath.Glob("helpers/*_test.rego")
	require.NoError(t, err)
	require.NotEmpty(t, helpers)
	set, err := Load(context.Background(), Options{Paths: append(helpers, "library"), Taken: rules.All()})
	require.NoError(t, err)
	covered := &Coverage{}
	results, err := set.Test(context.Background(), "", covered)
	require.NoError(t, err)
	require.NotEmpty(t, results)
	for _, r := range results {
		if r.Failed {
			t.Errorf("%s:%d: %s: %s %s", r.File, r.Line, r.Name, r.Why, r.Output)
		}
	}
	require.Empty(t, covered.Missed, "lines of policies that no test runs")
}

// TestLibraryProblems holds the ways in which a policy of the library could be something else than what is meant to errors.
func TestLibraryProblems(t *testing.T) {
	params := func(policy string, p map[string]any) Options {
		return Options{Paths: []string{Library + policy}, Params: map[string]map[string]any{policy: p}}
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"copy/p.rego": "package gatelint.canary_weights\n\ndeny contains \"a\"\n",
		"lib/p.rego":  "package gatelint.lib.hosts\n\ncovers(_, _) := true\n",
	})
	for name, c := range map[string]struct {
		opt  Options
		want string
	}{
		"no such policy": {Options{Paths: []string{Library + "host-owner"}}, `library:host-owner: the library has no such policy; there is canary-weights, `},
		"misspelt":       {Options{Paths: []string{Library + "host-ownershp"}}, `did you mean "host-ownership"?`},
		"a copy":         {Options{Paths: []string{Library + "canary-weights", filepath.Join(dir, "copy")}}, `package gatelint.canary_weights is in the library too`},
		"a helper":       {Options{Paths: []string{Library + "canary-weights", filepath.Join(dir, "lib")}}, `package gatelint.lib.hosts is a helper that gatelint brings`},
		"a parameter":    {params("canary-weights", map[string]any{"step": []any{1}}), `policies.params.canary-weights: there is no parameter step; did you mean "steps"?`},
		"its type":       {params("canary-weights", map[string]any{"steps": 5}), `policies.params.canary-weights.steps: Invalid type. Expected: array, given: integer`},
		"a key within": {
			params("host-ownership", map[string]any{"exceptions": []any{map[string]any{"namespacs": []any{"shop"}}}}),
			`policies.params.host-ownership.exceptions.0: Additional property namespacs is not allowed`,
		},
		"letter case": {
			params("host-ownership", map[string]any{"owners": map[string]any{"Shop.test": map[string]any{"namespaces": []any{"a"}}, "shop.test": map[string]any{"namespaces": []any{"b"}}}}),
			`policies.params.host-ownership.owners: "Shop.test" and "shop.test" are the same, and only one of them would count`,
		},
		"a kind": {
			params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"spec.servers[*].tls"}, "kinds": []any{"Gatewy"}, "users": []any{"a"}}}}),
			`policies.params.field-ownership.fields.0.kinds.0: `,
		},
		"a path": {
			params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"spec..servers["}, "users": []any{"a"}}}}),
			`policies.params.field-ownership.fields.0.paths.0: Does not match pattern`,
		},
		"a path of nothing": {
			params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{[]any{}}, "users": []any{"a"}}}}),
			`policies.params.field-ownership.fields.0.paths.0: `,
		},
		"a path of no list": {
			params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{[]any{"spec", "servers", "0", "tls"}, "spec.servers.0.tls", "spec.servers[-1].tls"}, "users": []any{"a"}}}}),
			"fields.0.paths.0: no object has a field spec.servers.0\npolicies.params.field-ownership.fields.0.paths.1: no object has a field spec.servers.0\npolicies.params.field-ownership.fields.0.paths.2: no object has a field spec.servers.-1",
		},
		"an index of a map": {
			params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"metadata.annotations[a.b/c]", "metadata.labels.1", "metadata.labels[1]"}, "users": []any{"a"}}}}),
			`fields.0.paths.2: no object has a field metadata.labels.1`,
		},
		"a path below a text": {
			params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"metadata.annotations.gatelint.io/ignore", "metadata.annotations.*.a", "metadata.labels['a.b/c'].d"}, "users": []any{"a"}}}}),
			`fields.0.paths.0: no object has a field metadata.annotations.gatelint.io/ignore; a name with a dot is in brackets: ["gatelint.io/ignore"]
policies.params.field-ownership.fields.0.paths.1: no object has a field metadata.annotations.*.a
policies.params.field-ownership.fields.0.paths.2: no object has a field metadata.labels.a.b/c.d; a name with a dot is in brackets: ["a.b/c.d"]`,
		},
		"a path without a name": {
			params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{`metadata.annotations[""]`}, "users": []any{"a"}}}}),
			`fields.0.paths.0: no object has a field metadata.annotations`,
		},
		"a path of other kinds": {
			params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"spec.servers[*].tls"}, "kinds": []any{"VirtualService", "Sidecar"}, "users": []any{"a"}}}}),
			`fields.0.paths.0: no VirtualService nor Sidecar has a field spec.servers`,
		},
		"status":                 {params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"status.x"}, "users": []any{"a"}}}}), `fields.0.paths.0: a change of status is not reviewed`},
		"too many stars":         {params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"*.*.*.*.*.*"}, "users": []any{"a"}}}}), `fields.0.paths.0: a field has at most 5 *`},
		"no paths":               {params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{}, "users": []any{"a"}}}}), `fields.0.paths: Array must have at least 1 items`},
		"no users":               {params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"spec"}, "users": []any{}, "groups": []any{}}}}), "fields.0.groups: Array must have at least 1 items\npolicies.params.field-ownership.fields.0.users: Array must have at least 1 items"},
		"no users of an owner":   {params("host-ownership", map[string]any{"owners": map[string]any{"a.test": map[string]any{"namespaces": []any{"a"}, "users": []any{}, "groups": []any{}}}}), `owners.a.test.users: Array must have at least 1 items`},
		"no users of exceptions": {params("host-ownership", map[string]any{"exceptions": []any{map[string]any{"users": []any{}, "groups": []any{}}}}), "exceptions.0.groups: Array must have at least 1 items\npolicies.params.host-ownership.exceptions.0.users: Array must have at least 1 items"},
		"no kinds":               {params("field-ownership", map[string]any{"fields": []any{map[string]any{"paths": []any{"spec"}, "kinds": []any{}, "users": []any{"a"}}}}), `fields.0.kinds: Array must have at least 1 items`},
		"a host of an exception": {params("host-ownership", map[string]any{"exceptions": []any{map[string]any{"hosts": []any{"https://a.test"}}}}), `exceptions.0.hosts.0: Does not match pattern`},
		"a host without *":       {params("no-wildcard-host", map[string]any{"hosts": []any{"*", "*.a.test", "*-a.test", "shop.example.com"}}), `no-wildcard-host.hosts.3: Does not match pattern`},
		"a cluster domain":       {params("no-mesh-wide-virtualservice", map[string]any{"cluster_domain": "*.local"}), `cluster_domain: Does not match pattern`},
		"one of some":            {params("no-mesh-wide-virtualservice", map[string]any{"exports": "private"}), `policies.params.no-mesh-wide-virtualservice.exports: `},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(context.Background(), c.opt)
			require.ErrorContains(t, err, c.want)
			require.ErrorAs(t, err, new(Problems))
		})
	}
}

// TestDomainsOfOwners refuses keys that no host can lie in.
func TestDomainsOfOwners(t *testing.T) {
	load := func(domain string) error {
		owners := map[string]any{domain: map[string]any{"namespaces": []any{"shop"}}}
		_, err := Load(context.Background(), Options{Paths: []string{Library + "host-ownership"}, Params: map[string]map[string]any{"host-ownership": {"owners": owners}}})
		return err
	}
	for _, domain := range []string{"*", "a.test", "*.a.test", "A.test", "local", "a_b.xn--test"} {
		require.NoError(t, load(domain))
	}
	for _, domain := range []string{"*a.test", ".a.test", "a.*", "https://a.test", "a.test.", "a.test/", "edge/a.test", " a.test", "a..test", ""} {
		require.ErrorContains(t, load(domain), "policies.params.host-ownership.owners: Property name of \""+domain+"\" does not match")
	}
}

// TestLibraryIgnores has nobody switch off in a manifest of its own what says where it may be and what it may take.
func TestLibraryIgnores(t *testing.T) {
	var opt Options
	for _, name := range LibraryNames() {
		opt.Paths = append(opt.Paths, Library+name)
	}
	set, err := Load(context.Background(), opt)
	require.NoError(t, err)
	var binding []string
	for _, p := range set.Policies() {
		if !p.Ignorable {
			binding = append(binding, p.Name)
		}
	}
	require.Equal(t, []string{"field-ownership", "gateway-namespace", "gateway-workloads", "host-ownership", "no-mesh-wide-virtualservice"}, binding)
}

// TestFieldsOfMaps takes names that a map can have.
func TestFieldsOfMaps(t *testing.T) {
	for _, path := range []string{
		`metadata.annotations['gatelint.io/ignore']`, `metadata.annotations["gatelint.io/ignore"]`, "metadata.labels.app", "metadata.labels", "metadata.labels.*",
		`metadata.labels['0']`, `metadata.labels["0"]`, "spec.selector.istio", "spec.http[*].match[*].headers.x-a.exact", "spec.http[*].headers.request.set.x-a",
	} {
		fields := []any{map[string]any{"paths": []any{path}, "users": []any{"a"}}}
		_, err := Load(context.Background(), Options{Paths: []string{Library + "field-ownership"}, Params: map[string]map[string]any{"field-ownership": {"fields": fields}}})
		require.NoError(t, err, path)
	}
}

// TestLibraryBesideOthers has the library run beside conftest's policies, which are in another package.
func TestLibraryBesideOthers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.rego": "package main\n\nimport data.gatelint.lib.hosts\n\ndeny contains \"a\" if hosts.wild(input.spec.hosts[0])\n"})
	set, err := Load(context.Background(), Options{Paths: []string{dir, Library + "canary-weights"}, Namespaces: []string{"main"}})
	require.NoError(t, err)
	require.Len(t, set.Policies(), 2)
}

// TestLibraryInAdmission asks as the webhook does: about one object, with who asks.
func TestLibraryInAdmission(t *testing.T) {
	set, err := Load(context.Background(), Options{
		Paths: []string{Library + "host-ownership", Library + "field-ownership"},
		Params: map[string]map[string]any{
			"host-ownership": {
				"owners":     map[string]any{"shop.example.com": map[string]any{"namespaces": []any{"shop"}, "groups": []any{"shop-team"}}},
				"exceptions": []any{map[string]any{"kinds": []any{"Gateway"}, "namespaces": []any{"edge"}}},
			},
			"field-ownership": {"fields": []any{
				map[string]any{"paths": []any{"spec.http[*].timeout"}, "kinds": []any{"VirtualService"}, "groups": []any{"sre"}},
			}},
		},
	})
	require.NoError(t, err)
	world := tables(t, shop)
	o := world.World.Object("VirtualService", "shop", "web")
	require.NotNil(t, o)
	ask := func(r *Request) (out []string) {
		res := rules.Run(world, set.Of(context.Background(), Review{Object: o, Request: r}))
		require.Empty(t, res.Failed)
		for _, f := range res.Findings {
			out = append(out, f.Message)
		}
		return out
	}
	now := o
	old := o.Plain()
	old["spec"] = map[string]any{"http": []any{map[string]any{"timeout": "5s"}}}
	text, err := json.Marshal(old)
	require.NoError(t, err)
	before := parsed(t, string(text))

	require.Empty(t, rules.Run(world, set.Rules(0)).Findings, "the linter does not know who asks")
	require.Empty(t, ask(&Request{Operation: "UPDATE", User: "ann", Groups: []string{"shop-team", "sre"}, OldObject: before}))
	require.Equal(t, []string{`user "ann" removes "spec.http[0].timeout", which only groups "sre" may`},
		ask(&Request{Operation: "UPDATE", User: "ann", Groups: []string{"shop-team"}, OldObject: before}))
	require.Equal(t, []string{`user "eve" claims host "shop.example.com" of namespace "shop", which only some others may: requests to it would go where they say`},
		ask(&Request{Operation: "UPDATE", User: "eve", Groups: []string{"dev"}, OldObject: now}))
	require.Len(t, ask(&Request{Operation: "CREATE", User: "eve"}), 1, "nothing of field-ownership: no timeout is set")
}
