package live

import (
	"time"

	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// What the API server sends of a Secret holds, in its annotations, the private key in clear. Nothing of it is stored; but buffers
// of a connection keep the last message until the next one, for hours. So Secrets have connections of their own, each of which
// ends with its request, and a watch ends soon after it has brought something, and is opened anew.

// forgetAfter is how long a message can lie in buffers.
const forgetAfter = time.Second

// plainList keeps a reflector from streaming its first list through a watch, which must not end early.
type plainList struct{ *cache.ListWatch }

func (plainList) IsWatchListSemanticsUnSupported() bool { return true }

// forgetting ends a watch some time after its first event.
func forgetting(w apiwatch.Interface) apiwatch.Interface {
	out := make(chan apiwatch.Event)
	proxy := apiwatch.NewProxyWatcher(out)
	go func() {
		defer close(out)
		defer w.Stop()
		var end <-chan time.Time
		for {
			select {
			case e, ok := <-w.ResultChan():
				if !ok {
					return
				}
				if e.Type != apiwatch.Bookmark && end == nil {
					end = time.After(forgetAfter)
				}
				select {
				case out <- e:
				case <-proxy.StopChan():
					return
				}
			case <-end:
				return
			case <-proxy.StopChan():
				return
			}
		}
	}()
	return proxy
}
