package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// question is a request as given, and which workload gets it where a flag says so.
type question struct {
	request  routing.Request
	workload *clientFlag
	err      error  // it cannot be asked
	at       string // FILE:LINE, of one in a file of requests
}

// parseRequest reads "[METHOD] URL" as a client such as curl sends it.
func parseRequest(text string) (routing.Request, error) {
	r := routing.Request{Method: "GET", Port: 80}
	words := strings.Fields(text)
	switch len(words) {
	case 1:
	case 2:
		r.Method = words[0]
	default:
		return r, fmt.Errorf("%q is no request: write 'GET https://host/path', with %%20 for a space", text)
	}
	url := words[len(words)-1]
	scheme, rest, ok := strings.Cut(url, "://")
	switch {
	case !ok:
		return r, fmt.Errorf("%q is no URL: it has to begin with http:// or https://", url)
	case len(words) == 1 && (strings.EqualFold(scheme, "tls") || strings.EqualFold(scheme, "tcp")):
		return parseConnection(url, strings.EqualFold(scheme, "tls"), rest)
	case strings.EqualFold(scheme, "https"):
		r.TLS, r.Port = true, 443
	case !strings.EqualFold(scheme, "http"):
		return r, fmt.Errorf("%q: the scheme is %q, not http or https (or tls or tcp, without a method)", url, scheme)
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, r.Path = rest[:i], rest[i:]
	}
	r.Path, _, _ = strings.Cut(r.Path, "#") // clients keep it to themselves
	if !strings.HasPrefix(r.Path, "/") {
		r.Path = "/" + r.Path
	}
	if err := setAuthority(&r, authority); err != nil {
		return r, fmt.Errorf("%q: %w", url, err)
	}
	return r, nil
}

// parseConnection reads what follows tls:// or tcp://, of which only a TLS server name is ever sent.
func parseConnection(url string, tls bool, rest string) (routing.Request, error) {
	r := routing.Request{TLS: tls}
	authority := strings.TrimSuffix(rest, "/")
	if strings.ContainsAny(authority, "/?#") {
		return r, fmt.Errorf("%q: a connection has no path", url)
	}
	switch {
	case tls:
		r.Port = 443
	case !strings.Contains(authority, ":"):
		return r, fmt.Errorf("%q has no port: write tcp://host:port", url)
	case strings.HasPrefix(authority, ":"):
		authority = "any" + authority // nothing is sent of the name
	}
	if err := setAuthority(&r, authority); err != nil {
		return r, fmt.Errorf("%q: %w", url, err)
	}
	r.SNI = r.ServerName()
	r.Host = ""
	return r, nil
}

// setAuthority takes a URL's host, with a port or not. Clients leave the scheme's own port out of the host they send.
func setAuthority(r *routing.Request, authority string) error {
	host, port, given := authority, "", false
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port, given = authority[:i], authority[i+1:], true
	}
	switch {
	case host == "":
		return errors.New("the host is missing")
	case strings.Contains(host, "@"):
		return errors.New("leave the user out: it is no part of what is routed")
	case strings.ContainsAny(host, `\"<>{}|^`) || strings.HasPrefix(host, "[") != strings.HasSuffix(host, "]") || strings.Contains(strings.Trim(host, "[]"), ":") != strings.HasPrefix(host, "["):
		return fmt.Errorf("%q is no host; an IPv6 address stands in brackets", authority)
	}
	r.Host = host
	if !given {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no port: 1 to 65535", port)
	}
	if uint32(n) != r.Port {
		r.Host = authority
	}
	r.Port = uint32(n)
	return nil
}

// setHeaders reads "name: value"; what stands twice is joined as Envoy joins it, and Host is the host.
func setHeaders(r *routing.Request, headers []string) error {
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.ToLower(strings.TrimSpace(name)); !ok || name == "" || strings.ContainsAny(name, " \t") {
			return fmt.Errorf("--header: %q is not 'name: value'", h)
		}
		value = strings.TrimSpace(value)
		if name == "host" {
			r.Host = value
			continue
		}
		if r.Headers == nil {
			r.Headers = map[string]string{}
		}
		if have, twice := r.Headers[name]; twice {
			value = have + "," + value
		}
		r.Headers[name] = value
	}
	return nil
}

