package mesh

import "github.com/gatelint/gatelint/analyzers/manifest"

// Selectors finds, for a set of labels, the selectors that they satisfy, at a cost of the labels and the hits.
type Selectors[T any] struct {
	byPair map[string][]selector[T]
}

type selector[T any] struct {
	labels map[string]string
	value  T
}

// Add enters a non-empty selector. Each is filed under its smallest pair: labels that satisfy it have that pair.
func (s *Selectors[T]) Add(labels map[string]string, v T) {
	if len(labels) == 0 {
		return
	}
	if s.byPair == nil {
		s.byPair = map[string][]selector[T]{}
	}
	first := ""
	for k, x := range labels {
		if pair := k + "=" + x; first == "" || pair < first {
			first = pair
		}
	}
	s.byPair[first] = append(s.byPair[first], selector[T]{labels, v})
}

// Matching gives the values of the selectors that labels satisfy, grouped by pair in a fixed order.
func (s *Selectors[T]) Matching(labels map[string]string) []T {
	if s == nil || len(s.byPair) == 0 {
		return nil
	}
	var out []T
	for _, k := range manifest.Keys(labels) {
		for _, c := range s.byPair[k+"="+labels[k]] {
			if Subset(c.labels, labels) {
				out = append(out, c.value)
			}
		}
	}
	return out
}
