package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/gatelint/gatelint/rules"
)

func set(t testing.TB, opt Options, files map[string]string) *Set {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	opt.Paths = append(opt.Paths, dir)
	s, err := Load(context.Background(), opt)
	require.NoError(t, err)
	return s
}

func parsed(t testing.TB, json string) *manifest.Object {
	t.Helper()
	o, faults := manifest.ParseObject([]byte(json), manifest.Options{})
	require.Empty(t, faults)
	return o
}

// TestDeadline stops a policy that does not end, and says which one it was; the others still answer.
func TestDeadline(t *testing.T) {
	s := set(t, Options{Timeout: 50 * time.Millisecond}, map[string]string{
		"slow.rego": "package gatelint.slow\n\ndeny contains \"never\" if {\n\tsome i in numbers.range(1, 100000)\n\tsome j in numbers.range(1, 100000)\n\ti * j == -1\n}\n",
		"fast.rego": "package gatelint.fast\n\nwarn contains \"here\" if input.kind == \"Gateway\"\n",
	})
	start := time.Now()
	res := rules.Run(tables(t, shop), s.Rules(0))
	require.Less(t, time.Since(start), time.Minute)
	require.Len(t, res.Findings, 1)
	require.Len(t, res.Failed, 1)
	require.Regexp(t, `slow.rego:1: the evaluation took longer than 50ms, so the policy is left out, on \w+ \w+/\w+ and 1 more`, res.Failed[0].Error())
}

// TestDeadlineOfARun lets a policy that does not end take its time once, and not for each object and World.
func TestDeadlineOfARun(t *testing.T) {
	s := set(t, Options{Timeout: 100 * time.Millisecond}, map[string]string{
		"slow.rego": "package gatelint.slow\n\ndeny contains \"never\" if {\n\tsome i in numbers.range(1, 100000)\n\tsome j in numbers.range(1, 100000)\n\ti * j == -1\n}\n\n" +
			"# METADATA\n# custom: {kinds: [Service]}\nwarn contains \"never\" if data.gatelint.slow.deny[\"never\"]\n",
		"fast.rego": "package gatelint.fast\n\nwarn contains \"here\"\n",
	})
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "apiVersion: v1\nkind: Service\nmetadata: {name: s%d, namespace: a}\nspec: {ports: [{port: 80}]}\n---\n", i)
		fmt.Fprintf(&many, "apiVersion: v1\nkind: Namespace\nmetadata: {name: n%d}\n---\n", i)
	}
	list := s.Rules(2)
	start := time.Now()
	for range 3 {
		res := rules.Run(tables(t, many.String()), list)
		require.Len(t, res.Findings, 200)
		require.Len(t, res.Failed, 1)
		require.Contains(t, res.Failed[0].Error(), "so the policy is left out, on Namespace (no namespace)/n0 and 199 more")
	}
	require.Less(t, time.Since(start), 3*time.Second)
}

// TestOneOfSeveral names no line of a rule where it can have been another.
func TestOneOfSeveral(t *testing.T) {
	s := set(t, Options{}, map[string]string{"a.rego": "package gatelint.a\n\ndeny contains \"a\" if input.kind == \"b\"\n\ndeny contains {\"msg\": input.metadata}\n"})
	res := rules.Run(tables(t, shop), s.Rules(0))
	require.Len(t, res.Failed, 1)
	require.Contains(t, res.Failed[0].Error(), "a.rego:3: one of the rules deny gives a msg that is an object, not a string")
}

// TestCrash holds that a policy which crashes the engine is one failed policy.
func TestCrash(t *testing.T) {
	s := set(t, Options{}, map[string]string{"a.rego": "package gatelint.a\n\nwarn contains \"here\"\n"})
	crash := func(q *question) { q.sets = 9 } // more than the answer has
	world := tables(t, shop)
	crash(s.lone().policies[0].queries[0].question)
	for _, o := range world.World.Objects {
		crash(s.lone().batch(o.ID))
	}
	res := rules.Run(world, s.Rules(0))
	require.Empty(t, res.Findings)
	require.Len(t, res.Failed, 1)
	require.ErrorContains(t, res.Failed[0], "a.rego:1: the evaluation crashed: ")
}

const review = `package gatelint.review

deny contains sprintf("%s by %s of %v in %s, was %v", [r.operation, r.user, r.groups, r.namespaceLabels.team, r.oldObject.spec.hosts]) if {
	r := data.gatelint.request
	not r.dryRun
}

deny contains sprintf("team %s", [data.gatelint.mesh.namespaces[input.metadata.namespace].labels.team])
`

