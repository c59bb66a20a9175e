package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/cmd/cluster"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// A snapshot is a stream of YAML documents: its head, and the objects as kubectl would give them, reduced to what verdicts hang on.
const (
	kindWorld    = "GatelintWorld"
	worldVersion = "gatelint.io/v1"
)

// worldHead is the first document of a snapshot.
type worldHead struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	TakenAt    time.Time `json:"takenAt"`
	Complete   []string  `json:"complete"` // KIND or KIND/NAMESPACE: what is not here, is nowhere
	Objects    int       `json:"objects"`  // that follow: a file that was cut short has fewer
}

// worldKeys are what a head may have.
var worldKeys = []string{"apiVersion", "kind", "metadata", "takenAt", "complete", "objects"}

func (a *app) snapshotCommand() *cobra.Command {
	f := &flags{}
	var file string
	cmd := &cobra.Command{
		Use: "snapshot --cluster [-o FILE]", Short: "Write down what the manifests of a team meet in the cluster",
		Long: `snapshot reads the cluster and writes what verdicts hang on, for gatelint lint --with FILE where the cluster cannot be reached:
Istio's networking objects with their creation times, Services, gateway workloads, namespaces, the names of Secrets and of their
keys, of cert-manager's Certificates the names they are for, and what is read of the MeshConfig. No data of a Secret, no
annotation of other programs. Secrets are named in namespaces with a gateway workload, elsewhere if they could serve TLS.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := f.fromEnvironment(); err != nil {
				return err
			}
			if !f.cluster.on {
				return errors.New("--cluster is missing: it is what a snapshot is taken of")
			}
			if err := checkNames(f); err != nil {
				return err
			}
			t, err := f.cluster.target()
			if err != nil {
				return err
			}
			return a.snapshot(t, cmp.Or(f.namespace, t.namespace), f.revision, file)
		},
	}
	cmd.Flags().SortFlags = false
	s := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.SortFlags = false
	s.BoolVar(&f.cluster.on, "cluster", a.plugin, "take the snapshot of the cluster")
	s.StringVarP(&f.namespace, "namespace", "n", "", "the `NAMESPACE` to read where the user may not list all (default: the context's)")
	s.StringVar(&f.revision, "revision", "", "`REVISION` of the istiod whose MeshConfig is read")
	f.cluster.connection(s)
	f.heed(cmd, s)
	oneOutput(cmd.Flags(), &file, "-", "the `FILE`; - is standard output")
	return cmd
}

func (a *app) snapshot(t *target, namespace, revision, file string) error {
	reader, err := a.reader(t, []string{namespace}, mesh.Options{Revision: revision})
	if err != nil {
		return failure{err}
	}
	reader.Reduce = cluster.Reduce
	taken := time.Now()
	done := a.progress()
	reading, err := a.read(reader, t)
	done()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := writeWorld(&text, reading, t.istiod, taken); err != nil {
		return failure{err}
	}
	if file == "-" {
		_, err = a.stdout.Write(text.Bytes())
	} else {
		err = os.WriteFile(file, text.Bytes(), 0o644)
	}
	if err != nil {
		return failure{fmt.Errorf("writing the snapshot: %w", err)}
	}
	return nil
}

func writeWorld(w io.Writer, reading *cluster.Reading, istiod string, taken time.Time) error {
	known := cluster.Knowledge(reading.Held, istiod, reading.Remote)
	gateways := mesh.New(reading.Objects, mesh.Options{})
	pods, namespaces := map[*manifest.Object]bool{}, map[string]bool{} // of gateways
	for _, wl := range gateways.Workloads {
		pods[wl.Object], namespaces[wl.Namespace] = true, true
	}
	apps := map[*manifest.Object]bool{}
	for _, wl := range gateways.Apps {
		apps[wl.Object] = true
	}
	var documents []any
	for _, o := range reading.Objects {
		switch {
		case apps[o] && !pods[o]:
		case o.Kind == "Secret" && !namespaces[o.Namespace] && !serves(gateways, o) && !cluster.Remote(o, istiod):
		case reading.Texts[o] != nil:
			documents = append(documents, json.RawMessage(reading.Texts[o]))
		default:
			documents = append(documents, identified(o))
		}
	}
	head := worldHead{
		APIVersion: worldVersion, Kind: kindWorld, TakenAt: taken.UTC().Truncate(time.Second),
		Complete: entries(known, namespaces), Objects: len(documents),
	}
	for _, document := range append([]any{head}, documents...) {
		text, err := yaml.Marshal(document)
		if err == nil {
			_, err = fmt.Fprintf(w, "---\n%s", text)
		}
		if err != nil {
			return fmt.Errorf("writing the snapshot: %w", err)
		}
	}
	return nil
}

// entries are the kinds and namespaces of a snapshot that lack nothing: of Secrets, only those beside gateways are all there.
func entries(c mesh.Complete, gateways map[string]bool) []string {
	out := []string{}
	for _, kind := range manifest.Keys(c.Kinds) {
		namespaces := c.Kinds[kind]
		if kind == "Secret" {
			namespaces = map[string]bool{}
			for ns := range gateways {
				if c.Covers(kind, ns) {
					namespaces[ns] = true
				}
			}
		} else if namespaces["*"] {
			out = append(out, kind)
			continue
		}
		for _, ns := range manifest.Keys(namespaces) {
			out = append(out, kind+"/"+ns)
		}
	}
	return out
}

// serves tells a Secret whose keys are those of a certificate or CA.
func serves(w *mesh.World, o *manifest.Object) bool {
	return slices.ContainsFunc(w.Secrets(mesh.Name{Namespace: o.Namespace, Name: o.Name}), func(s *mesh.Secret) bool {
		return s.Object == o && s.Keys != nil && (s.HasKeyPair() || s.HasCA())
	})
}

// identified is a document of what is known by its metadata only: of a Secret the names of its keys, of a namespace its labels.
func identified(o *manifest.Object) map[string]any {
	meta := map[string]any{"name": o.Name}
	if o.Namespace != "" {
		meta["namespace"] = o.Namespace
	}
	if !o.Created.IsZero() {
		meta["creationTimestamp"] = o.Created.UTC().Format(time.RFC3339)
	}
	labels := o.Labels
	if o.Kind == "Secret" {
		labels = nil
		if joins, ok := o.Labels["istio/multiCluster"]; ok {
			labels = map[string]string{"istio/multiCluster": joins}
		}
	}
	if len(labels) > 0 {
		meta["labels"] = labels
	}
	out := map[string]any{"apiVersion": o.APIVersion, "kind": o.Kind, "metadata": meta}
	if keys, ok := o.Tree["data"]; ok {
		out["data"] = keys // names without values
	}
	return out
}
