//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatelint/gatelint/cmd/webhook/certificates"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
)

// replicas are webhooks that are all asked about a world, beside the one that is asked about everything. A request fails if one
// of them cannot be asked.
type replicas struct {
	*world
	user  string
	flags []string
	list  []*process
}

// newSelfSigned prepares two replicas with the chart's flags and permissions, and registers them without a caBundle.
func newSelfSigned(t *testing.T, flags ...string) *replicas {
	w := newWorld(t)
	c, err := release(w.ns, w.text("fullnameOverride: NS\ncertificates: {mode: selfSigned}\n"))
	require.NoError(t, err)
	var list []any
	for _, o := range c.objects {
		if slices.Contains([]string{"ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"}, o.GetKind()) {
			list = append(list, o)
		}
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": list})
	require.NoError(t, err)
	_, err = kubectl(string(text), "apply", "-f", "-")
	require.NoError(t, err)
	all, err := c.flags()
	require.NoError(t, err)
	return newReplicas(w, w.text("system:serviceaccount:NS:NS"), "", append(append(all, "--dns-name", "127.0.0.1", "--cert-dir", ""), flags...)...)
}

// newReplicas prepares two replicas and registers them; caBundle is the PEM that is registered, "" for none.
func newReplicas(w *world, user, caBundle string, flags ...string) *replicas {
	t, r := w.T, &replicas{world: w, user: user, flags: flags}
	config := r.text("apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: NS}\nwebhooks:\n")
	for i := range 2 {
		p, err := prepare(user, flags...)
		require.NoError(t, err)
		r.list = append(r.list, p)
		config += fmt.Sprintf(`- name: replica-%d.gatelint.io
  clientConfig: {url: %q, caBundle: %q}
  rules: [{apiGroups: [networking.istio.io], apiVersions: ["*"], resources: ["*"], operations: [CREATE, UPDATE, DELETE]}]
  failurePolicy: Fail
  timeoutSeconds: 10
  sideEffects: None
  admissionReviewVersions: [v1]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}
`, i, p.url, base64.StdEncoding.EncodeToString([]byte(caBundle)), r.ns)
	}
	_, err := kubectl(config, "apply", "-f", "-")
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, p := range r.list {
			if p.cmd != nil {
				p.kill()
			}
		}
		_, err := kubectl("", "delete", "validatingwebhookconfiguration", r.ns)
		require.NoError(t, err)
	})
	return r
}

// start starts all of them at once and waits until they are ready and known to the API server.
func (r *replicas) start() {
	r.Helper()
	for _, p := range r.list {
		require.NoError(r, p.start())
	}
	for _, p := range r.list {
		require.NoError(r, p.ready())
	}
	require.Eventually(r, func() bool {
		_, err := kubectl(r.text(nothing), "create", "--dry-run=server", "-f", "-")
		return err == nil && r.count(`"name":"nothing"`) >= len(r.list)
	}, 20*time.Second, 200*time.Millisecond, "the API server does not ask them")
}

// count counts lines in the logs of all.
func (r *replicas) count(text string) int {
	n := 0
	for _, p := range r.list {
		n += strings.Count(p.logs.String(), text)
	}
	return n
}

const nothing = `{"apiVersion":"networking.istio.io/v1","kind":"Sidecar","metadata":{"name":"nothing","namespace":"NS"},"spec":{}}`

// bundles are the caBundles that the API server has, one a replica.
func (r *replicas) bundles() []*x509.CertPool {
	r.Helper()
	out, err := kubectl("", "get", "validatingwebhookconfiguration", r.ns, "-o", `jsonpath={range .webhooks[*]}{.clientConfig.caBundle}{"\n"}{end}`)
	require.NoError(r, err)
	var pools []*x509.CertPool
	for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		pem, err := base64.StdEncoding.DecodeString(line)
		require.NoError(r, err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		pools = append(pools, pool)
	}
	require.Len(r, pools, len(r.list))
	return pools
}

// served is the certificate that a client which trusts some CAs is given; an error if it does not accept it. Without CAs it accepts all.
func (p *process) served(cas *x509.CertPool, name string) (*x509.Certificate, error) {
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port), &tls.Config{RootCAs: cas, ServerName: name, InsecureSkipVerify: cas == nil})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// sameCertificate wants that all serve one certificate, and that the API server accepts it.
func (r *replicas) sameCertificate() *x509.Certificate {
	r.Helper()
	var one *x509.Certificate
	for i, p := range r.list {
		for _, name := range []string{r.ns + "." + r.ns + ".svc", r.ns + "." + r.ns + ".svc.cluster.local", "127.0.0.1"} {
			c, err := p.served(r.bundles()[i], name)
			require.NoError(r, err)
			require.True(r, one == nil || one.Equal(c), "they serve different certificates")
			one = c
		}
	}
	return one
}

