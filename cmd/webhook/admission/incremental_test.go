package admission

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/fixtures/worlds"
	"github.com/gatelint/gatelint/policy"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

var (
	rounds = flag.Int("rounds", 12, "composed worlds of the property test")
	first  = flag.Uint64("first", 1, "its first seed")
)

// apart gives what a world has of its own in a composition; the ingress workload and the root namespace are everybody's.
var apart = []*regexp.Regexp{
	regexp.MustCompile(`\b(default|shop|edge)\b`),
	regexp.MustCompile(`\b(x|y|ext)(\.com)`),
	regexp.MustCompile(`\b([abc](?:gw|vs|dr|d)[0-9]+)\b`),
	regexp.MustCompile(`"(ext)"`),
}

func renamed(text string, k int) string {
	text = apart[0].ReplaceAllString(text, fmt.Sprintf("${1}%d", k))
	text = apart[1].ReplaceAllString(text, fmt.Sprintf("${1}%d${2}", k))
	text = apart[2].ReplaceAllString(text, fmt.Sprintf("${1}w%d", k))
	return apart[3].ReplaceAllString(text, fmt.Sprintf(`"${1}%d"`, k))
}

func parse(t *testing.T, raw []byte) *manifest.Object {
	o, faults := manifest.ParseObject(raw, manifest.Options{})
	require.NotNil(t, o, "%v", faults)
	return o
}

// part gives the objects of a generated world as number k of a composition.
func part(t *testing.T, seed uint64, k int, starless bool) []*manifest.Object {
	var out []*manifest.Object
	for _, o := range worlds.New(seed, 0, worlds.Options{Invalid: seed%5 == 0}).Objects {
		raw, err := json.Marshal(o)
		require.NoError(t, err)
		text := renamed(string(raw), k)
		if starless {
			text = strings.ReplaceAll(text, `"*"`, fmt.Sprintf(`"*.z%d.com"`, k))
		}
		out = append(out, parse(t, []byte(text)))
	}
	return out
}

func judged(o *manifest.Object) bool { return settings.Asked(o.Group, o.Kind) }

// TestIncrementalWorlds changes compositions of random worlds, step by step. What a change touches has the effect of everything,
// whole findings and not only their fingerprints.
func TestIncrementalWorlds(t *testing.T) {
	review := everyFact(t)
	whole, judgements := map[string]int{}, map[string]int{}
	for seed := *first; seed < *first+uint64(*rounds); seed++ {
		r := rand.New(rand.NewPCG(seed, 1))
		opt := mesh.Options{Complete: mesh.Everything()}
		if seed%2 == 0 {
			opt.Complete = mesh.ParseComplete("Gateway,VirtualService,DestinationRule,ServiceEntry")
		}
		e := NewEngine(heard(seed), opt)
		var live, spare []*manifest.Object
		for k := range 6 {
			for n, list := range [][]*manifest.Object{part(t, seed*100+uint64(k), k, seed%3 != 0), part(t, seed*100+50+uint64(k), k, seed%3 != 0)} {
				for _, o := range list {
					switch {
					case n == 0:
						e.Set(o)
						live = append(live, o)
					case judged(o):
						spare = append(spare, o)
					}
				}
			}
		}
		for range 60 {
			c := randomChange(r, e, live, spare)
			if c.Before == nil && c.After == nil {
				continue
			}
			c.Review = review
			same(t, e, c, fmt.Sprintf("seed %d", seed), judgements)
			if r.IntN(3) > 0 {
				if c.After != nil {
					e.Set(c.After)
					live = append(live, c.After)
				} else {
					e.Remove(c.Before.ID)
				}
			}
		}
		for why, n := range e.Whole() {
			whole[why] += n
		}
	}
	t.Log(judgements, "over everything:", whole)
	for _, kind := range []string{"Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "Sidecar"} {
		require.True(t, judgements[kind] > 0 || kind == "Sidecar", "%s: no change was judged over what it touches", kind)
	}
}

