//go:build e2e

package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// answer is what a request through the API server came to.
type answer struct {
	at  time.Time
	err error
}

// load creates an object, as a dry run, again and again at a rate per second, until the function has run; no request waits for
// another. The answers come in the order of their arrival.
func load(t *testing.T, rate int, object string, while func()) []answer {
	t.Helper()
	client := client(t)
	u := &unstructured.Unstructured{}
	require.NoError(t, u.UnmarshalJSON([]byte(object)))
	resource := client.Resource(resources[u.GetKind()]).Namespace(u.GetNamespace())
	var mu sync.Mutex
	var answers []answer
	var running sync.WaitGroup
	stop := make(chan struct{})
	running.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			running.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				defer cancel()
				_, err := resource.Create(ctx, u, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
				mu.Lock()
				defer mu.Unlock()
				answers = append(answers, answer{time.Now(), err})
			})
		}
	})
	func() {
		defer running.Wait()
		defer close(stop)
		while()
	}()
	return answers
}

// client is the administrator's, without limits of its own.
func client(t *testing.T) dynamic.Interface {
	t.Helper()
	config := rest.CopyConfig(cluster.env.Config)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	return client
}

func istio(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: plural}
}

var resources = map[string]schema.GroupVersionResource{"Sidecar": istio("sidecars"), "Gateway": istio("gateways"), "VirtualService": istio("virtualservices")}
