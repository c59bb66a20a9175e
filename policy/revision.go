package policy

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// keyID is what the one key is called where OPA wants a name.
const keyID = "gatelint"

// verify has every bundle checked against a public key, whose kind says by which algorithm it signs.
func (s *sources) verify(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		s.fail(file, "the key of bundles cannot be read: "+reason(err))
		return
	}
	s.note(file, text)
	algorithm := ""
	block, _ := pem.Decode(text)
	if block != nil && strings.Contains(block.Type, "PRIVATE KEY") {
		s.fail(file, "is a private key, which signs: give the public one, and keep this to yourself")
		return
	}
	if block != nil {
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			s.fail(file, "is no public key: "+err.Error())
			return
		}
		switch k := key.(type) {
		case *rsa.PublicKey:
			algorithm = "RS256"
		case *ecdsa.PublicKey:
			algorithm = map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
		}
	}
	if algorithm == "" {
		s.fail(file, "is no public key of RSA or ECDSA in PEM (BEGIN PUBLIC KEY)")
		return
	}
	s.key = bundle.NewVerificationConfig(map[string]*bundle.KeyConfig{keyID: {Key: string(text), Algorithm: algorithm}}, keyID, "", nil)
}

// note makes a file part of the revision.
func (s *sources) note(file string, text []byte) {
	fmt.Fprintf(s.digest, "%s %d\n", file, len(text))
	s.digest.Write(text)
}

// revision is short, and another one for other files.
func (s *sources) revision() string { return hex.EncodeToString(s.digest.Sum(nil))[:12] }

// Revision is that of the files of policies as they are now, good or not.
func Revision(opt Options) string { return readSources(opt).revision() }

// Revision is that of the files that the policies were read from.
func (s *Set) Revision() string { return s.sources.revision() }
