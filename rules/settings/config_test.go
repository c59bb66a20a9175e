package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
)

var list = []*rules.Rule{
	{Name: "shadowed-match", Severity: rules.Error, AlsoKnownAs: []string{"IST0130"}},
	{Name: "no-effect", Severity: rules.Warning},
	{Name: "syntax", Severity: rules.Error, Unignorable: true},
	{Name: "unused-ignore", Severity: rules.Warning},
}

func TestParse(t *testing.T) {
	c, err := Parse([]byte(`
version: 1
paths: [deploy, other]
exclude: "**/vendor"
rules:
  shadowed-match: warning
  no-effect: {severity: off, admission: deny}
complete: [Secret/istio-system, Service]
namespace:
  deploy/shop/**: shop
  deploy: &default web
worlds:
  prod: {paths: [prod], with: base, namespace: *default, vars: {PORT: 80, HOST: a.example.com}, complete: true}
  dev: &dev {paths: [dev], complete: false}
  test: {<<: [*dev, {paths: lost, complete: Service}], namespace: *default}
istio: {version: 1.31, clusterDomain: example.internal, rootNamespace: mesh, meshConfig: mesh.yaml, scopeGatewayToNamespace: true, revision: canary}
`), "c.yaml", list)
	require.NoError(t, err)
	warning, deny := rules.Warning, rules.Deny
	require.Equal(t, &Config{
		File: "c.yaml", Dir: ".", Paths: []string{"deploy", "other"}, Exclude: []string{"**/vendor"},
		Rules:     map[string]Setting{"shadowed-match": {Severity: &warning}, "no-effect": {Off: true, Admission: &deny}},
		Complete:  "Secret/istio-system,Service",
		Namespace: Namespaces{{"deploy/shop/**", "shop"}, {"deploy", "web"}},
		Worlds: []World{
			{
				Name: "prod", Paths: []string{"prod"}, With: []string{"base"}, Namespace: Namespaces{{"**", "web"}},
				Vars: map[string]string{"PORT": "80", "HOST": "a.example.com"}, Complete: "true",
			},
			{Name: "dev", Paths: []string{"dev"}},
			{Name: "test", Paths: []string{"dev"}, Namespace: Namespaces{{"**", "web"}}},
		},
		Istio: Istio{"1.31", "example.internal", "mesh", "mesh.yaml", true, "canary"},
	}, c)
	require.Equal(t, "shop", c.Namespace.For("deploy/shop/a/vs.yaml"))
	require.Equal(t, "web", c.Namespace.For("deploy/web.yaml"))
	require.Equal(t, "", c.Namespace.For("other/web.yaml"))
}

