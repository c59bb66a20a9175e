package validation

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	networking "istio.io/api/networking/v1alpha3"
)

// headerOperations checks what a rule or a destination does to headers.
func (a at) headerOperations(h *networking.Headers) {
	a = a.in("headers")
	a.in("request").operations(h.GetRequest(), true)
	a.in("response").operations(h.GetResponse(), false)
}

func (a at) operations(ops *networking.Headers_HeaderOperations, request bool) {
	for _, op := range [...]struct {
		name string
		to   map[string]string
	}{{"add", ops.GetAdd()}, {"set", ops.GetSet()}} {
		for _, k := range manifest.Keys(op.to) {
			here := a.in(op.name, k)
			if !request || !isAuthority(k) {
				here.settable(k)
			}
			if why := headerValue(op.to[k]); why != "" {
				here.refuse("the value of header %q %s", k, why)
			}
		}
	}
	for i, k := range ops.GetRemove() {
		a.in("remove", i).settable(k)
	}
}

// settable checks a header that an operation names. Envoy keeps pseudo-headers and Host for itself.
func (a at) settable(name string) {
	switch {
	case name == "":
		a.refuse("a header has an empty name")
	case strings.HasPrefix(name, ":") || strings.EqualFold(name, "host"):
		a.refuse("header %q cannot be changed here", name)
	}
}

func isAuthority(name string) bool {
	return strings.EqualFold(name, ":authority") || strings.EqualFold(name, "host")
}

// authorityOnce finds a Host header that is rewritten in two ways.
func (a at) authorityOnce(h *networking.HTTPRoute) {
	have := h.GetRewrite().GetAuthority()
	req := h.GetHeaders().GetRequest()
	for _, op := range [...]struct {
		name string
		to   map[string]string
	}{{"set", req.GetSet()}, {"add", req.GetAdd()}} {
		for _, k := range manifest.Keys(op.to) {
			if !isAuthority(k) {
				continue
			}
			if have != "" {
				a.in("headers", "request", op.name, k).refuse("the authority is rewritten twice, to %q and to %q", have, op.to[k])
			}
			have = op.to[k]
		}
	}
}

// matchable checks a header that a match names: a claim, a pseudo-header or a token.
func (a at) matchable(name string) {
	switch {
	case manifest.Placeholder(name) || isClaim(name):
	case name == "":
		a.refuse("a header has an empty name")
	case name == ":method" || name == ":scheme" || name == ":authority" || name == ":path" || name == ":status":
	case !headerForm.MatchString(name):
		a.refuse("header %q has a character that no header name has", name)
	}
}

const claims = "@request.auth.claims"

// isClaim tells the routing on a JWT claim: "@request.auth.claims.x" or "@request.auth.claims[x]".
func isClaim(name string) bool {
	if len(name) < len(claims) || !strings.EqualFold(name[:len(claims)], claims) {
		return false
	}
	rest := name[len(claims):]
	return len(rest) > 1 && rest[0] == '.' || len(rest) > 2 && rest[0] == '[' && rest[len(rest)-1] == ']'
}

// headerValue reads a value as Envoy's header parser does: %NAME% and %NAME(arguments)% are commands, %% is a percent sign.
func headerValue(v string) string {
	if manifest.Placeholder(v) {
		return ""
	}
	state := inText
	for i := range len(v) {
		c := v[i]
		if c < ' ' && c != '\t' || c == 0x7f {
			return "has a control character"
		}
		next := commands[state].other
		if k := strings.IndexByte(commands[state].on, c); k >= 0 {
			next = commands[state].to[k]
		}
		if state = next; state == wrong {
			return "has a command whose arguments are not well formed"
		}
	}
	if state != inText {
		return "has a \"%\" that begins a command and nothing that ends it: write \"%%\" for a percent sign"
	}
	return ""
}

// The states of reading a header value: text, the name of a command, its arguments, which are plain text or a list of strings.
const (
	wrong = iota
	inText
	inName
	inArguments // at the beginning of the arguments
	inString
	escaped  // after a backslash in a string
	behind   // after a string: a comma or the end of the list
	beforeIt // before a string: its quote
	closing  // after the list: the parenthesis
	ending   // after the arguments: the percent sign
)

// commands gives for each state which states follow on which characters, and on any other.
var commands = [...]struct {
	on    string
	to    []int
	other int
}{
	inText:      {"%", []int{inName}, inText},
	inName:      {"%(", []int{inText, inArguments}, inName},
	inArguments: {"[ ", []int{beforeIt, inArguments}, inString},
	inString:    {"\\)\"", []int{escaped, ending, behind}, inString},
	escaped:     {"", nil, inString},
	behind:      {",] ", []int{beforeIt, closing, behind}, wrong},
	beforeIt:    {"\" ", []int{inString, beforeIt}, wrong},
	closing:     {") ", []int{ending, closing}, wrong},
	ending:      {"% ", []int{inText, ending}, wrong},
}
