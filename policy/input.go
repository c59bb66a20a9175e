package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/open-policy-agent/opa/v1/ast"
)

// valueOf is an object as OPA reads it.
func valueOf(o *manifest.Object) ast.Value {
	if v, ok := manifest.Make(o, asTerms); ok {
		return v
	}
	return value(o.Plain())
}

// Input is what policies see of an object, as JSON has it.
func Input(o *manifest.Object) (any, error) { return ast.JSON(valueOf(o)) }

// asTerms makes what value makes of the same, without a map between.
var asTerms = manifest.Maker[ast.Value]{
	Text:   func(s string) ast.Value { return ast.String(s) },
	Scalar: value,
	List: func(list []ast.Value) ast.Value {
		terms, refs := make([]ast.Term, len(list)), make([]*ast.Term, len(list))
		for i, v := range list {
			terms[i].Value, refs[i] = v, &terms[i]
		}
		return ast.NewArray(refs...)
	},
	Map: func(keys []string, values []ast.Value) ast.Value {
		var few [16][2]*ast.Term
		pairs, terms := few[:0], make([]ast.Term, len(values))
		for i, v := range values {
			terms[i].Value = v
			pairs = append(pairs, [2]*ast.Term{keyTerm(keys[i]), &terms[i]})
		}
		return ast.NewObject(pairs...)
	},
}

// keyTerm is a key of an object. Those of Istio's API are made once.
func keyTerm(key string) *ast.Term {
	if t := apiKeys()[key]; t != nil {
		return t
	}
	return ast.StringTerm(key)
}

// apiKeys are the keys that Istio's kinds have.
var apiKeys = sync.OnceValue(func() map[string]*ast.Term {
	out := map[string]*ast.Term{}
	var add func(any)
	add = func(schema any) {
		s, _ := schema.(map[string]any)
		properties, _ := s["properties"].(map[string]any)
		for key := range properties {
			out[key] = ast.StringTerm(key)
		}
		for _, part := range s {
			add(part)
		}
	}
	for _, kind := range manifest.Kinds() {
		add(manifest.JSONSchema(kind))
	}
	return out
})

// value is a plain value as OPA reads it.
func value(v any) ast.Value {
	if !readable(v) {
		v = spelt(v)
	}
	out, err := ast.InterfaceToValue(v)
	if err != nil {
		return ast.NullValue
	}
	return out
}

// readable tells a value all of whose numbers are numbers in JSON and Rego: YAML has others.
func readable(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			if !readable(e) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !readable(e) })
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	case json.Number:
		_, err := v.Float64()
		return err == nil
	}
	return true
}

// spelt is a copy with strings for the numbers that are none.
func spelt(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = spelt(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = spelt(e)
		}
		return out
	}
	if !readable(v) {
		return fmt.Sprint(v)
	}
	return v
}

// gatekeeper is the input of a policy that was written for Gatekeeper: the object under review, and the parameters.
func gatekeeper(x *subject, params ast.Value) ast.Value {
	o := x.object
	version := o.APIVersion[len(o.Group):]
	if o.Group != "" && version != "" {
		version = version[1:]
	}
	review := [][2]*ast.Term{
		{ast.StringTerm("object"), ast.NewTerm(x.input())},
		{ast.StringTerm("kind"), ast.NewTerm(value(map[string]any{"group": o.Group, "version": version, "kind": o.Kind}))},
		{ast.StringTerm("name"), ast.StringTerm(o.Name)},
		{ast.StringTerm("namespace"), ast.StringTerm(o.Namespace)},
	}
	if r := x.facts.request; r != nil {
		more := map[string]any{
			"operation": r.Operation, "dryRun": r.DryRun,
			"namespaceObject": map[string]any{"metadata": map[string]any{"name": o.Namespace, "labels": anyMap(r.NamespaceLabels)}},
		}
		if !r.Unasked {
			more["userInfo"] = map[string]any{"username": r.User, "groups": anys(r.Groups)}
		}
		if old := r.old(); old != nil {
			review = append(review, [2]*ast.Term{ast.StringTerm("oldObject"), ast.NewTerm(old)})
		}
		for k, v := range more {
			review = append(review, [2]*ast.Term{ast.StringTerm(k), ast.NewTerm(value(v))})
		}
	}
	if params == nil {
		params = ast.NewObject()
	}
	return ast.NewObject(
		[2]*ast.Term{ast.StringTerm("review"), ast.NewTerm(ast.NewObject(review...))},
		[2]*ast.Term{ast.StringTerm("parameters"), ast.NewTerm(params)},
	)
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
