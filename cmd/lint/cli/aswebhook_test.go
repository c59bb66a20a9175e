package cli

import (
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/stretchr/testify/require"
)

// What is at stake for one object is not looked at in a World without another end of it; what has nothing to do with it may be.
func TestBatches(t *testing.T) {
	at := func(object, source string, more ...string) stake {
		f := rules.Finding{Object: manifest.ID{Name: source}}
		for _, name := range append(more, object) {
			f.Related = append(f.Related, rules.Related{Object: manifest.ID{Name: name}})
		}
		return stake{&manifest.Object{ID: manifest.ID{Name: object}}, []rules.Finding{f}}
	}
	sizes := func(list ...stake) (out []int) {
		for _, b := range batches(list) {
			out = append(out, len(b))
		}
		return out
	}
	require.Equal(t, []int{3}, sizes(at("a", "x"), at("b", "y"), at("c", "x")))
	require.Equal(t, []int{1, 1}, sizes(at("a", "b"), at("b", "y")), "an object that has a fault which another may have brought")
	require.Equal(t, []int{1, 1}, sizes(at("b", "y"), at("a", "b")))
	require.Equal(t, []int{2, 1}, sizes(at("a", "x", "b"), at("c", "z"), at("b", "x", "a")), "two that may both have brought it")
	require.Empty(t, sizes())
}
