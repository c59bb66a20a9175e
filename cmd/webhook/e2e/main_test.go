//go:build e2e

// Package e2e holds the webhook to a real API server: etcd, kube-apiserver and kubectl as fixtures/controlplane builds them, the
// Istio CRDs, and the webhook's own binary as a process. Run it with make e2e. What is proven where:
//
//   - TestFiveFaults: each of the five faults refused or warned of, the healthy twin, the fix, and an unrelated edit accepted.
//   - TestWhatIsInUse: what others refer to is changed or deleted.
//   - TestSecrets: the heap of the webhook does not hold the private key of a Secret.
//   - TestClashInFlight: two clashing objects applied at the same time, two replicas running.
//   - TestDisturbances: the API server restarts, the webhook is killed, caches are not synced, certificates change under load, a rule
//     panics, objects are huge, requests are malformed.
//   - TestSelfSigned: replicas that make their certificate themselves agree on one.
//   - TestLoad: 200 requests a second against a large world. Its latency is asserted by make load, on a machine that does nothing else.
//   - TestAudit: what admission could not prevent or see is reported within one interval.
//
// Besides: TestRequests and TestRecords (every kind of request, and what is logged and counted), TestKnowledge and TestCRDs (what is known
// to be missing), TestConfig, TestShutdown.
package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// cluster is what all tests share.
var cluster struct {
	env        *envtest.Environment
	dir        string // temporary files
	kubeconfig string // of an administrator
	binary     string
	variables  []string // of the chart's pods
	ca         []byte   // of the webhook's certificate
	hook       *process // the webhook that the API server asks
}

// certs is the folder of the webhook's certificate.
func certs() string { return filepath.Join(cluster.dir, "certs") }

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	dir, err := os.MkdirTemp("", "gatelint-e2e-")
	if err == nil {
		cluster.dir = dir
		defer os.RemoveAll(dir)
		err = start()
	}
	if cluster.env != nil {
		defer cluster.env.Stop()
	}
	if cluster.hook != nil {
		defer cluster.hook.kill()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the control plane did not start:", err)
		return
	}
	code = m.Run()
}

func start() error {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := os.Stat(filepath.Join(assets, name)); err != nil {
			return fmt.Errorf("KUBEBUILDER_ASSETS must name the folder that fixtures/controlplane/build prints: %w", err)
		}
	}
	wrapped, err := wrap(assets)
	if err != nil {
		return err
	}
	if err := os.Setenv("KUBEBUILDER_ASSETS", wrapped); err != nil { // envtest believes it before all else
		return err
	}
	istio, err := output("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/api")
	if err != nil {
		return err
	}
	cluster.binary = filepath.Join(cluster.dir, "gatelint-webhook")
	if _, err := output("go", "build", "-tags", "heapdump,brokenrule", "-o", cluster.binary, "github.com/gatelint/gatelint/cmd/webhook"); err != nil {
		return err
	}
	cluster.env = &envtest.Environment{
		ErrorIfCRDPathMissing: true,
		CRDDirectoryPaths:     []string{filepath.Join(istio, "kubernetes", "customresourcedefinitions.gen.yaml")},
	}
	if err := record(); err != nil {
		return err
	}
	if _, err := cluster.env.Start(); err != nil {
		return err
	}
	cluster.kubeconfig = filepath.Join(cluster.dir, "admin.kubeconfig")
	if err := os.WriteFile(cluster.kubeconfig, cluster.env.KubeConfig, 0o600); err != nil {
		return err
	}
	return install()
}

// wrap makes a folder with the binaries, such that servers do not outlive a test that dies, and that the API server starts anew when it
// ends while there is a file "restart" in the folder.
func wrap(assets string) (string, error) {
	guard := ""
	if setpriv, err := exec.LookPath("setpriv"); err == nil {
		guard = setpriv + " --pdeathsig KILL -- "
	}
	dir := filepath.Join(cluster.dir, "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	script := func(name, text string) error {
		return os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755)
	}
	command := func(name string) string { return guard + filepath.Join(assets, name) + ` "$@"` }
	restart := filepath.Join(dir, "restart")
	return dir, errors.Join(
		script("etcd", "exec "+command("etcd")),
		script("kubectl", "exec "+command("kubectl")),
		script("kube-apiserver", "exec "+guard+filepath.Join(dir, "again")+` "$@"`),
		script("again", fmt.Sprintf("trap exit TERM\nwhile %s & echo $! > %s.pid; wait $!; rm %s; do :; done\n", command("kube-apiserver"), restart, restart)),
	)
}

func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
