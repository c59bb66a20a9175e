package cluster

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// pageSize is how many objects are asked for at a time: half of what kubectl asks for, as a page is in memory several times over.
const pageSize = 250

// list gives what read makes of each object of a resource in a namespace, "" for all. A page is gone before the next one is asked
// for. seen is told how many objects there are so far.
func list[T any](ctx context.Context, c *Clients, r Resource, namespace string, read func(runtime.Object) (T, error), seen func(int)) ([]T, error) {
	var out []T
	o := metav1.ListOptions{LabelSelector: r.Labels, FieldSelector: r.Fields, Limit: pageSize}
	for {
		page, err := c.page(ctx, r, namespace, o)
		if apierrors.IsResourceExpired(err) && o.Continue != "" {
			// The pages took longer than the API server remembers: all at once cannot.
			out, o.Continue, o.Limit = nil, "", 0
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", r.GVR().GroupResource(), err)
		}
		err = meta.EachListItem(page, func(obj runtime.Object) error {
			item, err := read(obj)
			out = append(out, item)
			return err
		})
		if err != nil {
			return nil, err
		}
		seen(len(out))
		list, err := meta.ListAccessor(page)
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", r.GVR().GroupResource(), err)
		}
		if o.Continue = list.GetContinue(); o.Continue == "" {
			return out, nil
		}
	}
}

func (c *Clients) page(ctx context.Context, r Resource, namespace string, o metav1.ListOptions) (runtime.Object, error) {
	if r.Metadata {
		return c.Metadata.Resource(r.GVR()).Namespace(namespace).List(ctx, o)
	}
	return c.Dynamic.Resource(r.GVR()).Namespace(namespace).List(ctx, o)
}
