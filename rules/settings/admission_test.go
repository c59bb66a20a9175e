package settings

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseAdmission(t *testing.T) {
	c, err := Parse([]byte(`
version: 1
admission:
  enforcement: warn
  deletes: deny
  exempt: {users: "system:serviceaccount:argocd:argocd", groups: [delivery]}
  rules:
    shadowed-match: strict
    no-effect: {ignorable: false}
  namespaces:
  - labels: {env: prod}
    enforcement: standard
    rules: {no-effect: {enforcement: off, ignorable: false}}
  - names: [shop, web]
    enforcement: strict
`), "c.yaml", list)
	require.NoError(t, err)
	a := &c.Admission
	require.True(t, a.DenyDeletes)
	require.True(t, a.Exempt("system:serviceaccount:argocd:argocd", nil))
	require.True(t, a.Exempt("eve", []string{"x", "delivery"}))
	require.False(t, a.Exempt("eve", []string{"x"}))
	require.True(t, a.NoIgnore("no-effect", "other", nil))
	require.False(t, a.NoIgnore("shadowed-match", "other", nil))

	prod := map[string]string{"env": "prod", "x": "y"}
	require.Equal(t, WarnOnly, a.For("syntax", "other", nil))
	require.Equal(t, Standard, a.For("syntax", "other", prod))
	require.Equal(t, Strict, a.For("syntax", "shop", prod), "a name goes before labels")
	require.Equal(t, Strict, a.For("shadowed-match", "other", prod), "a rule goes before a namespace")
	require.Equal(t, Silent, a.For("no-effect", "shop", prod), "a rule in a namespace goes first")
	require.Equal(t, WarnOnly, a.For("no-effect", "other", map[string]string{"env": "test"}))
	require.Equal(t, Standard, (&Admission{}).For("no-effect", "other", nil))
}

func TestParseAdmissionMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"{enforcment: warn}":                                 `c:2:13: unknown key "enforcment" under admission; did you mean "enforcement"?`,
		"{enforcement: strcit}":                              `c:2:26: admission.enforcement: "strcit" is no enforcement: use strict, standard, warn, off; did you mean "strict"?`,
		"{rules: {shadowed-mach: warn}}":                     `c:2:21: unknown rule "shadowed-mach"; did you mean "shadowed-match"?`,
		"{rules: {no-effect: {ignorable: maybe}}}":           `c:2:44: admission.rules.no-effect.ignorable is "maybe", not true or false`,
		"{deletes: off}":                                     `c:2:22: admission.deletes is "off": use warn or deny`,
		"{namespaces: [{enforcement: warn}]}":                `c:2:26: an entry of admission.namespaces has neither names nor labels: it means no namespace`,
		"{namespaces: {shop: warn}}":                         `c:2:25: admission.namespaces is a mapping, not a list`,
		"{namespaces: [{names: shop, rules: {x: {}}}]}":      `c:2:48: unknown rule "x"`,
		"{namespaces: [{names: shop, labels: {a: [b, c]}}]}": `c:2:52: admission.namespaces.labels.a is a list, not a string`,
		"{exempt: {user: a}}":                                `c:2:22: unknown key "user" under admission.exempt; did you mean "users"?`,
	} {
		_, err := Parse([]byte("version: 1\nadmission: "+text), "c", list)
		require.EqualError(t, err, want, text)
	}
}
