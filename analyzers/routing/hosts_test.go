package routing

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIntersect(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"a.foo.com", "a.foo.com", "a.foo.com"},
		{"*.foo.com", "a.foo.com", "a.foo.com"},
		{"*.foo.com", "*.bar.foo.com", "*.bar.foo.com"},
		{"*", "*.foo.com", "*.foo.com"},
		{"*", "*", "*"},
		{"*.foo.com", "foo.com", ""},
		{"*.foo.com", "a.bar.com", ""},
		{"A.foo.com", "a.foo.com", ""}, // istiod compares case-sensitively
		{"*.foo.com", "*.bar.com", ""},
		{"*.com", "${HOST}.foo.com", "${HOST}.foo.com"},
	} {
		for _, p := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			got, ok := Intersect(p[0], p[1])
			require.Equal(t, c.want, got, p)
			require.Equal(t, c.want != "", ok, p)
		}
	}
}

// FuzzHosts holds the indexed search of a server's hosts to comparing all pairs.
func FuzzHosts(f *testing.F) {
	f.Add("a.foo.com,*.foo.com,ns/b.foo.com", "a.foo.com,*.com", "ns")
	f.Add("*,./x.y,*/z.y", "x.y,z.y,*.y", "other")
	f.Add("*/*,a.b", "*,a.b,.b", "")
	f.Fuzz(func(t *testing.T, server, hosts, namespace string) {
		entries := serverHosts(strings.Split(server, ","), "own")
		list := strings.Split(hosts, ",")
		var want []string
		for _, h := range list {
			for _, e := range entries {
				if name, ok := Intersect(e.Host, h); ok && e.Allows(namespace) && !slices.Contains(want, name) {
					want = append(want, name)
				}
				if Covers(e.Host, h) && Covers(h, e.Host) {
					require.Equal(t, e.Host, h, "only equal names cover each other")
				}
			}
		}
		got := newHostSet(entries).intersect(namespace, list)
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got)
	})
}