// TestReview is what admission asks: one object, with what only the request knows.
func TestReview(t *testing.T) {
	s := set(t, Options{}, map[string]string{
		"review.rego": review,
		"all.rego":    "package gatelint.all\n\ndeny contains name if some name, _ in data.gatelint.mesh.objects.VirtualService.shop\n",
	})
	o := parsed(t, `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"web","namespace":"shop"},"spec":{"hosts":["a"]}}`)
	list := s.Of(context.Background(), Review{Object: o, Request: &Request{
		Operation: "UPDATE", User: "jane", Groups: []string{"ops"}, NamespaceLabels: map[string]string{"team": "red"},
		OldObject: parsed(t, `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"web","namespace":"shop"},"spec":{"hosts":["b"]}}`),
	}})
	tab := tables(t, shop)
	require.Equal(t, "all", list[0].Name)
	found, err := list[0].Alone(tab, nil)
	require.Empty(t, found)
	require.ErrorContains(t, err, "all.rego:3: data.gatelint.mesh.objects.VirtualService.shop is not read as a whole in admission: name the NAME, on VirtualService shop/web")
	found, err = list[1].Alone(tab, nil)
	require.NoError(t, err)
	var messages []string
	for _, f := range found {
		require.Equal(t, o.ID, f.Object)
		require.Equal(t, rules.Deny, f.Admission)
		messages = append(messages, f.Message)
	}
	require.Equal(t, []string{`UPDATE by jane of ["ops"] in red, was ["b"]`, "team red"}, messages)
}

// spy notes the paths that are read.
type spy struct {
	storage.Store
	mu    sync.Mutex
	paths []string
}

func (s *spy) Read(ctx context.Context, txn storage.Transaction, path storage.Path) (any, error) {
	s.mu.Lock()
	s.paths = append(s.paths, strings.Join(path, "."))
	s.mu.Unlock()
	return s.Store.Read(ctx, txn, path)
}

// TestReads holds that a reference to one key reads that key and no more, however OPA gets to know it.
func TestReads(t *testing.T) {
	s := set(t, Options{}, map[string]string{"a.rego": `package gatelint.a

deny contains "literal" if data.gatelint.mesh.by_host["shop.example.com"].gateways[0].name == "public"

deny contains "by variable" if {
	some h in input.spec.hosts
	data.gatelint.mesh.by_host[h].virtualservices[_].name == "web"
}

deny contains "by two keys" if {
	x := data.gatelint.mesh.virtualservices[input.metadata.namespace][input.metadata.name]
	x.mesh == false
}
`})
	watch := &spy{Store: s.store}
	q, err := rego.New(rego.Query("data.gatelint.a.deny"), rego.Compiler(s.compiler), rego.Store(watch)).PrepareForEval(context.Background())
	require.NoError(t, err)
	watch.paths = nil
	tab := tables(t, shop)
	o := tab.World.VirtualServices[0].Object
	x := &subject{object: o, facts: &facts{model: &model{tables: tab, keyed: true}, object: o}}
	rs, err := q.Eval(context.Background(), rego.EvalParsedInput(x.input()), rego.EvalTransaction(&transaction{facts: x.facts}))
	t.Log(watch.paths)
	require.NoError(t, err)
	require.Len(t, rs[0].Expressions[0].Value, 3)
	for _, path := range watch.paths {
		require.Regexp(t, `^gatelint\.mesh\.(by_host\.shop\.example\.com|virtualservices\.shop\.web)`, path)
	}
}

// TestParallel evaluates side by side, as a webhook does.
func TestParallel(t *testing.T) {
	s := set(t, Options{}, map[string]string{"review.rego": review})
	tab := tables(t, shop)
	old := tab.World.VirtualServices[0].Object
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			name := fmt.Sprintf("u%d", i)
			list := s.Of(context.Background(), Review{Object: tab.World.VirtualServices[0].Object, Request: &Request{
				Operation: "CREATE", User: name, NamespaceLabels: map[string]string{"team": name}, OldObject: old,
			}})
			found, err := list[0].Alone(tab, nil)
			if err != nil || len(found) != 2 || !strings.Contains(found[0].Message+found[1].Message, name+" of") {
				panic(fmt.Sprint(found, err))
			}
		})
	}
	group.Wait()
}

