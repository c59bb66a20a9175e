package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/rules"
)

// load gives the problems of one file of policies.
func load(t *testing.T, text string) error {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, map[string]string{"a.rego": text})
	_, err := Load(context.Background(), Options{Paths: []string{"a.rego"}, Taken: rules.All()})
	return err
}

// TestProblems holds what would pass in silence to an error with its place.
func TestProblems(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"v0":                     {"package gatelint.a\n\ndeny[msg] {\n\tmsg := input.kind\n}\n", `a.rego:3: this is Rego v0: opa fmt --v0-v1 --write rewrites it`},
		"syntax":                 {"package gatelint.a\n\ndeny contains msg if {\n", `a.rego:3: the file ends in the middle of a rule`},
		"nothing":                {"# a\n", `a.rego:1: there is no package in the file`},
		"no set":                 {"package gatelint.a\n\ndeny if input.kind == \"x\"\n", `a.rego:3: deny is no partial set, so nothing of it would be reported`},
		"no set, by name":        {"package gatelint.a\n\ndeny_x := \"msg\"\n\nwarn contains \"a\"\n", `a.rego:3: deny_x is no partial set`},
		"map":                    {"package gatelint.a\n\nwarn[x] := 1 if some x in input.a\n", `a.rego:3: warn is no partial set`},
		"outside":                {"package other\n\ndeny contains \"a\"\n", `a.rego:1: package other is never evaluated: policies are packages under gatelint`},
		"field, no such":         {"# METADATA\n# schemas:\n# - data.gatelint.params.a: {properties: {paths: {items: {format: field}}}}\n# custom:\n#   params: {paths: ['spec.servers[*].tls', 'spec.http[0].rout']}\npackage gatelint.a\n\ndeny contains data.gatelint.params.a.paths[_]\n", `a.rego:6: METADATA custom.params.paths.1: no object has a field spec.http.0.rout; did you mean "route"?`},
		"input of one":           {"package gatelint.a\n\ndeny_a contains input.kind\n\n# METADATA\n# custom: {input: gatekeeper}\ndeny_b contains input.kind\n", `a.rego:3: another rule than deny_a says METADATA custom.input: it is about the whole policy, so say it in the METADATA of the package`},
		"admission of no object": {"# METADATA\n# custom: {kinds: [Service, Deployment.apps], admission: deny}\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:3: custom.admission is deny, and admission is not asked about objects of kind Deployment.apps, Service`},
		"admission of a warning": {"package gatelint.a\n\n# METADATA\n# custom: {admission: deny}\nwarn_b contains input.kind\n", `a.rego:3: custom.admission is deny, and admission does not deny for a rule warn_b: call it deny`},
		"pattern, no such":       {"# METADATA\n# schemas:\n# - data.gatelint.params.a: {additionalProperties: {items: {format: glob}}}\n# custom:\n#   params: {names: ['a*', '[a']}\npackage gatelint.a\n\ndeny contains data.gatelint.params.a.names[_]\n", `a.rego:6: METADATA custom.params.names.1: "[a" is no pattern: syntax error at 2: unexpected end of input; \ in front of`},
		"unused":                 {"package other\n\nf(x) := x\n", `a.rego:1: package other is never evaluated, and no policy uses it`},
		"empty":                  {"package gatelint.a\n\nx := 1\n", `a.rego:1: package gatelint.a has no rule deny, violation or warn`},
		"misspelt":               {"package gatelint.a\n\ndenny contains \"a\"\n", `did you mean "deny" by "denny"?`},
		"root":                   {"package gatelint\n\ndeny contains \"a\"\n", `a.rego:1: package gatelint has no name for its rule`},
		"taken":                  {"package gatelint.shadowed_match\n\ndeny contains \"a\"\n", `a.rego:1: rule "shadowed-match" exists already`},
		"reserved":               {"package gatelint.mesh\n\ndeny contains \"a\"\n", `a.rego:1: package gatelint.mesh is reserved`},
		"in lib":                 {"package gatelint.lib.a\n\ndeny contains \"a\"\n", `a.rego:3: deny in package gatelint.lib.a is never evaluated`},
		"key":                    {"# METADATA\n# title: x\n# custom:\n#   severty: error\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:4: unknown METADATA key "severty" under custom; did you mean "severity"?`},
		"top key":                {"# METADATA\n# titel: x\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:2: unknown METADATA key "titel"; did you mean "title"?`},
		"not under custom":       {"# METADATA\n# severity: error\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:2: METADATA severity stands under custom`},
		"severity":               {"# METADATA\n# custom: {severity: high}\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:2: custom.severity: "high" is no severity`},
		"kind":                   {"# METADATA\n# custom: {kinds: [VirtualServce]}\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:2: custom.kinds: unknown kind "VirtualServce"; did you mean "VirtualService"?`},
		"contradiction":          {"package gatelint.a\n\n# METADATA\n# custom: {severity: error}\ndeny contains \"a\"\n\n# METADATA\n# custom: {severity: info}\ndeny contains \"b\"\n", `a.rego:7: METADATA custom.severity says something else`},
		"forbidden":              {"package gatelint.a\n\ndeny contains x if x := http.send({}).body\n", `a.rego:3: http.send is not allowed here`},
		"clock":                  {"package gatelint.a\n\ndeny contains x if x := sprintf(\"%d\", [time.now_ns()])\n", `a.rego:3: time.now_ns is not allowed here`},
		"no function":            {"package gatelint.a\n\ndeny contains x if x := sprintff(\"%d\", [1])\n", `a.rego:3: undefined function sprintff; did you mean "sprintf"?`},
		"no function of a lib":   {"package gatelint.a\n\nimport data.gatelint.lib.host\n\ndeny contains \"x\" if host.covers(\"a\", \"b\")\n", `a.rego:5: undefined function data.gatelint.lib.host.covers; did you mean "data.gatelint.lib.hosts.covers"?`},
		"field":                  {"# METADATA\n# custom: {kinds: [VirtualService]}\npackage gatelint.a\n\ndeny contains h if some h in input.spec.hots\n", `a.rego:5: there is no "hots" in input.spec; did you mean "hosts"?`},
		"field of two":           {"# METADATA\n# custom: {kinds: [VirtualService, Gateway]}\npackage gatelint.a\n\ndeny contains h if some h in input.spec.hots\n", `a.rego:5: there is no "hots" in input.spec`},
		"field in a list":        {"# METADATA\n# custom: {kinds: [VirtualService]}\npackage gatelint.a\n\nwarn contains h if {\n\tsome i\n\th := input.spec.http[i].rout\n}\n", `a.rego:7: there is no "rout" in input.spec.http[i]; did you mean "route"?`},
		"field of a rule":        {"package gatelint.a\n\n# METADATA\n# custom: {kinds: [Gateway]}\ndeny contains h if some h in input.spec.servrs\n", `a.rego:5: there is no "servrs" in input.spec; did you mean "servers"?`},
		"field of a helper":      {"package gatelint.a\n\n# METADATA\n# custom: {kinds: [Gateway]}\ndeny contains \"a\" if helper\n\nhelper if input.spec.servrs\n", `a.rego:7: there is no "servrs" in input.spec`},
		"fact":                   {"package gatelint.a\n\ndeny contains h if some h in data.gatelint.mesh.by_hots[\"a\"]\n", `a.rego:3: there is no "by_hots" in data.gatelint.mesh; did you mean "by_host"?`},
		"parameter":              {"# METADATA\n# custom: {params: {domains: []}}\npackage gatelint.a\n\ndeny contains h if some h in data.gatelint.params.a.domain\n", `a.rego:5: there is no "domain" in data.gatelint.params.a; did you mean "domains"?`},
		"unset parameter":        {"# METADATA\n# custom: {params: {domains: null}}\npackage gatelint.a\n\ndeny contains h if some h in data.gatelint.params.a.domains\n", `a.rego:3: parameter domains has no default and is not set: policies.params.a.domains`},
		"kind, a number":         {"# METADATA\n# custom: {kinds: [1, true]}\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:2: custom.kinds: "1" is no name of a kind`},
		"unread":                 {"package gatelint.a\n\ndeny contains \"a\"\n\nwran contains \"b\"\n", `a.rego:5: wran is never evaluated: findings are in deny, violation and warn, or one of these with _suffix; did you mean "warn"?`},
		"unread, capital":        {"package gatelint.a\n\ndeny contains \"a\"\n\nDeny contains \"b\"\n", `did you mean "deny"?`},
		"unread, plural":         {"package gatelint.a\n\ndeny contains \"a\"\n\nviolations_x contains \"b\"\n", `did you mean "violation_x"?`},
		"unread, joined":         {"package gatelint.a\n\ndeny contains \"a\"\n\ndenyhost contains \"b\"\n", `a.rego:5: denyhost is never evaluated`},
		"behind keys":            {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.mesh.by_host[input.x].gatways[0].name == \"b\"\n", `there is no "gatways" in data.gatelint.mesh.by_host[…]; did you mean "gateways"?`},
		"in a list":              {"package gatelint.a\n\nimport data.gatelint.mesh\n\ndeny contains \"a\" if {\n\tsome i\n\tmesh.virtualservices[input.x].y.destinations[i].hst == \"b\"\n}\n", `a.rego:7: there is no "hst" in data.gatelint.mesh.virtualservices[…].y.destinations[i]; did you mean "host"?`},
		"of a Gateway":           {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.mesh.gateways.a.b.servers[_].host == \"b\"\n", `a.rego:3: there is no "host" in data.gatelint.mesh.gateways.a.b.servers[_]; did you mean "hosts"?`},
		"other object":           {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.mesh.objects.Gateway.a.b.spec.servrs\n", `a.rego:3: there is no "servrs" in data.gatelint.mesh.objects.Gateway.a.b.spec; did you mean "servers"?`},
		"other kind":             {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.mesh.objects.Gatway.a.b\n", `a.rego:3: there is no such kind in data.gatelint.mesh.objects: unknown kind "Gatway"; did you mean "Gateway"?`},
		"kind, no group":         {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.mesh.objects.Deployment.a.b\n", `a.rego:3: there is no kind "Deployment" in data.gatelint.mesh.objects; did you mean "Deployment.apps"?`},
		"kind, own group":        {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.mesh.objects[\"Gateway.networking.istio.io\"].a.b\n", `did you mean "Gateway"?`},
		"kind, wrong group":      {"# METADATA\n# custom: {kinds: [Deployment.app]}\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:2: custom.kinds: unknown kind "Deployment.app"; did you mean "Deployment.apps"?`},
		"kind, plural":           {"# METADATA\n# custom: {kinds: [ServiceEntries]}\npackage gatelint.a\n\ndeny contains \"a\"\n", `did you mean "ServiceEntry"?`},
		"kind, path":             {"# METADATA\n# custom: {kinds: [networking.istio.io/VirtualService]}\npackage gatelint.a\n\ndeny contains \"a\"\n", `"networking.istio.io/VirtualService" is no name of a kind, which is VirtualService, or Deployment.apps; did you mean "VirtualService"?`},
		"kind, any":              {"# METADATA\n# custom: {kinds: ['*']}\npackage gatelint.a\n\ndeny contains \"a\"\n", `custom.kinds: without kinds a policy is run on all objects`},
		"a number":               {"package gatelint.a\n\ndeny contains 5\n", `a.rego:3: deny gives number, not a string or an object with msg`},
		"no msg":                 {"package gatelint.a\n\ndeny contains {\"path\": \"x\"} if input.x\n", `a.rego:3: deny gives an object without a msg`},
		"nearly a key":           {"package gatelint.a\n\ndeny contains {\"msg\": \"x\", \"paths\": \"x\"} if input.x\n", `a.rego:3: deny gives a key "paths"; did you mean "path"?`},
		"own severity":           {"package gatelint.a\n\ndeny contains {\"msg\": \"x\", \"severity\": \"warn\"} if input.x\n", `a.rego:3: deny gives a severity that is none of error, warning and info: "warn"`},
		"nearly METADATA":        {"# METADTA\n# custom: {severity: info}\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:1: "METADTA" is a mere comment: write METADATA`},
		"one set":                {"package gatelint.a\n\ndeny := {\"a\"}\n", `a.rego:3: deny is no partial set`},
		"schema, own default":    {"# METADATA\n# schemas:\n# - data.gatelint.params.a: {type: object, properties: {max: {type: integer}}}\n# custom: {params: {max: a}}\npackage gatelint.a\n\ndeny contains \"z\" if data.gatelint.params.a.max == 1\n", `a.rego:5: METADATA custom.params.max: Invalid type. Expected: integer, given: string`},
		"METADATA at the end":    {"package gatelint.a\n\ndeny contains \"a\"\n\n# METADATA\n# title: x\n", `a.rego:5: invalid annotation scope`},
		"all facts":              {"package gatelint.a\n\nimport data.gatelint as gl\n\ndeny contains \"a\" if {\n\tx := gl.mesh\n\tx.by_host.b\n}\n", `a.rego:6: all of data.gatelint.mesh is not read at once: name what is looked for`},
		"METADATA with a gap":    {"# METADATA\n# title: a\n\n# custom:\n#   severity: info\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:4: a mere comment: the METADATA of line 1 end at the empty line before it`},
		"small letters":          {"# Metadata\n# custom: {severity: info}\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:1: "Metadata" is a mere comment: write METADATA`},
		"no data":                {"package gatelint.a\n\ndeny contains \"a\" if not data.cfg.flag\n", `a.rego:3: data.cfg.flag names nothing: there is no such package, and no data`},
		"part":                   {"package gatelint.a\n\ndeny contains \"a\" if not data.gatelint.mehs.by_host.a\n", `a.rego:3: there is no "mehs" in data.gatelint; did you mean "mesh"?`},
		"requests":               {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.requests.user == \"b\"\n", `a.rego:3: there is no "requests" in data.gatelint; did you mean "request"?`},
		"param":                  {"package gatelint.a\n\nx := data.gatelint.param.a.b\n\ndeny contains \"a\" if x\n", `a.rego:3: there is no "param" in data.gatelint; did you mean "params"?`},
		"helper":                 {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.lib.host.x\n", `a.rego:3: there is no "host" in data.gatelint.lib; did you mean "hosts"?`},
		"rule of helper":         {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.lib.hosts.nope\n", `a.rego:3: there is no "nope" in data.gatelint.lib.hosts`},
		"import":                 {"package gatelint.a\n\nimport data.gatelint.lib.nope\n\ndeny contains \"a\"\n", `a.rego:3: there is no "nope" in data.gatelint.lib`},
		"import elsewhere":       {"package gatelint.a\n\nimport data.lib.nope\n\ndeny contains \"a\" if nope.x\n", `a.rego:3: data.lib.nope names nothing`},
		"inventory":              {"package gatelint.a\n\ndeny contains \"a\" if data.inventory.namespace.a[_].Service.b\n", `a.rego:3: data.inventory is Gatekeeper's: another object is data.gatelint.mesh.objects[KIND][NAMESPACE][NAME]`},
		"review":                 {"package gatelint.a\n\ndeny contains \"a\" if {\n\tx := input.parameters.y\n\tinput.review.object.kind == x\n}\n", `a.rego:5: input.review is Gatekeeper's, and input is the object itself: with METADATA custom.input: gatekeeper`},
		"review, misspelt":       {"# METADATA\n# custom: {input: gatekeeper}\npackage gatelint.a\n\ndeny contains \"a\" if input.review.objct.spec\n", `a.rego:5: there is no "objct" in input.review; did you mean "object"?`},
		"review, none":           {"# METADATA\n# custom: {input: gatekeeper}\npackage gatelint.a\n\ndeny contains \"a\" if input.metadata.name\n", `a.rego:5: there is no "metadata" in input`},
		"review, parameter":      {"# METADATA\n# custom: {input: gatekeeper, params: {x: 1}}\npackage gatelint.a\n\ndeny contains \"a\" if input.parameters.y == 1\n", `a.rego:5: there is no "y" in input.parameters`},
		"METADATA of a helper":   {"package gatelint.a\n\n# METADATA\n# custom: {severity: info}\nhelper if input.x\n\ndeny contains \"a\" if helper\n", `a.rego:3: METADATA custom above a rule of which nothing is reported: write it above deny, violation or warn, or above the package`},
		"field of another group": {"# METADATA\n# custom: {kinds: [AuthorizationPolicy]}\npackage gatelint.a\n\ndeny contains \"a\" if input.spec.rulez\n", `a.rego:5: there is no "rulez" in input.spec; did you mean "rules"?`},
		"kind of another group":  {"package gatelint.a\n\ndeny contains \"a\" if data.gatelint.mesh.objects.Telemetry.a.b\n", `a.rego:3: there is no kind "Telemetry" in data.gatelint.mesh.objects; did you mean "Telemetry.telemetry.istio.io"?`},
		"kind, nearly of Istio":  {"# METADATA\n# custom: {kinds: [AuthorizationPolcy]}\npackage gatelint.a\n\ndeny contains \"a\"\n", `a.rego:2: custom.kinds: unknown kind "AuthorizationPolcy"; did you mean "AuthorizationPolicy"?`},
		"required by the schema": {"# METADATA\n# schemas:\n# - data.gatelint.params.a: {type: object, required: [min]}\n# custom: {params: {max: 1}}\npackage gatelint.a\n\ndeny contains \"z\" if data.gatelint.params.a.max > data.gatelint.params.a.min\n", `policies.params.a: min is required`},
		"library only":           {"package gatelint.lib.a\n\nf(x) := x\n", `there is no policy in a.rego`},
	} {
		t.Run(name, func(t *testing.T) {
			err := load(t, c.text)
			require.ErrorContains(t, err, c.want)
			require.ErrorAs(t, err, new(Problems))
		})
	}
}

// TestOtherPackages holds references to packages that are no policies, as conftest's helpers, against what stands in them.
func TestOtherPackages(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"kubernetes.rego": "package kubernetes\n\nis_service if input.kind == \"Service\"\n",
		"main.rego":       "package main\n\nimport data.kubernetes\n\ndeny contains \"x\" if kubernetes.is_servise\n",
		"good.rego":       "package main\n\nimport data.kubernetes\n\ndeny contains \"x\" if kubernetes.is_service\n",
	})
	load := func(files ...string) error {
		opt := Options{Namespaces: []string{"main"}}
		for _, f := range append(files, "kubernetes.rego") {
			opt.Paths = append(opt.Paths, filepath.Join(dir, f))
		}
		_, err := Load(context.Background(), opt)
		return err
	}
	require.NoError(t, load("good.rego"))
	write(t, dir, map[string]string{
		"shop.rego":   "package teams.shop\n\nfaults contains \"a\" if input.kind\n",
		"parent.rego": "package main\n\nimport data.teams\n\ndeny contains msg if some msg in teams.shop.faults\n",
		"key.rego":    "package main\n\ndeny contains msg if some msg in data.teams[input.metadata.namespace].faults\n",
	})
	require.NoError(t, load("parent.rego", "shop.rego", "good.rego"))
	require.NoError(t, load("key.rego", "shop.rego", "good.rego"))
	require.ErrorContains(t, load("good.rego", "shop.rego"), "package teams.shop is never evaluated")
	require.ErrorContains(t, load("main.rego"), `main.rego:5: there is no "is_servise" in data.kubernetes; did you mean "is_service"?`)
}

// TestComments lets comments speak of metadata.
func TestComments(t *testing.T) {
	require.NoError(t, load(t, "package gatelint.a\n\n# metadata\nlabels := input.metadata.labels\n\n# Metadata\n# of others\ndeny contains \"a\" if labels.x\n"))
}

// TestGaps lets comments stand where METADATA have ended.
func TestGaps(t *testing.T) {
	require.NoError(t, load(t, "# METADATA\n# title: a\n\n# More of it.\npackage gatelint.a\n\n# METADATA\n# title: b\ndeny contains \"a\"\n\n# title: of a book\nx := 1\n"))
}

// TestByteOrderMark holds that METADATA count behind one.
func TestByteOrderMark(t *testing.T) {
	require.NoError(t, load(t, "\ufeff# METADATA\n# title: b\n# custom: {kinds: [Gateway]}\npackage gatelint.a\n\ndeny contains \"a\"\n"))
	s, err := Load(context.Background(), Options{Paths: []string{"a.rego"}})
	require.NoError(t, err)
	require.Equal(t, []string{"Gateway"}, s.Policies()[0].Kinds)
	require.NoError(t, os.WriteFile("data.json", []byte("\ufeff{\"x\": 1}"), 0o644))
	_, err = Load(context.Background(), Options{Paths: []string{"."}})
	require.NoError(t, err)
}

// TestNamesInTests holds that tests name what is there: what is undefined is not what it must not be either.
func TestNamesInTests(t *testing.T) {
	for body, want := range map[string]string{
		"import data.gatelint.b\n\ntest_a if not b.deny.x\n":                                       `a_test.rego:3: there is no "b" in data.gatelint`,
		"test_a if not data.gatelint.limits.dney.x\n":                                              `a_test.rego:3: there is no "dney" in data.gatelint.limits; did you mean "deny"?`,
		"test_a if data.gatelint.limits.deny with data.gatelint.params.limts as {}\n":              `a_test.rego:3: there is no "limts" in data.gatelint.params; did you mean "limits"?`,
		"test_a if data.gatelint.limits.deny with data.gatelint.request.usr as 1\n":                `a_test.rego:3: there is no "usr" in data.gatelint.request; did you mean "user"?`,
		"test_a if data.gatelint.limits.deny with data.gatelint.mesh.by_hots as 1\n":               `a_test.rego:3: there is no "by_hots" in data.gatelint.mesh; did you mean "by_host"?`,
		"test_a if data.gatelint.limits.deny with data.gatelint.limits.help as 1\n":                `a_test.rego:3: there is no "help" in data.gatelint.limits`,
		"test_a if not data.gatelint.limits.deny.x with data.gatelint.params.limits.boundd as 1\n": `a_test.rego:3: there is no "boundd" in data.gatelint.params.limits; did you mean "bound"?`,
		"test_a if not data.gatelint.params.limits.boundd\n":                                       `a_test.rego:3: there is no "boundd" in data.gatelint.params.limits; did you mean "bound"?`,
		"test_a if not data.gatelint.mesh.this.hsts\n":                                             `a_test.rego:3: there is no "hsts" in data.gatelint.mesh.this; did you mean "hosts"?`,
		"tset_a if true\n":                           `a_test.rego:3: tset_a is never run: a test is named test_…`,
		"test_a if data.gatelint.lib.host.wild(1)\n": `a_test.rego:3: undefined function data.gatelint.lib.host.wild; did you mean "data.gatelint.lib.hosts.wild"?`,
		"test_a if helper\n\nhelper if true\n\ntests if helper\n\ntest_b if tests\n":                                                                                                               "",
		"test_a if count(data.gatelint.limits.deny) == 1 with data.gatelint.mesh as {} with data.gatelint.params.limits as {} with data.gatelint.params.limits.bound as 2 with data.more.x as 1\n": "",
	} {
		t.Chdir(t.TempDir())
		require.NoError(t, os.WriteFile("a.rego", []byte("# METADATA\n# custom: {params: {bound: 1}}\npackage gatelint.limits\n\ndeny contains \"a\"\n"), 0o644))
		require.NoError(t, os.WriteFile("a_test.rego", []byte("package gatelint.a_test\n\n"+body), 0o644))
		s, err := Load(context.Background(), Options{Paths: []string{"."}})
		require.NoError(t, err)
		_, err = s.Test(context.Background(), "", nil)
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want, body)
		}
	}
}

// TestNullInTheConfig lays what the config says to the config.
func TestNullInTheConfig(t *testing.T) {
	_, err := Load(context.Background(), Options{Paths: []string{Library + "tls-minimum"}, Params: map[string]map[string]any{"tls-minimum": {"version": nil}}})
	require.ErrorContains(t, err, "policies.params.tls-minimum.version: Invalid type. Expected: string, given: null")
}

// TestOnce holds that a mistake is told once.
func TestOnce(t *testing.T) {
	for want, err := range map[string]error{
		"a.rego:3: deny is no partial set": load(t, "package gatelint.a\n\ndeny := true\n"),
		"a.rego:3: package gatelint.host_ownership is in the library too": func() error {
			require.NoError(t, load(t, "# METADATA\n# title: a\npackage gatelint.host_ownership\n\ndeny contains input.kind\n"))
			_, err := Load(context.Background(), Options{Paths: []string{"a.rego", Library + "host-ownership"}})
			return err
		}(),
		`policies.params.host-ownership: there is no parameter ownrs`: func() error {
			_, err := Load(context.Background(), Options{Paths: []string{Library + "host-ownership"}, Params: map[string]map[string]any{"host-ownership": {"ownrs": map[string]any{}}}})
			return err
		}(),
		`a.rego:3: there is no "helpers" in data.gatelint`: load(t, "package gatelint.a\n\nimport data.gatelint.helpers\n\ndeny contains \"a\" if helpers.ok\n"),
		`a.rego:3: data.lib.nope names nothing`:            load(t, "package gatelint.a\n\nimport data.lib.nope\n\ndeny contains \"a\" if nope.x\n"),
		`a.rego:3: non-terminated string`:                  load(t, "package gatelint.a\n\ndeny contains \"a if true\n"),
		`a.rego:3: there is no "allowd" in data.gatelint.params.a; did you mean "allowed"?`: func() error {
			require.NoError(t, load(t, "package gatelint.a\n\ndeny contains \"a\" if not input.x in data.gatelint.params.a.allowd\n\ndeny contains \"b\" if data.gatelint.params.a.other\n"))
			_, err := Load(context.Background(), Options{Paths: []string{"a.rego"}, Params: map[string]map[string]any{"a": {"allowed": []any{}}}})
			return err
		}(),
		`policies.params.field-ownership.fields.0.paths.0: no object has a field spec.hots`: func() error {
			fields := []any{map[string]any{"paths": []any{"spec..hots"}, "groups": []any{"a"}}}
			_, err := Load(context.Background(), Options{Paths: []string{Library + "field-ownership"}, Params: map[string]map[string]any{"field-ownership": {"fields": fields}}})
			return err
		}(),
	} {
		var list Problems
		require.ErrorAs(t, err, &list)
		require.Len(t, list, 1)
		require.ErrorContains(t, err, want)
	}
}

// TestHelpersNamedLikeVerdicts lets helpers have names like those of verdicts.
func TestHelpersNamedLikeVerdicts(t *testing.T) {
	require.NoError(t, load(t, `package gatelint.a

deny contains host if some host in denied

denied contains host if {
	some host in input.spec.hosts
	host in denylist
}

denylist contains "a"

warning(host) := sprintf("%s", [host])

warns := {"a"}

warn contains warning("a")
`))
}

// TestWhatIsThere lets policies read what there is, and what may be there.
func TestWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, map[string]string{
		"p/data.json": `{"teams": {"a": 1}, "inventory": {}}`,
		"p/lib.rego":  "package gatelint.lib.own\n\nx.y := 1\n\nf(z) := z\n\nkinds[k] := 1 if some k in input.kinds\n",
		"p/out.rego":  "package shared.b\n\nx := {\"a\": {\"b\": 1}}\n",
		"p/b.rego":    "package gatelint.b\n\nwarn contains \"b\" if input.review.object.kind\n\nwarn contains \"c\" if input.kind\n",
		"p/a.rego": `package gatelint.a

import data.gatelint.lib.own
import data.gatelint.lib.own.f
import data.gatelint.mesh
import data.shared.b
import data.teams

deny contains "a" if {
	own.x.y == own.kinds.Gateway
	f(b.x.a.b) == teams.a
	data.gatelint.lib.hosts
	data.inventory.x
	mesh.objects["Deployment.apps"].a.b.spec.anything
	mesh.objects[input.kind].a.b.spec.servrs
	mesh.namespaces.a.labels.team
	mesh.by_host["x"].services[0].kind
	mesh.virtualservices.a.b.servers[_].dropped.by.name
	data.gatelint.b.warn["b"]
	some part
	data.gatelint.lib[part]
}
`,
	})
	s, err := Load(context.Background(), Options{Paths: []string{"p"}})
	require.NoError(t, err)
	require.Empty(t, s.Wholes())
}

// TestWholes tells which policies read all of a kind, but for those that admission never asks.
func TestWholes(t *testing.T) {
	s := set(t, Options{}, map[string]string{
		"a.rego": "package gatelint.a\n\nimport data.gatelint.mesh\n\nwarn contains \"a\" if {\n\tall := mesh.by_host\n\tsome name, _ in mesh.objects.Gateway.edge\n\tall[name]\n}\n\nwarn contains \"b\" if mesh.virtualservices.shop[_].mesh\n",
		"b.rego": "# METADATA\n# custom: {admission: off}\npackage gatelint.b\n\nwarn contains \"a\" if count(data.gatelint.mesh.by_host) == 1\n",
		"d.rego": "package gatelint.d\n\nimport data.gatelint.mesh\n\nwarn contains \"a\" if {\n\tsome ns, n\n\tmesh.objects.VirtualService[ns][n]\n}\n\n" +
			"warn contains \"b\" if {\n\tsome host in input.spec.hosts\n\tmesh.by_host[host].gateways\n}\n\n" +
			"warn contains \"c\" if count([h | some h; mesh.by_host[h].gateways]) > 0\n\n" +
			"warn contains \"d\" if every n in input.spec.hosts { mesh.objects[input.kind].shop[n] }\n\n" +
			"named(n) if mesh.virtualservices.shop[n].mesh\n\nwarn contains \"e\" if named(\"a\")\n\n" +
			"warn contains \"f\" if {\n\tmesh.objects[input.kind][input.metadata.namespace][n]\n\tn != \"a\"\n}\n",
		"c.rego": "package gatelint.c\n\n# METADATA\n# custom: {admission: off}\nwarn_a contains \"a\" if count(data.gatelint.mesh.by_host) == 1\n\nwarn contains \"b\"\n",
	})
	require.Empty(t, set(t, Options{}, map[string]string{
		"a.rego": "package gatelint.a\n\ndeny contains \"a\" if {\n\tsome h, _ in data.gatelint.mesh.by_host\n\th == \"a.test\"\n}\n",
	}).Wholes(), "the host is known before")
	var messages []string
	for _, p := range s.Wholes() {
		messages = append(messages, fmt.Sprint(p.Line, " ", p.Message))
	}
	require.Equal(t, []string{
		"6 data.gatelint.mesh.by_host is read as a whole, which is an error in admission: name the HOST",
		"7 data.gatelint.mesh.objects.Gateway.edge is read as a whole, which is an error in admission: name the NAME",
		"11 data.gatelint.mesh.virtualservices.shop is read as a whole, which is an error in admission: name the NAME",
		"7 data.gatelint.mesh.objects.VirtualService is read as a whole, which is an error in admission: name the NAMESPACE and the NAME",
		"15 data.gatelint.mesh.by_host is read as a whole, which is an error in admission: name the HOST",
		"24 data.gatelint.mesh.objects[…][…] is read as a whole, which is an error in admission: name the NAME",
	}, messages)
}

// TestSchemasStayHere holds that loading a policy fetches no URL and opens no file that a schema names.
func TestSchemasStayHere(t *testing.T) {
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(server.Close)
	for name, c := range map[string]struct{ path, schema, want string }{
		"URL":           {"data.gatelint.params.a", `{$ref: "` + server.URL + `/s"}`, `a.rego:1: METADATA schemas: $ref "` + server.URL + `/s" leads out of the schema`},
		"file":          {"data.gatelint.params.a", `{$ref: "file:///etc/hostname"}`, `a.rego:1: METADATA schemas: $ref "file:///etc/hostname" leads out of the schema`},
		"deep":          {"data.gatelint.params.a", `{properties: {x: {anyOf: [{$ref: "file:///etc/hostname"}]}}}`, `$ref "file:///etc/hostname" leads out`},
		"of input":      {"input", `{$ref: "file:///etc/hostname"}`, `$ref "file:///etc/hostname" leads out`},
		"relative":      {"input", `{$id: "FILE:///etc/x#y", properties: {x: {$ref: "#/z"}}}`, `$id "FILE:///etc/x#y" leads out`},
		"id of nothing": {"data.gatelint.params.a", `{$id: "` + server.URL + `/s#y", properties: {x: {$ref: "#/z"}}}`, `remote reference loading disabled`},
		"within":        {"data.gatelint.params.a", `{definitions: {x: {type: number}}, properties: {x: {$ref: "#/definitions/x"}, id: {type: string}}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := load(t, "# METADATA\n# schemas:\n#   - "+c.path+": "+c.schema+"\n# custom: {params: {x: 1}}\npackage gatelint.a\n\ndeny contains \"a\" if data.gatelint.params.a.x == 2\n")
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			require.Zero(t, hits.Load())
		})
	}
}

// TestSources reads folders as Kubernetes mounts them, bundles, and data, and counts a file once.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, map[string]string{
		"mounted/..2026/a.rego": "package gatelint.a\n\ndeny contains data.teams.red\n",
		"data/teams/data.json":  `{"red": "from data"}`,
		"b/b.rego":              "package gatelint.b\n\ndeny contains \"b\"\n",
		"b/b_test.rego":         "package gatelint.b_test\n\nthis is no Rego {",
	})
	require.NoError(t, os.Symlink(filepath.Join("..2026", "a.rego"), "mounted/a.rego"))
	_, err := Load(context.Background(), Options{Paths: []string{"mounted", "b"}})
	require.ErrorContains(t, err, "b/b_test.rego:3: ")
	require.NoError(t, os.Remove("b/b_test.rego"))

	_, err = Load(context.Background(), Options{Paths: []string{"mounted", "data"}})
	require.ErrorContains(t, err, "data: there is no policy here")
	require.NoError(t, os.Rename("data/teams", "mounted/teams"))
	s, err := Load(context.Background(), Options{Paths: []string{"mounted", "mounted/a.rego", "b"}})
	require.NoError(t, err)
	res := rules.Run(tables(t, shop), s.Rules(0))
	require.Empty(t, res.Failed)
	require.Len(t, res.Findings, 4)
	require.Equal(t, "from data", res.Findings[0].Message)
}

func TestBundle(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	file, err := os.Create("p.tar.gz")
	require.NoError(t, err)
	require.NoError(t, bundle.Write(file, bundle.Bundle{
		Manifest: bundle.Manifest{Roots: &[]string{""}}, Data: map[string]any{"limit": 3},
		Modules: []bundle.ModuleFile{{
			Path: "/gatelint/a.rego", URL: "/gatelint/a.rego", Raw: []byte("package gatelint.a\n\ndeny contains sprintf(\"%d\", [data.limit])\n"),
			Parsed: ast.MustParseModule("package gatelint.a\n\ndeny contains sprintf(\"%d\", [data.limit])\n"),
		}},
	}))
	require.NoError(t, file.Close())
	s, err := Load(context.Background(), Options{Paths: []string{"p.tar.gz"}})
	require.NoError(t, err)
	require.Equal(t, "p.tar.gz/gatelint/a.rego", s.Policies()[0].File)
	res := rules.Run(tables(t, shop), s.Rules(0))
	require.Equal(t, "3", res.Findings[0].Message)

	require.NoError(t, os.WriteFile("bad.tar.gz", []byte("no archive"), 0o644))
	_, err = Load(context.Background(), Options{Paths: []string{"bad.tar.gz"}})
	require.ErrorContains(t, err, "bad.tar.gz: ")

	var text bytes.Buffer
	zipped := gzip.NewWriter(&text)
	archive := tar.NewWriter(zipped)
	const wrong = "package gatelint.a\n\ndeny contains \"x\" if {\n"
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "/policy/p.rego", Mode: 0o644, Size: int64(len(wrong))}))
	_, err = archive.Write([]byte(wrong))
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	require.NoError(t, zipped.Close())
	require.NoError(t, os.WriteFile("wrong.tar.gz", text.Bytes(), 0o644))
	_, err = Load(context.Background(), Options{Paths: []string{"wrong.tar.gz"}})
	require.ErrorContains(t, err, "wrong.tar.gz/policy/p.rego:4: the file ends in the middle of a rule")
}

// TestData refuses data that would hide what gatelint tells, or that two files say differently.
func TestData(t *testing.T) {
	const rule = "package gatelint.a\n\ndeny contains \"a\"\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"reserved":      {map[string]string{"p/a.rego": rule, "p/data.json": `{"gatelint": {"mesh": {}}}`}, "p/data.json: sets data.gatelint"},
		"contradiction": {map[string]string{"p/a.rego": rule, "p/data.json": `{"x": {"z": 1}}`, "p/x/data.yaml": "z: 2"}, "p/x/data.yaml: sets data.x.z, which another file of data sets to another value"},
		"no object":     {map[string]string{"p/a.rego": rule, "p/data.json": `[1]`}, "p/data.json: holds no object"},
		"no JSON":       {map[string]string{"p/a.rego": rule, "p/data.json": `{`}, "p/data.json: is no JSON"},
		"beside":        {map[string]string{"p/a.rego": "package lib.x\n\nok if input.x\n", "p/b.rego": "package gatelint.a\n\ndeny contains data.lib.names if data.lib.x.okay\n", "p/lib/data.json": `{"names": ["a"]}`}, `p/b.rego:3: there is no "okay" in data.lib.x`},
		"nearly":        {map[string]string{"p/a.rego": "package lib.x\n\nok if input.x\n", "p/b.rego": "package gatelint.a\n\ndeny contains data.lib.nmes if data.lib.x.ok\n", "p/lib/data.json": `{"names": ["a"]}`}, `p/b.rego:3: there is no "nmes" in data.lib; did you mean "names"?`},
		"both":          {map[string]string{"p/a.rego": "package lib.x\n\nok if input.x\n", "p/b.rego": "package gatelint.a\n\ndeny contains data.lib.names[0] if {\n\tdata.lib.x.ok\n\tdata.lib.later\n}\n", "p/lib/data.json": `{"names": ["a"]}`}, ""},
		"hidden":        {map[string]string{"p/a.rego": rule, "p/.git/b.rego": "no Rego", "p/.c.rego": "no Rego"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			write(t, dir, c.files)
			_, err := Load(context.Background(), Options{Paths: []string{"p"}})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestMetadata holds what METADATA make of the rule.
func TestMetadata(t *testing.T) {
	s := set(t, Options{Params: map[string]map[string]any{"a-b": {"limit": json.Number("3")}}}, map[string]string{
		"a.rego": "# METADATA\n# title: T\n# custom: {ignorable: false, admission: off, params: {limit: 1, other: x}}\npackage gatelint.x.a_b\n\n# METADATA\n# custom: {severity: info, kinds: [Gateway]}\nwarn contains data.gatelint.params.a_b.other if data.gatelint.params.a_b.limit == 3\n",
		"b.rego": "package gatelint.b\n\nwarn contains \"b\"\n",
		"c.rego": "package gatelint.c\n\nwarn contains \"w\" if input.kind == \"Gateway\"\n\ndeny contains \"d\" if input.kind == \"Gateway\"\n",
	})
	list := s.Rules(0)
	require.Len(t, list, 3)
	a, b := list[0], list[1]
	require.Equal(t, "a-b", a.Name)
	require.Equal(t, "T", a.Title())
	require.Contains(t, a.Doc, "a.rego:8.", "its only rule")
	require.Contains(t, list[2].Doc, "c.rego:1.", "the package of several")
	require.True(t, a.Unignorable)
	require.Equal(t, rules.Off, a.Admission)
	require.Equal(t, rules.Info, a.Severity)
	require.Equal(t, rules.Warn, b.Admission)
	require.Equal(t, rules.Warning, b.Severity)
	require.False(t, b.Unignorable)
	found, err := a.Alone(tables(t, shop), nil)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "x", found[0].Message)
	require.Equal(t, "Gateway", found[0].Object.Kind)
	found, err = list[2].Alone(tables(t, shop), nil)
	require.NoError(t, err)
	require.Equal(t, "d", found[0].Message)
	require.Equal(t, []rules.Decision{rules.Deny, rules.Warn}, []rules.Decision{found[0].Admission, found[1].Admission})
}

// TestKindsOfRules holds what is beside the rules of a package to all the kinds that these have.
func TestKindsOfRules(t *testing.T) {
	s := set(t, Options{}, map[string]string{
		"a.rego": "# METADATA\n# custom: {kinds: [VirtualService]}\npackage gatelint.a\n\ndeny_a contains \"a\" if hosted\n\n# METADATA\n# custom: {kinds: [Gateway]}\ndeny_b contains \"b\" if served\n\nhosted if input.spec.hosts[0]\n\nserved if input.spec.servers[0]\n",
		"b.rego": "package gatelint.b\n\n# METADATA\n# custom: {kinds: [Gateway]}\ndeny_a contains \"a\"\n\ndeny_b contains \"b\" if input.any\n",
	})
	require.Equal(t, []string{"Gateway", "VirtualService"}, s.Policies()[0].Kinds)
	require.Empty(t, s.Policies()[1].Kinds)
}

// TestAdmissionOfRules holds what admission does about each rule of a package.
func TestAdmissionOfRules(t *testing.T) {
	s := set(t, Options{}, map[string]string{
		"a.rego": "# METADATA\n# custom: {admission: deny, ignorable: false}\npackage gatelint.a\n\n# METADATA\n# custom: {kinds: [Service]}\ndeny_a contains \"a\"\n\n" +
			"# METADATA\n# custom: {ignorable: true}\ndeny_b contains \"b\"\n\nwarn contains \"c\"\n",
	})
	p := s.Policies()[0]
	require.Equal(t, rules.Deny, p.Admission)
	require.True(t, p.Ignorable)
	var got []any
	for _, v := range p.Rules {
		got = append(got, v.Admission, v.Ignorable)
	}
	require.Equal(t, []any{rules.Off, false, rules.Deny, true, rules.Warn, false}, got)
}

// TestLeftOut holds that what a folder holds and nobody reads is told.
func TestLeftOut(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a.rego":      "package gatelint.a\n\ndeny contains \"a\"\n",
		"b_test.rego": "package gatelint.b\n\ndeny contains \"b\"\n",
		"c_test.rego": "package gatelint.c_test\n\ndeny contains \"c\"\n\ntest_c if deny\n",
		"d.tar.gz":    "",
	})
	other := t.TempDir()
	write(t, other, map[string]string{"e.rego": "package gatelint.e\n\ndeny contains \"e\"\n", "t/f_test.rego": "package gatelint.f_test\n\ntest_f if true\n"})
	require.NoError(t, os.Symlink(other, filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink(other, filepath.Join(dir, ".hidden")))
	s, err := Load(context.Background(), Options{Paths: []string{filepath.Join(dir, "link")}})
	require.NoError(t, err, "a link that is named is followed")
	require.Len(t, s.Policies(), 1)
	_, err = Load(context.Background(), Options{Paths: []string{filepath.Join(other, "t")}})
	require.ErrorContains(t, err, "only tests are there; name the files of the policies too")
	_, err = Load(context.Background(), Options{Paths: []string{dir}})
	require.ErrorContains(t, err, "link: is a link to a folder, which is not followed: name it by itself")
	require.ErrorContains(t, err, "b_test.rego:3: deny is never evaluated: a file named _test.rego holds tests; rename it")
	require.ErrorContains(t, err, "d.tar.gz: is a bundle in a folder of policies, which is not read: name it by itself")
	require.NotContains(t, err.Error(), "c_test.rego")
}

// TestDataAsWritten holds references against what data files hold, and data against what is written.
func TestDataAsWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"data.yaml":      "cfg: {flag: true, countries: [no, on], large: 9007199254740993, since: 2026-01-01}\n",
		"more/data.json": `{"large": 9007199254740993}`,
		"a.rego":         "package gatelint.a\n\nwarn contains \"a\" if data.cfg.flga\n\nwarn contains \"b\" if not data.cgf.flag\n\nwarn contains \"c\" if data.cfg.maybe\n",
	})
	_, err := Load(context.Background(), Options{Paths: []string{dir}})
	require.ErrorContains(t, err, `a.rego:3: there is no "flga" in data.cfg; did you mean "flag"?`)
	require.ErrorContains(t, err, `a.rego:5: data.cgf.flag names nothing: there is no such package, and no data; did you mean "cfg"?`)
	require.NotContains(t, err.Error(), "maybe")
	write(t, dir, map[string]string{"a.rego": `# METADATA
# custom:
#   kinds: [VirtualService.networking.istio.io]
#   params: {large: 9223372036854775808, day: 2026-01-01, no: on}
package gatelint.a

p := data.gatelint.params.a

warn contains "countries" if data.cfg.countries == ["no", "on"]

warn contains "numbers" if [data.cfg.large, data.more.large] == [9007199254740993, 9007199254740993]

warn contains "dates" if [data.cfg.since, p.day] == ["2026-01-01", "2026-01-01"]

warn contains "parameters" if [p.large, p.no] == [9223372036854775808, "on"]
`})
	s, err := Load(context.Background(), Options{Paths: []string{dir, dir}, Params: map[string]map[string]any{}})
	require.NoError(t, err)
	require.Len(t, rules.Run(tables(t, shop), s.Rules(1)).Findings, 4)
}
