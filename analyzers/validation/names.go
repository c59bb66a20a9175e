package validation

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"google.golang.org/protobuf/types/known/durationpb"
	networking "istio.io/api/networking/v1alpha3"
)

// What istiod takes for a name, an address, a number. The functions give a clause that says what is wrong, "" if nothing is;
// placeholders are always right.

const (
	labelText = `[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?`
	nameText  = `(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`
)

var (
	labelForm    = regexp.MustCompile("^" + labelText + "$")
	wildcardForm = regexp.MustCompile(`^(\*|(\*|\*-)?` + labelText + ")$")
	keyForm      = regexp.MustCompile("^(" + labelText + `(?:\.` + labelText + ")*/)?(" + nameText + ")$")
	valueForm    = regexp.MustCompile("^(" + nameText + ")?$")
	headerForm   = regexp.MustCompile("^[!#$%&'*+\\-.^_`|~A-Za-z0-9]+$")
)

func isLabel(s string) bool { return len(s) <= 63 && labelForm.MatchString(s) }

// label is a DNS label, upper case allowed.
func label(what, s string) string {
	if manifest.Placeholder(s) || isLabel(s) {
		return ""
	}
	return fmt.Sprintf("%s %q is no DNS label", what, s)
}

// domain is a full name without wildcard.
func domain(what, s string) string {
	switch {
	case manifest.Placeholder(s):
	case s == "" || len(s) > 255:
		return fmt.Sprintf("%s %q is empty or longer than 255 characters", what, s)
	default:
		return labels(what, s, s)
	}
	return ""
}

// labels are those of a name or of the part behind its first one. The last may be empty, and is no number.
func labels(what, s, part string) string {
	list := strings.Split(part, ".")
	last := len(list) - 1
	if _, err := strconv.Atoi(list[last]); err == nil {
		return fmt.Sprintf("%s %q ends in a number", what, s)
	}
	for i, l := range list {
		if (i < last || l != "") && !isLabel(l) {
			return fmt.Sprintf("%s %q has %q where a DNS label is expected", what, s, l)
		}
	}
	return ""
}

// wildcard is a domain whose first label may begin with "*".
func wildcard(what, s string) string {
	first, rest, dotted := strings.Cut(s, ".")
	switch {
	case manifest.Placeholder(s):
	case s == "" || len(s) > 255:
		return fmt.Sprintf("%s %q is empty or longer than 255 characters", what, s)
	case len(first) > 63 || !wildcardForm.MatchString(first):
		return fmt.Sprintf("%s %q has %q where a DNS label is expected", what, s, first)
	case dotted:
		return labels(what, s, rest)
	}
	return ""
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func address(what, s string) string {
	if manifest.Placeholder(s) || isAddress(s) {
		return ""
	}
	return fmt.Sprintf("%s %q is no IP address", what, s)
}

// subnet is an address or a CIDR block.
func subnet(what, s string) string {
	if strings.Count(s, "/") != 1 {
		return address(what, s)
	}
	if _, err := netip.ParsePrefix(s); err != nil && !manifest.Placeholder(s) {
		return fmt.Sprintf("%s %q is no CIDR block", what, s)
	}
	return ""
}

// socket is the path behind "unix://".
func socket(what, s string) string {
	if manifest.Placeholder(s) || strings.HasPrefix(s, "@") || strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") {
		return ""
	}
	return fmt.Sprintf("%s %q names no socket by an absolute path", what, "unix://"+s)
}

func port(what string, n uint32) string {
	if n >= 1 && n <= 65535 {
		return ""
	}
	return fmt.Sprintf("%s %d is not between 1 and 65535", what, n)
}

// duration is of whole milliseconds, one at least; nil is unset.
func (a at) duration(name string, d *durationpb.Duration) {
	if d == nil {
		return
	}
	switch v := d.AsDuration(); {
	case v < time.Millisecond:
		a.in(name).refuse("%s %q is shorter than 1ms", name, v)
	case v%time.Millisecond != 0:
		a.in(name).refuse("%s %q is not of whole milliseconds", name, v)
	}
}

// labelMap checks keys and values of labels.
func (a at) labelMap(m map[string]string) {
	for _, k := range manifest.Keys(m) {
		parts := keyForm.FindStringSubmatch(k)
		switch {
		case manifest.Placeholder(k):
		case parts == nil || len(parts[1]) > 254 || len(parts[2]) > 63:
			a.in(k).refuse("%q is no key of a label", k)
		case !manifest.Placeholder(m[k]) && !valueForm.MatchString(m[k]):
			a.in(k).refuse("%q is no value of a label", m[k])
		}
	}
}

// plainSelector checks what a workloadSelector may not have: empty keys and wildcards.
func (a at) plainSelector(m map[string]string) (ok bool) {
	before := len(*a.list)
	for _, k := range manifest.Keys(m) {
		if k == "" || strings.Contains(k, "*") || strings.Contains(m[k], "*") {
			a.in(k).refuse("workloadSelector %q has an empty key or a wildcard", k+"="+m[k])
		}
	}
	return len(*a.list) == before
}

// regex is one that Go takes for RE2 does; istiod bounds its length.
func regex(what, s string) string {
	if manifest.Placeholder(s) {
		return ""
	}
	if len(s) > 1024 {
		return fmt.Sprintf("%s has %d characters, more than 1024", what, len(s))
	}
	if _, err := regexp.Compile(s); err != nil {
		return fmt.Sprintf("%s is no RE2 expression: %s", what, plainly.Replace(err.Error()))
	}
	return ""
}

var plainly = strings.NewReplacer("error parsing regexp: ", "", "invalid or unsupported", "unsupported", "invalid", "bad", "\n", " ")

// text is a condition on a string: no empty prefix (of a path it is everything), no empty or broken expression.
func (a at) text(what string, m *networking.StringMatch, emptyPrefix bool) {
	switch t := m.GetMatchType().(type) {
	case *networking.StringMatch_Prefix:
		if t.Prefix == "" && !emptyPrefix {
			a.in("prefix").refuse("%s has an empty prefix", what)
		}
	case *networking.StringMatch_Regex:
		if t.Regex == "" {
			a.in("regex").refuse("%s has an empty regex", what)
			return
		}
		a.in("regex").because(regex(what+" regex", t.Regex))
	}
}
