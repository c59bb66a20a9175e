package cluster

import (
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var secretKind = Resource{Name: "secrets", Kind: "Secret", Version: "v1", Metadata: true}

func managed(fields ...string) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, f := range fields {
		out = append(out, metav1.ManagedFieldsEntry{FieldsV1: metav1.NewFieldsV1(f)})
	}
	return out
}

func TestSecretsKeepOnlyTheNamesOfTheirKeys(t *testing.T) {
	created := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: "public", Namespace: "istio-system", CreationTimestamp: created, Labels: map[string]string{"a": "b"},
		Annotations:   map[string]string{lastApplied: "the key in clear"},
		ManagedFields: managed(`{"f:data":{".":{},"f:tls.crt":{},"f:tls.key":{}},"f:type":{}}`, `{"f:data":{"f:ca.crt":{}}}`, `{"f:metadata":{}}`),
	}}
	o, err := Convert(secretKind, m)
	require.NoError(t, err)
	require.Empty(t, o.Annotations)
	require.Equal(t, map[string]any{"tls.crt": nil, "tls.key": nil, "ca.crt": nil}, o.Tree["data"])
	require.Equal(t, created.Time, o.Created)

	secrets := mesh.New([]*manifest.Object{o}, mesh.Options{}).Secrets(mesh.Name{Namespace: "istio-system", Name: "public"})
	require.Len(t, secrets, 1)
	require.True(t, secrets[0].HasKeyPair())
	require.True(t, secrets[0].HasCA())
	require.Nil(t, secrets[0].Certificate, "certificates are not known")

	m.ManagedFields = managed(`{"f:data":{".":{},"f:tls.crt":{}}}`)
	o, err = Convert(secretKind, m)
	require.NoError(t, err)
	half := mesh.New([]*manifest.Object{o}, mesh.Options{}).Secrets(mesh.Name{Namespace: "istio-system", Name: "public"})[0]
	require.False(t, half.HasKeyPair())

	for _, unknown := range [][]metav1.ManagedFieldsEntry{nil, managed(`{"f:type":{}}`), managed(`{"f:data":{".":{}}}`), managed(`?`), {{}}} {
		m.ManagedFields = unknown
		o, err = Convert(secretKind, m)
		require.NoError(t, err)
		s := mesh.New([]*manifest.Object{o}, mesh.Options{}).Secrets(mesh.Name{Namespace: "istio-system", Name: "public"})[0]
		require.Nil(t, s.Keys, "keys that nobody manages are unknown")
		require.True(t, s.HasKeyPair())
	}
}

func TestNamespacesKeepTheirAnnotations(t *testing.T) {
	m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: "shop", Annotations: map[string]string{lastApplied: "all of it", "gatelint.io/hosts": "shop.example.com"},
	}}
	o, err := Convert(Resource{Name: "namespaces", Kind: "Namespace", Metadata: true}, m)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"gatelint.io/hosts": "shop.example.com"}, o.Annotations)
	require.Len(t, m.Annotations, 2, "what the cache holds is not changed")
}

func TestObjectsKeepNothingOfTheirHistory(t *testing.T) {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
		"metadata": map[string]any{
			"name": "cart", "namespace": "shop", "creationTimestamp": "2026-01-02T03:04:05Z", "managedFields": []any{map[string]any{"manager": "x"}},
			"annotations": map[string]any{lastApplied: "all of it", "gatelint.io/ignore": "x: y"},
		},
		"spec":   map[string]any{"host": "cart", "futureField": int64(1)},
		"status": map[string]any{"observedGeneration": "1"},
	}}
	o, err := Convert(Resource{Group: istio, Kind: "DestinationRule", Version: "v1"}, u)
	require.NoError(t, err)
	require.Equal(t, manifest.ID{Group: istio, Kind: "DestinationRule", Namespace: "shop", Name: "cart"}, o.ID)
	require.Equal(t, map[string]string{"gatelint.io/ignore": "x: y"}, o.Annotations)
	require.NotNil(t, o.Spec)
	_, err = Convert(secretKind, "text")
	require.Error(t, err)
}
