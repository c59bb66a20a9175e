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

	"github.com/gatelint/gatelint/cmd/webhook/audit"
	"github.com/gatelint/gatelint/cmd/webhook/server"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	options, err := parse()
	if err != nil {
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
func parse() (server.Options, error) {
	var o server.Options
	flag.StringVar(&o.Config, "config", "", "the config `file`, .gatelint.yaml; none: the defaults")
	flag.StringVar(&o.CertDir, "cert-dir", "/tls", "the `folder` of tls.crt and tls.key; a change is picked up")
	flag.IntVar(&o.Port, "port", 9443, "the `port` of the webhook")
	flag.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8080", "the `address` of the metrics, 0 for none")
	flag.StringVar(&o.HealthAddress, "health-probe-bind-address", ":8081", "the `address` of /healthz and /readyz")
	flag.DurationVar(&o.ShutdownDelay, "shutdown-delay", 10*time.Second, "how long requests are still answered after SIGTERM")
	flag.StringVar(&o.GatewaySelector, "gateway-selector", "istio", "the label `selector` of the Deployments, DaemonSets and StatefulSets that can be gateways")
	flag.StringVar(&o.IstioNamespace, "istio-namespace", "istio-system", "the `namespace` of istiod, with its MeshConfig and the Secrets by which it joins other clusters")
	secrets := flag.String("secret-namespaces", "istio-system", "the `namespaces` whose Secrets are looked for, by name and key names only, separated by commas; * for all, empty for none")
	mode := flag.String("failure-mode", "allow", "what becomes of a request that cannot be judged: allow, with a warning, or deny")
	flag.StringVar(&o.MeshConfig, "mesh-config", "", "a `file` with istiod's MeshConfig; none: its ConfigMap is read")
	version := flag.String("tls-min-version", "1.3", "the lowest TLS `version`: 1.2 or 1.3")
	flag.DurationVar(&o.Margin, "deadline-margin", 500*time.Millisecond, "how long before the API server's timeout the answer is given")
	flag.DurationVar(&o.Settle, "settle", 200*time.Millisecond, "how long a request with faults waits for objects that were applied just before it")
	flag.DurationVar(&o.DiscoveryInterval, "discovery-interval", 30*time.Second, "how often CRDs that appeared or vanished are looked for")
	flag.StringVar(&o.Namespace, "namespace", os.Getenv("POD_NAMESPACE"), "the `namespace` the webhook itself runs in; POD_NAMESPACE says it too")
	flag.BoolVar(&o.LeaderElect, "leader-elect", false, "elect a leader among the replicas, by a Lease in --namespace: it alone audits and writes certificates")
	flag.DurationVar(&o.AuditInterval, "audit-interval", 10*time.Minute, "how often everything that is live is linted, whoever brought it; 0 for never")
	reports := flag.String("audit-reports", "none", "the `kind` of report that the audit keeps in each namespace with faults: none, policyreport or openreports")
	certificate := selfSigned(&o)
	flag.Parse()
	o.SecretNamespaces = list(*secrets)
	switch *mode {
	case "allow", "deny":
		o.FailDeny = *mode == "deny"
	default:
		return o, fmt.Errorf("--failure-mode %q: use allow or deny", *mode)
	}
	switch *version {
	case "1.3":
		o.TLSVersion = tls.VersionTLS13
	case "1.2":
		o.TLSVersion = tls.VersionTLS12
	default:
		return o, fmt.Errorf("--tls-min-version %q: use 1.2 or 1.3", *version)
	}
	var err error
	if o.AuditReports, err = audit.ParseReports(*reports); err != nil {
		return o, fmt.Errorf("--audit-reports %q: %w", *reports, err)
	}
	if flag.NArg() > 0 {
		return o, fmt.Errorf("%q: there are flags only", flag.Arg(0))
	}
	err = certificate()
	return o, err
}

// selfSigned has the flags of the webhook that makes its certificate itself; the function reads them.
func selfSigned(o *server.Options) func() error {
	s := &o.SelfSigned
	flag.BoolVar(&s.On, "self-signed", false, "make and renew the certificate, in a Secret in --namespace, and keep the caBundle; --cert-dir is not read")
	flag.StringVar(&s.Secret, "cert-secret", "gatelint-webhook-tls", "self-signed: the `name` of the Secret")
	flag.StringVar(&s.Webhook, "webhook-name", "gatelint-webhook", "self-signed: the `name` of the ValidatingWebhookConfiguration")
	flag.StringVar(&s.Service, "service", "gatelint-webhook", "self-signed: the `name` of the Service in --namespace that the certificate is for")
	names := flag.String("dns-name", "", "self-signed: further `names` and IP addresses that the certificate is for, separated by commas")
	flag.DurationVar(&s.Validity, "cert-validity", 90*24*time.Hour, "self-signed: how long a certificate is valid; a third before the end it is renewed, and its CA lasts four times as long")
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