// mistakes are configs with what is said of them.
var mistakes = map[string]string{
	"":                                                                     `c:1:1: the config lacks "version: 1"`,
	"version: '1'":                                                         `c:1:10: version "1" is not known to this gatelint: it reads version 1`,
	"- a":                                                                  `c:1:1: the config is a list, not a mapping`,
	"version: 1\nPaths: [a]":                                               `c:2:1: unknown key "Paths"; did you mean "paths"?`,
	"version: 1\nadmision: 1":                                              `c:2:1: unknown key "admision"; did you mean "admission"?`,
	"version: 1\npaths: {a: b}":                                            `c:2:8: paths is a mapping, not a string`,
	"version: 1\npaths: [[a]]":                                             `c:2:9: paths is a list, not a string`,
	"version: 1\npaths: [~]":                                               `c:2:9: paths is empty, not a string`,
	"version: 1\nexclude: '['":                                             `c:2:10: "[" is no glob`,
	"version: 1\nexclude: '!a'":                                            `c:2:10: "!a" takes nothing back: a glob is not negated by "!"`,
	"version: 1\ncomplete: Secret/a/b":                                     `c:2:11: complete: "Secret/a/b" is not KIND or KIND/NAMESPACE`,
	"version: 1\nassume: {hosts: a}":                                       `c:2:17: assume.hosts: "a" is no host in full, such as catalog.shop.svc.cluster.local`,
	"version: 1\nistio: {rootNamespace: A/b}":                              `c:2:24: istio.rootNamespace: "A/b" is no name of a namespace: at most 63 small letters, digits and dashes, such as shop`,
	"version: 1\nrules: [a]":                                               `c:2:8: rules is a list, not a mapping`,
	"version: 1\nrules: {IST0130: off}":                                    `c:2:9: unknown rule "IST0130"; that fault is reported by "shadowed-match"`,
	"version: 1\nrules: {no-effects: 1}":                                   `c:2:9: unknown rule "no-effects"; did you mean "no-effect"?`,
	"version: 1\nrules: {no-effect: on}":                                   `c:2:20: rules.no-effect: "on" is no severity: use error, warning or info, or off`,
	"version: 1\nrules: {no-effect: {admission: x}}":                       `c:2:32: rules.no-effect.admission: "x" is no admission: use deny, warn or off`,
	"version: 1\nrules: {no-effect: {severty: x}}":                         `c:2:21: unknown key "severty" under rules.no-effect; did you mean "severity"?`,
	"version: 1\nworlds: {a: {paths: []}}":                                 `c:2:10: world "a" has no paths`,
	"version: 1\nworlds: {a: {paths: [b], vars: 1}}":                       `c:2:32: worlds.a.vars is "1", not a mapping`,
	"version: 1\nistio: {version: 2}":                                      `c:2:18: istio.version is "2": the verdicts of this gatelint hold for Istio 1.31 only`,
	"version: 1\nistio: {scopeGatewayToNamespace: 1}":                      `c:2:34: istio.scopeGatewayToNamespace is "1", not true or false`,
	"version: 1\nnamespace: {'[': a}":                                      `c:2:13: "[" is no glob`,
	"version: 1\ncomplete: secret":                                         `c:2:11: complete: unknown kind "secret"; did you mean "Secret"?`,
	"version: 1\nfail-on: errors":                                          `c:2:10: fail-on is "errors": use error, warning, info, never; did you mean "error"?`,
	"version: 1\nfail-on: [error]":                                         `c:2:10: fail-on is a list: use error, warning, info, never`,
	"version: 1\nassume: {secret: [a/b]}":                                  `c:2:10: unknown key "secret" under assume; did you mean "secrets"?`,
	"version: 1\nassume: {secrets: [a]}":                                   `c:2:20: assume.secrets: "a" is not NAMESPACE/NAME`,
	"version: 1\nassume: {gateways: [a/b/c]}":                              `c:2:21: assume.gateways: "a/b/c" is not NAMESPACE/NAME`,
	"version: 1\nassume: {hosts: '['}":                                     `c:2:17: assume.hosts: "[" is no pattern`,
	"version: 1\nexceptions: {a: b}":                                       `c:2:13: exceptions is a mapping, not a list`,
	"version: 1\nexceptions: [{objects: [{name: a}], reason: b}]":          `c:2:14: an entry of exceptions has no rules`,
	"version: 1\nexceptions: [{rules: [no-effect], reason: b}]":            `c:2:14: an entry of exceptions has no objects`,
	"version: 1\nexceptions: [{rules: [no-effect], objects: [{name: a}]}]": `c:2:14: an entry of exceptions has no reason`,
	"version: 1\nexceptions: [{rules: [no-effect], objects: [{}], reason: b}]":                  `c:2:45: an entry of exceptions.objects names neither kind nor namespace nor name: it means every object`,
	"version: 1\nexceptions: [{rules: [no-effect], objects: [{name: a}], reason: b, until: x}]": `c:2:75: exceptions.until: "x" is no date: write YEAR-MONTH-DAY`,
	"version: 1\nexceptions: [{rules: [syntax], objects: [{name: a}], reason: b}]":              `c:2:23: exceptions.rules: findings of "syntax" cannot be accepted`,
	"version: 1\nexceptions: [{rules: [no-effects], objects: [{name: a}], reason: b}]":          `c:2:23: unknown rule "no-effects"; did you mean "no-effect"?`,
	"version: 1\noverrides: [{paths: a}]":                                                       `c:2:13: an entry of overrides needs both paths and rules`,
	"version: 1\noverrides: [{paths: a, rules: {no-effect: {admission: warn}}}]":                `c:2:44: unknown key "admission" under overrides.rules.no-effect; the keys are severity`,
	"version: 1\noverrides: [{paths: a, rules: {no-effect: loud}}]":                             `c:2:43: overrides.rules.no-effect: "loud" is no severity: use error, warning or info, or off`,
	"version: 1\nrules: {no-effect: {ignorable: 1}}":                                            `c:2:32: rules.no-effect.ignorable is "1", not true or false`,
	"version: 1\nbaseline: [a]":                                                                 `c:2:11: baseline is a list, not a string`,
	"version: 1\nassume: {qqqqq: 1}":                                                            `c:2:10: unknown key "qqqqq" under assume; the keys are gateways, hosts, secrets`,
}

