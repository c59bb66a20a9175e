package admission

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// selfTest marks the Gateway with which istiod finds out, in a dry run, whether its own webhook answers: a denial of ours would be
// taken for istiod's (pkg/webhooks/validation/controller/controller.go).
const selfTest = "internal.istio.io/webhook-always-reject"

// Judged tells whether requests about a kind are judged.
func Judged(k metav1.GroupVersionKind) bool { return settings.Asked(k.Group, k.Kind) }

// submission is what a request says: the objects before and after, and what is wrong with each by itself.
type submission struct {
	Change
	faultsBefore, faultsAfter []rules.Finding
}

// object is the one submitted: the one that is to be, or is to go.
func (s *submission) object() *manifest.Object {
	if s.After != nil {
		return s.After
	}
	return s.Before
}

// read reads the objects of a request; nil when there is nothing to judge.
func read(req *admissionv1.AdmissionRequest, plain bool) (*submission, error) {
	if req.SubResource != "" || !Judged(req.Kind) {
		return nil, nil
	}
	s := &submission{}
	var err error
	var leaving bool
	switch req.Operation {
	case admissionv1.Create, admissionv1.Update:
		if s.After, s.faultsAfter, leaving, err = decode(req, req.Object, plain); err != nil {
			return nil, fmt.Errorf("reading object: %w", err)
		}
		if leaving || s.After.Kind == "Gateway" && has(s.After.Annotations, selfTest) && req.DryRun != nil && *req.DryRun {
			return nil, nil
		}
		if req.Operation == admissionv1.Create {
			return s, nil
		}
	case admissionv1.Delete:
	default:
		return nil, nil
	}
	// A DELETE of a collection names no object, but carries each.
	if s.Before, s.faultsBefore, _, err = decode(req, req.OldObject, plain); err != nil {
		return nil, fmt.Errorf("reading oldObject: %w", err)
	}
	if s.After != nil && s.After.Same(s.Before) {
		return nil, nil
	}
	return s, nil
}

func has(m map[string]string, key string) bool { _, ok := m[key]; return ok }

// decode reads one object. leaving tells that it is being deleted: its last changes are those of finalizers.
func decode(req *admissionv1.AdmissionRequest, raw runtime.RawExtension, plain bool) (o *manifest.Object, faults []rules.Finding, leaving bool, err error) {
	if len(raw.Raw) == 0 {
		return nil, nil, false, errors.New("it is empty")
	}
	o, list := manifest.ParseObject(raw.Raw, manifest.Options{Plain: plain})
	if o == nil {
		return nil, nil, false, errors.New(list[0].Message)
	}
	var meta struct {
		Metadata struct {
			DeletionTimestamp *string `json:"deletionTimestamp"`
			GenerateName      string  `json:"generateName"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(raw.Raw, &meta); err != nil {
		return nil, nil, false, err
	}
	if o.Namespace == "" {
		o.Namespace = req.Namespace
	}
	if o.Name == "" {
		o.Name = req.Name
	}
	if o.Name == "" && meta.Metadata.GenerateName != "" {
		o.Name = meta.Metadata.GenerateName + "xxxxx" // the API server puts something of the kind
	}
	for _, f := range list {
		// What the schema of the cluster let pass and ours does not know is newer than ours.
		if f.Rule != "unknown-field" {
			f.Object = o.ID
			faults = append(faults, rules.FromFault(f))
		}
	}
	return o, faults, meta.Metadata.DeletionTimestamp != nil, nil
}
