package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// Clients ask one API server.
type Clients struct {
	Dynamic  dynamic.Interface
	Metadata metadata.Interface // for Secrets: its connections serve one request each
	rest     *rest.RESTClient
}

// Connect makes the clients. Nothing is asked yet.
func Connect(config *rest.Config) (*Clients, error) {
	c := &Clients{}
	var err error
	if c.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	if c.Metadata, err = metadata.NewForConfig(oneShot(config)); err != nil {
		return nil, fmt.Errorf("making a client for metadata: %w", err)
	}
	plain := rest.CopyConfig(config)
	plain.GroupVersion, plain.NegotiatedSerializer = &schema.GroupVersion{}, serializer.NewCodecFactory(runtime.NewScheme())
	if c.rest, err = rest.UnversionedRESTClientFor(plain); err != nil {
		return nil, fmt.Errorf("making a discovery client: %w", err)
	}
	return c, nil
}

// get reads what the API server says of itself. (The discovery client of client-go brings every type of Kubernetes along.)
func (c *Clients) get(ctx context.Context, path string, into any) error {
	data, err := c.rest.Get().AbsPath(path).SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// oneShot gives a config whose connections are not shared and serve one request each.
func oneShot(config *rest.Config) *rest.Config {
	c := rest.CopyConfig(config)
	c.NextProtos = []string{"http/1.1"}
	c.Wrap(func(rt http.RoundTripper) http.RoundTripper { return closing{rt} })
	return c
}

type closing struct{ http.RoundTripper }

func (c closing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Close = true
	return c.RoundTripper.RoundTrip(r)
}
