//go:build e2e

package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSecrets applies Secrets as users do, so that their annotation holds the key in clear, and looks for the key in the memory of
// the webhook. Names of keys are known all the same.
func TestSecrets(t *testing.T) {
	w := newWorld(t)
	key := func() string {
		random := make([]byte, 1200)
		_, err := rand.Read(random)
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(random)
	}
	created, updated, plain := key(), key(), key()
	secret := func(name, field, crt, value string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s-%s, namespace: istio-system}\n%s: {tls.crt: %q, tls.key: %q}\n", w.ns, name, field, crt, value)
	}
	for _, text := range []string{
		secret("data", "data", "eA==", base64.StdEncoding.EncodeToString([]byte(created))),
		secret("data", "data", "eA==", base64.StdEncoding.EncodeToString([]byte(updated))),
		secret("plain", "stringData", "x", plain),
	} {
		_, err := kubectl(text, "apply", "-f", "-") // a key may well have the letters NS
		require.NoError(t, err)
	}
	w.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: NS-half, namespace: istio-system}\nstringData: {tls.crt: x, other: z}\n")
	server := func(name string) string {
		return replace(replace(replace(gateway, "HOST", name+".example.com"), "name: own", "name: "+name), "credentialName: NS", "credentialName: NS-"+name)
	}
	require.Eventually(t, func() bool {
		out := w.apply(server("half"), "--dry-run=server")
		return strings.Contains(out, w.text("Secret istio-system/NS-half has no key pair (tls.crt and tls.key)"))
	}, 10*time.Second, 100*time.Millisecond, "the names of keys are not known")

	t.Run("key-names-are-known", func(t *testing.T) {
		w := &world{t, w.ns}
		require.NotContains(t, w.apply(server("data"), "--dry-run=server"), "Warning")
		require.NotContains(t, w.apply(server("plain"), "--dry-run=server"), "Warning")
	})
	t.Run("a-heap-dump-has-no-key", func(t *testing.T) {
		time.Sleep(2 * time.Second) // buffers of the connection live for one
		dump := cluster.hook.dump(t)
		require.True(t, bytes.Contains(dump, []byte(w.ns+"-plain")), "the Secret itself is in the dump")
		for name, k := range map[string]string{"created": created, "updated": updated, "plain": plain} {
			for _, text := range []string{k, base64.StdEncoding.EncodeToString([]byte(k))} {
				for at := 0; at+24 <= len(text); at += 8 {
					i := bytes.Index(dump, []byte(text[at:at+24]))
					require.Negative(t, i, "the key of %q is in the heap: …%q…", name, dump[max(0, i-300):max(0, i+100)])
				}
			}
		}
	})
	t.Run("neither-logs-nor-metrics-have-it", func(t *testing.T) {
		_, page := cluster.hook.get(cluster.hook.metrics)
		for _, text := range []string{page, cluster.hook.logs.String()} {
			require.NotContains(t, text, plain[:24])
			require.NotContains(t, text, w.ns+"-plain", "no object's name is a label")
		}
	})
}

// dump gives the heap of the process.
func (p *process) dump(t *testing.T) []byte {
	t.Helper()
	require.NoError(t, os.RemoveAll(p.heapDump))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGUSR2))
	require.Eventually(t, func() bool { _, err := os.Stat(p.heapDump); return err == nil }, 30*time.Second, 50*time.Millisecond)
	data, err := os.ReadFile(p.heapDump)
	require.NoError(t, err)
	return data
}
