package manifest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const refused = "the API server refuses the object"

// A checker holds a value tree against a structural schema.
type checker struct {
	*decoding
	nodes   []*schema
	path    []any
	refused string // who refuses the object: a clause
}

func (c *checker) fault(at *node, format string, args ...any) {
	c.addFault(Fault{Rule: "invalid-value", Pos: c.pos(at, c.path), Message: fmt.Sprintf(format, args...)})
}

// nearly is a fault of a value that something else is near.
func (c *checker) nearly(at *node, instead, format string, args ...any) {
	c.addFault(Fault{Rule: "invalid-value", Pos: c.pos(at, c.path), Message: fmt.Sprintf(format, args...), Instead: instead})
}

func (c *checker) push(e any) { c.path = append(c.path, e) }
func (c *checker) pop()       { c.path = c.path[:len(c.path)-1] }

// here is the last name on the path, for a message: "servers[0]".
func (c *checker) here() string {
	from := len(c.path) - 1
	if name, ok := c.path[from].(string); ok {
		return name
	}
	for from > 0 {
		if _, name := c.path[from].(string); name {
			break
		}
		from--
	}
	return FieldPath(c.path[from:]...)
}

func (c *checker) value(n *node, s *schema) {
	if s.Open && s.Props == nil {
		return
	}
	switch s.Type {
	case "object":
		if n.kind != kindMap {
			c.wrongType(n, "a map")
			return
		}
		c.object(n, s)
	case "array":
		if n.kind != kindSeq {
			c.wrongType(n, "a list")
			return
		}
		c.list(n, s)
	case "string":
		c.text(n, s)
	case "integer", "number", "boolean":
		c.number(n, s)
	case "yaml":
		c.yaml(n)
	}
}

// wrongType says what stands there instead, and what to do about it where that is clear.
func (c *checker) wrongType(n *node, want string) {
	name := c.here()
	switch {
	case c.obj.Kind == "Secret":
		c.fault(n, "%s is %s where %s is expected: %s", name, n.kind, want, c.refused) // never the value
	case n.kind == kindString && Placeholder(n.text):
		c.opaque(n, c.path)
	case want == "a string" && n.scalar() && n.style == stylePlain && n.kind == kindBool && !strings.EqualFold(n.text, "true") && !strings.EqualFold(n.text, "false"):
		c.fault(n, "%s is %q, which YAML 1.1 reads as the boolean %t, where a string is expected: %s, quote it", name, n.text, n.bool(), c.refused)
	case want == "a string" && n.scalar() && n.kind != kindNull:
		c.fault(n, "%s %s is %s where a string is expected: %s, quote it", name, n.text, n.kind, c.refused)
	case n.kind == kindString && reads(n.text, want):
		c.fault(n, "%s %q is a string where %s is expected: %s, remove the quotes", name, n.text, want, c.refused)
	case n.kind == kindString:
		c.fault(n, "%s %q is a string where %s is expected: %s", name, clip(n.text), want, c.refused)
	case want == "a list" && n.kind != kindNull:
		c.fault(n, "%s is %s where a list is expected: %s, put \"- \" before the entry", name, n.kind, c.refused)
	default:
		c.fault(n, "%s is %s where %s is expected: %s", name, n.kind, want, c.refused)
	}
}

// reads tells whether a quoted text would be of that type without the quotes.
func reads(text, want string) bool {
	var n node
	n.plain(text)
	return n.kind.String() == want || want == "a number" && n.kind == kindInt
}

func (c *checker) object(n *node, s *schema) {
	for i := range n.fields {
		f := &n.fields[i]
		if child, ok := s.Props[f.key]; ok {
			sub := c.nodes[child]
			// The API server drops a null where the schema does not ask for it.
			if f.val.kind != kindNull {
				c.push(f.key)
				c.value(f.val, sub)
				c.pop()
			}
			continue
		}
		if s.Values != nil {
			c.push(f.key)
			if f.val.kind != kindNull {
				c.value(f.val, c.nodes[*s.Values])
			}
			c.pop()
		} else if !s.Open && s.Props != nil {
			c.unknown(f, s.names)
		}
	}
	c.required(n, s)
	c.exclusive(n, s)
}

func (c *checker) unknown(f *field, names []string) {
	if Placeholder(f.key) {
		return
	}
	where := c.here()
	c.push(f.key)
	defer c.pop()
	at := Fault{Rule: "unknown-field", Pos: c.keyPos(f, c.path)}
	at.Message = fmt.Sprintf("unknown field %q in %s: the API server drops it", f.key, where)
	if near := Nearest(f.key, names); near != "" {
		at.Message += fmt.Sprintf("; did you mean %q?", near)
		at.Instead = near
	} else {
		at.Message += ", unless it runs another release of Istio's API"
		at.Warning = true
	}
	c.addFault(at)
}

func (c *checker) required(n *node, s *schema) {
	for _, key := range s.Required {
		if n.get(key) == nil {
			c.fault(n, "%s lacks the field %q: %s", c.here(), key, c.refused)
		}
	}
}

