// Command gatelint-webhook judges Istio traffic configuration when it is applied: a validating admission webhook.
package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/gatelint/gatelint/cmd/version"
	"github.com/gatelint/gatelint/cmd/webhook/audit"
	"github.com/gatelint/gatelint/cmd/webhook/server"
	"github.com/gatelint/gatelint/rules/settings"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	asked := flag.Bool("version", false, "print the version and the Istio release that the verdicts hold for")
	options, err := parse(flag.CommandLine, os.Args[1:])
	switch {
	case *asked:
		fmt.Printf("gatelint-webhook %s (verdicts hold for Istio %s)\n", version.String(), settings.Release)
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "gatelint-webhook:", err)
		os.Exit(2)
	}
	cluster, err := ctrl.GetConfig()
	if err == nil {
		err = server.Run(cluster, options, log)
	}
	if err != nil {
		log.Error("gatelint-webhook ends", "error", err.Error())
		os.Exit(1)
	}
}

// parse reads the flags; --kubeconfig is controller-runtime's.
func parse(set *flag.FlagSet, args []string) (server.Options, error) {
	var o server.Options
	set.StringVar(&o.Config, "config", "", "the config `file`, .gatelint.yaml; none: the defaults")
	set.StringVar(&o.CertDir, "cert-dir", "/tls", "the `folder` of tls.crt and tls.key; a change is picked up")
	set.IntVar(&o.Port, "port", 9443, "the `port` of the webhook")
	set.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8080", "the `address` of the metrics, 0 for none")
	set.StringVar(&o.HealthAddress, "health-probe-bind-address", ":8081", "the `address` of /healthz and /readyz")
	set.DurationVar(&o.ShutdownDelay, "shutdown-delay", 10*time.Second, "how long requests are still answered after SIGTERM")
	set.StringVar(&o.GatewaySelector, "gateway-selector", "istio", "the label `selector` of the Deployments, DaemonSets and StatefulSets that can be gateways")
	set.StringVar(&o.IstioNamespace, "istio-namespace", "istio-system", "the `namespace` of istiod, with its MeshConfig and the Secrets by which it joins other clusters")
	secrets := set.String("secret-namespaces", "istio-system", "the `namespaces` whose Secrets are looked for, by name and key names only, separated by commas; * for all, empty for none")
	mode := set.String("failure-mode", "allow", "what becomes of a request that cannot be judged: allow, with a warning, or deny")
	set.StringVar(&o.MeshConfig, "mesh-config", "", "a `file` with istiod's MeshConfig; none: its ConfigMap is read")
	lowest := set.String("tls-min-version", "1.3", "the lowest TLS `version`: 1.2 or 1.3")
	set.DurationVar(&o.Margin, "deadline-margin", 500*time.Millisecond, "how long before the API server's timeout the answer is given")
	set.DurationVar(&o.Settle, "settle", 200*time.Millisecond, "how long a request with faults waits for objects that were applied just before it")
	set.DurationVar(&o.DiscoveryInterval, "discovery-interval", 30*time.Second, "how often CRDs that appeared or vanished are looked for")
	set.StringVar(&o.Namespace, "namespace", os.Getenv("POD_NAMESPACE"), "the `namespace` the webhook itself runs in; POD_NAMESPACE says it too")
	set.BoolVar(&o.LeaderElect, "leader-elect", false, "elect a leader among the replicas, by a Lease in --namespace: it alone audits and writes certificates")
	set.StringVar(&o.LeaderElectionID, "leader-election-id", "gatelint-webhook", "the `name` of the Lease: one for all replicas that share a leader")
	set.DurationVar(&o.AuditInterval, "audit-interval", 10*time.Minute, "how often everything that is live is linted, whoever brought it; 0 for never")
	reports := set.String("audit-reports", "none", "the `kind` of report that the audit keeps in each namespace with faults: none, policyreport or openreports")
	policies(set, &o)
	certificate := selfSigned(set, &o)
	if err := set.Parse(args); err != nil {
		return o, err
	}
	o.SecretNamespaces = list(*secrets)
	switch *mode {
	case "allow", "deny":
		o.FailDeny = *mode == "deny"
	default:
		return o, fmt.Errorf("--failure-mode %q: use allow or deny", *mode)
	}
	switch *lowest {
	case "1.3":
		o.TLSVersion = tls.VersionTLS13
	case "1.2":
		o.TLSVersion = tls.VersionTLS12
	default:
		return o, fmt.Errorf("--tls-min-version %q: use 1.2 or 1.3", *lowest)
	}
	var err error
	if o.AuditReports, err = audit.ParseReports(*reports); err != nil {
		return o, fmt.Errorf("--audit-reports %q: %w", *reports, err)
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("%q: there are flags only", set.Arg(0))
	}
	if err := check(&o); err != nil {
		return o, err
	}
	return o, certificate()
}