// setClaims reads "keys: value".
func setClaims(r *routing.Request, claims []string) error {
	for _, c := range claims {
		name, value, ok := strings.Cut(c, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return fmt.Errorf("--claim: %q is not 'keys: value'", c)
		}
		if r.Claims == nil {
			r.Claims = map[string]string{}
		}
		r.Claims[name] = strings.TrimSpace(value)
	}
	return nil
}

// clientFlag names pods: NAMESPACE/KEY=VALUE,…, either part alone, or for a gateway workload NAMESPACE/NAME.
type clientFlag struct {
	namespace, name string
	labels          map[string]string
}

func parseClient(text string) (*clientFlag, error) {
	c := &clientFlag{}
	rest := text
	if first, second, ok := strings.Cut(text, "/"); ok && !strings.ContainsAny(first, "=.") { // else it is part of a label's key
		c.namespace, rest = first, second
	}
	if !strings.Contains(rest, "=") {
		if c.name = rest; rest == "" {
			return nil, fmt.Errorf("%q names no pods", text)
		}
		return c, nil
	}
	c.labels = map[string]string{}
	for _, pair := range strings.Split(rest, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("%q is not KEY=VALUE", pair)
		}
		c.labels[key] = strings.TrimSpace(value)
	}
	return c, nil
}

func (c *clientFlag) String() string {
	text := c.name
	if c.labels != nil {
		text = mesh.LabelText(c.labels)
	}
	if c.namespace != "" {
		text = c.namespace + "/" + text
	}
	return text
}

// find gives the one gateway workload that is meant: the labels need not be all that it has, unless another has just these.
func (c *clientFlag) find(t *routing.Tables) (*routing.Client, error) {
	var found []*mesh.Workload
	for _, table := range t.Gateways {
		wl := table.Workload
		if len(found) > 0 && found[len(found)-1] == wl || c.namespace != "" && wl.Namespace != "" && wl.Namespace != c.namespace {
			continue
		}
		switch {
		case c.labels == nil && (wl.Object == nil || wl.Object.Name != c.name), !mesh.Subset(c.labels, wl.Labels):
			continue
		case c.labels != nil && len(c.labels) == len(wl.Labels):
			return &routing.Client{Namespace: wl.Namespace, Labels: wl.Labels}, nil
		}
		found = append(found, wl)
	}
	switch {
	case len(found) == 1:
		return &routing.Client{Namespace: found[0].Namespace, Labels: found[0].Labels}, nil
	case len(found) > 1:
		return nil, fmt.Errorf("%s is %d gateway workloads, name one: %s", c, len(found), workloadNames(found))
	case len(t.Gateways) == 0:
		return nil, fmt.Errorf("there is no gateway workload %s, and no other: no Gateway in the input selects any", c)
	}
	var all []*mesh.Workload
	for _, table := range t.Gateways {
		all = append(all, table.Workload)
	}
	return nil, fmt.Errorf("there is no gateway workload %s; there is %s", c, workloadNames(all))
}

func workloadNames(list []*mesh.Workload) string {
	var out []string
	for _, wl := range list {
		name := wl.String()
		if wl.Object != nil && len(wl.Labels) > 0 {
			name += " (" + mesh.LabelText(wl.Labels) + ")"
		}
		out = append(out, name)
	}
	return few(out)
}

// readRequests reads one request a line. A line that is none gives a question with its error.
func readRequests(in io.Reader, name string) ([]question, error) {
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	var out []question
	for i, line := range bytes.Split(data, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		q := question{at: fmt.Sprintf("%s:%d", name, i+1)}
		if q.err = q.request.Decode(line); q.err != nil {
			q.request = routing.Request{ID: idOf(line)}
		}
		out = append(out, q)
	}
	return out, nil
}

// idOf is the id of a line that is no request, as far as it can be told.
func idOf(line []byte) string {
	var any struct{ ID json.RawMessage }
	if json.Unmarshal(line, &any) != nil || len(any.ID) == 0 {
		return ""
	}
	var id string
	if json.Unmarshal(any.ID, &id) != nil {
		return string(any.ID) // a number
	}
	return id
}
