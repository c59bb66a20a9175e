package cluster

import (
	"fmt"
	"net/http"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// Clients ask one API server.
type Clients struct {
	Dynamic   dynamic.Interface
	Metadata  metadata.Interface // for Secrets: its connections serve one request each
	Discovery discovery.DiscoveryInterfaceWithContext
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
	if c.Discovery, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return nil, fmt.Errorf("making a discovery client: %w", err)
	}
	return c, nil
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
