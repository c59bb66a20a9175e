package routing

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// SharedCertificate is a group of TLS servers on one listener, with route configurations of their own, that a certificate
// joins: a client with a connection to Server may use it for Host of Others[0] too, which Server does not serve.
type SharedCertificate struct {
	Server  *Server
	Others  []*Server // the rest of the group
	Host    string
	Table   *Table
	Known   bool // the names in the certificate are known; else it is just the same Secret
	Request Request
	Answer  Answer
}

// certified is a TLS chain with what its certificate is good for.
type certified struct {
	*Chain
	keys []string // lower-case names, and the Secrets whose names are not known
}

// partner is another chain whose certificate is good for a domain: by its names, or because it is of the same Secret.
type partner struct {
	chain int
	known bool
}

// partners bounds with how many other chains of one certificate a host is compared.
const partners = 20

// SharedCertificates gives one for each group, with a request that shows it.
func (t *Tables) SharedCertificates() []SharedCertificate {
	var out []SharedCertificate
	for _, table := range t.Gateways {
		if len(table.Opaque) > 0 {
			continue
		}
		for _, l := range table.Listeners {
			if !l.Stuck() && table.listener(l.servicePort(), l.Bind) == l {
				out = append(out, table.sharedOn(l)...)
			}
		}
	}
	return out
}

// servicePort is the port that a client dials to get to the listener.
func (l *Listener) servicePort() uint32 { return l.Chains[0].Server.Number() }

func (table *Table) sharedOn(l *Listener) []SharedCertificate {
	list := table.certified(l)
	byKey := map[string][]int{}
	for i, c := range list {
		for _, k := range c.keys {
			byKey[k] = append(byKey[k], i)
		}
	}
	group := make([]int, len(list)) // of a chain: the index of another one of its group, its own for the first
	for i := range group {
		group[i] = i
	}
	root := func(i int) int {
		for group[i] != i {
			i = group[i]
		}
		return i
	}
	found := map[int]*SharedCertificate{}
	for j, c := range list {
		for _, d := range c.HTTP.domains {
			if len(c.HTTP.Hosts[d].Entries) == 0 || manifest.Placeholder(d) {
				continue
			}
			for _, o := range others(list, byKey, j, d) {
				a, b := root(o.chain), root(j)
				if a == b {
					continue
				}
				s, ok := table.reuse(l, list[o.chain], c, d, o.known)
				if !ok {
					continue
				}
				had := found[a]
				if had == nil {
					had = found[b]
				}
				if had == nil {
					had = s
				}
				delete(found, b)
				group[b] = a
				found[a] = had
			}
		}
	}
	var out []SharedCertificate
	for i := range list {
		s := found[i]
		if s == nil {
			continue
		}
		for j, c := range list {
			if root(j) == i && c.Server != s.Server && c.Server != s.Others[0] {
				s.Others = append(s.Others, c.Server)
			}
		}
		out = append(out, *s)
	}
	return out
}

// certified are the chains of a listener that terminate TLS with a certificate of a Secret.
func (table *Table) certified(l *Listener) []certified {
	shaky := table.shaky()
	var out []certified
	for _, c := range l.Chains {
		if !c.TLS || c.HTTP == nil || shaky[c.Server] {
			continue
		}
		x := certified{Chain: c}
		for _, cred := range table.Credentials(c.Server) {
			if !cred.Keys || cred.OtherNamespace {
				continue
			}
			secrets := table.tables.World.Secrets(cred.Secret)
			if len(secrets) != 1 || secrets[0].Certificate == nil || len(secrets[0].Certificate.Names) == 0 {
				x.keys = append(x.keys, "secret "+cred.Secret.String())
				continue
			}
			for _, n := range secrets[0].Certificate.Names {
				x.keys = append(x.keys, strings.ToLower(n))
			}
		}
		if len(x.keys) > 0 {
			out = append(out, x)
		}
	}
	return out
}

// others are chains whose certificate is good for a domain of chain j, those by name first.
func others(list []certified, byKey map[string][]int, j int, domain string) []partner {
	keys := []string{domain}
	if _, rest, ok := strings.Cut(domain, "."); ok && !strings.HasPrefix(domain, "*") {
		keys = append(keys, "*."+rest)
	}
	names := len(keys)
	for _, k := range list[j].keys {
		if strings.HasPrefix(k, "secret ") {
			keys = append(keys, k)
		}
	}
	var out []partner
	for n, k := range keys {
		for _, i := range byKey[k] {
			if i != j && len(out) < partners {
				out = append(out, partner{i, n < names})
			}
		}
	}
	return out
}

// reuse asks for a domain of one chain over a connection to another. It is a fault if the answer is not that of the domain's own.
func (table *Table) reuse(l *Listener, at, own certified, domain string, known bool) (*SharedCertificate, bool) {
	vh := own.HTTP.Hosts[domain]
	r, ok := table.tables.requestIn(vh, vh.Entries[0].Box, own.Server)
	if !ok || l.chain(r) != own.Chain {
		return nil, false
	}
	right := table.walk(r).Answer
	for _, d := range at.HTTP.domains {
		if d == domain || len(at.HTTP.Hosts[d].Entries) == 0 || known && !at.covers(d) {
			continue
		}
		if r.SNI = l.serverName(at.Chain, d); r.SNI == "" {
			continue
		}
		wrong := table.walk(r).Answer
		if wrong.VirtualService == right.VirtualService && wrong.Route == right.Route {
			return nil, false
		}
		return &SharedCertificate{at.Server, []*Server{own.Server}, domain, table, known, r, wrong}, true
	}
	return nil, false
}

// covers tells whether a client accepts the certificate for a domain, by the names that are known.
func (c certified) covers(domain string) bool {
	for _, k := range c.keys {
		if k == domain {
			return true
		}
		if _, rest, ok := strings.Cut(domain, "."); ok && k == "*."+rest {
			return true
		}
	}
	return false
}
