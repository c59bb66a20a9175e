//go:build e2e

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// owners lets only one namespace, or one user, have hosts of the bank.
const owners = `# METADATA
# title: Hosts of the bank belong to the bank
# custom:
#   kinds: [VirtualService]
package gatelint.host_owner

deny contains {"msg": sprintf("host %q belongs to namespace bank", [host]), "path": ["spec", "hosts", i]} if {
	some i, host in input.spec.hosts
	endswith(host, ".bank.example.com")
	input.metadata.namespace != "bank"
	not banker
}

# The linter and the audit know of no request: there it is not the banker.
banker if data.gatelint.request.user == "banker"
`

// TestPolicies asks a webhook that has policies.
func TestPolicies(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "owners.rego", owners)
	cluster.hook.kill()
	args := cluster.hook.args
	cluster.hook.args = append(args[:len(args):len(args)], "--policy", dir, "--policy-interval", "100ms", "--policy-timeout", "300ms",
		"--policy-allow-builtin", "broken.on_purpose")
	restart(t)
	t.Cleanup(func() {
		cluster.hook.kill()
		cluster.hook.args = args
		restart(t)
	})
	w := newWorld(t)
	mine := replace(route, "api.example.com", "NS.bank.example.com")

	t.Run("denies-by-namespace-and-user", func(t *testing.T) {
		w := &world{t, w.ns}
		out := w.refused(mine, "--dry-run=server")
		require.Contains(t, out, w.text(`VirtualService NS/api spec.hosts[0]: host "NS.bank.example.com" belongs to namespace bank [host-owner]`))
		w.apply(mine, "--dry-run=server", "--as", "banker", "--as-group", "system:masters")
		_, err := kubectl("", "create", "namespace", "bank")
		require.NoError(t, err)
		w.apply(replace(mine, "namespace: NS", "namespace: bank"), "--dry-run=server")
	})
	t.Run("says-nothing-new-of-what-was-there", func(t *testing.T) {
		w := &world{t, w.ns}
		w.apply(mine, "--as", "banker", "--as-group", "system:masters")
		w.seen()
		out := w.apply(replace(mine, "namespace: NS}", "namespace: NS, labels: {a: b}}"))
		require.Contains(t, out, "there before: VirtualService")
		require.Contains(t, out, "[host-owner]")
	})
	t.Run("reloads-under-load", func(t *testing.T) {
		w := &world{t, w.ns}
		var running errgroup.Group
		var stop atomic.Bool
		var asked atomic.Int32
		for range 4 {
			running.Go(func() error {
				for !stop.Load() {
					if _, err := kubectl(w.text(replace(gateway, "HOST", "load.example.com")), "apply", "--dry-run=server", "-f", "-"); err != nil {
						return err
					}
					asked.Add(1)
				}
				return nil
			})
		}
		other := strings.ReplaceAll(mine, "bank.example.com", "shop.example.org")
		for range 3 {
			write(t, dir, "owners.rego", strings.ReplaceAll(owners, "bank.example.com", "shop.example.org"))
			require.Eventually(t, func() bool {
				_, err := kubectl(w.text(other), "apply", "--dry-run=server", "-f", "-")
				return err != nil
			}, 10*time.Second, 50*time.Millisecond)
			write(t, dir, "owners.rego", owners)
			require.Eventually(t, func() bool {
				_, err := kubectl(w.text(other), "apply", "--dry-run=server", "-f", "-")
				return err == nil
			}, 10*time.Second, 50*time.Millisecond)
		}
		stop.Store(true)
		require.NoError(t, running.Wait(), "no request fails meanwhile")
		require.Greater(t, asked.Load(), int32(5))
	})
	t.Run("loops", func(t *testing.T) {
		left(t, w, dir, `sum([x | some a in numbers.range(1, 100000); some b in numbers.range(1, 100000); x := a * b]) > 0`, "took longer than 300ms")
	})
	t.Run("a-builtin-panics", func(t *testing.T) {
		left(t, w, dir, `broken.on_purpose("x") == "x"`, "the evaluation crashed: on purpose")
	})
	t.Run("a-builtin-fails", func(t *testing.T) {
		left(t, w, dir, `regex.match("(", input.metadata.name)`, "error parsing regexp")
	})
	t.Run("a-bad-policy-leaves-the-last-good-one", func(t *testing.T) {
		w := &world{t, w.ns}
		before := failures(t)
		write(t, dir, "bad.rego", "# METADATA\n# custom: {kinds: [VirtualService]}\npackage gatelint.bad\n\ndeny contains \"x\" if { input.spec.hots }\n")
		require.Eventually(t, func() bool { return failures(t) != before }, 10*time.Second, 50*time.Millisecond)
		require.Contains(t, cluster.hook.logs.String(), "bad.rego:5")
		w.refused(strings.ReplaceAll(mine, "name: api", "name: another"), "--dry-run=server")
		require.NoError(t, cluster.hook.ready())
		require.NoError(t, os.Remove(filepath.Join(dir, "bad.rego")))
	})
	t.Run("the-audit-has-them", func(t *testing.T) {
		cluster.hook.kill()
		restart(t)
		require.Eventually(t, func() bool {
			_, page := cluster.hook.get(cluster.hook.metrics)
			return strings.Contains(page, `gatelint_audit_findings{namespace="`+w.ns+`",rule="host-owner",severity="error"} 1`)
		}, 30*time.Second, 200*time.Millisecond)
	})
	t.Run("bundles", func(t *testing.T) { bundles(t, w) })
}

