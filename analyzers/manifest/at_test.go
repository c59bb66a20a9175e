package manifest

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const positioned = `apiVersion: v1
kind: Service # trailing
metadata:
  name: "a\"b" # quoted
  labels: {é: ü, x: 'it''s', w: z}
  annotations:
    text: |
      one
      two

    folded: >-
      three
    multi: one
      two  three
      four # end
    quoted: "one
      two"
spec:
  anchor: &a
    host: x
  use: *a
  tagged: &b !!str 12
  inline: &c value
  merged:
    <<: *a
    port: 1
  missing:
  list:
  - a
  -   b: c # comment
      d: e
`

func TestAt(t *testing.T) {
	file := File{Name: "f.yaml", Data: []byte("# head\n---\n" + positioned)}
	s := Parse(file.Name, file.Data, Options{})
	require.Empty(t, s.Faults)
	require.Len(t, s.Objects, 1)
	for _, c := range []struct {
		path []any
		text string // the first line of the region
		line int    // in the document, and the last line of the region if it has several
		end  int
	}{
		{path: []any{"kind"}, text: `Service`, line: 2},
		{path: []any{"metadata", "name"}, text: `"a\"b"`, line: 4},
		{path: []any{"metadata", "name", "deeper", 3}, text: `"a\"b"`, line: 4},
		{path: []any{"metadata", "namespace"}, text: `name: "a\"b"`, line: 4},
		{path: []any{"metadata", "labels"}, text: `{é: ü, x: 'it''s', w: z}`, line: 5},
		{path: []any{"metadata", "labels", "é"}, text: `ü`, line: 5},
		{path: []any{"metadata", "labels", "x"}, text: `'it''s'`, line: 5},
		{path: []any{"metadata", "labels", "w"}, text: `z`, line: 5},
		{path: []any{"metadata", "annotations", "text"}, text: `|`, line: 7, end: 9},
		{path: []any{"metadata", "annotations", "folded"}, text: `>-`, line: 11, end: 12},
		{path: []any{"metadata", "annotations", "multi"}, text: `one`, line: 13, end: 15},
		{path: []any{"metadata", "annotations", "quoted"}, text: `"one`, line: 16, end: 17},
		{path: []any{"spec", "use"}, text: `*a`, line: 21},
		{path: []any{"spec", "use", "host"}, text: `x`, line: 20},
		{path: []any{"spec", "tagged"}, text: `12`, line: 22},
		{path: []any{"spec", "inline"}, text: `value`, line: 23},
		{path: []any{"spec", "merged", "host"}, text: `x`, line: 20},
		{path: []any{"spec", "merged", "port"}, text: `1`, line: 26},
		{path: []any{"spec", "missing"}, text: `missing`, line: 27},
		{path: []any{"spec", "missing", 0, "x"}, text: `missing`, line: 27},
		{path: []any{"spec", "list"}, text: `- a`, line: 29},
		{path: []any{"spec", "list", 1}, text: `b: c`, line: 30},
		{path: []any{"spec", "list", 1, "d"}, text: `e`, line: 31},
		{path: []any{"spec", "list", 2}, text: `- a`, line: 29},
		{path: nil, text: `apiVersion: v1`, line: 1},
	} {
		p := s.Objects[0].At(c.path...)
		require.Equal(t, FieldPath(c.path...), p.Path)
		require.Equal(t, "f.yaml", p.File)
		end := max(c.line, c.end)
		require.Equal(t, []int{c.line + 2, end + 2}, []int{p.Line, p.EndLine}, "%s", p.Path)
		line := []rune(file.Line(p.Line))
		if p.EndLine == p.Line {
			line = line[:p.EndColumn-1]
		}
		require.Equal(t, c.text, string(line[p.Column-1:]), "%s", p.Path)
	}
}

