package match

import (
	"testing"

	"github.com/stretchr/testify/require"
	networking "istio.io/api/networking/v1alpha3"
)

func TestMisses(t *testing.T) {
	exact := func(s string) *networking.StringMatch {
		return &networking.StringMatch{MatchType: &networking.StringMatch_Exact{Exact: s}}
	}
	prefix := &networking.StringMatch{MatchType: &networking.StringMatch_Prefix{Prefix: "/api"}}
	regex := &networking.StringMatch{MatchType: &networking.StringMatch_Regex{Regex: "v[0-9]+"}}
	r := Request{Path: "/shop", Method: "GET", Scheme: "http", Authority: "a.example.com", Headers: map[string]string{"x-v": "1", "x-z": ""}}
	for _, c := range []struct {
		match *networking.HTTPMatchRequest
		want  string
	}{
		{nil, ""},
		{&networking.HTTPMatchRequest{Uri: exact("/shop"), Method: exact("GET")}, ""},
		{&networking.HTTPMatchRequest{Uri: prefix, Method: exact("POST")}, `path wants prefix "/api", request has "/shop"`},
		{&networking.HTTPMatchRequest{Uri: prefix, IgnoreUriCase: true}, `path wants prefix "/api" in any letter case, request has "/shop"`},
		{&networking.HTTPMatchRequest{Method: exact("POST")}, `method wants exact "POST", request has "GET"`},
		{&networking.HTTPMatchRequest{Headers: map[string]*networking.StringMatch{"X-V": exact("2")}}, `header x-v wants exact "2", request has "1"`},
		{&networking.HTTPMatchRequest{Headers: map[string]*networking.StringMatch{"x-w": regex}}, `header x-w wants regex "v[0-9]+", request has none`},
		{&networking.HTTPMatchRequest{Headers: map[string]*networking.StringMatch{"x-z": exact("1")}}, `header x-z wants exact "1", request has ""`},
		{&networking.HTTPMatchRequest{Headers: map[string]*networking.StringMatch{"x-w": nil}}, `header x-w wants a value, request has none`},
		{&networking.HTTPMatchRequest{WithoutHeaders: map[string]*networking.StringMatch{"x-v": nil}}, `header x-v wants no value, request has "1"`},
		{&networking.HTTPMatchRequest{WithoutHeaders: map[string]*networking.StringMatch{"x-v": exact("1")}}, `header x-v wants anything but exact "1", request has "1"`},
		{&networking.HTTPMatchRequest{QueryParams: map[string]*networking.StringMatch{"q": exact("1")}}, `query parameter q wants exact "1", request has none`},
	} {
		m, missed := FromHTTP(c.match).Misses(r)
		require.Equal(t, c.want != "", missed)
		require.Equal(t, !missed, FromHTTP(c.match).Matches(r))
		if missed {
			require.Equal(t, c.want, m.String())
		}
	}
}
