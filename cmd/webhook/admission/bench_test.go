package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/fixtures/fleet"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// BenchmarkDecide measures a changed VirtualService in a fleet, from the bytes of the review to the response.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set := manifest.Parse("fleet.yaml", fleet.YAML(n), manifest.Options{})
			e := NewEngine(rules.All(), mesh.Options{Complete: mesh.Everything()})
			e.Set(set.Objects...)
			body := changed(b, set.Objects)
			c := Config{Engine: e, Settings: &settings.Config{}, Now: fixtureTime}
			for b.Loop() {
				var req admissionv1.AdmissionRequest
				require.NoError(b, json.Unmarshal(body, &req))
				d, err := Decide(context.Background(), c, &req)
				require.NoError(b, err)
				require.True(b, d.Response.Allowed)
			}
		})
	}
}

// changed is a request that changes a label of the first VirtualService.
func changed(b *testing.B, objs []*manifest.Object) []byte {
	for _, o := range objs {
		if o.Kind != "VirtualService" {
			continue
		}
		var old, young map[string]any
		require.NoError(b, yaml.Unmarshal(o.Doc.Text, &old))
		require.NoError(b, yaml.Unmarshal(o.Doc.Text, &young))
		young["metadata"].(map[string]any)["labels"] = map[string]any{"changed": "yes"}
		req := admissionv1.AdmissionRequest{
			UID: "1", Operation: admissionv1.Update, Namespace: o.Namespace, Name: o.Name,
			Kind: metav1.GroupVersionKind{Group: o.Group, Version: "v1", Kind: o.Kind},
		}
		var err error
		req.OldObject.Raw, err = json.Marshal(old)
		require.NoError(b, err)
		req.Object.Raw, err = json.Marshal(young)
		require.NoError(b, err)
		body, err := json.Marshal(req)
		require.NoError(b, err)
		return body
	}
	require.Fail(b, "the fleet has no VirtualService")
	return nil
}
