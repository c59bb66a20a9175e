package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// write makes files below a new working directory. A name that ends in " ->" is a symbolic link.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range Keys(files) {
		link, isLink := strings.CutSuffix(name, " ->")
		require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o755))
		if isLink {
			require.NoError(t, os.Symlink(files[name], link))
			continue
		}
		require.NoError(t, os.WriteFile(name, []byte(files[name]), 0o644))
	}
}

func service(name string) string {
	return "apiVersion: v1\nkind: Service\nmetadata:\n  name: " + name + "\n"
}

func refs(s *Set) []string {
	var list []string
	for _, o := range s.Objects {
		list = append(list, o.Doc.File+" "+o.Ref())
	}
	return list
}

func TestLoadWalks(t *testing.T) {
	write(t, map[string]string{
		"b/z.yaml": service("z"), "b/a.yml": service("a"), "b/c.json": `{"apiVersion":"v1","kind":"Service","metadata":{"name":"c"}}`,
		"b/notes.txt": service("txt"), "b/.git/x.yaml": service("git"), "b/node_modules/x.yaml": service("node"),
		"b/.gatelint.yaml": "version: 1\n", "b/values.yaml": "a: 1\n",
		"b/loop ->": ".", "b/link.yaml ->": "../outside.yaml", "b/broken.yaml ->": "nowhere", "b/.#lock.yaml ->": "nowhere",
		"outside.yaml": service("outside"), "b/d/e.yaml": service("e"), "b/dlink ->": "d",
		"vendor/x.yaml": service("vendored"),
	})
	s, err := Load([]string{"./b/", "b/z.yaml", "b/notes.txt", "vendor", "vendor/x.yaml"}, Options{Exclude: []string{"vendor/**"}})
	require.NoError(t, err)
	require.Equal(t, []string{
		"b/a.yml (no namespace)/a", "b/c.json (no namespace)/c", "b/d/e.yaml (no namespace)/e",
		"b/link.yaml (no namespace)/outside", "b/z.yaml (no namespace)/z", "b/notes.txt (no namespace)/txt",
	}, refs(s))
	require.Equal(t, 2, s.Other)
	require.Equal(t, 8, s.Documents)
	require.Empty(t, s.Unreadable)
	require.Len(t, s.Faults, 1)
	require.Equal(t, "b/broken.yaml: this is a symbolic link to a file that is not there", s.Faults[0].Pos.File+": "+s.Faults[0].Message)

	here, err := filepath.Abs("b/z.yaml")
	require.NoError(t, err)
	s, err = Load([]string{"b/{a,z}.y*ml", "**/e.yaml", here}, Options{})
	require.NoError(t, err)
	require.Len(t, s.Objects, 3)
	for path, want := range map[string]string{
		"nowhere":  "nowhere does not exist",
		"*.nosuch": `the glob "*.nosuch" matches nothing`,
	} {
		_, err = Load([]string{path}, Options{})
		require.EqualError(t, err, want)
	}
	_, err = Load([]string{"b"}, Options{Exclude: []string{"[a"}})
	require.Error(t, err)
}

func TestLoadStdin(t *testing.T) {
	s, err := Load([]string{"-", "-"}, Options{Stdin: strings.NewReader(service("a")), StdinName: "chart.yaml"})
	require.NoError(t, err)
	require.Equal(t, []string{"chart.yaml (no namespace)/a"}, refs(s))
	s, err = Load([]string{"-"}, Options{})
	require.NoError(t, err)
	require.Len(t, s.Unreadable, 1)
}

func TestLoadReadsOnWhenAFileCannotBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	write(t, map[string]string{"a.yaml": service("a"), "b.yaml": service("b")})
	require.NoError(t, os.Chmod("a.yaml", 0))
	s, err := Load([]string{"."}, Options{})
	require.NoError(t, err)
	require.Len(t, s.Objects, 1)
	require.EqualError(t, s.Unreadable[0], "reading a.yaml: permission denied")
}

func TestNamespaces(t *testing.T) {
	cluster := "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: c, namespace: wrong}\n"
	write(t, map[string]string{
		".git/HEAD":                    "",
		"kustomization.yaml":           "namespace: root\npatches:\n- path: prod/patch.yaml\n",
		"a.yaml":                       service("a") + "  namespace: own\n",
		"b.yaml":                       service("b") + "---\n" + cluster,
		"prod/Kustomization":           "namespace: prod\npatchesStrategicMerge: [ 'merge.yaml', \"kind: Inline\\n\" ]\npatchesJson6902:\n- path: sub/json.yaml\n",
		"prod/c.yaml":                  service("c"),
		"prod/patch.yaml":              service("patched") + "---\n" + service("patched"),
		"prod/merge.yaml":              service("merged"),
		"prod/sub/json.yaml":           "- op: add\n",
		"prod/sub/d.yaml":              service("d"),
		"prod/plain/kustomization.yml": "resources: []\n",
		"prod/plain/e.yaml":            service("e"),
		"told/f.yaml":                  service("f"),
	})
	s, err := Load([]string{"."}, Options{Namespace: func(file string) string {
		if strings.HasPrefix(file, "told/") {
			return "told"
		}
		return ""
	}})
	require.NoError(t, err)
	require.Equal(t, []string{
		"a.yaml own/a", "b.yaml root/b", "b.yaml (no namespace)/c", "prod/c.yaml prod/c", "prod/plain/e.yaml prod/e",
		"prod/sub/d.yaml prod/d", "told/f.yaml told/f",
	}, refs(s))
	require.Equal(t, []Skip{
		{"prod/merge.yaml", 1, SkipPatch}, {"prod/patch.yaml", 1, SkipPatch}, {"prod/patch.yaml", 5, SkipPatch}, {"prod/sub/json.yaml", 1, SkipPatch},
	}, s.Skipped)
}

func TestFileLine(t *testing.T) {
	f := File{Data: []byte("a\r\nb\nc")}
	require.Equal(t, []string{"", "a", "b", "c", ""}, []string{f.Line(0), f.Line(1), f.Line(2), f.Line(3), f.Line(4)})
}

func TestSame(t *testing.T) {
	read := func(text string) *Object {
		s := Parse("f.yaml", []byte(text), Options{})
		require.Len(t, s.Objects, 1)
		return s.Objects[0]
	}
	a := read("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a, labels: {x: y}}\nspec: {selector: {a: b, c: d}}\n")
	require.True(t, a.Same(read(`{"kind":"Gateway","apiVersion":"networking.istio.io/v1beta1","metadata":{"labels":{"x":"y"},"name":"a","creationTimestamp":null},"spec":{"selector":{"c":"d","a":"b"}}}`)))
	require.False(t, a.Same(read("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a, labels: {x: z}}\nspec: {selector: {a: b, c: d}}\n")))
	require.False(t, a.Same(read("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a, labels: {x: y}}\nspec: {selector: {a: b}}\n")))
	require.True(t, read(service("a")).Same(read(service("'a'"))))
	require.False(t, read(service("a")).Same(read(service("a")+"spec: {a: 1}")))
}
