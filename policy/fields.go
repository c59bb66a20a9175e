package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// formatField is the format of a parameter that names a field of Istio's kinds, as text or as a list of names, with * for every element or
// key. JSON Schema leaves formats to who reads them.
const formatField = "field"

// formats holds parameters to the formats in their schema: a field that no kind has would never be met.
func (c *checker) formats(place string, schema, v any) {
	s, _ := schema.(map[string]any)
	if s == nil {
		return
	}
	if s["format"] == formatField {
		if why := noField(v); why != "" {
			c.problems = append(c.problems, &Problem{Message: place + ": " + why})
		}
		return
	}
	switch v := v.(type) {
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		for _, key := range manifest.Keys(v) {
			c.formats(place+"."+key, properties[key], v[key])
		}
	case []any:
		for i, e := range v {
			c.formats(place+"."+strconv.Itoa(i), s["items"], e)
		}
	}
}

// noField says why a text or list names no field of any of Istio's kinds; "" if it names one, or is neither.
func noField(v any) string {
	var names []string
	switch v := v.(type) {
	case string:
		names = strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(".[]", r) })
	case []any:
		for _, e := range v {
			names = append(names, fmt.Sprint(e))
		}
	}
	why, far := "", -1
	for _, kind := range manifest.Kinds() {
		at, candidates := within(manifest.JSONSchema(kind), names)
		if at == len(names) {
			return ""
		}
		if at > far {
			far, why = at, fmt.Sprintf("no object has a field %s%s", strings.Join(names[:at+1], "."), meant(names[at], candidates))
		}
	}
	return why
}

// within walks down a schema, and gives how many names it has, and those that it has in the place of the next.
func within(schema map[string]any, names []string) (int, []string) {
	for i, name := range names {
		if items, ok := schema["items"].(map[string]any); ok {
			if _, err := strconv.Atoi(name); name != "*" && err != nil {
				return i, nil
			}
			schema = items
			continue
		}
		properties, _ := schema["properties"].(map[string]any)
		if len(properties) == 0 { // its keys are anybody's, if it has any
			if schema["type"] == "object" || schema["type"] == nil || schema["type"] == "array" {
				return len(names), nil
			}
			return i, nil
		}
		if name == "*" {
			best, candidates := i, []string(nil)
			for _, key := range manifest.Keys(properties) {
				next, _ := properties[key].(map[string]any)
				if n, c := within(next, names[i+1:]); i+1+n > best {
					best, candidates = i+1+n, c
				}
			}
			return best, candidates
		}
		next, ok := properties[name].(map[string]any)
		if !ok {
			return i, manifest.Keys(properties)
		}
		schema = next
	}
	return len(names), nil
}
