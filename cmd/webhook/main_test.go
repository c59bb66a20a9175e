package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatelint/gatelint/cmd/version"
	"github.com/gatelint/gatelint/cmd/webhook/server"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
)

// TestMain lets a test run this binary as the webhook.
func TestMain(m *testing.M) {
	if os.Getenv("AS_WEBHOOK") == "" {
		os.Exit(m.Run())
	}
	main()
}

// webhook runs main.
func webhook(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), "AS_WEBHOOK=1", "POD_NAMESPACE=")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		exit := &exec.ExitError{}
		require.True(t, errors.As(err, &exit), "%v", err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

func TestVersion(t *testing.T) {
	out, errs, code := webhook(t, "--version")
	require.Equal(t, "gatelint-webhook "+version.String()+" (verdicts hold for Istio "+settings.Release+")\n", out)
	require.Empty(t, errs)
	require.Zero(t, code)
}

func TestFlagErrorsEndTheProcess(t *testing.T) {
	out, errs, code := webhook(t, "--leader-elect")
	require.Empty(t, out)
	require.Equal(t, "gatelint-webhook: --leader-elect needs --namespace, where its Lease is\n", errs)
	require.Equal(t, 2, code)
}

func parsed(t *testing.T, line string) (server.Options, error) {
	t.Helper()
	t.Setenv("POD_NAMESPACE", "")
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return parse(set, strings.FieldsFunc(line, func(r rune) bool { return r == '|' }))
}

func TestFlags(t *testing.T) {
	for line, want := range map[string]string{ // flags are separated by |, "" is for those that are right
		"": "",
		"--leader-elect|--namespace=x|--leader-election-id=y": "",
		"--leader-elect": "--leader-elect needs --namespace, where its Lease is",
		"--leader-elect|--namespace=x|--leader-election-id=": "--leader-elect needs --leader-election-id, the name of its Lease",
		"--self-signed":                                         "--self-signed needs --namespace, where its Secret is",
		"--self-signed|--namespace=x":                           "",
		"--self-signed|--namespace=x|--cert-validity=0s":        "--cert-validity 0s: use a time greater than zero",
		"--gateway-selector=a b==":                              `--gateway-selector "a b==": `,
		"--gateway-selector=istio in (ingress, egress), app!=x": "",
		"--gateway-selector=":                                   "",
		"--deadline-margin=-1ms":                                "--deadline-margin -1ms: use zero or a time greater than that",
		"--settle=-1s":                                          "--settle -1s: use zero or a time greater than that",
		"--shutdown-delay=-1s":                                  "--shutdown-delay -1s: use zero or a time greater than that",
		"--audit-interval=-1m":                                  "--audit-interval -1m0s: use zero or a time greater than that",
		"--deadline-margin=0|--settle=0|--shutdown-delay=0s":    "",
		"--audit-interval=0":                                    "",
		"--discovery-interval=0":                                "--discovery-interval 0s: use a time greater than zero",
		"--discovery-interval=-1s":                              "--discovery-interval -1s: use a time greater than zero",
		"--failure-mode=maybe":                                  `--failure-mode "maybe": use allow or deny`,
		"--tls-min-version=1.1":                                 `--tls-min-version "1.1": use 1.2 or 1.3`,
		"--audit-reports=pdf":                                   `--audit-reports "pdf": `,
		"serve":                                                 `"serve": there are flags only`,
		"--settle=soon":                                         "-settle",
	} {
		t.Run(line, func(t *testing.T) {
			_, err := parsed(t, line)
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, want)
		})
	}
	o, err := parsed(t, "--leader-elect|--namespace=x|--leader-election-id=guard|--dns-name=a.example.com, 10.0.0.1|--audit-interval=1h")
	require.NoError(t, err)
	require.Equal(t, "guard", o.LeaderElectionID)
	require.Equal(t, []string{"a.example.com", "10.0.0.1"}, o.SelfSigned.Names)
	require.Equal(t, time.Hour, o.AuditInterval)
	o, err = parsed(t, "")
	require.NoError(t, err)
	require.Equal(t, "gatelint-webhook", o.LeaderElectionID)
}
