package cluster

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/gatelint/gatelint/analyzers/manifest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Convert makes our own compact object of what arrives; nothing else of it is kept.
func Convert(r Resource, obj any) (*manifest.Object, error) {
	switch o := obj.(type) {
	case *metav1.PartialObjectMetadata:
		return fromMetadata(r, o), nil
	case *unstructured.Unstructured:
		return fromContent(o)
	}
	return nil, fmt.Errorf("a %T cannot be read", obj)
}

// fromContent reads an object through the same door as an AdmissionReview's.
func fromContent(o *unstructured.Unstructured) (*manifest.Object, error) {
	unstructured.RemoveNestedField(o.Object, "metadata", "managedFields")
	unstructured.RemoveNestedField(o.Object, "metadata", "annotations", lastApplied)
	delete(o.Object, "status")
	raw, err := o.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("reading %s %s/%s: %w", o.GetKind(), o.GetNamespace(), o.GetName(), err)
	}
	return fromJSON(o, raw)
}

func fromJSON(o *unstructured.Unstructured, raw []byte) (*manifest.Object, error) {
	// Faults are not the newcomer's: what our schema does not know is opaque.
	out, faults := manifest.ParseObject(raw, manifest.Options{})
	if out == nil {
		return nil, fmt.Errorf("reading %s %s/%s: %s", o.GetKind(), o.GetNamespace(), o.GetName(), faults[0].Message)
	}
	return out, nil
}

// fromMetadata keeps identity, labels and times; of a Namespace its annotations, which policies read; of a Secret, whose annotations can
// hold the private key in clear, the names of its keys, which only managedFields tells. They are unknown if no manager has any.
func fromMetadata(r Resource, m *metav1.PartialObjectMetadata) *manifest.Object {
	gv := schema.GroupVersion{Group: r.Group, Version: r.Version}
	o := &manifest.Object{
		ID:         manifest.ID{Group: r.Group, Kind: r.Kind, Namespace: m.Namespace, Name: m.Name},
		APIVersion: gv.String(), UID: string(m.UID), Labels: m.Labels, Created: m.CreationTimestamp.Time,
		Tree: map[string]any{"apiVersion": gv.String(), "kind": r.Kind}, Item: -1,
	}
	switch r.Kind {
	case "Namespace":
		o.Annotations = maps.Clone(m.Annotations)
		delete(o.Annotations, lastApplied)
	case "Secret":
		if keys := keyNames(m.ManagedFields); len(keys) > 0 {
			o.Tree["data"] = keys
		}
	}
	return o
}

// keyNames gives the keys of a Secret's data as a map without values.
func keyNames(managed []metav1.ManagedFieldsEntry) map[string]any {
	keys := map[string]any{}
	for _, m := range managed {
		if m.FieldsV1 == nil {
			continue
		}
		var fields struct {
			Data map[string]json.RawMessage `json:"f:data"`
		}
		if json.Unmarshal(m.FieldsV1.GetRawBytes(), &fields) != nil {
			continue // a format of the future: the keys are not known
		}
		for k := range fields.Data {
			if len(k) > 2 && k[:2] == "f:" {
				keys[k[2:]] = nil
			}
		}
	}
	return keys
}