func TestParseMistakes(t *testing.T) {
	for text, want := range mistakes {
		_, err := Parse([]byte(text), "c", list)
		require.EqualError(t, err, want, text)
	}
	for text, want := range map[string]string{
		"version: 1\npolicies: {params: {a_b: {}, a-b: {}}}": `c:2:30: policies.params: a-b is there twice, with - and with _`,
		"a: b: c":                         `c:1:1: the config does not parse: a ":" stands where no key can`,
		"version: 1\nexclude: [&x a, *y]": `c:2:1: the config does not parse: an alias "*name" stands here without its anchor`,
	} {
		_, err := Parse([]byte(text), "c", list)
		require.ErrorContains(t, err, want)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "a", "b"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "a", FileName), []byte("version: 1"), 0o644))
	file, err := Find(filepath.Join(root, "a", "b"))
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "a", FileName), file)
	text, err := Read(file, "shown.yaml")
	require.NoError(t, err)
	c, err := Load(text, file, "shown.yaml", list, nil)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "a"), c.Dir)
	_, err = Read(filepath.Join(root, "nosuch"), "shown.yaml")
	require.EqualError(t, err, "reading the config: open shown.yaml: no such file or directory")

	// What has the name of a config and is none is not passed over.
	near := filepath.Join(root, "a", "b", FileName)
	for _, what := range []struct {
		make func() error
		want string
	}{
		{func() error { return os.Symlink("nosuch", near) }, "reading the config: shown.yaml is a symbolic link to a file that is not there"},
		{func() error { return os.Mkdir(near, 0o755) }, "reading the config: shown.yaml is a folder"},
	} {
		require.NoError(t, what.make())
		file, err = Find(filepath.Join(root, "a", "b"))
		require.NoError(t, err)
		require.Equal(t, near, file)
		_, err = Read(file, "shown.yaml")
		require.EqualError(t, err, what.want)
		require.NoError(t, os.Remove(near))
	}
}

func TestSelect(t *testing.T) {
	c := &Config{Rules: map[string]Setting{"no-effect": {Off: true}}}
	names := func(rs []*rules.Rule) (out []string) {
		for _, r := range rs {
			out = append(out, r.Name)
		}
		return out
	}
	require.Equal(t, []string{"shadowed-match", "syntax", "unused-ignore"}, names(c.Select(list, nil, nil)))
	require.Equal(t, []string{"no-effect"}, names(c.Select(list, []string{"no-effect", "syntax"}, []string{"syntax"})))
}

