package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typed "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"
)

const (
	maxEvents = 100  // of one audit: the first ones are the most severe
	maxNote   = 1024 // bytes, the API server's limit
)

// Events tells of faults on the objects that have them, once while the API server keeps the Event.
type Events struct {
	client   typed.EventsV1Interface
	instance string
}

// NewEvents makes a client; instance names the replica.
func NewEvents(config *rest.Config, instance string) (*Events, error) {
	client, err := typed.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for Events: %w", err)
	}
	return &Events{client, instance}, nil
}

// send writes an Event for each fault that is at least a warning.
func (e *Events) send(ctx context.Context, fresh []rules.Finding) (errs []error) {
	sent := 0
	for _, f := range fresh {
		if f.Severity < rules.Warning || sent == maxEvents {
			break // they are sorted
		}
		sent++
		ev := event(f, e.instance, time.Now())
		_, err := e.client.Events(ev.Namespace).Create(ctx, ev, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			errs = append(errs, fmt.Errorf("writing an Event: %w", err))
		}
	}
	return errs
}

// event says what a log line says, without the object's content. One fault of one object always has the same name, so that a new
// leader does not tell it again.
func event(f rules.Finding, instance string, now time.Time) *eventsv1.Event {
	about := reference(f.Object, f.API, f.Source)
	ev := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: f.Object.Namespace,
			Name:      strings.TrimRight(f.Object.Name[:min(len(f.Object.Name), 200)], ".-") + "." + rules.Fingerprint(f.Fingerprint, string(about.UID)),
		},
		EventTime: metav1.NewMicroTime(now), ReportingController: "gatelint.io/audit", ReportingInstance: instance,
		Action: "Audit", Reason: camel(f.Rule), Type: corev1.EventTypeWarning, Regarding: about,
		Note: clip(strings.TrimPrefix(f.Pos.Path+": ", ": ")+f.Message+" ["+f.Rule+"]", maxNote),
	}
	if ev.Namespace == "" {
		ev.Namespace = metav1.NamespaceDefault
	}
	for _, r := range f.Related {
		if r.Object != f.Object {
			other := reference(r.Object, r.API, r.Source)
			ev.Related = &other
			break
		}
	}
	return ev
}

func reference(id manifest.ID, api string, o *manifest.Object) corev1.ObjectReference {
	r := corev1.ObjectReference{APIVersion: api, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}
	if o != nil {
		r.UID = types.UID(o.UID)
	}
	return r
}

// camel is DanglingSubset for dangling-subset.
func camel(rule string) string {
	var b strings.Builder
	for _, part := range strings.Split(rule, "-") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// clip cuts a text to a number of bytes.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const more = "…"
	return strings.ToValidUTF8(text[:limit-len(more)], "") + more
}
