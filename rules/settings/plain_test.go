package settings

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestPlain holds that values are what is written: other readers make bools of names of countries, and other numbers of large ones.
func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"[no, on, y, Off, true, False]":                            `["no","on","y","Off",true,false]`,
		"{no: 1, on: 2, 1: 3, true: 4}":                            `{"1":3,"no":1,"on":2,"true":4}`,
		"[9007199254740993, 9223372036854775808, -1, 0x10, 0o17]":  `[9007199254740993,9223372036854775808,-1,16,15]`,
		"[1.50, .5, 1e3, .inf, .nan, 1e400]":                       `[1.50,0.5,1e3,".inf",".nan","1e400"]`,
		"[2026-01-01, 2026-01-01T00:00:00Z, 12:30, ~, null, '', ]": `["2026-01-01","2026-01-01T00:00:00Z","12:30",null,null,""]`,
		"{a: &a {x: 1, y: 2}, b: {<<: *a, y: 3}, c: *a}":           `{"a":{"x":1,"y":2},"b":{"x":1,"y":3},"c":{"x":1,"y":2}}`,
	} {
		var n yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(text), &n))
		v, err := Plain(&n)
		require.NoError(t, err)
		got, err := json.Marshal(v)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	bomb := "a0: &a0 [x, x]\n"
	for i := range 24 {
		bomb += strings.NewReplacer("I", string(rune('a'+i)), "J", string(rune('b'+i))).Replace("J0: &J0 [*I0, *I0]\n")
	}
	for _, text := range []string{bomb, "&a [*a]", "{a: 1, a: 2}", "{[a]: 1}", "{<<: 1}"} {
		var n yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(text), &n))
		_, err := Plain(&n)
		require.ErrorContains(t, err, "line ")
	}
}