// check refuses what would show only later, and far from the flag.
func check(o *server.Options) error {
	if _, err := labels.Parse(o.GatewaySelector); err != nil {
		return fmt.Errorf("--gateway-selector %q: %w", o.GatewaySelector, err)
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"shutdown-delay", o.ShutdownDelay}, {"deadline-margin", o.Margin}, {"settle", o.Settle}, {"audit-interval", o.AuditInterval},
	} {
		if d.value < 0 {
			return fmt.Errorf("--%s %s: use zero or a time greater than that", d.flag, d.value)
		}
	}
	switch {
	case o.PolicyInterval <= 0 || o.Policies.Timeout <= 0:
		return errors.New("--policy-interval and --policy-timeout: use times greater than zero")
	case o.DiscoveryInterval <= 0:
		return fmt.Errorf("--discovery-interval %s: use a time greater than zero", o.DiscoveryInterval)
	case o.LeaderElect && o.Namespace == "":
		return errors.New("--leader-elect needs --namespace, where its Lease is")
	case o.LeaderElect && o.LeaderElectionID == "":
		return errors.New("--leader-elect needs --leader-election-id, the name of its Lease")
	}
	return nil
}

// policies has the flags of policies; the config can name more of them.
func policies(set *flag.FlagSet, o *server.Options) {
	each := func(to *[]string) func(string) error {
		return func(text string) error { *to = append(*to, text); return nil }
	}
	p := &o.Policies
	set.Func("policy", "run the policies in this `path` too: a .rego file, a folder, or a bundle (.tar.gz); repeatable, a change is picked up", each(&p.Paths))
	set.Func("policy-namespace", "evaluate the packages under this `package` (default gatelint); repeatable", each(&p.Namespaces))
	set.Func("policy-allow-builtin", "let policies call the builtin function of this `name`, such as time.now_ns; repeatable", each(&p.Allow))
	set.StringVar(&p.BundleKey, "bundle-key", "", "a `file` with the public key (PEM) that every bundle must be signed for; folders and .rego files are refused then")
	set.DurationVar(&p.Timeout, "policy-timeout", 500*time.Millisecond, "how long one policy may take on one object; then it is left out, with a warning")
	set.DurationVar(&o.PolicyInterval, "policy-interval", 10*time.Second, "how often changed policies are looked for")
}

// selfSigned has the flags of the webhook that makes its certificate itself; the function reads them.
func selfSigned(set *flag.FlagSet, o *server.Options) func() error {
	s := &o.SelfSigned
	set.BoolVar(&s.On, "self-signed", false, "make and renew the certificate, in a Secret in --namespace, and keep the caBundle; --cert-dir is not read")
	set.StringVar(&s.Secret, "cert-secret", "gatelint-webhook-tls", "self-signed: the `name` of the Secret")
	set.StringVar(&s.Webhook, "webhook-name", "gatelint-webhook", "self-signed: the `name` of the ValidatingWebhookConfiguration")
	set.StringVar(&s.Service, "service", "gatelint-webhook", "self-signed: the `name` of the Service in --namespace that the certificate is for")
	names := set.String("dns-name", "", "self-signed: further `names` and IP addresses that the certificate is for, separated by commas")
	set.DurationVar(&s.Validity, "cert-validity", 90*24*time.Hour, "self-signed: how long a certificate is valid; a third before the end it is renewed, and its CA lasts four times as long")
	return func() error {
		s.Names = list(*names)
		switch {
		case s.On && o.Namespace == "":
			return errors.New("--self-signed needs --namespace, where its Secret is")
		case s.On && s.Validity <= 0:
			return fmt.Errorf("--cert-validity %s: use a time greater than zero", s.Validity)
		}
		return nil
	}
}

// list gives the parts of a list separated by commas.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
