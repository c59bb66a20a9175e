package cluster

import (
	"context"
	"slices"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// A Reader looks at a cluster once.
type Reader struct {
	*Clients
	Wanted
	// Namespaces are looked at one by one where a kind may not be listed in all.
	Namespaces []string
	// Reduce, if set, is given each object before it is converted, to take out what is not wanted. What is left stands in
	// Reading.Texts then.
	Reduce func(*unstructured.Unstructured)
	// Progress is told what is read.
	Progress func(kind string, n int)
}

// A Reading is what one look at a cluster gives.
type Reading struct {
	Objects []*manifest.Object          // kind by kind, each in the order of the API server: namespace and name
	Texts   map[*manifest.Object][]byte // JSON of those that a Reader with Reduce has reduced
	Held    []Held
	Refused []Refusal
	Remote  bool // istiod joins other clusters
}

// Refusal is a kind that may not be listed in all namespaces, with those where it was.
type Refusal struct {
	Resource
	In []string
}

// more are kinds that the linter reads beside those of the webhook: routes by other means, and what tells the endpoints of Services.
var more = []Resource{
	{Group: istio, Name: "workloadentries", Kind: "WorkloadEntry"},
	{Group: istio, Name: "workloadgroups", Kind: "WorkloadGroup"},
	{Group: "networking.k8s.io", Name: "ingresses", Kind: "Ingress"},
	{Group: "argoproj.io", Name: "rollouts", Kind: "Rollout"},
	{Group: "apps.openshift.io", Name: "deploymentconfigs", Kind: "DeploymentConfig"},
}

// All are the kinds that the linter reads, Secrets last.
func All(w Wanted) []Resource { return append(slices.Clone(more), w.Resources()...) }

// Read lists every kind that Worlds are made of. A kind that may not be listed is no error.
func (r *Reader) Read(ctx context.Context) (*Reading, error) {
	served, err := r.Served(ctx, All(r.Wanted))
	if err != nil {
		return nil, err
	}
	out := &Reading{Texts: map[*manifest.Object][]byte{}}
	for _, resource := range served {
		if err := r.kind(ctx, resource, out); err != nil {
			return nil, err
		}
	}
	for _, o := range out.Objects {
		out.Remote = out.Remote || Remote(o, r.IstiodNamespace)
	}
	return out, nil
}

// kind lists one kind, in all namespaces or where that is allowed.
func (r *Reader) kind(ctx context.Context, resource Resource, out *Reading) error {
	namespaces, all := resource.Namespaces, resource.Namespaces == nil
	if all {
		err := r.list(ctx, resource, "", out)
		if !apierrors.IsForbidden(err) {
			return err
		}
		namespaces = r.elsewhere(resource, out)
	}
	refused := Refusal{Resource: resource}
	for _, ns := range namespaces {
		switch err := r.list(ctx, resource, ns, out); {
		case err == nil:
			refused.In = append(refused.In, ns)
		case !apierrors.IsForbidden(err):
			return err
		}
	}
	if all || len(refused.In) < len(namespaces) {
		out.Refused = append(out.Refused, refused)
	}
	return nil
}

// elsewhere gives the namespaces in which a kind may be allowed that is not in all: Secrets are looked for beside gateway workloads too.
func (r *Reader) elsewhere(resource Resource, out *Reading) []string {
	if manifest.ClusterScoped(resource.Group, resource.Kind) {
		return nil
	}
	namespaces := append(slices.Clone(r.Namespaces), r.IstiodNamespace)
	if resource.Kind == "Secret" {
		for _, w := range mesh.New(out.Objects, mesh.Options{}).Workloads {
			namespaces = append(namespaces, w.Namespace)
		}
	}
	slices.Sort(namespaces)
	return slices.DeleteFunc(slices.Compact(namespaces), func(ns string) bool { return ns == "" })
}

func (r *Reader) list(ctx context.Context, resource Resource, namespace string, out *Reading) error {
	type item struct {
		object *manifest.Object
		text   []byte
	}
	items, err := list(ctx, r.Clients, resource, namespace, func(obj runtime.Object) (x item, err error) {
		u, ok := obj.(*unstructured.Unstructured)
		if r.Reduce == nil || !ok {
			x.object, err = Convert(resource, obj)
			return x, err
		}
		r.Reduce(u)
		if x.text, err = u.MarshalJSON(); err == nil {
			x.object, err = fromJSON(u, x.text)
		}
		return x, err
	}, func(n int) { r.Progress(resource.Kind, n) })
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil // the kind has gone meanwhile
	}
	if err != nil {
		return err
	}
	for _, x := range items {
		out.Objects = append(out.Objects, x.object)
		if x.text != nil {
			out.Texts[x.object] = x.text
		}
	}
	out.Held = append(out.Held, Held{Resource: resource, Namespace: namespace})
	return nil
}