// cas counts the CAs in the Secret.
func (r *replicas) cas() int {
	r.Helper()
	out, err := kubectl("", "get", "secret", "-n", r.ns, r.ns+"-tls", "-o", `jsonpath={.data.ca\.crt}`)
	require.NoError(r, err)
	pem, err := base64.StdEncoding.DecodeString(out)
	require.NoError(r, err)
	return strings.Count(string(pem), "BEGIN CERTIFICATE")
}

// expiry wants the metric of all to say when a certificate expires.
func (r *replicas) expiry(c *x509.Certificate) {
	r.Helper()
	for _, p := range r.list {
		_, page := p.get(p.metrics)
		require.Contains(r, page, fmt.Sprintf("gatelint_webhook_certificate_expiry_timestamp_seconds %s\n", strconv.FormatFloat(float64(c.NotAfter.Unix()), 'g', -1, 64)))
	}
}

// TestSelfSigned lets two replicas make their certificate themselves.
func TestSelfSigned(t *testing.T) {
	r := newSelfSigned(t, "--leader-elect=false")
	r.start()
	sub := func(name string, run func(r *replicas)) {
		t.Run(name, func(t *testing.T) { run(&replicas{&world{t, r.ns}, r.user, r.flags, r.list}) })
	}
	sub("two-replicas-that-race-agree", func(r *replicas) {
		c := r.sameCertificate()
		require.Equal(r, x509.ECDSA, c.PublicKeyAlgorithm)
		require.Equal(r, 1, r.count("a certificate was made"), "one of them made it, the other took it over")
		require.Equal(r, 1, r.cas())
		r.expiry(c)
	})
	sub("both-judge", func(r *replicas) {
		before := r.count(`"decision":"denied"`)
		r.refused(replace(gateway, "HOST", "shop.example.com"))
		require.Equal(r, before+2, r.count(`"decision":"denied"`))
	})
	sub("only-the-ca-bundle-is-theirs", func(r *replicas) {
		out, err := kubectl("", "get", "validatingwebhookconfiguration", r.ns, "--show-managed-fields", "-o", `jsonpath={.metadata.managedFields[?(@.manager=="gatelint-webhook")].fieldsV1}`)
		require.NoError(r, err)
		const each = `"k:{\"name\":\"replica-%d.gatelint.io\"}":{".":{},"f:clientConfig":{"f:caBundle":{}},"f:name":{}}`
		require.JSONEq(r, fmt.Sprintf(`{"f:webhooks":{`+each+","+each+`}}`, 0, 1), out)
	})
	sub("a-bundle-that-was-wiped-comes-back", func(r *replicas) {
		_, err := kubectl("", "patch", "validatingwebhookconfiguration", r.ns, "--type=json", "-p", `[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":""}]`)
		require.NoError(r, err)
		require.Eventually(r, func() bool { _, err := r.list[0].served(r.bundles()[0], "127.0.0.1"); return err == nil }, 30*time.Second, 200*time.Millisecond)
	})
	sub("a-third-replica-serves-the-same", func(r *replicas) {
		p, err := launch(r.user, r.flags...)
		require.NoError(r, err)
		defer p.kill()
		require.NoError(r, p.ready())
		c, err := p.served(r.bundles()[0], "127.0.0.1")
		require.NoError(r, err)
		require.Equal(r, r.sameCertificate().SerialNumber, c.SerialNumber)
	})
	sub("a-leader-alone-writes", func(r *replicas) {
		led := newSelfSigned(r.T)
		led.start()
		led.sameCertificate()
		require.Equal(r, 1, led.count("a certificate was made"))
		out, err := kubectl("", "get", "leases", "-n", led.ns, "-o", "name")
		require.NoError(r, err)
		require.Equal(r, "lease.coordination.k8s.io/"+led.ns+"\n", out)
	})
	sub("a-configuration-that-was-deleted-stays-deleted", func(r *replicas) {
		name := "validatingwebhookconfiguration"
		text, err := kubectl("", "get", name, r.ns, "-o", "yaml")
		require.NoError(r, err)
		_, err = kubectl("", "delete", name, r.ns)
		require.NoError(r, err)
		require.Eventually(r, func() bool { return r.count("there is no ValidatingWebhookConfiguration") > 0 }, 20*time.Second, 100*time.Millisecond)
		_, err = kubectl("", "get", name, r.ns)
		require.ErrorContains(r, err, "not found")
		_, err = kubectl(regexp.MustCompile("(?m)^ +(caBundle|resourceVersion|uid):.*\n").ReplaceAllString(text, ""), "create", "-f", "-")
		require.NoError(r, err)
		require.Eventually(r, func() bool { _, err := r.list[1].served(r.bundles()[1], "127.0.0.1"); return err == nil }, 20*time.Second, 200*time.Millisecond, "a new one is filled")
	})
	sub("ten-writers", func(r *replicas) {
		client, err := kubernetes.NewForConfig(cluster.env.Config)
		require.NoError(r, err)
		place := certificates.Place{Client: client, Namespace: r.ns, Secret: "ten-tls", Webhook: "none"}
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		logs := &buffer{}
		var running sync.WaitGroup
		for range 10 {
			w := &certificates.Writer{Place: place, Issuer: certificates.Issuer{Names: []string{"x"}, Validity: time.Hour}, Log: slog.New(slog.NewTextHandler(logs, nil))}
			running.Go(func() { _ = w.Start(ctx) })
		}
		running.Wait()
		require.Equal(r, 1, strings.Count(logs.String(), "a certificate was made"), logs.String())
	})
}