// TestSame holds that an object reads alike from its file, from the API server, and from the message that is kept of it.
func TestSame(t *testing.T) {
	text := `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"web","namespace":"shop","labels":{"a":"b"}},` +
		`"spec":{"hosts":["a.example.com"],"http":[{"timeout":"3s","route":[{"destination":{"host":"b","port":{"number":80}},"weight":0},{"destination":{"host":"c"},"weight":100}]}]}}`
	file := manifest.Parse("a.json", []byte(text), manifest.Options{}).Objects[0]
	live := parsed(t, text)
	require.Nil(t, live.Doc)
	require.Equal(t, value(file.Plain()).String(), value(live.Plain()).String())
	var stated *manifest.Object
	bare := strings.Replace(text, `,"namespace":"shop"`, "", 1)
	stated = manifest.Parse("a.json", []byte(bare), manifest.Options{Namespace: func(string) string { return "shop" }}).Objects[0]
	require.Equal(t, value(live.Plain()).String(), value(stated.Plain()).String())
}

// TestKept holds that an object which keeps its plain values reads like one that does not, whatever they are.
func TestKept(t *testing.T) {
	text := `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, annotations: {a: "1", b: ""}, labels: &none {}}
spec:
  hosts: [1, 1.5, 1e3, .nan, -.inf, 18446744073709551615, 0x1F, true, null, ~, "x", [], [[]], {}]
  http: [{a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, j: 10, k: 11, l: 12, m: 13, n: 14, o: 15, p: 16, q: 17, r: *none}]
  "": {"": ""}
`
	for _, stated := range []string{"", "namespace: '', ", "namespace: ~, ", "namespace: 1, ", "namespace: shop, "} {
		text := strings.Replace(text, "metadata: {", "metadata: {"+stated, 1)
		for _, read := range []bool{true, false} {
			o := manifest.Parse("a.yaml", []byte(text), manifest.Options{Plain: read}).Objects[0]
			again := manifest.Parse("a.yaml", []byte(text), manifest.Options{}).Objects[0]
			require.Equal(t, value(again.Plain()).String(), valueOf(o).String())
		}
	}
	list := "apiVersion: networking.istio.io/v1\nkind: VirtualServiceList\nitems: [{metadata: {name: a}, spec: {hosts: [a]}}]\n"
	for _, plain := range []bool{true, false} {
		item := manifest.Parse("a.yaml", []byte(list), manifest.Options{Plain: plain}).Objects[0]
		require.Contains(t, valueOf(item).String(), `{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": `)
	}
	for _, namespace := range []string{"", "shop"} {
		read := func(plain bool) *manifest.Object {
			return manifest.Parse("a.yaml", []byte(text), manifest.Options{Plain: plain, Namespace: func(string) string { return namespace }}).Objects[0]
		}
		kept, other := read(true), read(false)
		require.Equal(t, value(other.Plain()).String(), valueOf(kept).String())
		require.Equal(t, value(other.Plain()).String(), value(kept.Plain()).String())
		require.Equal(t, value(other.Plain()).Hash(), valueOf(kept).Hash())
		kept.Namespace, other.Namespace = "other", "other"
		require.Equal(t, value(other.Plain()).String(), valueOf(kept).String())
		require.Contains(t, valueOf(kept).String(), `"namespace": "other"`)
	}
}

func TestUnknownAllowance(t *testing.T) {
	_, err := Load(context.Background(), Options{Allow: []string{"htp.send"}})
	require.EqualError(t, err, `there is no builtin function "htp.send" to allow; did you mean "http.send"?`)
	require.False(t, errors.As(err, new(Problems)))
}

// TestWitness has the router answer a request that a policy gives, and refuses one that nobody can send.
func TestWitness(t *testing.T) {
	s := set(t, Options{}, map[string]string{"a.rego": `# METADATA
# custom: {kinds: [VirtualService]}
package gatelint.a

warn contains {"msg": "x", "witness": {"port": 80, "host": input.spec.hosts[0], "path": "/a"}}

warn_bad contains {"msg": "y", "witness": {"port": 80, "host": "a", "path": "no slash"}}
`})
	res := rules.Run(tables(t, shop), s.Rules(0))
	require.Len(t, res.Findings, 1)
	require.Equal(t, "http://shop.example.com/a", res.Findings[0].Witness.URL)
	require.Equal(t, "shop/web", res.Findings[0].Witness.Answer.VirtualService)
	require.Len(t, res.Failed, 1)
	require.ErrorContains(t, res.Failed[0], `a.rego:7: warn_bad gives a witness that is no request: the path "no slash" does not begin with a slash`)
}

