package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// formatField is the format of a parameter that names a field of Istio's kinds, as text or as a list of names, with * for every element or
// key. JSON Schema leaves formats to who reads them. A list of kinds beside it says which are meant.
const formatField = "field"

// formatGlob is that of a pattern, as glob.match reads it.
const formatGlob = "glob"

// formatDomain is that of a name of hosts, in which letters of either case are the same.
const formatDomain = "domain"

// maxStars is how many * a field can have: field_ownership.rego goes past each in a rule of its own, as Rego knows no recursion.
const maxStars = 5

// formats holds parameters to the formats in their schema: a field that none of the kinds has would never be met, and a pattern that
// cannot be read would fail on every object. It enters why, by place.
func formats(wrong map[string]string, place string, schema, v any, kinds []string) {
	s, _ := schema.(map[string]any)
	if s == nil {
		return
	}
	why := ""
	switch s["format"] {
	case formatField:
		why = noField(v, kinds)
	case formatGlob:
		why = noGlob(v)
	}
	if why != "" {
		wrong[place] = why
	}
	switch v := v.(type) {
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		if names, _ := s["propertyNames"].(map[string]any); names["format"] == formatDomain {
			had := map[string]string{}
			for _, key := range manifest.Keys(v) {
				if other, twice := had[strings.ToLower(key)]; twice {
					wrong[place] = fmt.Sprintf("%q and %q are the same, and only one of them would count", other, key)
				}
				had[strings.ToLower(key)] = key
			}
		}
		if named := texts(v["kinds"]); len(named) > 0 {
			kinds = named
		}
		for _, key := range manifest.Keys(v) {
			schema, named := properties[key]
			if !named {
				schema = s["additionalProperties"]
			}
			formats(wrong, place+"."+key, schema, v[key], kinds)
		}
	case []any:
		for i, e := range v {
			formats(wrong, place+"."+strconv.Itoa(i), s["items"], e, kinds)
		}
	}
}

// noGlob says why a text is no pattern; "" if it is one, or no text.
func noGlob(v any) string {
	text, is := v.(string)
	if !is {
		return ""
	}
	match := topdown.GetBuiltin(ast.GlobMatch.Name)
	err := match(topdown.BuiltinContext{}, []*ast.Term{ast.StringTerm(text), ast.NullTerm(), ast.StringTerm("")}, func(*ast.Term) error { return nil })
	if err == nil {
		return ""
	}
	_, why, _ := strings.Cut(err.Error(), "glob: ")
	return fmt.Sprintf("%q is no pattern: %s; \\ in front of [ or { takes it as it is", text, why)
}

// texts are those of a list.
func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		if text, ok := e.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// fieldName is a name in a path; in brackets stand an index, *, or a name with a dot.
var fieldName = regexp.MustCompile(`[^.\[\]]+|\[[^\[\]]+\]`)

// noField says why a text or list names no field of any of some kinds; "" if it names one, or is neither.
func noField(v any, kinds []string) string {
	names := fieldNames(v)
	stars := 0
	for _, name := range names {
		if name == "*" {
			stars++
		}
	}
	if stars > maxStars {
		return fmt.Sprintf("a field has at most %d *", maxStars)
	}
	if len(names) > 0 && names[0] == "status" {
		return "a change of status is not reviewed"
	}
	holder := "object"
	if len(kinds) < len(manifest.Kinds()) {
		holder = strings.Join(kinds, " nor ")
	}
	why, far := "", -1
	for _, kind := range kinds {
		at, hint := within(manifest.JSONSchema(kind), names)
		if at == len(names) {
			return ""
		}
		if at > far {
			shown := strings.Trim(strings.ReplaceAll(fmt.Sprintf("%v", names[:at+1]), " ", "."), "[]")
			far, why = at, fmt.Sprintf("no %s has a field %s%s", holder, shown, hint)
		}
	}
	return why
}

// fieldNames are the names of a field as texts, and its indices as numbers.
func fieldNames(v any) (names []any) {
	switch v := v.(type) {
	case string:
		for _, text := range fieldName.FindAllString(v, -1) {
			name := strings.Trim(text, `[]"'`)
			if n, err := strconv.Atoi(name); err == nil && text == "["+name+"]" {
				names = append(names, n)
			} else {
				names = append(names, name)
			}
		}
	case []any:
		for _, e := range v {
			if _, text := e.(string); !text {
				n, _ := strconv.Atoi(fmt.Sprint(e)) // the schema asks for a whole number
				e = n
			}
			names = append(names, e)
		}
	}
	return names
}

// ofTexts are the fields that hold texts by names: below a name there is nothing. The schema says only that they are objects.
var ofTexts = map[any]bool{"annotations": true, "labels": true, "matchLabels": true, "selector": true, "sourceLabels": true, "add": true, "set": true}

// within walks down a schema, and gives how many names it has, and what may be meant by the next. What it leaves open has any, by index in
// a list and by name elsewhere.
func within(schema map[string]any, names []any) (int, string) {
	var holder any
	for i, name := range names {
		if name == "" {
			return i, ""
		}
		n, index := name.(int)
		if schema["type"] == "array" {
			if name != "*" && (!index || n < 0) {
				return i, ""
			}
			schema, _ = schema["items"].(map[string]any)
			continue
		}
		properties, _ := schema["properties"].(map[string]any)
		if len(properties) == 0 {
			switch {
			case schema["type"] != nil && (schema["type"] != "object" || index):
				return i, ""
			case ofTexts[holder] && i+1 < len(names):
				return i + 1, bracketed(names[i:])
			}
			return len(names), ""
		}
		if name == "*" {
			best, hint := i, ""
			for _, key := range manifest.Keys(properties) {
				next, _ := properties[key].(map[string]any)
				if n, h := within(next, names[i+1:]); i+1+n > best {
					best, hint = i+1+n, h
				}
			}
			return best, hint
		}
		text, _ := name.(string)
		next, ok := properties[text].(map[string]any)
		if !ok {
			return i, meant(fmt.Sprint(name), manifest.Keys(properties))
		}
		schema, holder = next, name
	}
	return len(names), ""
}

// bracketed says how names are written that are one name with dots in it.
func bracketed(names []any) string {
	var parts []string
	for _, name := range names {
		text, is := name.(string)
		if !is || text == "*" {
			return ""
		}
		parts = append(parts, text)
	}
	return fmt.Sprintf("; a name with a dot is in brackets: [%q]", strings.Join(parts, "."))
}