func TestAtInJSON(t *testing.T) {
	text := `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}} {"apiVersion":"v1","kind":"Service",
"metadata":{"name":"é\"b","labels":{"x":"y"}},"spec":{"ports":[{"port":80}]}}`
	s := Parse("f.json", []byte(text), Options{})
	require.Len(t, s.Objects, 2)
	o := s.Objects[1]
	require.Equal(t, Pos{File: "f.json", Line: 1, Column: 76, EndLine: 1, EndColumn: 80, Path: "apiVersion"}, o.At("apiVersion"))
	require.Equal(t, Pos{File: "f.json", Line: 2, Column: 20, EndLine: 2, EndColumn: 26, Path: "metadata.name"}, o.At("metadata", "name"))
	require.Equal(t, Pos{File: "f.json", Line: 2, Column: 72, EndLine: 2, EndColumn: 74, Path: "spec.ports[0].port"}, o.At("spec", "ports", 0, "port"))
}

func TestAtKeepsToEditorsLines(t *testing.T) {
	text := "apiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  annotations: {a: \"x\u2028y\u0085z\"}\r\n  name: b\r\n"
	s := Parse("f.yaml", []byte(text), Options{})
	require.Len(t, s.Objects, 1)
	require.Equal(t, Pos{File: "f.yaml", Line: 5, Column: 9, EndLine: 5, EndColumn: 10, Path: "metadata.name"}, s.Objects[0].At("metadata", "name"))
}

func TestAtWithoutAFile(t *testing.T) {
	o, faults := ParseObject([]byte(`{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"a","namespace":"b","uid":"u","creationTimestamp":"2024-01-02T03:04:05Z"},"spec":{"server":[]}}`), Options{})
	require.Equal(t, Pos{Path: "spec.servers[0]"}, o.At("spec", "servers", 0))
	require.Equal(t, "u", o.UID)
	require.Equal(t, 2024, o.Created.Year())
	require.Len(t, faults, 1)
	require.Equal(t, Pos{Path: "spec.server"}, faults[0].Pos)
	require.Equal(t, `unknown field "server" in spec: the API server drops it; did you mean "servers"?`, faults[0].Message)
	for _, text := range []string{``, `null`, `[]`, `{}`, `{"kind":"a"}`, `{`, `{"apiVersion":"v1","kind":"Service"} x`} {
		o, faults := ParseObject([]byte(text), Options{})
		require.Nil(t, o, text)
		require.Len(t, faults, 1, text)
	}
}

func TestAtFromManyGoroutines(t *testing.T) {
	var text strings.Builder
	for range 40 {
		text.WriteString("---\n" + strings.Replace(positioned, "\"a\\\"b\"", "", 1))
	}
	s := Parse("f.yaml", []byte(text.String()), Options{})
	require.Len(t, s.Objects, 40)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, o := range s.Objects {
				if p := o.At("spec", "merged", "port"); p.Line != o.Doc.Line+26 {
					t.Errorf("at line %d of the document of line %d", p.Line, o.Doc.Line)
				}
			}
		})
	}
	wg.Wait()
}

func TestFieldPath(t *testing.T) {
	require.Equal(t, `spec.http[2].route[0]`, FieldPath("spec", "http", 2, "route", 0))
	require.Equal(t, `metadata.annotations["a.b/c"]`, FieldPath("metadata", "annotations", "a.b/c"))
	require.Equal(t, `[""][0]["a-b"]`, FieldPath("", 0, "a-b"))
}

func TestNearest(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"credentialname", "credentialName"},
		{"credentalName", "credentialName"},
		{"host", "hosts"},
		{"ohst", ""},
		{"ab", ""},
		{"abc", "abd"},
		{"abcx", ""},
		{"hosts", ""},
		{"something", ""},
		{"", ""},
	} {
		require.Equal(t, c.want, Nearest(c.name, []string{"hosts", "credentialName", "abd"}), c.name)
	}
}

func TestPlaceholder(t *testing.T) {
	for _, s := range []string{"${A}", "x-${A_b1}-y", "$(A)", "{{ .Values.x }}", "a{{x}}", "${A:-b}", "${a.b}", "ENC[AES,data:x]"} {
		require.True(t, Placeholder(s), s)
	}
	for _, s := range []string{"", "$", "${}", "$()", "$A", "^/a$", "(a|b)$(", "$(a|b)", "{a}", "{{", "ENC", "${1}", "/{*}/{**}", "%REQ(x)%", "ENC[x"} {
		require.False(t, Placeholder(s), s)
	}
}
