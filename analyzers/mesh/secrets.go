package mesh

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"sort"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Secret is what is known of a Secret, or of what produces one: never its values.
type Secret struct {
	*manifest.Object
	// Keys are the names of its non-empty keys; nil when they are not known.
	Keys map[string]bool
	// Certificate is nil when it is not known (no PEM, encrypted, templated, produced elsewhere).
	Certificate *Certificate
	Producer    bool // Object makes the Secret
}

// Certificate is the public part of a serving certificate.
type Certificate struct {
	Names    []string // DNS names
	NotAfter time.Time
}

// CouldServe tells whether the Secret could hold a serving certificate, so that its namespace is where such Secrets are kept.
func (s *Secret) CouldServe() bool {
	return s.Producer || s.Keys == nil || s.HasKeyPair() || str(s.Tree["type"]) == "kubernetes.io/tls"
}

// HasKeyPair tells whether istiod finds a key pair (pilot/pkg/credentials/kube/secrets.go): cert and key, else tls.crt and
// tls.key. Unknown keys count as there.
func (s *Secret) HasKeyPair() bool {
	return s.Keys == nil || s.Keys["cert"] && s.Keys["key"] || s.Keys["tls.crt"] && s.Keys["tls.key"]
}

// HasCA tells whether istiod finds a CA: cacert, else ca.crt.
func (s *Secret) HasCA() bool { return s.Keys == nil || s.Keys["cacert"] || s.Keys["ca.crt"] }

func (w *World) addSecrets(o *manifest.Object) {
	name, ns := "", o.Namespace
	s := &Secret{Object: o, Producer: true}
	spec := obj(o.Tree, "spec")
	switch o.Kind {
	case "Secret":
		name, s.Producer = o.Name, false
		s.readData()
		if str(o.Tree["type"]) == "helm.sh/release.v1" || str(o.Tree["type"]) == "kubernetes.io/service-account-token" {
			return // istiod does not watch these
		}
	case "Certificate":
		name = str(spec["secretName"])
		cert := &Certificate{}
		for _, d := range list(spec["dnsNames"]) {
			cert.Names = append(cert.Names, str(d))
		}
		if cn := str(spec["commonName"]); cn != "" {
			cert.Names = append(cert.Names, cn)
		}
		if len(cert.Names) > 0 {
			s.Certificate = cert
		}
	case "ExternalSecret":
		if name = str(obj(spec, "target")["name"]); name == "" {
			name = o.Name
		}
	case "SealedSecret":
		if name = str(obj(spec, "template", "metadata")["name"]); name == "" {
			name = o.Name
		}
	case "SecretProviderClass":
		for _, so := range list(spec["secretObjects"]) {
			m, _ := so.(map[string]any)
			if n := str(m["secretName"]); n != "" {
				w.secrets.add(Name{ns, n}, s)
			}
		}
		return
	case "VaultStaticSecret", "VaultDynamicSecret", "VaultPKISecret":
		if name = str(obj(spec, "destination")["name"]); name == "" {
			name = o.Name
		}
	case "VaultSecret", "SecretGenerator":
		name = o.Name
	case "ClusterExternalSecret":
		name = str(obj(spec, "externalSecretSpec", "target")["name"])
		if name == "" {
			name = str(spec["externalSecretName"])
		}
		if name == "" {
			name = o.Name
		}
		ns = ""
	}
	if s.Producer && (name == "" && o.Kind == "Certificate" || len(o.Opaque) > 0 || manifest.Placeholder(name)) {
		w.unread[ns] = true
	}
	if name == "" {
		return
	}
	w.secrets.add(Name{ns, name}, s)
	if copied(o.Annotations) || copied(strs(obj(spec, "secretTemplate")["annotations"])) {
		w.secrets.add(Name{"", name}, s) // a controller copies it into other namespaces
	}
}

func (s *Secret) readData() {
	s.Keys = map[string]bool{}
	for _, field := range []string{"data", "stringData"} {
		for k, v := range obj(s.Tree, field) {
			if text, ok := v.(string); !ok || text != "" {
				s.Keys[k] = true
			}
		}
	}
	if s.Tree["data"] == nil && s.Tree["stringData"] == nil {
		s.Keys = nil // redacted or filled in later: nothing is known of it
	}
	if obj(s.Tree, "sops") == nil {
		for _, k := range []string{"tls.crt", "cert"} { // istiod prefers the second
			if c := parseCertificate(s.value(k)); c != nil {
				s.Certificate = c
			}
		}
	}
}

// copied tells by annotation that a well-known controller copies a Secret into other namespaces.
func copied(annotations map[string]string) bool {
	for k := range annotations {
		if strings.HasPrefix(k, "reflector.v1.k8s.emberstack.com/") || strings.HasPrefix(k, "replicator.v1.mittwald.de/") {
			return true
		}
	}
	return false
}

// value is the content of a key; stringData wins over data, as in the API server.
func (s *Secret) value(key string) []byte {
	if text, ok := obj(s.Tree, "stringData")[key].(string); ok {
		return []byte(text)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(str(obj(s.Tree, "data")[key])), ""))
	if err != nil {
		return nil // no base64: not known
	}
	return raw
}

func parseCertificate(text []byte) *Certificate {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	names := append([]string(nil), c.DNSNames...)
	if len(names) == 0 && c.Subject.CommonName != "" {
		names = append(names, c.Subject.CommonName)
	}
	sort.Strings(names)
	return &Certificate{Names: names, NotAfter: c.NotAfter}
}

// CertificateCovers tells whether a certificate name serves a host; a wildcard stands for exactly one label, and a wildcard
// host is served only by the same wildcard.
func CertificateCovers(name, host string) bool {
	name, host = strings.ToLower(name), strings.ToLower(host)
	if name == host {
		return true
	}
	suffix, ok := strings.CutPrefix(name, "*.")
	if !ok {
		return false
	}
	label, rest, found := strings.Cut(host, ".")
	return found && label != "*" && label != "" && rest == suffix
}