// TestWhole refuses to read everything, and finds a host in any letter case.
func TestWhole(t *testing.T) {
	s := set(t, Options{Namespaces: []string{"main"}}, map[string]string{"a.rego": `package main

warn_root contains "x" if count(data.gatelint) > 0
`, "b.rego": `package main.b

warn contains h if {
	some h in ["Shop.Example.com"]
	count(data.gatelint.mesh.by_host[h].gateways) == 1
	input.kind == "Gateway"
}
`})
	res := rules.Run(tables(t, strings.ReplaceAll(shop, "shop.example.com", "SHOP.example.com")), s.Rules(0))
	require.Len(t, res.Failed, 1)
	require.ErrorContains(t, res.Failed[0], "all of data.gatelint is not read at once: name what is looked for, on ")
	require.Len(t, res.Findings, 1)
}

// TestDestinations holds that a destination is told before it gets its first request, that what is missing on every port is known to be, and
// that the port is known which clients call: without one of a service it is 80.
func TestDestinations(t *testing.T) {
	for hosts, want := range map[string][2]string{
		"www.example.com": {"80 true", "80 false"}, "two": {"<nil> true", "<nil> <nil>"}, "two, www.example.com": {"<nil> true", "<nil> <nil>"},
		"one": {"81 true", "81 true"}, "one, www.example.com": {"<nil> true", "<nil> <nil>"}, "'*.example.com'": {"<nil> <nil>", "<nil> <nil>"},
	} {
		t.Run(hosts, func(t *testing.T) { destinations(t, hosts, want[0], want[1]) })
	}
}

// destinations holds what is told of destinations with two ports and with one.
func destinations(t *testing.T, hosts, two, one string) {
	set := manifest.Parse("in.yaml", []byte(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [`+hosts+`]
  http:
  - route:
    - destination: {host: two}
      weight: 100
    - destination: {host: two, subset: v2}
      weight: 0
    - destination: {host: none}
    - destination: {host: one}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: two, namespace: shop}
spec: {host: two, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: v1
kind: Service
metadata: {name: two, namespace: shop}
spec: {ports: [{port: 80, name: http}, {port: 81, name: http-more}]}
---
apiVersion: v1
kind: Service
metadata: {name: one, namespace: shop}
spec: {ports: [{port: 81, name: http}]}
`), manifest.Options{})
	require.Empty(t, set.Faults)
	tab := routing.Build(mesh.New(set.Objects, mesh.Options{Complete: mesh.Everything()}))
	var got []any
	for _, d := range This(tab, tab.World.VirtualServices[0].Object).(map[string]any)["destinations"].([]any) {
		d := d.(map[string]any)
		got = append(got, fmt.Sprint(d["host"], " ", d["subset"], " ", d["weight"], " ", d["port"], " ", d["exists"]))
	}
	port, _, _ := strings.Cut(two, " ")
	require.Equal(t, []any{
		"two.shop.svc.cluster.local <nil> 100 " + two, "two.shop.svc.cluster.local v2 0 " + port + " false",
		"none.shop.svc.cluster.local <nil> 0 " + port + " false", "one.shop.svc.cluster.local <nil> 0 " + one,
	}, got)
}

// TestMeshConfig tells policies what the MeshConfig says of what a VirtualService leaves open.
func TestMeshConfig(t *testing.T) {
	s := set(t, Options{}, map[string]string{
		"a.rego": "package gatelint.a\n\nimport data.gatelint.mesh\n\nwarn contains sprintf(\"%v %v\", [mesh.meshconfig.defaultVirtualServiceExportTo, object.get(mesh.meshconfig, \"defaultHttpRetryPolicy\", \"none\")]) if input.kind == \"Gateway\"\n",
	})
	for config, want := range map[string]string{
		"": `["*"] none`,
		"defaultVirtualServiceExportTo: ['.']\ndefaultHttpRetryPolicy: {attempts: 0}": `["."] {"attempts": 0}`,
	} {
		set := manifest.Parse("in.yaml", []byte(shop), manifest.Options{})
		tab := routing.Build(mesh.New(set.Objects, mesh.Options{MeshConfig: []byte(config)}))
		found := rules.Run(tab, s.Rules(1)).Findings
		require.Len(t, found, 1)
		require.Equal(t, want, found[0].Message)
	}
}
