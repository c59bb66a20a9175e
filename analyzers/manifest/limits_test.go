package manifest

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const goodDocument = "\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: good\n"

// hang is what nothing takes, with the race detector on two busy cores.
const hang = time.Minute

// hostile inputs must neither hang nor take much memory, and never hide the good document beside them.
func TestHostileInput(t *testing.T) {
	bomb := "apiVersion: v1\nkind: ConfigMap\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), i-1)
	}
	mergeBomb := "apiVersion: v1\nkind: ConfigMap\nm: &m {a: 1"
	for i := range 2000 {
		mergeBomb += fmt.Sprintf(", k%d: 1", i)
	}
	mergeBomb += "}\n"
	for i := range 2000 {
		mergeBomb += fmt.Sprintf("n%d: {<<: *m}\n", i)
	}
	deepMaps := ""
	for i := range 1200 {
		deepMaps += strings.Repeat(" ", i) + "a:\n"
	}
	for name, c := range map[string]struct {
		text  string
		fault string
	}{
		"alias bomb":           {bomb, "the aliases of this document expand to more than a million values"},
		"merge bomb":           {mergeBomb, "the merge keys of this document expand to more than a million fields"},
		"deep flow":            {strings.Repeat("[", 200_000), "nested deeper"},
		"deep flow maps":       {strings.Repeat("{a: ", 200_000), "nested deeper"},
		"deep JSON":            {strings.Repeat(`{"a":`, 200_000), "nested deeper"},
		"deep closed":          {"a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper"},
		"deep block":           {deepMaps, "nested deeper"},
		"deep dashes":          {strings.Repeat("- ", 100_000), "nested deeper"},
		"NUL":                  {"apiVersion: v1\nkind: \x00", "a NUL byte stands here"},
		"many NULs":            {strings.Repeat("\x00", 1<<20), "a NUL byte stands here"},
		"control":              {"a: \x01", "the control character '\\x01' stands here"},
		"not UTF-8":            {"a: \xff\xfe", "this byte is no UTF-8"},
		"more than 32 MiB":     {"a: " + strings.Repeat("x", 33<<20), "the document is larger than 32 MiB"},
		"many values":          {"a: [" + strings.Repeat(",", 9<<20), "the document holds more than four million values"},
		"colons":               {strings.Repeat(":", 1<<20), ""},
		"questions":            {strings.Repeat("? ", 100_000), "nested deeper"},
		"quotes":               {strings.Repeat("'", 1<<20), ""},
		"braces":               {strings.Repeat("{{ ", 100_000), ""},
		"placeholders":         {"apiVersion: v1\nkind: A\nmetadata: {name: x, labels: {a: '" + strings.Repeat("${", 1<<19) + "'}}", ""},
		"opened templates":     {"apiVersion: v1\nkind: A\nmetadata: {name: x, labels: {a: '" + strings.Repeat("{{", 1<<19) + "'}}", ""},
		"opened with defaults": {"apiVersion: v1\nkind: A\nmetadata: {name: x, labels: {a: '" + strings.Repeat("${a:", 1<<18) + "'}}", ""},
		"comments":             {strings.Repeat("# c\n", 1<<18) + "a: b", ""},
		"long line":            {"a: " + strings.Repeat("b ", 1<<20), ""},
		"anchors":              {strings.Repeat("- &a b\n", 1<<17), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			s := Parse("f.yaml", []byte(c.text+goodDocument), Options{})
			runtime.ReadMemStats(&after)
			t.Logf("%v, %d MiB allocated", time.Since(start).Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20)
			require.Less(t, time.Since(start), hang)
			if len(s.Skipped) == 0 {
				require.Equal(t, "good", s.Objects[len(s.Objects)-1].Name)
			}
			if c.fault == "" {
				return
			}
			require.NotEmpty(t, s.Faults)
			require.Contains(t, s.Faults[0].Message, c.fault)
		})
	}
}

// TestEncodings names what a file was saved as where its bytes tell.
func TestEncodings(t *testing.T) {
	for text, want := range map[string]string{
		"\xff\xfea\x00":                 "the file is UTF-16 or UTF-32",
		"\xfe\xff\x00a":                 "the file is UTF-16 or UTF-32",
		"\xff\xfe\x00\x00a\x00\x00\x00": "the file is UTF-16 or UTF-32",
		"\x00\x00\xfe\xff\x00\x00\x00a": "saved as UTF-16 or UTF-32",
		"a\x00:\x00 \x00b\x00":          "saved as UTF-16 or UTF-32",
	} {
		s := Parse("f.yaml", []byte(text), Options{})
		require.Len(t, s.Faults, 1, "%q", text)
		require.Contains(t, s.Faults[0].Message, want, "%q", text)
	}
}

