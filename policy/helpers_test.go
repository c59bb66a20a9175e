package policy

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/gatelint/gatelint/analyzers/match"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// TestHostsAgainstRouting asks for each pair of some hosts whether one covers the other, in Rego and in Go.
func TestHostsAgainstRouting(t *testing.T) {
	hosts := []any{"*", "example.com", "*.example.com", "a.example.com", "*.a.example.com", "b.a.example.com", "notexample.com", "*.com", "com", "a.Example.com", "*.A.example.com"}
	set, err := Load(context.Background(), Options{Paths: []string{Library + "canary-weights"}})
	require.NoError(t, err)
	q := rego.New(rego.Query(`found := [[a, b] | some a in input; some b in input; data.gatelint.lib.hosts.covers(a, b)]`), rego.Compiler(set.compiler), rego.Input(hosts))
	res, err := q.Eval(context.Background())
	require.NoError(t, err)
	var want []any
	for _, a := range hosts {
		for _, b := range hosts {
			if routing.Covers(strings.ToLower(a.(string)), strings.ToLower(b.(string))) {
				want = append(want, []any{a, b})
			}
		}
	}
	require.Equal(t, want, res[0].Bindings["found"])
}

// TestMatchesAgainstAlgebra asks for each pair of some matches whether one covers the other, in Rego and of the algebra: what Rego is
// sure of is so.
func TestMatchesAgainstAlgebra(t *testing.T) {
	var texts []string
	for _, value := range []string{`{"exact":"/a"}`, `{"prefix":"/"}`, `{"prefix":"/a"}`, `{"prefix":"/A"}`, `{"exact":"/aB"}`, `{"regex":"/a.*"}`, `{"regex":".*"}`} {
		texts = append(texts, `{"uri":`+value+`}`, `{"uri":`+value+`,"ignoreUriCase":true}`, `{"authority":`+value+`}`)
		for _, key := range []string{"headers", "withoutHeaders", "queryParams"} {
			texts = append(texts, `{"`+key+`":{"x":`+value+`}}`, `{"`+key+`":{"x":`+value+`},"uri":{"prefix":"/a"}}`)
		}
	}
	texts = append(texts, `{}`, `{"headers":{"x":{}}}`, `{"headers":{"X":{},"y":{"exact":"1"}}}`, `{"withoutHeaders":{"x":{}}}`, `{"method":{"exact":"GET"}}`, `{"method":{"prefix":"G"}}`)
	boxes := make([]match.Box, len(texts))
	objects := make([]any, len(texts))
	for i, text := range texts {
		var m networking.HTTPMatchRequest
		require.NoError(t, protojson.Unmarshal([]byte(text), &m))
		boxes[i], objects[i] = match.FromHTTP(&m), text
	}
	set, err := Load(context.Background(), Options{Paths: []string{Library + "canary-weights"}})
	require.NoError(t, err)
	q := rego.New(rego.Query(`found := [[i, k] | some i, a in input; some k, b in input; data.gatelint.lib.matches.covers(json.unmarshal(a), json.unmarshal(b))]`),
		rego.Compiler(set.compiler), rego.Input(objects))
	res, err := q.Eval(context.Background())
	require.NoError(t, err)
	covered := 0
	for _, pair := range res[0].Bindings["found"].([]any) {
		var at [2]int
		for n, v := range pair.([]any) {
			number, err := v.(json.Number).Int64()
			require.NoError(t, err)
			at[n] = int(number)
		}
		i, k := at[0], at[1]
		budget := 1 << 20
		verdict, _ := match.Covered(boxes[k], boxes[i:i+1], &budget)
		require.Equal(t, match.Empty, verdict, "%s covers %s", texts[i], texts[k])
		if i != k {
			covered++
		}
	}
	require.Greater(t, covered, 100)
}
