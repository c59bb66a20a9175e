package manifest

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"
)

// plain resolves a plain scalar as kubectl does, which reads YAML 1.1 and hands it on as JSON:
// "on" is a boolean, 0777 an octal number, 1e3 the integer 1000, a date a string.
func (n *node) plain(text string) {
	n.text = text
	if text == "" {
		n.kind = kindNull
		return
	}
	n.kind = kindString
	switch c := text[0]; {
	case c >= '0' && c <= '9', c == '+', c == '-':
		n.number(text)
	case c == '.':
		n.dotted(text)
	case strings.IndexByte("yYnNtTfFoO~", c) >= 0 && len(text) <= 5:
		n.word(text)
	}
}

func (n *node) word(text string) {
	switch text {
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		n.kind, n.bits = kindBool, 1
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		n.kind, n.bits = kindBool, 0
	case "~", "null", "Null", "NULL":
		n.kind = kindNull
	}
}

func (n *node) dotted(text string) {
	switch text {
	case ".nan", ".NaN", ".NAN":
		n.setFloat(math.NaN())
	case ".inf", ".Inf", ".INF":
		n.setFloat(math.Inf(1))
	default:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			n.setFloat(f)
		}
	}
}

func (n *node) number(text string) {
	switch text {
	case "+.inf", "+.Inf", "+.INF":
		n.setFloat(math.Inf(1))
		return
	case "-.inf", "-.Inf", "-.INF":
		n.setFloat(math.Inf(-1))
		return
	}
	if !numberLike(text) || isTimestamp(text) {
		return
	}
	digits := text
	if strings.IndexByte(text, '_') >= 0 {
		digits = strings.ReplaceAll(text, "_", "")
	}
	if i, err := strconv.ParseInt(digits, 0, 64); err == nil {
		n.setInt(i)
	} else if u, err := strconv.ParseUint(digits, 0, 64); err == nil {
		n.setFloat(float64(u))
	} else if decimal(digits) {
		if f, err := strconv.ParseFloat(digits, 64); err == nil {
			n.setFloat(f)
		}
	} else if rest, ok := strings.CutPrefix(digits, "0b"); ok { // 0b+1, an accident that kubectl's reader takes
		if i, err := strconv.ParseInt(rest, 2, 64); err == nil {
			n.setInt(i)
		}
	} else if rest, ok := strings.CutPrefix(digits, "-0b"); ok {
		if i, err := strconv.ParseInt("-"+rest, 2, 64); err == nil {
			n.setInt(i)
		}
	}
}

func (n *node) setInt(i int64) { n.kind, n.bits = kindInt, uint64(i) }

// setFloat keeps a float that has no fraction as the integer it becomes on its way through JSON.
func (n *node) setFloat(f float64) {
	n.kind, n.bits = kindFloat, math.Float64bits(f)
	if f != math.Trunc(f) || math.Abs(f) > math.MaxInt64 {
		return
	}
	i := int64(f)
	if math.Abs(f) >= 1<<53 { // JSON has the shortest digits that read back as the same float
		var err error
		if i, err = strconv.ParseInt(strconv.FormatFloat(f, 'f', -1, 64), 10, 64); err != nil {
			return
		}
	}
	n.setInt(i)
	n.whole = true
}

// numberLike sorts out addresses, versions and names before the expensive parsers make errors of them.
func numberLike(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F', c == '.', c == '_', c == '+', c == '-',
			c == 'x', c == 'X', c == 'o', c == 'O':
		default:
			return false
		}
	}
	return true
}

// decimal is [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
func decimal(s string) bool {
	s = strings.TrimLeft(s[:1], "+-") + s[1:]
	whole := digitsAt(s, 0)
	i := whole
	if i < len(s) && s[i] == '.' {
		fraction := digitsAt(s, i+1)
		if whole == 0 && fraction == 0 {
			return false
		}
		i += 1 + fraction
	} else if whole == 0 {
		return false
	}
	if i == len(s) {
		return true
	}
	if s[i] != 'e' && s[i] != 'E' {
		return false
	}
	i++
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	exponent := digitsAt(s, i)
	return exponent > 0 && i+exponent == len(s)
}

func digitsAt(s string, from int) int {
	n := 0
	for from+n < len(s) && s[from+n] >= '0' && s[from+n] <= '9' {
		n++
	}
	return n
}

// isTimestamp tells dates, which stay strings. With a time of day they are no numbers anyway.
func isTimestamp(s string) bool {
	if len(s) < 8 || s[4] != '-' {
		return false
	}
	_, err := time.Parse("2006-1-2", s)
	return err == nil
}

// tagged resolves a scalar with an explicit tag; problem is "" if the value is of that type.
func (n *node) tagged(tag, text string) (problem string) {
	want := kindString
	switch tag {
	case "!!binary":
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "the value is tagged !!binary and is no base64: remove the tag"
		}
		n.kind, n.text = kindString, string(raw)
		return ""
	case "!!int":
		want = kindInt
	case "!!float":
		want = kindFloat
	case "!!bool":
		want = kindBool
	case "!!null":
		want = kindNull
	default: // !!str, dates and tags of other programs
		n.kind, n.text = kindString, text
		return ""
	}
	n.plain(text)
	if n.kind == want || want == kindFloat && n.kind == kindInt {
		return ""
	}
	return "the value is tagged " + tag + " and reads as " + n.kind.String() + ": remove the tag"
}

// keyText is a scalar as a key of a JSON object; ok is false for null, which cannot be one.
func (n *node) keyText() (text string, ok bool) {
	switch n.kind {
	case kindBool:
		return strconv.FormatBool(n.bool()), true
	case kindInt:
		if n.whole && n.int() == 0 && n.text[0] == '-' {
			return "-0", true
		}
		if n.whole {
			return floatKey(float64(n.int())), true
		}
		return strconv.FormatInt(n.int(), 10), true
	case kindFloat:
		return floatKey(n.float()), true
	case kindString:
		return n.text, true
	}
	return "", false
}

// floatKey prints as kubectl's reader does, which takes 32 bits for enough.
func floatKey(f float64) string {
	switch s := strconv.FormatFloat(f, 'g', -1, 32); s {
	case "NaN":
		return ".nan"
	case "+Inf":
		return ".inf"
	case "-Inf":
		return "-.inf"
	default:
		return s
	}
}
