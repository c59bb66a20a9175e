package routing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Decode reads a request from its JSON, strictly: every key is known and stands once, and a client can send it.
func (r *Request) Decode(line []byte) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	wrong := (*json.UnmarshalTypeError)(nil)
	switch err := d.Decode(r); {
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%s cannot be of type %s", wrong.Field, wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("a request is a JSON object, and this is of type %s", wrong.Value)
	case err != nil && strings.HasPrefix(err.Error(), "json: "): // an unknown key
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	case err != nil:
		return fmt.Errorf("no JSON object on one line: %w", err)
	case len(bytes.TrimSpace(line[d.InputOffset():])) > 0:
		return errors.New("more than one JSON value on the line")
	}
	if err := keysOnce(json.NewDecoder(bytes.NewReader(line)), ""); err != nil {
		return err
	}
	return r.Askable()
}

// keysOnce refuses a key that stands twice in one object of a request, of which all but one would be lost without a word. Names
// of headers and the keys of requests are the same in any letter case, those of labels are not.
func keysOnce(d *json.Decoder, path string) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return err
	}
	spelled := map[string]string{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key := t.(string)
		same := key
		if !strings.HasSuffix(path, "labels.") {
			same = strings.ToLower(strings.ToUpper(key)) // as encoding/json takes keys, whose s and k have more than two cases
		}
		switch had, twice := spelled[same]; {
		case twice && path == "headers.":
			return fmt.Errorf("headers %q and %q are one header: write it once, its values joined with a comma in the order in which they are sent", had, key)
		case twice && had == key:
			return fmt.Errorf("key %q stands twice: only one of them can be meant, delete the other", path+key)
		case twice:
			return fmt.Errorf("keys %q and %q are the same key: only one of them can be meant, delete the other", path+had, path+key)
		}
		spelled[same] = key
		if err := keysOnce(d, path+same+"."); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// Askable refuses what no client can send, or what no table answers.
func (r *Request) Askable() error {
	switch {
	case r.Workload != nil && r.Mesh != nil:
		return errors.New("workload and mesh exclude each other")
	case r.Port == 0:
		return errors.New("the port is missing")
	case r.Port > 65535:
		return fmt.Errorf("%d is no port: 1 to 65535", r.Port)
	case r.Mesh != nil && r.Host == "":
		return errors.New("the host is missing: of what sidecars send on, only HTTP requests are answered")
	case r.Mesh != nil && r.TLS:
		return errors.New("sidecars route only plaintext requests: ask without TLS, as an application in the mesh sends them")
	case r.Method != "" && !token(r.Method):
		return fmt.Errorf("%q is no method", r.Method)
	case r.Path == "*" && r.Method == "OPTIONS":
	case r.Path != "" && !strings.HasPrefix(r.Path, "/"):
		return fmt.Errorf("the path %q does not begin with a slash", r.Path)
	case strings.ContainsFunc(r.Path, control) || strings.Contains(r.Path, "\t"):
		return fmt.Errorf("the path %q holds a control character: write it with %%", r.Path)
	case strings.ContainsFunc(r.Host+r.SNI, control) || strings.ContainsAny(r.Host+r.SNI, " \t"):
		return fmt.Errorf("the host %q or its server name %q holds a space or a control character", r.Host, r.SNI)
	}
	return sendable(r.Headers)
}

// sendable refuses headers that no client sends.
func sendable(headers map[string]string) error {
	for _, name := range manifest.Keys(headers) {
		switch {
		case strings.HasPrefix(name, ":"):
			return fmt.Errorf("%q is no header that a client sets: method, host and path have keys of their own", name)
		case strings.EqualFold(name, "host"):
			return fmt.Errorf("%q is no header here: the host has a key of its own", name)
		case !token(name):
			return fmt.Errorf("%q is no name of a header", name)
		case strings.ContainsFunc(headers[name], control):
			return fmt.Errorf("the value %q of header %s holds a control character", headers[name], name)
		}
	}
	return nil
}

// token tells whether a text is what methods and names of headers are made of (RFC 9110, 5.6.2).
func token(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

// control tells the characters that no header value may have; a tab is none of them.
func control(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