// left has a policy that does not come to its end: it is left out with a warning, and the others are asked.
func left(t *testing.T, w *world, dir, condition, why string) {
	w = &world{t, w.ns}
	write(t, dir, "broken.rego", "package gatelint.broken\n\ndeny contains \"never\" if "+condition+"\n")
	defer func() {
		require.NoError(t, os.Remove(filepath.Join(dir, "broken.rego")))
		require.Eventually(t, func() bool {
			return !strings.Contains(w.apply(replace(gateway, "HOST", "later.example.com"), "--dry-run=server"), "Warning")
		}, 10*time.Second, 100*time.Millisecond)
	}()
	out := ""
	require.Eventually(t, func() bool {
		out = w.apply(replace(gateway, "HOST", "later.example.com"), "--dry-run=server")
		return strings.Contains(out, "Warning")
	}, 10*time.Second, 100*time.Millisecond)
	require.Contains(t, out, "Warning: policy broken could not be evaluated: ")
	require.Contains(t, out, why)
	w.refused(strings.ReplaceAll(replace(route, "api.example.com", "NS.bank.example.com"), "name: api", "name: another"), "--dry-run=server")
	_, page := cluster.hook.get(cluster.hook.metrics)
	require.Regexp(t, `gatelint_policy_errors_total\{policy="broken"\} [1-9]`, page)
}

// bundles starts a webhook that takes signed bundles only.
func bundles(t *testing.T, w *world) {
	w = &world{t, w.ns}
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	file := filepath.Join(dir, "bundle.tar.gz")
	put := func(policy string, signed bool) {
		b := bundle.Bundle{Manifest: bundle.Manifest{Revision: "1", Roots: &[]string{"gatelint"}}, Data: map[string]any{}}
		b.Manifest.SetRegoVersion(ast.RegoV1)
		b.Modules = []bundle.ModuleFile{{URL: "/owners.rego", Path: "/owners.rego", Raw: []byte(policy), Parsed: ast.MustParseModuleWithOpts(policy, ast.ParserOptions{ProcessAnnotation: true})}}
		if signed {
			secret := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
			require.NoError(t, b.GenerateSignature(bundle.NewSigningConfig(secret, "ES256", ""), "", false))
		}
		var out bytes.Buffer
		require.NoError(t, bundle.NewWriter(&out).Write(b))
		write(t, dir, "bundle.tar.gz", out.String())
	}
	put(owners, false)
	args := cluster.hook.args
	cluster.hook.kill()
	i := 0
	for ; args[i] != "--policy"; i++ {
	}
	cluster.hook.args = append(append(args[:i:i], args[i+2:]...), "--policy", file, "--bundle-key", filepath.Join(dir, "key.pem"))
	defer func() { cluster.hook.args = args }()
	require.NoError(t, cluster.hook.start())
	t.Run("unsigned", func(t *testing.T) {
		require.Eventually(t, func() bool { return strings.Contains(cluster.hook.logs.String(), "bundle missing .signatures.json") }, 10*time.Second, 50*time.Millisecond)
		require.Eventually(t, func() bool { // policies are read before anything listens
			status, text := cluster.hook.get(cluster.hook.health + "/readyz?verbose")
			return status == 500 && strings.Contains(text, "[-]policies failed")
		}, 10*time.Second, 50*time.Millisecond)
	})
	t.Run("signed", func(t *testing.T) {
		put(owners, true)
		require.NoError(t, cluster.hook.ready())
		require.NoError(t, asked())
		(&world{t, w.ns}).refused(strings.ReplaceAll(replace(route, "api.example.com", "NS.bank.example.com"), "name: api", "name: another"), "--dry-run=server")
	})
	for name, bad := range map[string]func(){
		"no-bundle":        func() { write(t, dir, "bundle.tar.gz", "no bundle") },
		"no-longer-signed": func() { put(strings.ReplaceAll(owners, "bank", "till"), false) },
	} {
		t.Run(name, func(t *testing.T) {
			before := failures(t)
			bad()
			require.Eventually(t, func() bool { return failures(t) != before }, 10*time.Second, 50*time.Millisecond)
			(&world{t, w.ns}).refused(strings.ReplaceAll(replace(route, "api.example.com", "NS.bank.example.com"), "name: api", "name: another"), "--dry-run=server")
		})
	}
}

// failures is how often policies could not be loaded.
func failures(t *testing.T) string {
	_, page := cluster.hook.get(cluster.hook.metrics)
	for _, line := range strings.Split(page, "\n") {
		if rest, ok := strings.CutPrefix(line, `gatelint_policy_reloads_total{result="failed"} `); ok {
			return rest
		}
	}
	return "0"
}

func restart(t *testing.T) {
	require.NoError(t, cluster.hook.start())
	require.NoError(t, cluster.hook.ready())
	require.NoError(t, asked())
}

func write(t *testing.T, dir, name, text string) {
	part := filepath.Join(dir, "."+name)
	require.NoError(t, os.WriteFile(part, []byte(text), 0o644))
	require.NoError(t, os.Rename(part, filepath.Join(dir, name)))
}
