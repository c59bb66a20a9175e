package certificates

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"
)

// lag is how long API servers may take to see a caBundle that was written.
const lag = time.Minute

// Get gives the certificate that is served now, as crypto/tls asks for it.
type Get = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// Reader serves the certificate of the Secret, from memory.
type Reader struct {
	Place
	Log *slog.Logger

	served atomic.Pointer[tls.Certificate]
	next   []byte    // DER of the one to come
	since  time.Time // when the caBundle was first seen to verify it
}

// NeedLeaderElection is false: every replica serves.
func (r *Reader) NeedLeaderElection() bool { return false }

// Certificate gives what is served now.
func (r *Reader) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := r.served.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("there is no certificate yet")
}

// Start follows the Secret until the context ends.
func (r *Reader) Start(ctx context.Context) error {
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(r.Client.CoreV1().RESTClient(), "secrets", r.Namespace, fields.OneTermEqualSelector("metadata.name", r.Secret)),
		ObjectType:    &corev1.Secret{}, Handler: cache.ResourceEventHandlerFuncs{},
	})
	go controller.RunWithContext(ctx)
	last := ""
	for {
		text := ""
		if err := r.follow(ctx, store); err != nil && ctx.Err() == nil {
			text = err.Error()
		}
		if text != "" && text != last {
			r.Log.Warn("the certificate in the Secret is not served", "event_type", "certificate", "reason", text)
		}
		last = text
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// follow serves what the Secret holds as soon as API servers can verify it.
func (r *Reader) follow(ctx context.Context, store cache.Store) error {
	obj, ok, err := store.GetByKey(r.Namespace + "/" + r.Secret)
	if err != nil || !ok {
		return errors.Join(err, errors.New("it is not there"))
	}
	data := obj.(*corev1.Secret).Data
	next, err := tls.X509KeyPair(data[tlsCert], data[tlsKey])
	if err != nil {
		return fmt.Errorf("reading it: %w", err)
	}
	served := r.served.Load()
	if served != nil && bytes.Equal(served.Certificate[0], next.Certificate[0]) {
		return nil
	}
	wait, err := r.wait(ctx, served, &next)
	if err != nil {
		r.next = nil
		return err
	}
	if !bytes.Equal(r.next, next.Certificate[0]) {
		r.next, r.since = next.Certificate[0], time.Now()
	}
	if time.Since(r.since) < wait {
		return nil
	}
	r.served.Store(&next)
	r.Log.Info("a certificate is served", "event_type", "certificate", "serial", next.Leaf.SerialNumber.String(), "expires", next.Leaf.NotAfter)
	return nil
}

// wait tells how long the certificate that is served stays, or why the next one cannot be served at all yet. One that no API server
// accepts any more does not stay.
func (r *Reader) wait(ctx context.Context, served, next *tls.Certificate) (time.Duration, error) {
	config, err := r.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, r.Webhook, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil // nobody asks
	}
	if err != nil {
		return 0, fmt.Errorf("reading the ValidatingWebhookConfiguration: %w", err)
	}
	now, accepted := time.Now(), served != nil
	for _, hook := range config.Webhooks {
		bundle := hook.ClientConfig.CABundle
		if !verifies(bundle, next, now) {
			return 0, fmt.Errorf("the caBundle of %s %q does not verify it yet", r.Webhook, hook.Name)
		}
		accepted = accepted && verifies(bundle, served, now)
	}
	if !accepted {
		return 0, nil
	}
	return min(lag, served.Leaf.NotAfter.Sub(now)/2), nil
}

// Expiry is the metric of when the certificate that is served expires; NaN without one.
func Expiry(get Get) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatelint_webhook_certificate_expiry_timestamp_seconds", Help: "When the certificate that is served expires.",
	}, func() float64 {
		c, err := get(nil)
		if err != nil || c == nil {
			return math.NaN()
		}
		return float64(c.Leaf.NotAfter.Unix())
	})
}