// everyFact is asked by policies that tell all that they read.
func everyFact(t *testing.T) *Review {
	file := filepath.Join(t.TempDir(), "facts.rego")
	require.NoError(t, os.WriteFile(file, []byte(`package gatelint.facts

warn contains sprintf("this %s %s", [crypto.sha256(text), substring(text, 0, 300)]) if text := json.marshal(data.gatelint.mesh.this)

warn contains sprintf("faults %v", [data.gatelint.mesh.findings])

warn contains sprintf("gateway %v", [data.gatelint.mesh.gateways[g.namespace][g.name]]) if some g in data.gatelint.mesh.this.gateways

warn contains sprintf("host %v", [data.gatelint.mesh.by_host[h]]) if some h in data.gatelint.mesh.this.hosts

warn contains sprintf("destination %v", [data.gatelint.mesh.by_host[d.host]]) if some d in data.gatelint.mesh.this.destinations

warn contains sprintf("rule %v", [data.gatelint.mesh.objects.DestinationRule[d.destinationrule.namespace][d.destinationrule.name].spec]) if {
	some d in data.gatelint.mesh.this.destinations
}
`), 0o644))
	set, err := policy.Load(t.Context(), policy.Options{Paths: []string{file}})
	require.NoError(t, err)
	return &Review{Policies: set, Heard: func(list []*rules.Rule) []*rules.Rule { return list }}
}

// heard are all rules or, in turn, those of the default settings: no finding hangs on shared certificates then.
func heard(seed uint64) []*rules.Rule {
	if seed%4 < 2 {
		return rules.All()
	}
	return (&settings.Config{}).Heard(rules.All())
}

// randomChange creates an object, puts another in its place, deletes one, or has one say what another says.
func randomChange(r *rand.Rand, e *Engine, live, spare []*manifest.Object) Change {
	o := spare[r.IntN(len(spare))]
	switch r.IntN(4) {
	case 0, 1:
		return Change{Before: e.Get(o.ID), After: o}
	case 2:
		list := slices.DeleteFunc(slices.Clone(live), func(o *manifest.Object) bool { return !judged(o) })
		return Change{Before: e.Get(list[r.IntN(len(list))].ID)}
	}
	list := slices.DeleteFunc(slices.Clone(live), func(x *manifest.Object) bool { return x.Kind != o.Kind || e.Get(x.ID) == nil })
	if len(list) == 0 {
		return Change{}
	}
	moved := *o
	c := Change{Before: e.Get(list[r.IntN(len(list))].ID), After: &moved}
	moved.ID, moved.Created = c.Before.ID, c.Before.Created
	return c
}

// same holds the incremental effect of a change to that of all objects.
func same(t *testing.T, e *Engine, c Change, about string, judgements map[string]int) {
	t.Helper()
	o := c.After
	if o == nil {
		o = c.Before
	}
	got, why, err := e.incremental(context.Background(), c)
	require.NoError(t, err)
	if why != "" {
		e.whole[o.Kind+": "+why]++
		return
	}
	require.Empty(t, got.Failed, "policies")
	if slices.ContainsFunc(got.After, func(f rules.Finding) bool { return f.Rule == "facts" }) {
		judgements["with facts"]++
	}
	judgements[o.Kind]++
	want, err := e.everything(context.Background(), c)
	require.NoError(t, err)
	for _, x := range []struct{ got, want []rules.Finding }{{got.Before, want.Before}, {got.After, want.After}} {
		require.Equal(t, texts(x.want), texts(x.got), "%s: %s, before %v, after %v", about, o.ID, c.Before != nil, c.After != nil)
	}
}

func texts(list []rules.Finding) []string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = wording(f)
	}
	slices.Sort(out)
	return out
}

