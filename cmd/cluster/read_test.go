package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// server answers as an API server does that has VirtualServices, Services, Namespaces, Deployments, Secrets and ConfigMaps.
type server struct {
	forbidden []string // parts of paths
	expire    bool     // the second page of VirtualServices is gone
	asked     []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	w.Header().Set("Content-Type", "application/json")
	switch path {
	case "/apis":
		fmt.Fprint(w, `{"kind":"APIGroupList","groups":[{"name":"networking.istio.io","versions":[{"version":"v1"},{"version":"v1alpha3"}]},{"name":"apps","versions":[{"version":"v1"}]}]}`)
		return
	case "/api/v1":
		fmt.Fprint(w, `{"kind":"APIResourceList","resources":[{"name":"services"},{"name":"namespaces"},{"name":"secrets"},{"name":"configmaps"}]}`)
		return
	case "/apis/apps/v1":
		fmt.Fprint(w, `{"kind":"APIResourceList","resources":[{"name":"deployments"}]}`)
		return
	case "/apis/networking.istio.io/v1":
		fmt.Fprint(w, `{"kind":"APIResourceList","resources":[{"name":"virtualservices"}]}`)
		return
	case "/apis/networking.istio.io/v1alpha3":
		fmt.Fprint(w, `{"kind":"APIResourceList","resources":[{"name":"virtualservices"},{"name":"envoyfilters"}]}`)
		return
	}
	s.asked = append(s.asked, path+"?"+r.URL.RawQuery)
	status := func(code int, reason string) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d}`, reason, code)
	}
	for _, part := range s.forbidden {
		if strings.HasSuffix(path, part) {
			status(http.StatusForbidden, "Forbidden")
			return
		}
	}
	token := r.URL.Query().Get("continue")
	if s.expire && token != "" {
		status(http.StatusGone, "Expired")
		return
	}
	_ = json.NewEncoder(w).Encode(s.list(path, token, r.URL.Query().Get("limit")))
}

func (s *server) list(path, token, limit string) map[string]any {
	object := func(namespace, name string, spec map[string]any) map[string]any {
		return map[string]any{"metadata": map[string]any{"namespace": namespace, "name": name}, "spec": spec}
	}
	meta, kind, items := map[string]any{}, "List", []any{}
	switch {
	case strings.HasSuffix(path, "/virtualservices") && token == "" && limit != "":
		kind, meta["continue"] = "VirtualServiceList", "more"
		items = append(items, object("shop", "a", nil))
	case strings.HasSuffix(path, "/virtualservices"):
		kind = "VirtualServiceList"
		if limit == "" {
			items = append(items, object("shop", "a", nil))
		}
		items = append(items, object("shop", "b", nil))
	case strings.HasSuffix(path, "/deployments"):
		kind = "DeploymentList"
		items = append(items, object("edge", "ingress", map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": map[string]any{"inject.istio.io/templates": "gateway"}}}}))
	case strings.HasSuffix(path, "/edge/secrets"):
		kind = "PartialObjectMetadataList"
		items = append(items, object("edge", "public", nil))
	}
	api := "v1"
	if strings.HasPrefix(path, "/apis/networking.istio.io/") {
		api = "networking.istio.io/v1"
	} else if strings.HasPrefix(path, "/apis/") {
		api = "apps/v1"
	}
	return map[string]any{"kind": kind, "apiVersion": api, "metadata": meta, "items": items}
}

func (s *server) read(t *testing.T) *Reading {
	t.Helper()
	http := httptest.NewServer(s)
	t.Cleanup(http.Close)
	clients, err := Connect(&rest.Config{Host: http.URL, QPS: -1})
	require.NoError(t, err)
	r := &Reader{
		Clients: clients, Wanted: Wanted{IstiodNamespace: "istio-system", SecretNamespaces: []string{"*"}}, Namespaces: []string{"shop"},
		Progress: func(string, int) {},
	}
	out, err := r.Read(context.Background())
	require.NoError(t, err)
	return out
}

func (r *Reading) names() (out []string) {
	for _, o := range r.Objects {
		out = append(out, o.ID.String())
	}
	return out
}

func TestPages(t *testing.T) {
	s := &server{}
	r := s.read(t)
	require.Equal(t, []string{"VirtualService shop/a", "VirtualService shop/b", "Deployment edge/ingress"}, r.names())
	require.Empty(t, r.Refused)
	require.Contains(t, s.asked, "/apis/networking.istio.io/v1/virtualservices?continue=more&limit=250")
	require.Contains(t, s.asked, "/apis/networking.istio.io/v1alpha3/envoyfilters?limit=250")
	require.Contains(t, s.asked, "/api/v1/namespaces/istio-system/configmaps?fieldSelector=metadata.name%3Distio&limit=250")
}

// A list whose pages take longer than the API server remembers is read once more, at once: no object is there twice.
func TestPagesThatExpire(t *testing.T) {
	r := (&server{expire: true}).read(t)
	require.Equal(t, []string{"VirtualService shop/a", "VirtualService shop/b", "Deployment edge/ingress"}, r.names())
}

// What may not be listed in all namespaces is in those that matter; what may not at all is no error. Neither closes anything else.
func TestForbidden(t *testing.T) {
	s := &server{forbidden: []string{"/v1/secrets", "/shop/secrets", "/istio-system/secrets", "/envoyfilters", "/v1/namespaces", "/configmaps"}}
	r := s.read(t)
	require.Contains(t, r.names(), "Secret edge/public")
	in := map[string][]string{}
	for _, x := range r.Refused {
		in[x.Kind] = x.In
	}
	require.Equal(t, map[string][]string{"Secret": {"edge"}, "EnvoyFilter": nil, "Namespace": nil, "ConfigMap": nil}, in)
	known := Knowledge(r.Held, "istio-system", r.Remote)
	require.Equal(t, mesh.Complete{Kinds: map[string]map[string]bool{"VirtualService": {"*": true}, "Secret": {"edge": true}}}, known,
		"without istiod's Secrets nobody knows whether a Service lies in another cluster")
}
