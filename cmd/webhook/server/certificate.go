package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/gatelint/gatelint/cmd/webhook/certificates"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// SelfSigned says whether the webhook makes its certificate itself, and for what.
type SelfSigned struct {
	On       bool
	Secret   string
	Webhook  string   // the ValidatingWebhookConfiguration
	Service  string   // the name the API server dials
	Names    []string // further host names and IP addresses
	Validity time.Duration
}

// certificate is what is served, and what keeps it fresh.
type certificate struct {
	get     certificates.Get
	keepers []manager.Runnable
}

// certificate reads files that somebody else replaces, or makes the certificate itself.
func (o *Options) certificate(cluster *rest.Config, log *slog.Logger) (*certificate, error) {
	c := &certificate{}
	if s := o.SelfSigned; s.On {
		client, err := kubernetes.NewForConfig(cluster)
		if err != nil {
			return nil, fmt.Errorf("making a client for the certificate: %w", err)
		}
		place := certificates.Place{Client: client, Namespace: o.Namespace, Secret: s.Secret, Webhook: s.Webhook}
		host := s.Service + "." + o.Namespace + ".svc"
		issuer := certificates.Issuer{Names: append([]string{host, host + ".cluster.local"}, s.Names...), Validity: s.Validity}
		reader := &certificates.Reader{Place: place, Log: log}
		c.get, c.keepers = reader.Certificate, []manager.Runnable{reader, &certificates.Writer{Place: place, Issuer: issuer, Log: log}}
	} else {
		watcher, err := certwatcher.New(filepath.Join(o.CertDir, "tls.crt"), filepath.Join(o.CertDir, "tls.key"))
		if err != nil {
			return nil, fmt.Errorf("reading the certificate: %w", err)
		}
		c.get, c.keepers = watcher.GetCertificate, []manager.Runnable{watcher}
	}
	return c, metrics.Registry.Register(certificates.Expiry(c.get))
}

func (c *certificate) use(config *tls.Config) { config.GetCertificate = c.get }

func (c *certificate) add(m manager.Manager) error {
	var errs []error
	for _, k := range c.keepers {
		errs = append(errs, m.Add(k))
	}
	return errors.Join(errs...)
}
