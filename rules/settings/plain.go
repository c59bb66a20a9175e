package settings

import (
	"encoding/json"
	"fmt"
	"math/big"

	"go.yaml.in/yaml/v3"
)

// Plain is a node as plain values (map[string]any, []any, string, bool, json.Number, nil) that are what is written: a number keeps all its
// digits, a date and what YAML 1.1 takes for a bool (no, on, y) are texts.
func Plain(n *yaml.Node) (any, error) { return (&expansion{left: maxValues}).plain(n, 0) }

// What aliases may make of a document: beyond it, it is a bomb.
const (
	maxValues = 1 << 20
	maxDepth  = 1000
)

type expansion struct{ left int }

func (x *expansion) plain(n *yaml.Node, depth int) (any, error) {
	n = target(n)
	if x.left--; x.left < 0 || depth > maxDepth {
		return nil, fmt.Errorf("line %d: with its aliases this is more than %d values, or deeper than %d", n.Line, maxValues, maxDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return x.plain(n.Content[0], depth+1)
	case yaml.MappingNode:
		out, merged := map[string]any{}, map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := target(n.Content[i])
			v, err := x.plain(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			if key.Tag == "!!merge" {
				if err := merge(merged, v, key.Line); err != nil {
					return nil, err
				}
				continue
			}
			if key.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: a key that is no text", key.Line)
			}
			if _, twice := out[key.Value]; twice {
				return nil, fmt.Errorf("line %d: the key %q stands twice", key.Line, key.Value)
			}
			out[key.Value] = v
		}
		for k, v := range merged {
			if _, ok := out[k]; !ok {
				out[k] = v
			}
		}
		return out, nil
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, e := range n.Content {
			var err error
			if out[i], err = x.plain(e, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return scalar(n), nil
}

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int":
		if i, ok := new(big.Int).SetString(n.Value, 0); ok {
			return json.Number(i.String())
		}
	case "!!float":
		if f, ok := new(big.Float).SetString(n.Value); ok && !f.IsInf() {
			if json.Valid([]byte(n.Value)) {
				return json.Number(n.Value)
			}
			return json.Number(f.Text('g', -1))
		}
	}
	return n.Value
}

// merge takes in what <<: names: a mapping, or a list of them of which the first wins.
func merge(into map[string]any, v any, line int) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return fmt.Errorf("line %d: << joins mappings only", line)
		}
		for k, x := range m {
			if _, have := into[k]; !have {
				into[k] = x
			}
		}
	}
	return nil
}
