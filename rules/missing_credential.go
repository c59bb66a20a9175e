package rules

import (
	"fmt"
	"strings"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

var missingCredential = &Rule{
	Name: "missing-credential", Severity: Error, Admission: Warn, Elsewhere: Warn,
	AlsoKnownAs: []string{"IST0101", "IST0161"}, Since: "0.1.0",
	Doc: `A TLS credential that the gateway does not get

istiod reads the Secret of a credentialName in the namespace of the gateway workload's pods, not in that of the Gateway, and
sends it only if it has the keys that the TLS mode needs: tls.crt and tls.key (or cert and key), for MUTUAL a CA as well, in the
Secret NAME-cacert or, if there is none, in ca.crt (or cacert) of the same Secret. Until it arrives Envoy resets every
connection to the server. A certificate none of whose names fits a host of the server is a warning: clients refuse it.

Over files the finding is an error only where the Secrets are completely known or the Secret at hand lacks its keys.

Fix: create the Secret in the workload's namespace, correct the name, or add the keys.`,
	Run: func(p *Pass) {
		seen := map[string]bool{}
		for _, table := range p.Tables.Gateways {
			for _, s := range table.Servers {
				if s.Drop != nil && s.Drop.Certain {
					continue
				}
				for _, c := range table.Credentials(s) {
					if key := s.ID() + pathText(c.Path) + c.Secret.String(); !seen[key] {
						seen[key] = true
						p.credential(table, s, c)
					}
				}
			}
		}
	},
}

func (p *Pass) credential(table *routing.Table, s *routing.Server, c routing.Credential) {
	f := Fault{On: s.Gateway.Object, Path: c.Path, Severity: Error, Words: c.Secret.String()}
	where := "namespace " + c.Secret.Namespace + ", where " + workloadText(table) + " runs"
	if c.OtherNamespace {
		f.Message = fmt.Sprintf("credential %q is in another namespace than %s: istiod does not send it, and TLS connections are reset", c.Text, workloadText(table))
		p.Report(f)
		return
	}
	found := p.World.Secrets(c.Secret)
	if len(found) == 0 && c.Fallback != nil {
		if found = p.World.Secrets(*c.Fallback); len(found) == 0 {
			return // the key pair's own finding says that its Secret is missing
		}
	}
	if len(found) == 0 {
		r := p.judgeSecret(table, s, c)
		if p.open(r, Reference{Kind: "Secret", Namespace: c.Secret.Namespace, Name: c.Secret.Name, By: f.On, Path: f.Path}) {
			return
		}
		if table.Workload.Namespace == "" {
			where = "the input"
		}
		f.Suspect = r.State == mesh.Suspect
		f.Message = fmt.Sprintf("there is no Secret %q in %s: TLS connections to %s are reset", c.Secret.Name, where, hostsText(s))
		p.explain(&f, r, c.Secret.Name)
		p.Report(f)
		return
	}
	p.credentialKeys(f, s, c, found)
}

// judgeSecret decides a Secret that is not there. Where the workload's namespace is not known, the Gateway's own is the place
// in which a near name is a sign.
func (p *Pass) judgeSecret(table *routing.Table, s *routing.Server, c routing.Credential) mesh.Resolution {
	if table.Workload.Namespace != "" || s.Gateway.Namespace == "" || p.World.Assumed("Secret", c.Secret) {
		return p.World.JudgeSecret(c.Secret)
	}
	r := p.World.JudgeSecret(mesh.Name{Namespace: s.Gateway.Namespace, Name: c.Secret.Name})
	if r.State == mesh.Suspect && r.Near == "" {
		r.State = mesh.Unknown
	}
	return r
}

func (p *Pass) credentialKeys(f Fault, s *routing.Server, c routing.Credential, found []*mesh.Secret) {
	for _, x := range found {
		if (!c.Keys || x.HasKeyPair()) && (!c.CA || x.HasCA()) {
			p.certificate(f, s, c, x)
			return
		}
	}
	x := found[0]
	f.Words = x.Kind + " " + x.ID.Ref()
	f.Ends = []End{{x.Object, []any{"metadata", "name"}, "the Secret"}}
	if c.Keys && !x.HasKeyPair() {
		f.Message = fmt.Sprintf("Secret %s has no key pair (tls.crt and tls.key): istiod does not send it, and TLS connections to %s are reset", x.ID.Ref(), hostsText(s))
		if c.Path[len(c.Path)-1] == "caCertCredentialName" {
			f.Message = fmt.Sprintf("Secret %s is asked for as a key pair, because the name of a CA must end in -cacert: it is never sent, and TLS connections are reset", x.ID.Ref())
		}
	} else {
		f.Message = fmt.Sprintf("Secret %s has no CA (ca.crt), which TLS mode %s needs: TLS connections to %s are reset", x.ID.Ref(), s.Spec.Tls.Mode, hostsText(s))
	}
	p.Report(f)
}

// certificate warns if no name of a known certificate fits any host of the server; several credentials share the hosts.
func (p *Pass) certificate(f Fault, s *routing.Server, c routing.Credential, x *mesh.Secret) {
	if !c.Keys || x.Certificate == nil || len(x.Certificate.Names) == 0 || len(s.Spec.Tls.CredentialNames) > 1 {
		return
	}
	for _, h := range s.Spec.Hosts {
		_, host, ok := strings.Cut(h, "/")
		if !ok {
			host = h
		}
		for _, n := range x.Certificate.Names {
			if strings.Contains(host, "$") || strings.Contains(host, "{") || mesh.CertificateCovers(n, host) || strings.HasPrefix(host, "*") && routing.Covers(strings.ToLower(host), strings.ToLower(n)) {
				return
			}
		}
	}
	f.Severity = Warning
	f.Words = x.ID.Ref() + " names"
	f.Message = fmt.Sprintf("the certificate of %s is for %s, none of which is a host of this server (%s): clients will refuse it",
		x.ID.Ref(), strings.Join(x.Certificate.Names, ", "), hostsText(s))
	f.Ends = []End{{x.Object, []any{"metadata", "name"}, "holds the certificate"}}
	p.Report(f)
}
