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
//   - TestPages: what the guides say to do with helm and kubectl, with the real ones.
//
// Besides: TestRequests and TestRecords (every kind of request, and what is logged and counted), TestKnowledge and TestCRDs (what is known
// to be missing), TestConfig, TestShutdown.
package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatelint/gatelint/fixtures/apiserver"
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

func start() (err error) {
	cluster.binary = filepath.Join(cluster.dir, "gatelint-webhook")
	if _, err := output("go", "build", "-tags", "heapdump,brokenrule", "-o", cluster.binary, "github.com/gatelint/gatelint/cmd/webhook"); err != nil {
		return err
	}
	if cluster.env, cluster.kubeconfig, err = apiserver.Start(cluster.dir); err != nil {
		return err
	}
	return install()
}

func output(name string, args ...string) (string, error) { return apiserver.Output(name, args...) }

func kubectl(stdin string, args ...string) (string, error) {
	return apiserver.Kubectl(cluster.kubeconfig, stdin, args...)
}
