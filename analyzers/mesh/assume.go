package mesh

import (
	"path"
	"slices"
	"strings"
)

// Assume names what exists though the input does not have it. In names and hosts "*" stands for any text. What is assumed is neither
// missing nor unknown; what it looks like is not known, so verdicts that rest on that stay open.
type Assume struct {
	Secrets, Gateways []Name
	Hosts             []string // of services, in full and in lower case
}

func (a Assume) of(kind string) []Name {
	switch kind {
	case "Secret":
		return a.Secrets
	case "Gateway":
		return a.Gateways
	}
	return nil
}

// has tells whether an object is assumed. One in an unstated namespace goes by its name.
func (a Assume) has(kind string, n Name) bool {
	return slices.ContainsFunc(a.of(kind), func(p Name) bool {
		return fits(p.Name, n.Name) && (n.Namespace == "" || fits(p.Namespace, n.Namespace))
	})
}

// some tells whether any object of the kind is assumed in the namespace, "" for all namespaces.
func (a Assume) some(kind, namespace string) bool {
	return slices.ContainsFunc(a.of(kind), func(p Name) bool { return namespace == "" || fits(p.Namespace, namespace) })
}

func (a Assume) host(host string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(a.Hosts, func(p string) bool { return fits(p, host) })
}

func fits(pattern, text string) bool {
	ok, _ := path.Match(pattern, text)
	return ok
}
