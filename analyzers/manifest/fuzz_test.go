package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"
)

// FuzzParse: no input panics, every place lies in the file, a good document after it is always read, and what an object keeps is what
// it reads once more.
func FuzzParse(f *testing.F) {
	archives, _ := filepath.Glob("testdata/parse/*.txtar")
	for _, file := range archives {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range txtar.Parse(data).Files {
			f.Add(part.Data)
		}
	}
	f.Add([]byte(positioned))
	f.Add([]byte("\ufeffa: &a [*a]\r\n\u2028b: !!binary x\n<<: *a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// A copy: the spare room behind data belongs to the fuzzing engine.
		data = append(slices.Clone(data), goodDocument...)
		s := Parse("f.yaml", data, Options{Vars: map[string]string{"A": "1"}})
		if len(s.Skipped) == 0 || s.Skipped[0].Why != SkipTemplate {
			found := false
			for _, o := range s.Objects {
				// Its content too: trees share memory from one document to the next.
				found = found || o.Name == "good" && (o.Tree == nil || o.Tree["kind"] != "Service" || len(o.Tree) >= 3)
			}
			// UTF-16 is refused as a whole.
			if !found && (len(s.Faults) == 0 || s.Documents != 1) {
				t.Fatalf("the good document is lost: %+v", s.Faults)
			}
		}
		file := s.Files[0]
		for _, o := range s.Objects {
			o.Hash()
			inside(t, file, o.At())
			inside(t, file, o.At("metadata", "name"))
			inside(t, file, o.At("spec", "servers", 0, "hosts", 0))
		}
		for _, fault := range s.Faults {
			inside(t, file, fault.Pos)
			if fault.Message == "" {
				t.Fatal("a fault without a message")
			}
		}
		ParseObject(data, Options{})
		for i, o := range Parse("f.yaml", data, Options{Vars: map[string]string{"A": "1"}, Plain: true}).Objects {
			if kept, read := fmt.Sprintf("%#v", o.Plain()), fmt.Sprintf("%#v", s.Objects[i].Plain()); kept != read {
				t.Fatalf("kept: %s\nread once more: %s", kept, read)
			}
		}
	})
}

func inside(t *testing.T, file File, p Pos) {
	t.Helper()
	if p.Line < 1 || p.Column < 1 || p.EndLine < p.Line || p.EndLine == p.Line && p.EndColumn < p.Column {
		t.Fatalf("no place: %+v", p)
	}
	if n := len([]rune(file.Line(p.Line))); p.Column > n+2 {
		t.Fatalf("%+v lies behind its line of %d characters", p, n)
	}
}
