package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	day  = 24 * time.Hour
	host = "gatelint-webhook.gatelint-system.svc"
)

var (
	start  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	issuer = Issuer{Names: []string{host, "127.0.0.1"}, Validity: 90 * day}
)

// renewed gives the data after a renewal, which must have happened.
func renewed(t *testing.T, i Issuer, data map[string][]byte, published []byte, now time.Time) map[string][]byte {
	t.Helper()
	out, err := i.renew(data, published, now)
	require.NoError(t, err)
	require.NotNil(t, out, "nothing was due")
	again, err := i.renew(out, published, now)
	require.NoError(t, err)
	require.Nil(t, again, "once is enough")
	pair := pairOf(t, out)
	require.True(t, verifies(out[caCert], &pair, now))
	for _, name := range i.Names {
		require.NoError(t, pair.Leaf.VerifyHostname(name))
	}
	require.Equal(t, trusted(out[caCert], now)[0].Subject, pair.Leaf.Issuer, "the CA that signs comes first")
	require.False(t, pair.Leaf.NotAfter.After(trusted(out[caCert], now)[0].NotAfter), "a certificate does not outlive its CA")
	return out
}

func pairOf(t *testing.T, data map[string][]byte) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(data[tlsCert], data[tlsKey])
	require.NoError(t, err)
	return pair
}

func TestRenew(t *testing.T) {
	first := renewed(t, issuer, nil, nil, start)
	require.Len(t, first, 4)
	pair := pairOf(t, first)
	require.Equal(t, elliptic.P256(), pair.PrivateKey.(*ecdsa.PrivateKey).Curve)
	require.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, pair.Leaf.ExtKeyUsage)
	require.Equal(t, start.Add(90*day), pair.Leaf.NotAfter)
	require.Equal(t, start.Add(360*day), trusted(first[caCert], start)[0].NotAfter)

	t.Run("nothing-is-due", func(t *testing.T) {
		out, err := issuer.renew(first, nil, start.Add(60*day-time.Second))
		require.NoError(t, err)
		require.Nil(t, out)
	})
	t.Run("a-third-of-the-time-is-left", func(t *testing.T) {
		next := renewed(t, issuer, first, nil, start.Add(60*day))
		require.Equal(t, first[caCert], next[caCert])
		require.Equal(t, first[caKey], next[caKey])
		require.NotEqual(t, first[tlsCert], next[tlsCert])
	})
	t.Run("the-ca-too", func(t *testing.T) {
		now := start.Add(240 * day)
		next := renewed(t, issuer, first, nil, now)
		require.Len(t, trusted(next[caCert], now), 2, "the one before stays")
		require.Equal(t, trusted(first[caCert], now)[0], trusted(next[caCert], now)[1])
		require.True(t, verifies(next[caCert], &pair, start.Add(89*day)), "what it signed is still accepted")
		later := renewed(t, issuer, next, nil, start.Add(360*day))
		require.Len(t, trusted(later[caCert], now), 1, "until it expires")
	})
	t.Run("another-name", func(t *testing.T) {
		more := issuer
		more.Names = append([]string{"localhost"}, issuer.Names...)
		require.Equal(t, first[caKey], renewed(t, more, first, nil, start)[caKey])
		out, err := issuer.renew(renewed(t, more, first, nil, start), nil, start)
		require.NoError(t, err)
		require.Nil(t, out, "a name too many is left, so that old and new replicas do not quarrel")
	})
	t.Run("another-validity", func(t *testing.T) {
		longer := Issuer{Names: issuer.Names, Validity: 1000 * day}
		require.Len(t, trusted(renewed(t, longer, first, nil, start)[caCert], start), 2)
		shorter, err := Issuer{Names: issuer.Names, Validity: day}.renew(first, nil, start)
		require.NoError(t, err)
		require.Nil(t, shorter)
	})
	t.Run("the-secret-is-lost", func(t *testing.T) {
		next := renewed(t, issuer, map[string][]byte{}, first[caCert], start)
		require.Len(t, trusted(next[caCert], start), 2)
		require.True(t, verifies(next[caCert], &pair, start), "what is still served is accepted")
	})
	t.Run("what-others-keep-there", func(t *testing.T) {
		with := maps.Clone(first)
		with["note"] = []byte("mine")
		out, err := issuer.renew(with, nil, start)
		require.NoError(t, err)
		require.Nil(t, out)
		require.Equal(t, []byte("mine"), renewed(t, issuer, with, nil, start.Add(60*day))["note"])
	})
}

// TestDamage breaks the Secret in every way: it is mended, and only as much is new as must be.
func TestDamage(t *testing.T) {
	first, other := renewed(t, issuer, nil, nil, start), renewed(t, issuer, nil, nil, start)
	for key := range first {
		for name, value := range map[string][]byte{"none": nil, "garbage": []byte("-----BEGIN x"), "cut": first[key][:len(first[key])/2], "of-another": other[key]} {
			t.Run(key+"-"+name, func(t *testing.T) {
				data := maps.Clone(first)
				data[key] = value
				next := renewed(t, issuer, data, nil, start)
				if key == tlsCert || key == tlsKey {
					require.Equal(t, first[caCert], next[caCert])
				} else {
					require.NotEqual(t, first[caKey], next[caKey])
				}
			})
		}
	}
}

// TestYears lets ten years pass with checks at random times, less than half a renewal apart: at each moment what was served until then
// and what is served from now on are both accepted by the old bundle or the new one, and the bundle stays small.
func TestYears(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := renewed(t, issuer, nil, nil, start)
	for now := start; now.Before(start.Add(3650 * day)); now = now.Add(time.Duration(random.Int64N(int64(15 * day)))) {
		next, err := issuer.renew(data, nil, now)
		require.NoError(t, err)
		if next == nil {
			continue
		}
		before, after := pairOf(t, data), pairOf(t, next)
		require.True(t, verifies(next[caCert], &before, now))
		require.True(t, verifies(next[caCert], &after, now))
		require.LessOrEqual(t, len(trusted(next[caCert], now)), 2)
		data = next
	}
}
