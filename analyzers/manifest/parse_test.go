package manifest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata/parse")

// Each archive in testdata/parse is a few input files and the file "want": what comes of parsing each of them.
func TestParse(t *testing.T) {
	archives, err := filepath.Glob("testdata/parse/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			var got strings.Builder
			var want *txtar.File
			for i := range archive.Files {
				f := &archive.Files[i]
				if f.Name == "want" {
					want = f
					continue
				}
				describe(&got, Parse(f.Name, f.Data, Options{Vars: map[string]string{"KNOWN": "8080"}}))
			}
			if *update {
				if want == nil {
					archive.Files = append(archive.Files, txtar.File{Name: "want"})
					want = &archive.Files[len(archive.Files)-1]
				}
				want.Data = []byte(got.String())
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
				return
			}
			require.NotNil(t, want, "no want: run the test with -update and read what it wrote")
			require.Equal(t, string(want.Data), got.String())
		})
	}
}

func describe(b *strings.Builder, s *Set) {
	for _, o := range s.Objects {
		fmt.Fprintf(b, "object %s", o.ID)
		if o.Item >= 0 {
			fmt.Fprintf(b, " items[%d]", o.Item)
		}
		p := o.At("metadata", "name")
		fmt.Fprintf(b, " at %s:%d:%d", p.File, p.Line, p.Column)
		if o.Doc.Source != "" {
			fmt.Fprintf(b, " from %s", o.Doc.Source)
		}
		if len(o.Opaque) > 0 {
			fmt.Fprintf(b, " opaque %q", o.Opaque)
		}
		b.WriteByte('\n')
	}
	for _, f := range s.Faults {
		severity := "error"
		if f.Warning {
			severity = "warning"
		}
		fmt.Fprintf(b, "%s:%d:%d-%d:%d: %s: %s [%s]", f.Pos.File, f.Pos.Line, f.Pos.Column, f.Pos.EndLine, f.Pos.EndColumn, severity, f.Message, f.Rule)
		if f.Pos.Path != "" {
			fmt.Fprintf(b, " %s", f.Pos.Path)
		}
		if f.Object.Kind != "" {
			fmt.Fprintf(b, " of %s", f.Object)
		}
		b.WriteByte('\n')
		for _, r := range f.Related {
			fmt.Fprintf(b, "\t%s:%d:%d: %s\n", r.Pos.File, r.Pos.Line, r.Pos.Column, r.Message)
		}
	}
	for _, k := range s.Skipped {
		fmt.Fprintf(b, "skipped %s:%d: %s\n", k.File, k.Line, k.Why)
	}
	for _, name := range s.Placeholders {
		fmt.Fprintf(b, "placeholder %s\n", name)
	}
	fmt.Fprintf(b, "%s: %d documents, %d other\n", s.Files[0].Name, s.Documents, s.Other)
}
