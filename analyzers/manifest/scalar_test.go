package manifest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// scalars that YAML 1.1, YAML 1.2 and Go read differently.
var scalars = strings.Fields(`a on off yes No y n TRUE true ~ null Null nULL 0 -0 +1 1 01 0777 08 0o17 0O17 0x1F 0b11 -0b11 -0x1F +0x1 1_000
	1__0 _1 1.0 1. .5 -.5 +.5 1e3 1E3 1e-3 1.5e300 1e400 -1e400 1e21 1e20 9223372036854775807 9223372036854775808 18446744073709551615
	18446744073709551616 -9223372036854775808 -9223372036854775809 123456789012345678901234567890 2001-01-01 2001-1-1 2001-01-01T00:00:00Z
	12:30 1:2:3 190:20:30 10.0.0.1 1.2.3 v1 1e 1e+ 0x 0b 0b2 0xg + - . .. ... .inf -.inf .nan .NaN .1e3 1.e3 infinity nan Inf 0.0 -0.0 1e2.5
	0x1p-2 0x_1F 0_7 00 007 1_ 1e1_0 .5_5 !!str !!int < << = @a 5m 10Mi 1,5 1e5x ~1 nO yEs oN 1- +-1 --1 1+1 -1_0 0o 0o8 1E 1.5E+3 6e-7 1e-7 100e-2`)

func TestPlainScalarsResolveAsKubectlResolvesThem(t *testing.T) {
	for _, s := range scalars {
		sameAsKubectl(t, "v: "+s+"\n")
		sameAsKubectl(t, "v: {a: "+s+"}\n")
		sameAsKubectl(t, s+": 1\n")
		sameAsKubectl(t, "v: \""+s+"\"\n")
	}
}

func TestStructuresReadAsKubectlReadsThem(t *testing.T) {
	for _, text := range []string{
		"a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n",
		"a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}\n",
		"a: &x {b: 1}\ne: &y {b: 2, c: 3}\nd: {<<: [*x, *y]}\n",
		"a: &x [1, 2]\nb: *x\n",
		"a: !!int \"3\"\nb: !!str 3\nc: !!binary aGk=\nd: !!float 3\ne: !foo bar\n",
		"a: |\n  x\n  y\nb: >-\n  x\n  y\n",
		"a: one\n  two\n  three\n",
		"? a\n: b\n",
		"{a: b, \"c\": [d, e]}\n",
		"a:\nb: ~\nc: []\nd: {}\n",
		"\"<<\": {a: b}\n",
		"a: 'it''s'\nb: \"\\u00e9\\x41\"\n",
	} {
		sameAsKubectl(t, text)
	}
}

// sameAsKubectl holds the reading of a document to what sigs.k8s.io/yaml makes of it, which kubectl uses.
// Where only one of the two refuses, there is nothing to compare.
func sameAsKubectl(t *testing.T, text string) {
	t.Helper()
	theirs, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return
	}
	in, problem := readYAML([]byte(text), nil, new(arena))
	if problem != nil || in.root == nil || in.template > 0 || len(in.dups) > 0 || len(in.soft) > 0 {
		return
	}
	ours, err := json.Marshal(in.root.value())
	require.NoError(t, err, "%q", text)
	// Through our JSON reader, so that both sides have numbers of one form.
	want, problem := newJSONReader(string(theirs)).value(0)
	require.Nil(t, problem)
	got, problem := newJSONReader(string(ours)).value(0)
	require.Nil(t, problem)
	require.Equal(t, want.value(), got.value(), "%q", text)
}

func FuzzScalars(f *testing.F) {
	for _, s := range scalars {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// Tags and what ends a line are matters of the parsers, of which ours is a later one.
		if len(s) > 200 || strings.ContainsAny(s, "!%\n\r\u0085\u2028\u2029") {
			t.Skip()
		}
		sameAsKubectl(t, "v: "+s+"\n")
		sameAsKubectl(t, s+": 1\n")
	})
}
