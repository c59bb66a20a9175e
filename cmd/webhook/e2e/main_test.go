//go:build e2e

// Package e2e holds the webhook to a real API server: etcd, kube-apiserver and kubectl as fixtures/controlplane builds them, the
// Istio CRDs, and the webhook's own binary as a process. Run it with make e2e.
package e2e

import (
	"bytes"
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
	istio, err := output("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/api")
	if err != nil {
		return err
	}
	cluster.binary = filepath.Join(cluster.dir, "gatelint-webhook")
	if _, err := output("go", "build", "-tags", "heapdump", "-o", cluster.binary, "github.com/gatelint/gatelint/cmd/webhook"); err != nil {
		return err
	}
	cluster.env = &envtest.Environment{
		BinaryAssetsDirectory: wrapped, ErrorIfCRDPathMissing: true,
		CRDDirectoryPaths: []string{filepath.Join(istio, "kubernetes", "customresourcedefinitions.gen.yaml")},
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

// wrap makes a folder with the binaries, such that servers do not outlive a test that dies.
func wrap(assets string) (string, error) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return assets, nil
	}
	dir := filepath.Join(cluster.dir, "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		script := fmt.Sprintf("#!/bin/sh\nexec %s --pdeathsig KILL -- %s \"$@\"\n", setpriv, filepath.Join(assets, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			return "", err
		}
	}
	return dir, nil
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
