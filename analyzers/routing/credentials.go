package routing

import (
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	networking "istio.io/api/networking/v1alpha3"
)

// Credential is one Secret that a server asks for, or would ask for.
type Credential struct {
	Path   []any     // of the field in the Gateway
	Text   string    // as written
	Secret mesh.Name // where istiod looks; the namespace is the workload's
	CA     bool      // it must hold a CA
	Keys   bool      // it must hold a key pair
	// OtherNamespace is set for ns/name where ns is not the workload's: istiod never delivers it.
	OtherNamespace bool
	gateway        *mesh.Gateway
	// Fallback is the Secret that istiod reads instead if Secret does not exist (name without -cacert).
	Fallback *mesh.Name
}

// Credentials lists what a server needs from Secrets on this workload (security/model/authentication.go,
// credentials/resource.go). Names that are no Secret of the cluster (configmap://, sds://, builtin://) are left out.
func (table *Table) Credentials(s *Server) []Credential {
	tls := s.Spec.Tls
	if tls == nil || s.IsHTTP() {
		return nil
	}
	base := []any{"spec", "servers", s.Index, "tls"}
	needCA := false
	switch tls.Mode {
	case networking.ServerTLSSettings_MUTUAL, networking.ServerTLSSettings_OPTIONAL_MUTUAL:
		needCA = true
	case networking.ServerTLSSettings_SIMPLE:
	default:
		return nil
	}
	var out []Credential
	names := tls.CredentialNames
	for i, n := range names {
		out = table.credential(out, Credential{gateway: s.Gateway, Path: append(base[:len(base):len(base)], "credentialNames", i), Text: n, Keys: true})
	}
	if tls.CredentialName != "" && len(names) == 0 {
		names = []string{tls.CredentialName}
		path := append(base[:len(base):len(base)], "credentialName")
		if s.Gateway.Ingress {
			path = append(s.Path(), "secretName")
		}
		out = table.credential(out, Credential{gateway: s.Gateway, Path: path, Text: tls.CredentialName, Keys: true})
	}
	if !needCA || len(names) == 0 {
		return out
	}
	if ca := tls.CaCertCredentialName; ca != "" {
		c := Credential{gateway: s.Gateway, Path: append(base[:len(base):len(base)], "caCertCredentialName"), Text: ca, CA: strings.HasSuffix(ca, caSuffix)}
		c.Keys = !c.CA // without the suffix istiod takes it for a key pair
		return table.credential(out, c)
	}
	if len(out) == 0 {
		return out
	}
	return table.credential(out, Credential{gateway: s.Gateway, Path: out[0].Path, Text: names[0] + caSuffix, CA: true})
}

const caSuffix = "-cacert"

func (table *Table) credential(list []Credential, c Credential) []Credential {
	name := c.Text
	verified := false
	if rest, ok := strings.CutPrefix(name, "kubernetes://"); ok {
		name = rest
	} else if rest, ok := strings.CutPrefix(name, "kubernetes-gateway://"); ok {
		name, verified = rest, true
	} else if strings.Contains(name, "://") {
		return list
	}
	if manifest.Placeholder(name) {
		return list
	}
	ns, short, ok := strings.Cut(name, "/")
	if !ok {
		ns, short = table.Workload.Namespace, name
	}
	c.Secret = mesh.Name{Namespace: ns, Name: short}
	c.OtherNamespace = ok && table.Workload.Namespace != "" && ns != table.Workload.Namespace
	if own := c.gateway.Namespace; verified {
		if own == "" || table.Workload.Namespace == "" || table.tables.World.Count("ReferenceGrant", ns) > 0 {
			return list // it may be allowed
		}
		c.OtherNamespace = own != table.Workload.Namespace || ns != own
	}
	if base, ca := strings.CutSuffix(short, caSuffix); ca && c.CA {
		c.Fallback = &mesh.Name{Namespace: ns, Name: base}
	}
	return append(list, c)
}

// Serves tells whether a credential is delivered with the keys it needs.
func (t *Tables) Serves(c Credential) mesh.Truth {
	if c.OtherNamespace {
		return mesh.No
	}
	found := t.World.Secrets(c.Secret)
	if len(found) == 0 && c.Fallback != nil {
		found = t.World.Secrets(*c.Fallback)
	}
	if len(found) == 0 {
		if t.World.Assumed("Secret", c.Secret) || c.Fallback != nil && t.World.Assumed("Secret", *c.Fallback) {
			return mesh.Yes
		}
		if c.Secret.Namespace != "" && t.World.Closed("Secret", c.Secret.Namespace) {
			return mesh.No
		}
		return mesh.Maybe
	}
	for _, s := range found {
		if (!c.Keys || s.HasKeyPair()) && (!c.CA || s.HasCA()) {
			return mesh.Yes
		}
	}
	return mesh.No
}

// Delivered tells whether a server gets every certificate it asks for, as far as is known.
func (table *Table) Delivered(s *Server) bool {
	for _, c := range table.Credentials(s) {
		if table.tables.Serves(c) == mesh.No {
			return false
		}
	}
	return true
}