// Work may grow with the input, not with its square: each of these took minutes or more in some earlier form.
func TestLargeInput(t *testing.T) {
	const n = 20_000
	list := func(sep, item string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteString(sep)
			}
			b.WriteString(strings.ReplaceAll(item, "%d", strconv.Itoa(i)))
		}
		return b.String()
	}
	const item = `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"a%d"},"spec":{"hosts":["é"],"http":[{"tmeout":"5","timeout":"x"}]}}`
	const yamlItem = "- apiVersion: networking.istio.io/v1\n  kind: Gateway\n  metadata: {name: a%d}\n  spec: {selector: {a: $}}\n"
	const head = "apiVersion: v1\nkind: List\nitems:\n"
	gateways := list("", yamlItem)
	for name, text := range map[string]string{
		"list":              head + gateways,
		"list of one":       head + strings.ReplaceAll(gateways, "%d", "") + "- apiVersion: v1\n  kind: A\n",
		"duplicate lists":   head + gateways + "---\n" + head + strings.ReplaceAll(gateways, "{a: $}", "{b: c}"),
		"minified, faults":  `{"apiVersion":"v1","kind":"List","items":[` + list(",", item) + `]}`,
		"values on a line":  list(" ", item),
		"duplicate keys":    "apiVersion: v1\nkind: A\nmetadata: {name: a}\nspec:\n" + strings.Repeat("  a: b\n", 5*n),
		"bad durations":     "apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec:\n  hosts: [a]\n  http:\n" + strings.Repeat("  - {timeout: x, corsPolicy: {maxAge: y}}\n", n),
		"opaque":            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec:\n  hosts: [a]\n  http:\n" + strings.Repeat("  - {timeout: '${A}'}\n", n),
		"broken documents":  strings.Repeat("---\na: b\n c: d\n", n),
		"broken large ones": strings.Repeat("---\n"+strings.Repeat("k: v\n", 1000)+" c: d\n", 100),
		"one-line flow":     "a: [" + strings.Repeat("1,", 50*n) + "1]",
		"null items":        head + strings.Repeat("- null\n", 5*n),
		"unknown fields":    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec:\n  hosts: [a]\n" + list("", "  x%d: y\n"),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			s := Parse("f.yaml", []byte(text+goodDocument), Options{})
			parsed := time.Since(start)
			for i, o := range s.Objects {
				if i%20 == 0 {
					o.At("spec", "http", 0)
				}
			}
			t.Logf("%d KiB, %d objects, %d faults: %v, places %v", len(text)>>10, len(s.Objects), len(s.Faults), parsed, time.Since(start)-parsed)
			require.Equal(t, "good", s.Objects[len(s.Objects)-1].Name)
			require.LessOrEqual(t, len(s.Faults), maxFaults*s.Documents)
			require.Less(t, time.Since(start), hang)
		})
	}
}

func TestLongStream(t *testing.T) {
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "---\n%s", service(fmt.Sprintf("s%d", i)))
	}
	start := time.Now()
	s := Parse("f.yaml", []byte(b.String()), Options{})
	require.Len(t, s.Objects, 10_000)
	for i, o := range s.Objects {
		name := fmt.Sprintf("s%d", i)
		require.Equal(t, map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": name}}, o.Tree)
		require.Equal(t, o.Doc.Line+4, o.At("metadata", "name").Line)
	}
	require.Less(t, time.Since(start), hang)
}

func TestNullAnywhere(t *testing.T) {
	text := `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, labels: {a: b}, annotations: {c: d}}
spec:
  hosts: [a]
  http:
  - match: [{uri: {exact: /}, headers: {x: {exact: a}}}]
    timeout: 1s
    route: [{destination: {host: a, port: {number: 1}, subset: v}, weight: 1}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: a}
spec: {servers: [{port: {number: 1, name: a, protocol: HTTP}, hosts: [a, b], tls: {httpsRedirect: true}}]}
---
apiVersion: v1
kind: List
items: [{apiVersion: v1, kind: Service, metadata: {name: x}}]
`
	in, problem := readYAML([]byte(text[:strings.Index(text, "---")]), nil, new(arena))
	require.Nil(t, problem)
	require.NotNil(t, in.root)
	// Replace each value of the text in turn by null: nothing may panic.
	for i := 0; i < len(text); i++ {
		if text[i] != ':' && text[i] != '[' && text[i] != ',' {
			continue
		}
		for j := i + 1; j < len(text) && text[j] != '\n'; j++ {
			s := Parse("f.yaml", []byte(text[:i+1]+" null"+text[j:]), Options{})
			for _, o := range s.Objects {
				o.At("spec", "http", 0, "match", 0)
				o.Hash()
			}
		}
	}
}