// The configured severity stands for the rule's own; what the rule rates lower is not raised.
func TestSeverity(t *testing.T) {
	for _, c := range []struct {
		want, found rules.Severity
		suspect     bool
		got         rules.Severity
	}{
		{rules.Warning, rules.Error, false, rules.Warning},
		{rules.Warning, rules.Info, false, rules.Info},
		{rules.Info, rules.Warning, true, rules.Info},
		{rules.Error, rules.Error, false, rules.Error},
		{rules.Error, rules.Warning, true, rules.Warning},
	} {
		config := &Config{Rules: map[string]Setting{"shadowed-match": {Severity: &c.want}}}
		f := rules.Finding{Rule: "shadowed-match", Severity: c.found, Suspect: c.suspect}
		require.Equal(t, c.got, config.Severity(f, rules.Error), c)
	}
	raised := rules.Error
	config := &Config{Rules: map[string]Setting{"no-effect": {Severity: &raised}}}
	require.Equal(t, rules.Error, config.Severity(rules.Finding{Rule: "no-effect", Severity: rules.Warning}, rules.Warning))
	require.Equal(t, rules.Warning, config.Severity(rules.Finding{Rule: "no-effect", Severity: rules.Warning, Suspect: true}, rules.Warning))
	require.Equal(t, rules.Info, config.Severity(rules.Finding{Rule: "other", Severity: rules.Info}, rules.Error))
}

// TestManyMistakes has every mistake of a file told once, and none that follows from another.
func TestManyMistakes(t *testing.T) {
	for text, want := range map[string][]string{
		"pathz: [a]\nversion: 1\nfail-one: x\nrules: {no-efect: off, shadowed-match: loud}": {
			`c:1:1: unknown key "pathz"; did you mean "paths"?`, `c:3:1: unknown key "fail-one"; did you mean "fail-on"?`,
			`c:4:9: unknown rule "no-efect"; did you mean "no-effect"?`, `c:4:40: rules.shadowed-match: "loud" is no severity: use error, warning or info, or off`,
		},
		"version: 1\nexclude: ['[', a, '!b']\nworlds: {a: {path: b}, b: {}}": {
			`c:2:11: "[" is no glob`, `c:2:19: "!b" takes nothing back: a glob is not negated by "!"`,
			`c:3:14: unknown key "path" under worlds.a; did you mean "paths"?`, `c:3:24: world "b" has no paths`,
		},
		"versoin: 1\nexceptions: [{rulez: no-effect, objects: [{name: ''}, {}]}]": {
			`c:1:1: unknown key "versoin"; did you mean "version"?`, `c:2:15: unknown key "rulez" under exceptions; did you mean "rules"?`,
			`c:2:50: exceptions.objects.name is empty: leave it out to mean any`,
			`c:2:55: an entry of exceptions.objects names neither kind nor namespace nor name: it means every object`,
		},
		"version: 1\nistio: &i {a: 1}\nworlds: {a: *i, b: *i}": {
			`c:2:12: unknown key "a" under istio; the keys are clusterDomain, meshConfig, revision, rootNamespace, scopeGatewayToNamespace, version`,
			`c:2:12: unknown key "a" under worlds.a; the keys are complete, namespace, paths, vars, with`,
			`c:2:12: unknown key "a" under worlds.b; the keys are complete, namespace, paths, vars, with`,
		},
	} {
		_, err := Parse([]byte(text), "c", list)
		require.EqualError(t, err, strings.Join(want, "\n"), text)
	}
	_, err := Parse([]byte("version: 1\nrules: {"+strings.Repeat("a: b, ", 500)+"}"), "c", list)
	require.Len(t, err, most)
}

// FuzzParse holds the parser to what it promises of any text: a config, or a mistake with its place.
func FuzzParse(f *testing.F) {
	for text := range mistakes {
		f.Add(text)
	}
	f.Add("version: 1\nrules: &r {no-effect: *r}\nexceptions: &e [*e]\n<<: *r")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text), "c", list)
		if err == nil {
			for _, g := range c.Exceptions {
				require.NotEmpty(t, g.Reason)
				require.NotEmpty(t, g.Objects)
			}
			return
		}
		list, ok := err.(Errors)
		require.True(t, ok && len(list) > 0 && len(list) <= most, err)
		for _, e := range list {
			require.True(t, e.Line >= 1 && e.Line <= len(text)+1 && e.Column >= 1, "%d:%d", e.Line, e.Column)
		}
	})
}

