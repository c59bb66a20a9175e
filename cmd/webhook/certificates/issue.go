// Package certificates makes, renews and serves the webhook's own certificate, for clusters where nothing else does.
//
// A Secret holds a CA, its key and the certificate that is served; the caBundle of the webhook configuration holds that CA and those
// before it. One replica writes both (Writer), every replica serves from memory (Reader). Requests go on meanwhile: a replica serves a
// certificate only when the API server can verify it.
package certificates

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"slices"
	"time"
)

// The keys of the Secret. ca.crt begins with the CA that signs; those before it follow until they expire.
const (
	caCert, caKey   = "ca.crt", "ca.key"
	tlsCert, tlsKey = "tls.crt", "tls.key"
)

const (
	caLives   = 4         // validities of a certificate: so long a CA lasts
	backdated = time.Hour // clocks differ
)

// Issuer says what a certificate is for.
type Issuer struct {
	Names    []string      // host names and IP addresses
	Validity time.Duration // of a certificate; a CA lasts four times as long
}

// renew gives what the Secret should hold at a time, or nil if that is what it holds. published is the caBundle now: whatever is
// trusted stays so when the Secret was lost, because replicas may still serve what it verifies.
func (i Issuer) renew(data map[string][]byte, published []byte, now time.Time) (map[string][]byte, error) {
	out := map[string][]byte{}
	maps.Copy(out, data)
	out[caCert] = encode(trusted(data[caCert], now))
	ca, err := tls.X509KeyPair(out[caCert], out[caKey])
	if err != nil || due(ca.Leaf, caLives*i.Validity, now) {
		before := trusted(append(slices.Clone(data[caCert]), published...), now)
		if ca, out[caKey], err = i.issue(nil, now); err != nil {
			return nil, err
		}
		out[caCert] = encode(append([]*x509.Certificate{ca.Leaf}, before...))
	}
	if !i.fine(data, ca.Leaf, now) {
		leaf, key, err := i.issue(&ca, now)
		if err != nil {
			return nil, err
		}
		out[tlsCert], out[tlsKey] = encode([]*x509.Certificate{leaf.Leaf}), key
	}
	if maps.EqualFunc(out, data, bytes.Equal) {
		return nil, nil
	}
	return out, nil
}

// fine tells whether the certificate in the Secret can stay: it has the names, time left, and is signed by the CA.
func (i Issuer) fine(data map[string][]byte, ca *x509.Certificate, now time.Time) bool {
	pair, err := tls.X509KeyPair(data[tlsCert], data[tlsKey])
	if err != nil || due(pair.Leaf, i.Validity, now) || pair.Leaf.CheckSignatureFrom(ca) != nil {
		return false
	}
	return !slices.ContainsFunc(i.Names, func(name string) bool { return pair.Leaf.VerifyHostname(name) != nil })
}

// due tells whether a third of the time or less is left.
func due(c *x509.Certificate, validity time.Duration, now time.Time) bool {
	return !now.Before(c.NotAfter.Add(-validity / 3))
}

// issue makes a certificate signed by a CA, or a CA if there is none; the PEM of the key comes with it.
func (i Issuer) issue(ca *tls.Certificate, now time.Time) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("making a serial number: %w", err)
	}
	c := &x509.Certificate{SerialNumber: serial, NotBefore: now.Add(-backdated), BasicConstraintsValid: true}
	signer, parent := any(key), c
	if ca == nil {
		c.Subject = pkix.Name{CommonName: "gatelint-webhook-ca"}
		c.NotAfter, c.IsCA, c.MaxPathLenZero, c.KeyUsage = now.Add(caLives*i.Validity), true, true, x509.KeyUsageCertSign
	} else {
		signer, parent = ca.PrivateKey, ca.Leaf
		c.Subject = pkix.Name{CommonName: "gatelint-webhook"}
		c.NotAfter, c.KeyUsage = now.Add(i.Validity), x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, name := range i.Names {
			if ip := net.ParseIP(name); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, name)
			}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("signing a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("writing a key: %w", err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	pair, err := tls.X509KeyPair(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("reading a certificate just made: %w", err)
	}
	return pair, keyPEM, nil
}

// trusted gives the certificates of a bundle that have not expired, each once, in order. What is no certificate is left out.
func trusted(bundle []byte, now time.Time) []*x509.Certificate {
	var out []*x509.Certificate
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil && now.Before(c.NotAfter) && !slices.ContainsFunc(out, c.Equal) {
			out = append(out, c)
		}
	}
	return out
}

func encode(list []*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range list {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.Bytes()
}

// verifies tells whether a client that trusts a bundle accepts a certificate now.
func verifies(bundle []byte, c *tls.Certificate, now time.Time) bool {
	roots := x509.NewCertPool()
	for _, ca := range trusted(bundle, now) {
		roots.AddCert(ca)
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now})
	return err == nil
}
