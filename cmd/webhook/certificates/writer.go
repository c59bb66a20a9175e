package certificates

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applyv1 "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	"k8s.io/client-go/kubernetes"
)

// fieldOwner owns the caBundles that are written, and nothing else.
const fieldOwner = "gatelint-webhook"

// Place says where the certificate is kept.
type Place struct {
	Client    kubernetes.Interface
	Namespace string
	Secret    string
	Webhook   string // the name of the ValidatingWebhookConfiguration
}

// Writer keeps the Secret and the caBundle fresh. Writers may race: what one has written the others take over.
type Writer struct {
	Place
	Issuer
	Log *slog.Logger
}

// NeedLeaderElection is true: where replicas elect a leader, it alone writes.
func (w *Writer) NeedLeaderElection() bool { return true }

// Start looks after Secret and caBundle until the context ends. A caBundle that somebody wiped is back within ten seconds.
func (w *Writer) Start(ctx context.Context) error {
	interval := min(10*time.Second, w.Validity/20)
	last := ""
	for {
		wait, text := interval, ""
		if err := w.ensure(ctx); apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			wait = min(interval, 100*time.Millisecond) // somebody was faster
		} else if err != nil && ctx.Err() == nil {
			text = err.Error()
		}
		if text != "" && text != last {
			w.Log.Error("the certificate cannot be looked after", "event_type", "certificate", "error", text)
		}
		last = text
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// ensure writes what is due: the Secret first, then the caBundle. The webhook configuration is read before the Secret and written only
// if it is still that version, so that a writer which was held up never replaces a newer bundle by an older one.
func (w *Writer) ensure(ctx context.Context) error {
	config, err := w.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, w.Webhook, metav1.GetOptions{})
	gone := apierrors.IsNotFound(err)
	if err != nil && !gone {
		return fmt.Errorf("reading the ValidatingWebhookConfiguration: %w", err)
	}
	secret, err := w.Client.CoreV1().Secrets(w.Namespace).Get(ctx, w.Secret, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading the Secret: %w", err)
	}
	var published []byte
	for _, hook := range config.Webhooks {
		published = append(published, hook.ClientConfig.CABundle...)
	}
	data, err := w.renew(secret.Data, published, time.Now())
	if err != nil {
		return err
	}
	if data != nil {
		if secret.Data, err = data, w.write(ctx, secret, data); err != nil {
			return err
		}
	}
	if gone {
		return fmt.Errorf("there is no ValidatingWebhookConfiguration %q: nobody is asked to trust the certificate", w.Webhook)
	}
	return w.publish(ctx, config, secret.Data[caCert])
}

// write creates the Secret, or updates it if it is still as it was read.
func (w *Writer) write(ctx context.Context, secret *corev1.Secret, data map[string][]byte) error {
	client := w.Client.CoreV1().Secrets(w.Namespace)
	var err error
	if secret.Name == "" {
		made := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: w.Secret, Namespace: w.Namespace}, Type: corev1.SecretTypeTLS, Data: data}
		_, err = client.Create(ctx, made, metav1.CreateOptions{FieldManager: fieldOwner})
	} else {
		secret.Data = data
		_, err = client.Update(ctx, secret, metav1.UpdateOptions{FieldManager: fieldOwner})
	}
	if err != nil {
		return fmt.Errorf("writing the Secret: %w", err)
	}
	w.Log.Info("a certificate was made", "event_type", "certificate", "secret", w.Namespace+"/"+w.Secret, "cas", len(trusted(data[caCert], time.Now())))
	return nil
}

// publish patches the caBundle of each webhook, and only that. A configuration that was deleted meanwhile stays deleted.
func (w *Writer) publish(ctx context.Context, config *admissionv1.ValidatingWebhookConfiguration, bundle []byte) error {
	if !slices.ContainsFunc(config.Webhooks, func(h admissionv1.ValidatingWebhook) bool { return !bytes.Equal(h.ClientConfig.CABundle, bundle) }) {
		return nil
	}
	patch := applyv1.ValidatingWebhookConfiguration(w.Webhook).WithUID(config.UID).WithResourceVersion(config.ResourceVersion)
	for _, h := range config.Webhooks {
		patch.WithWebhooks(applyv1.ValidatingWebhook().WithName(h.Name).WithClientConfig(applyv1.WebhookClientConfig().WithCABundle(bundle...)))
	}
	_, err := w.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Apply(ctx, patch, metav1.ApplyOptions{FieldManager: fieldOwner, Force: true})
	if err != nil {
		return fmt.Errorf("writing the caBundle: %w", err)
	}
	w.Log.Info("the caBundle was written", "event_type", "certificate", "webhook", w.Webhook, "cas", len(trusted(bundle, time.Now())))
	return nil
}
