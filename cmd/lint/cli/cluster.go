package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/cmd/cluster"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/spf13/pflag"
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // a way to log in that kubeconfigs name
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// clusterFlags say which cluster is read, and what of it is reported.
type clusterFlags struct {
	on, all                     bool
	kubeconfig, context, istiod string
	maxAge                      time.Duration
}

const istioSystem = "istio-system"

// connection are the flags that say which cluster is asked.
func (f *clusterFlags) connection(s *pflag.FlagSet) {
	s.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` (default: $KUBECONFIG, ~/.kube/config, or the pod's ServiceAccount)")
	s.StringVar(&f.context, "context", "", "`NAME` of the kubeconfig's context (default: the current one)")
	s.StringVar(&f.istiod, "istio-namespace", istioSystem, "`NAMESPACE` of istiod, where the cluster's MeshConfig is")
}

// target is the cluster that flags mean.
type target struct {
	config    *rest.Config
	name      string // of the context, for people
	namespace string // of the context
	istiod    string
}

// target finds the cluster; nothing is asked of it yet.
func (f *clusterFlags) target() (*target, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.context})
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) || errors.Is(err, rest.ErrNotInCluster) {
		return nil, errors.New("--cluster: there is no kubeconfig; name one with --kubeconfig or $KUBECONFIG")
	}
	if err != nil {
		return nil, fmt.Errorf("--cluster: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	config.UserAgent = "gatelint"
	config.WarningHandler = rest.NoWarnings{} // of API versions that are on their way out
	t := &target{config: config, name: f.context, istiod: f.istiod}
	if t.namespace, _, err = loader.Namespace(); err != nil {
		return nil, fmt.Errorf("--cluster: %w", err)
	}
	if raw, err := loader.RawConfig(); err == nil && t.name == "" {
		t.name = raw.CurrentContext
	}
	if t.name == "" {
		t.name = config.Host
	}
	return t, nil
}

// checkNames refuses what no cluster can have: it would match nothing.
func checkNames(f *flags) error {
	for _, x := range []struct {
		flag, value string
		check       func(string) error
	}{
		{"namespace", f.namespace, settings.CheckNamespace},
		{"root-namespace", f.rootNamespace, settings.CheckNamespace},
		{"istio-namespace", f.cluster.istiod, settings.CheckNamespace},
		{"revision", f.revision, settings.CheckRevision},
		{"cluster-domain", f.clusterDomain, settings.CheckDomain},
	} {
		if err := x.check(x.value); x.value != "" && err != nil {
			return fmt.Errorf("%s: %w", f.said(x.flag), err)
		}
	}
	if f.cluster.maxAge < 0 {
		return fmt.Errorf("%s is %s: a snapshot is not taken in the future; write a duration such as 48h", f.said("max-age"), f.cluster.maxAge)
	}
	return nil
}

// setCluster finds the cluster that is asked for.
func (r *request) setCluster(f *flags) (err error) {
	r.all, r.maxAge, r.namespace = f.cluster.all, f.cluster.maxAge, f.namespace
	r.allOf = f.cluster.all && f.from["all-namespaces"] == ""
	switch {
	case f.cluster.on:
	case f.cluster.kubeconfig != "" && f.from["kubeconfig"] == "" || f.cluster.context != "" && f.from["context"] == "":
		return errors.New("--kubeconfig and --context say which cluster is read: add --cluster")
	case f.cluster.istiod != istioSystem && f.from["istio-namespace"] == "":
		return errors.New("--istio-namespace says where the cluster's MeshConfig is: add --cluster; that of files is --mesh-config")
	default:
		return nil
	}
	if r.cluster, err = f.cluster.target(); err != nil {
		return err
	}
	if r.namespace == "" {
		r.namespace = r.cluster.namespace
	}
	return nil
}

// empty says why there is nothing to check.
func (r *request) empty() string {
	switch {
	case r.cluster == nil || len(r.paths) > 0:
		return "there is no Kubernetes object in the input"
	case r.all:
		return "the cluster of context " + r.cluster.name + " has no object that is read"
	}
	return fmt.Sprintf("namespace %s of the cluster of context %s has no object that is read; -n names another one, -A reports all", r.namespace, r.cluster.name)
}

// reader makes a reader of the cluster; the namespaces are looked at where all may not be.
func (a *app) reader(t *target, namespaces []string, opt mesh.Options) (*cluster.Reader, error) {
	clients, err := cluster.Connect(t.config)
	if err != nil {
		return nil, err
	}
	return &cluster.Reader{
		Clients: clients,
		Wanted: cluster.Wanted{
			IstiodNamespace: t.istiod, Revision: opt.Revision, SecretNamespaces: []string{"*"}, MeshConfigGiven: opt.MeshConfig != nil,
		},
		Namespaces: namespaces,
		Progress:   func(kind string, n int) { a.doing(fmt.Sprintf("reading %s, %d so far", kind, n)) },
	}, nil
}

// readCluster lists what the cluster has, where it may not list everything in the namespaces of the files at least.
func (a *app) readCluster(r *request, files []*loaded) (*base, error) {
	namespaces := map[string]bool{r.namespace: true}
	for _, l := range files {
		for _, o := range l.set.Objects {
			namespaces[o.Namespace] = true
		}
	}
	reader, err := a.reader(r.cluster, manifest.Keys(namespaces), r.mesh)
	if err != nil {
		return nil, failure{err}
	}
	reading, err := a.read(reader, r.cluster)
	if err != nil {
		return nil, err
	}
	a.doing("checking")
	known := cluster.Knowledge(reading.Held, r.cluster.istiod, reading.Remote)
	if r.mesh.MeshConfig == nil && !slices.ContainsFunc(reading.Objects, func(o *manifest.Object) bool { return o.Kind == "ConfigMap" }) {
		r.assumed = fmt.Sprintf("the MeshConfig's defaults: there is none to be seen in namespace %s; say --istio-namespace, --revision or --mesh-config", r.cluster.istiod)
	}
	return &base{
		objects: reading.Objects, held: known, closes: known, namespace: r.namespace, apply: r.namespace, all: r.all,
		name: fmt.Sprintf("the cluster of context %s", r.cluster.name),
	}, nil
}

// read reads a cluster, and says once what may not be listed.
func (a *app) read(reader *cluster.Reader, t *target) (*cluster.Reading, error) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(50)) // Hurry lets pages pile up
	}
	reading, err := reader.Read(context.Background())
	if err != nil {
		return nil, failure{fmt.Errorf("reading the cluster of context %s: %w", t.name, err)}
	}
	a.refused(reading)
	return reading, nil
}

// refused says once what may not be listed.
func (a *app) refused(reading *cluster.Reading) {
	var parts []string
	for _, x := range reading.Refused {
		where := " not at all"
		if len(x.In) > 0 {
			where = " in " + few(x.In) + " only"
		}
		parts = append(parts, x.GVR().GroupResource().String()+where)
	}
	if len(parts) > 0 {
		a.say("this user may not list all of the cluster: %s; what else there is, is unknown", strings.Join(parts, ", "))
	}
}
