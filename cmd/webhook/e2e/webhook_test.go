//go:build e2e

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const serverName = "gatelint-webhook.gatelint-system.svc"

// process is a running webhook.
type process struct {
	args                 []string
	cmd                  *exec.Cmd
	port                 int
	url, metrics, health string
	client               *http.Client
	logs                 *buffer
	heapDump             string
	done                 chan struct{}
}

// buffer collects what a process writes.
type buffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *buffer) String() string {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.String()
}

// install deploys the webhook as its chart does. What the test gives are the certificate and, for want of a network of pods, a
// Service that leads to the process.
func install() error {
	var err error
	if cluster.ca, err = certificate(certs()); err != nil {
		return err
	}
	for _, ns := range []string{"gatelint-system", "istio-system"} {
		if _, err := kubectl("", "create", "namespace", ns); err != nil {
			return err
		}
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	c, err := release("gatelint-system", fmt.Sprintf("service: {port: %d}\n", ports[0]))
	if err != nil {
		return err
	}
	if _, err := kubectl(c.text, "apply", "-f", "-"); err != nil {
		return err
	}
	service := fmt.Sprintf(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"gatelint-webhook","namespace":"gatelint-system"},
"spec":{"type":"ExternalName","externalName":"localhost","ports":[{"port":%d}]}}`, ports[0])
	if _, err := kubectl(service, "replace", "--force", "-f", "-"); err != nil {
		return err
	}
	flags, err := c.flags()
	if err != nil {
		return err
	}
	cluster.variables = c.variables()
	if cluster.hook, err = launch(webhookUser, append(flags, "--port", fmt.Sprint(ports[0]))...); err != nil {
		return err
	}
	if err := cluster.hook.ready(); err != nil {
		return err
	}
	return asked()
}

// asked waits until the API server asks the webhook.
func asked() error {
	for range 100 {
		if _, err := kubectl(`{"apiVersion":"networking.istio.io/v1","kind":"Sidecar","metadata":{"name":"probe","namespace":"default"},"spec":{}}`,
			"create", "--dry-run=server", "-f", "-"); err != nil {
			return err
		}
		if strings.Contains(cluster.hook.logs.String(), `"name":"probe"`) {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the API server does not ask the webhook:\n" + cluster.hook.logs.String())
}

// certificate writes tls.crt and tls.key into a folder and gives the PEM of its CA.
func certificate(dir string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return crt, errors.Join(
		os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "tls.crt"), crt, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600),
	)
}

// launch starts a webhook that talks to the API server as a user, or with the token of a ServiceAccount.
func launch(user string, flags ...string) (*process, error) {
	p, err := prepare(user, flags...)
	if err != nil {
		return nil, err
	}
	return p, p.start()
}

// prepare gives a webhook that is not started yet.
func prepare(user string, flags ...string) (*process, error) {
	kubeconfig, err := credentials(user)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(cluster.dir, "kubeconfig")
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(kubeconfig); err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	// Of a flag that is given twice the last one counts.
	if i := slices.Index(flags, "--port"); i >= 0 {
		if ports[0], err = strconv.Atoi(flags[i+1]); err != nil {
			return nil, err
		}
	}
	dir := certs()
	if i := slices.Index(flags, "--cert-dir"); i >= 0 {
		dir = flags[i+1]
	}
	address := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	p := &process{
		port: ports[0], url: "https://" + address(ports[0]) + "/validate", metrics: "http://" + address(ports[1]) + "/metrics",
		health: "http://" + address(ports[2]), logs: &buffer{}, heapDump: file.Name() + ".heap",
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	}
	p.args = append(append([]string{"--discovery-interval", "500ms", "--shutdown-delay", "1s", "--settle", "500ms"}, flags...),
		"--kubeconfig", file.Name(), "--cert-dir", dir, "--port", fmt.Sprint(ports[0]),
		"--metrics-bind-address", address(ports[1]), "--health-probe-bind-address", address(ports[2]))
	return p, nil
}

// start starts it, once more if it was killed.
func (p *process) start() error {
	p.cmd, p.done = exec.Command(cluster.binary, p.args...), make(chan struct{})
	p.cmd.Env = append(append(os.Environ(), cluster.variables...), "GATELINT_HEAP_DUMP="+p.heapDump)
	p.cmd.Stdout, p.cmd.Stderr = p.logs, p.logs
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // the test looks at the exit code
		close(done)
	}(p.cmd, p.done)
	return nil
}

// credentials are a kubeconfig for a user.
func credentials(user string) ([]byte, error) {
	account := strings.Split(user, ":")
	if len(account) != 4 {
		u, err := cluster.env.AddUser(envtest.User{Name: user, Groups: []string{"system:authenticated"}}, nil)
		if err != nil {
			return nil, err
		}
		return u.KubeConfig()
	}
	token, err := kubectl("", "create", "token", "--namespace", account[2], account[3], "--duration", "24h")
	if err != nil {
		return nil, err
	}
	config := cluster.env.Config
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
"clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority-data":%q}}],"users":[{"name":"u","user":{"token":%q}}]}`,
		config.Host, base64.StdEncoding.EncodeToString(config.CAData), strings.TrimSpace(token)), nil
}

func freePorts(n int) ([]int, error) {
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out, nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-p.done
}

// get gives status and body of a page; 0 if nobody answers.
func (p *process) get(url string) (int, string) {
	r, err := p.client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err.Error()
	}
	return r.StatusCode, string(body)
}

func (p *process) ready() error {
	text := ""
	for range 300 {
		var status int
		if status, text = p.get(p.health + "/readyz?verbose=1"); status == http.StatusOK {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the webhook is not ready: " + text + "\n" + p.logs.String())
}
