package routing_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
)

// TestSemantics holds the model to rows that istiod's own code answered (fixtures/istiod, TestSemantics with -update).
func TestSemantics(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/semantics/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			parts := map[string]string{}
			for _, f := range txtar.Parse(text).Files {
				parts[f.Name] = string(f.Data)
			}
			set := manifest.Parse("world.yaml", []byte(parts["world.yaml"]), manifest.Options{})
			tables := routing.Build(mesh.New(set.Objects, mesh.Options{Complete: mesh.Everything()}))
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetEscapeHTML(false)
			var first routing.Request
			for i, line := range strings.Split(strings.TrimSpace(parts["requests.jsonl"]), "\n") {
				var r routing.Request
				require.NoError(t, json.Unmarshal([]byte(line), &r))
				if i == 0 {
					first = r
				}
				a, err := tables.Ask(r)
				require.NoError(t, err)
				require.NoError(t, enc.Encode(comparable(a)))
			}
			require.Equal(t, parts["answers.jsonl"], out.String())
			require.Equal(t, parts["servers.txt"], servers(set.Objects, tables, first))
		})
	}
}

// comparable leaves out what istiod's configuration does not tell: the Gateway, and the VirtualService of a TCP chain.
func comparable(a routing.Answer) routing.Answer {
	a.Gateway = ""
	switch {
	case a.Outcome == routing.OutcomeNoTLSServer || a.Outcome == routing.OutcomeNoListener:
		return routing.Answer{ID: a.ID, Outcome: a.Outcome}
	case strings.HasPrefix(a.Route, "spec.t"): // tcp, tls
		a.VirtualService, a.Route, a.Match = "", "", ""
	}
	return a
}

func servers(objs []*manifest.Object, tables *routing.Tables, r routing.Request) string {
	var table *routing.Table
	for _, x := range tables.Gateways {
		if r.Workload != nil && x.Workload.Namespace == r.Workload.Namespace && mesh.LabelText(x.Workload.Labels) == mesh.LabelText(r.Workload.Labels) {
			table = x
		}
	}
	state := map[string]string{}
	if table != nil {
		for _, s := range table.Servers {
			state[s.ID()] = "kept"
			if s.Drop != nil {
				state[s.ID()] = "dropped"
			}
		}
	}
	var b strings.Builder
	for _, o := range objs {
		for i := range 20 {
			id := fmt.Sprintf("%s/%s spec.servers[%d]", o.Namespace, o.Name, i)
			if o.Kind == "Gateway" && state[id] != "" {
				b.WriteString(id + " " + state[id] + "\n")
			}
		}
	}
	if b.Len() == 0 {
		return "\n"
	}
	return b.String()
}