// rotation makes 50 requests a second through the API server, which asks two replicas, while certificates change: none fails.
// Besides it shakes hands with each replica all the time, as an API server would that has not seen the newest caBundle yet.
func rotation(t *testing.T) {
	t.Run("self-signed", func(t *testing.T) {
		r := newSelfSigned(t, "--cert-validity", "16s", "--leader-elect=false")
		r.start()
		r.underLoad(func() {
			r.changes("the certificate", func(c *x509.Certificate) string { return c.SerialNumber.String() })
			r.changes("the CA", issuer)
			_, err := kubectl("", "delete", "secret", "-n", r.ns, r.ns+"-tls")
			require.NoError(r, err)
			r.changes("the CA, after the Secret was lost", issuer)
		})
		used := askedFor(t, r.user)
		for p, code := range used {
			require.NotEqual(t, 403, code, "%v", p)
		}
		secret, config := permission{"", "", "secrets", r.ns, r.ns + "-tls"}, permission{"", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", r.ns}
		for _, p := range []permission{secret.to("get"), secret.to("watch"), secret.to("update"), config.to("get"), config.to("patch")} {
			require.Positive(t, used[p], "nobody uses: %v", p)
		}
	})
	t.Run("provided", func(t *testing.T) {
		// As kubelet does it, the files are links through ..data, which is replaced in one step.
		dir := t.TempDir()
		var bundle []byte
		for _, version := range []string{"1", "2", "3"} {
			ca, err := certificate(filepath.Join(dir, version))
			require.NoError(t, err)
			bundle = append(bundle, ca...)
		}
		swap := func(version string) {
			require.NoError(t, os.Symlink(version, filepath.Join(dir, "..new")))
			require.NoError(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
		}
		swap("1")
		for _, name := range []string{"tls.crt", "tls.key"} {
			require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
		}
		r := newReplicas(newWorld(t), webhookUser, string(bundle), "--cert-dir", dir)
		r.start()
		r.underLoad(func() {
			for _, version := range []string{"2", "3", "1"} {
				swap(version)
				r.changes("the file", issuer)
				c, err := r.list[0].served(nil, "")
				require.NoError(r, err)
				r.expiry(c)
			}
		})
	})
}

// to is the permission for another verb.
func (p permission) to(verb string) permission {
	p.verb = verb
	return p
}

func issuer(c *x509.Certificate) string { return string(c.AuthorityKeyId) + string(c.SubjectKeyId) }

// changes waits until both replicas serve another certificate than now, and the same.
func (r *replicas) changes(what string, key func(*x509.Certificate) string) {
	r.Helper()
	now := func() (keys []string) {
		for _, p := range r.list {
			c, err := p.served(nil, "")
			require.NoError(r, err)
			keys = append(keys, key(c))
		}
		return keys
	}
	before := now()[0]
	require.Eventually(r, func() bool {
		keys := now()
		return keys[0] != before && keys[1] == keys[0]
	}, 80*time.Second, 100*time.Millisecond, "%s does not change", what)
	r.Logf("%s has changed", what)
}

// underLoad runs a function, while requests and handshakes go on, and some seconds longer.
func (r *replicas) underLoad(while func()) {
	r.Helper()
	stop := make(chan struct{})
	var running sync.WaitGroup
	var shaken atomic.Int64
	for i, p := range r.list {
		running.Go(func() {
			for known := r.bundles()[i]; ; time.Sleep(20 * time.Millisecond) {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := p.served(known, "127.0.0.1"); !assert.NoError(r, err, "replica %d at %s", i, time.Now()) {
					return
				}
				if shaken.Add(1)%25 == 0 {
					known = r.bundles()[i]
				}
			}
		})
	}
	answers := load(r.T, 50, r.text(nothing), func() {
		defer running.Wait()
		defer close(stop)
		while()
		time.Sleep(3 * time.Second)
	})
	for _, a := range answers {
		require.NoError(r, a.err, "at %s", a.at)
	}
	r.Logf("%d requests, %d handshakes", len(answers), shaken.Load())
	require.Greater(r, len(answers), 200)
}
