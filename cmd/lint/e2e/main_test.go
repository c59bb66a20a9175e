//go:build e2e

// Package e2e holds the linter to a real API server: etcd, kube-apiserver and kubectl as fixtures/controlplane builds them, the Istio
// CRDs, and gatelint's own binary as a process. Run it with make e2e.
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
	"time"

	"github.com/gatelint/gatelint/fixtures/apiserver"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// cluster is what all tests share.
var cluster struct {
	env        *envtest.Environment
	dir        string // temporary files
	kubeconfig string // of an administrator
	binary     string
}

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	dir, err := os.MkdirTemp("", "gatelint-e2e-")
	if err == nil {
		cluster.dir = dir
		defer os.RemoveAll(dir)
		cluster.binary = filepath.Join(dir, "gatelint")
		_, err = apiserver.Output("go", "build", "-o", cluster.binary, "github.com/gatelint/gatelint/cmd/lint")
	}
	if err == nil {
		cluster.env, cluster.kubeconfig, err = apiserver.Start(dir)
	}
	if cluster.env != nil {
		defer cluster.env.Stop()
	}
	if err == nil {
		_, err = kubectl("", "create", "namespace", "istio-system")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the control plane did not start:", err)
		return
	}
	code = m.Run()
}

func kubectl(stdin string, args ...string) (string, error) {
	return apiserver.Kubectl(cluster.kubeconfig, stdin, args...)
}

func apply(t *testing.T, text string) {
	t.Helper()
	_, err := kubectl(text, "apply", "-f", "-")
	require.NoError(t, err)
}

// run is one run of gatelint.
type run struct {
	out, errs string
	code      int
	memory    int64 // the most that it held, in bytes
}

// gatelint runs the linter as a user whose kubeconfig is given.
func gatelint(t *testing.T, kubeconfig string, args ...string) run {
	t.Helper()
	cmd := exec.Command(cluster.binary, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Start())
	peak := watch(cmd.Process.Pid)
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return run{out.String(), errs.String(), cmd.ProcessState.ExitCode(), peak()}
}

// watch gives the most that a process holds, in bytes, as it was shortly before the process ends. (What the kernel tells afterwards
// counts the memory of the test, from which the process was forked.)
func watch(pid int) (peak func() int64) {
	done := make(chan struct{})
	result := make(chan int64)
	go func() {
		most := int64(0)
		for {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok {
				kib := int64(0)
				if _, err := fmt.Sscan(rest, &kib); err == nil {
					most = max(most, kib<<10)
				}
			}
			select {
			case <-done:
				result <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(done); return <-result }
}

// account makes a ServiceAccount with what roles grant, and gives its kubeconfig.
func account(t *testing.T, name, roles string) string {
	t.Helper()
	apply(t, strings.ReplaceAll(`apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME, namespace: default}
---
`+roles, "NAME", name))
	token, err := kubectl("", "create", "token", name, "-n", "default")
	require.NoError(t, err)
	server := cluster.env.Config.Host
	ca := filepath.Join(cluster.dir, "ca.crt")
	require.NoError(t, os.WriteFile(ca, cluster.env.Config.CAData, 0o600))
	file := filepath.Join(cluster.dir, name+".kubeconfig")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `{apiVersion: v1, kind: Config, current-context: %[1]s,
clusters: [{name: c, cluster: {server: %[2]q, certificate-authority: %[3]q}}],
users: [{name: u, user: {token: %[4]q}}],
contexts: [{name: %[1]s, context: {cluster: c, user: u, namespace: team-0}}]}`, name, server, ca, strings.TrimSpace(token)), 0o600))
	return file
}