// TestIncrementalFixtures takes each object of each fixture out, and puts it back.
func TestIncrementalFixtures(t *testing.T) {
	files, err := filepath.Glob("../../../fixtures/*.txtar")
	require.NoError(t, err)
	review := everyFact(t)
	whole, judgements := map[string]int{}, map[string]int{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		e := NewEngine(rules.All(), mesh.Options{Complete: mesh.Everything()})
		var list []*manifest.Object
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".yaml") {
				for _, o := range manifest.Parse(f.Name, f.Data, manifest.Options{}).Objects {
					if c := *o; o.Name != "" && e.Get(o.ID) == nil {
						c.Doc = nil
						e.Set(&c)
						list = append(list, &c)
					}
				}
			}
		}
		for i, o := range list {
			if !judged(o) {
				continue
			}
			alike := slices.DeleteFunc(slices.Clone(list), func(x *manifest.Object) bool { return x.Kind != o.Kind })
			same(t, e, Change{Before: o, Review: review}, file, judgements)
			for n := range min(3, len(alike)) {
				other := *alike[(i+n)%len(alike)]
				other.ID = o.ID
				same(t, e, Change{Before: o, After: &other, Review: review}, file, judgements)
			}
			e.Remove(o.ID)
			same(t, e, Change{After: o, Review: review}, file, judgements)
			e.Set(o)
		}
		for why, n := range e.Whole() {
			whole[why] += n
		}
	}
	t.Log(judgements, "over everything:", whole)
}

// TestIncrementalChain changes a VirtualService whose neighbour lives or dies with a third one, on another host.
func TestIncrementalChain(t *testing.T) {
	vs := func(name, created, hosts, prefix, to string) string {
		return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name + ", namespace: shop, creationTimestamp: \"" + created + "\"}\n" +
			"spec:\n  hosts: [" + hosts + "]\n  gateways: [public]\n  http: [{match: [{uri: {prefix: " + prefix + "}}], route: [{destination: {host: " + to + "}}]}]\n"
	}
	set := manifest.Parse("world.yaml", []byte("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: shop, creationTimestamp: \"2024-01-01T00:00:00Z\"}\n"+
		"spec:\n  selector: {istio: ingressgateway}\n  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.example.com']}]\n"+
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{name: http, port: 80}]}\n"+
		vs("changed", "2024-01-01T00:00:01Z", "a.example.com", "/x", "web")+
		vs("neighbour", "2024-01-01T00:00:03Z", "a.example.com, b.example.com", "/x/y", "gone")+
		vs("beyond", "2024-01-01T00:00:02Z", "b.example.com", "/x", "web")), manifest.Options{})
	require.Empty(t, set.Faults)
	e := NewEngine(rules.All(), mesh.Options{Complete: mesh.Everything()})
	e.Set(set.Objects...)
	judgements := map[string]int{}
	for _, o := range set.Objects {
		if !judged(o) {
			continue
		}
		same(t, e, Change{Before: o}, "taken out", judgements)
		e.Remove(o.ID)
		same(t, e, Change{After: o}, "put back", judgements)
		e.Set(o)
	}
	require.Equal(t, 6, judgements["VirtualService"], "none falls back: %v", e.Whole())
	effect, err := e.Judge(context.Background(), Change{Before: set.Objects[2]})
	require.NoError(t, err)
	require.NotEqual(t, texts(effect.Before), texts(effect.After), "the neighbour comes to life, and its destination is missing")
}

// TestRevisions judges changes where objects are labelled with revisions: of one, of several, and of one that another istiod reads.
func TestRevisions(t *testing.T) {
	for _, c := range []struct {
		own       string // --revision
		labels    []string
		judgement int // changes judged over what they touch
	}{
		{"", []string{"a", "a", ""}, 3}, {"", []string{"a", "b", ""}, 0}, {"a", []string{"a", "b", ""}, 3}, {"c", []string{"a", "b", ""}, 3},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			e := NewEngine(rules.All(), mesh.Options{Complete: mesh.Everything(), Revision: c.own})
			for _, o := range manifest.Parse("-", []byte(twoIngresses), manifest.Options{}).Objects {
				w := *o
				w.Doc, w.Labels = nil, map[string]string{"istio.io/rev": c.own}
				e.Set(&w)
			}
			judgements := map[string]int{}
			var list []*manifest.Object
			for i, rev := range c.labels {
				o := *draft{`"istio":"one"`, []string{`{"port":{"number":80,"name":"p","protocol":"HTTP"},"hosts":["a.com"]}`}}.gateway(t, i)
				o.Labels = map[string]string{"istio.io/rev": rev}
				list = append(list, &o)
				e.Set(&o)
			}
			for _, o := range list {
				same(t, e, Change{Before: o}, fmt.Sprint(c), judgements)
			}
			require.Equal(t, c.judgement, judgements["Gateway"], "%v", e.Whole())
		})
	}
}