// The first entry that speaks of a rule decides; a rule that is off runs where an entry turns it on, and is silent elsewhere.
func TestOverrides(t *testing.T) {
	c, err := Parse([]byte(`
version: 1
rules: {no-effect: off, shadowed-match: {severity: warning, ignorable: false}}
overrides:
- {paths: prod/secret, rules: {no-effect: info}}
- {paths: [prod], rules: {no-effect: {severity: error}, shadowed-match: off}}
- {paths: "**", rules: {shadowed-match: info}}
`), "c.yaml", list)
	require.NoError(t, err)
	c.Dir = t.TempDir()
	require.Len(t, c.Select(list, nil, nil), len(list))
	for _, x := range []struct {
		rule, file string
		silent     bool
		severity   rules.Severity
	}{
		{"no-effect", "prod/secret/a.yaml", false, rules.Info},
		{"no-effect", "prod/a.yaml", false, rules.Error},
		{"no-effect", "test/a.yaml", true, rules.Warning},
		{"no-effect", "", true, rules.Warning},
		{"shadowed-match", "prod/a.yaml", true, rules.Warning},
		{"shadowed-match", "prod/secret/a.yaml", true, rules.Warning},
		{"shadowed-match", "test/a.yaml", false, rules.Info},
		{"shadowed-match", "", false, rules.Warning},
	} {
		f := rules.Finding{Rule: x.rule, Severity: rules.Warning}
		if x.file != "" {
			f.Pos.File = filepath.Join(c.Dir, x.file)
		}
		require.Equal(t, x.silent, c.Silent(f), x)
		require.Equal(t, x.severity, c.Severity(f, rules.Warning), x)
	}
	require.True(t, c.NoIgnore("shadowed-match", "any", nil))
	require.False(t, c.NoIgnore("no-effect", "any", nil))
}

func TestExceptions(t *testing.T) {
	c, err := Parse([]byte(`
version: 1
exceptions:
- rules: [no-effect, shadowed-match]
  objects: [{kind: Gateway, namespace: "vendor-*"}, {name: web}]
  reason: 7
  owner: platform
  until: 2026-06-30
`), "c.yaml", list)
	require.NoError(t, err)
	require.Len(t, c.Exceptions, 2)
	g := c.Exceptions[1]
	require.Equal(t, "shadowed-match 7 platform", g.Rule+" "+g.Reason+" "+g.Owner)
	require.False(t, g.Expired(now(t, "2026-06-30")))
	require.True(t, g.Expired(now(t, "2026-07-01")))
	for id, want := range map[manifest.ID]bool{
		{Kind: "Gateway", Namespace: "vendor-a", Name: "x"}:        true,
		{Kind: "Gateway", Namespace: "vendor", Name: "x"}:          false,
		{Kind: "Gateway", Name: "x"}:                               false,
		{Kind: "VirtualService", Namespace: "vendor-a", Name: "x"}: false,
		{Kind: "VirtualService", Name: "web"}:                      true,
	} {
		require.Equal(t, want, g.Names(id), id)
	}
}

// True and TRUE mean true, as in YAML 1.2.
func TestParseTrue(t *testing.T) {
	for _, yes := range []string{"true", "True", "TRUE"} {
		c, err := Parse([]byte("version: 1\ncomplete: "+yes+"\nrules: {no-effect: {ignorable: "+yes+"}}\nistio: {scopeGatewayToNamespace: "+yes+"}"), "c", list)
		require.NoError(t, err)
		require.Equal(t, "true", c.Complete, yes)
		require.False(t, c.Rules["no-effect"].NoIgnore, yes)
		require.True(t, c.Istio.ScopeGatewayToNamespace, yes)
	}
	c, err := Parse([]byte("version: 1\nrules: {no-effect: False}\nadmission: {enforcement: FALSE}"), "c", list)
	require.NoError(t, err)
	require.True(t, c.Rules["no-effect"].Off)
	require.Equal(t, Silent, c.Admission.Enforcement)
}