func (c *checker) exclusive(n *node, s *schema) {
	for _, group := range s.OneOf {
		var set []string
		for i := range n.fields {
			if n.fields[i].val.kind != kindNull && slices.Contains(group, n.fields[i].key) {
				set = append(set, n.fields[i].key)
			}
		}
		if len(set) < 2 {
			continue
		}
		where, second := c.here(), n.field(set[1])
		c.push(set[1])
		c.addFault(Fault{
			Rule: "invalid-value", Pos: c.keyPos(second, c.path),
			Message: fmt.Sprintf("%q and %q exclude each other in %s: %s, keep one", set[0], set[1], where, c.refused),
		})
		c.pop()
	}
}

func (c *checker) list(n *node, s *schema) {
	if s.MaxItems > 0 && len(n.items) > s.MaxItems {
		c.fault(n, "%s has %d entries where at most %d may stand: %s", c.here(), len(n.items), s.MaxItems, c.refused)
	}
	if len(n.items) < s.MinItems {
		c.fault(n, "%s has %d entries where at least %d must stand: %s", c.here(), len(n.items), s.MinItems, c.refused)
	}
	if s.Items == nil {
		return
	}
	for i, item := range n.items {
		c.push(i)
		if sub := c.nodes[*s.Items]; item.kind != kindNull || !sub.Nullable {
			c.value(item, sub)
		}
		c.pop()
	}
}

func (c *checker) text(n *node, s *schema) {
	if n.kind != kindString {
		c.wrongType(n, "a string")
		return
	}
	if s.Enum == nil && s.Pattern == "" && !s.Duration && s.MinLen == 0 && s.MaxLen == 0 {
		return
	}
	if Placeholder(n.text) {
		if s.Enum != nil || s.Duration {
			c.opaque(n, c.path)
		}
		return
	}
	length := utf8.RuneCountInString(n.text)
	switch {
	case s.Enum != nil && !slices.Contains(s.Enum, n.text):
		c.enum(n, s)
	case s.Duration:
		c.duration(n)
	case length < s.MinLen:
		if length == 0 {
			c.fault(n, "%s is empty: %s", c.here(), c.refused)
		} else {
			c.fault(n, "%s %q is shorter than %d characters: %s", c.here(), n.text, s.MinLen, c.refused)
		}
	case s.MaxLen > 0 && length > s.MaxLen:
		c.fault(n, "%s has %d characters where at most %d may stand: %s", c.here(), length, s.MaxLen, c.refused)
	case s.Pattern != "" && !s.pattern().MatchString(n.text):
		c.fault(n, "%s %q does not match the pattern %q: %s", c.here(), clip(n.text), s.Pattern, c.refused)
	}
}

// yaml checks a string that holds a YAML map of its own.
func (c *checker) yaml(n *node) {
	if n.kind != kindString {
		c.wrongType(n, "a string")
		return
	}
	in, err := readYAML([]byte(n.text), nil, new(arena))
	switch {
	case Placeholder(n.text) || n.text == "":
	case err != nil:
		c.fault(n, "%s is no YAML: %s", c.here(), err.message)
	case in.root.kind != kindMap:
		c.fault(n, "%s holds %s where a map is expected: it cannot be used", c.here(), in.root.kind)
	}
}

func (c *checker) enum(n *node, s *schema) {
	if near := Nearest(n.text, s.Enum); near != "" {
		c.nearly(n, near, "%s is %q, which it cannot be: %s; did you mean %q?", c.here(), n.text, c.refused, near)
		return
	}
	c.fault(n, "%s is %q, which is none of %s: %s", c.here(), clip(n.text), strings.Join(s.Enum, ", "), c.refused)
}

func (c *checker) duration(n *node) {
	d, err := time.ParseDuration(n.text)
	switch {
	case err != nil && digitsAt(n.text, 0) == len(n.text) && n.text != "":
		c.nearly(n, n.text+"s", "%s %q is a duration without a unit: %s; did you mean %q?", c.here(), n.text, c.refused, n.text+"s")
	case err != nil:
		c.fault(n, "%s %q is no duration: %s, write it like \"1.5s\" or \"2m\"", c.here(), clip(n.text), c.refused)
	case d < time.Millisecond:
		c.fault(n, "%s %q is shorter than 1ms: %s", c.here(), n.text, c.refused)
	}
}

func (c *checker) number(n *node, s *schema) {
	want, fits := "an integer", n.kind == kindInt
	switch s.Type {
	case "number":
		want, fits = "a number", n.kind == kindInt || n.kind == kindFloat
	case "boolean":
		want, fits = "a boolean", n.kind == kindBool
	}
	if !fits {
		c.wrongType(n, want)
		return
	}
	v := float64(n.int())
	switch n.kind {
	case kindFloat:
		v = n.float()
	case kindBool:
		return
	}
	low, high := math.Inf(-1), math.Inf(1)
	if s.Min != nil {
		low = *s.Min
	}
	if s.Max != nil {
		high = *s.Max
	}
	if v < low || v > high {
		c.fault(n, "%s %s is not between %s and %s: %s", c.here(), n.text, bound(low), bound(high), c.refused)
	}
}

func bound(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// clip keeps a message on one line.
func clip(s string) string {
	r := []rune(s)
	if len(r) <= 60 {
		return s
	}
	return string(r[:57]) + "..."
}
