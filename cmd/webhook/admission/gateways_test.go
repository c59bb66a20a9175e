package admission

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/analyzers/mesh"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
)

const twoIngresses = `
{"apiVersion":"v1","kind":"List","items":[
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"one","namespace":"istio-system"},"spec":{"template":{"metadata":{"labels":{"istio":"one","any":"y"}},"spec":{"containers":[{"name":"istio-proxy","image":"auto"}]}}}},
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"two","namespace":"istio-system"},"spec":{"template":{"metadata":{"labels":{"istio":"two","any":"y"}},"spec":{"containers":[{"name":"istio-proxy","image":"auto"}]}}}}]}`

// TestIncrementalGateways changes Gateways that fight for the ports and hosts of two workloads: whoever falls, and whoever rises
// for it, is found among the few that the verdict looks at.
func TestIncrementalGateways(t *testing.T) {
	review := everyFact(t)
	whole, judgements, local := map[string]int{}, map[string]int{}, 0
	for seed := *first; seed < *first+uint64(*rounds); seed++ {
		r := rand.New(rand.NewPCG(seed, 2))
		e := NewEngine(heard(seed), mesh.Options{Complete: mesh.Everything()})
		for _, o := range manifest.Parse("-", []byte(twoIngresses), manifest.Options{}).Objects {
			c := *o
			c.Doc = nil
			e.Set(&c)
		}
		n, hosts, ports := 40, 20+r.IntN(150), 1+r.IntN(3) // most strangers to each other
		if seed%2 == 0 {
			n, hosts = 14, 4+r.IntN(12) // chains of claims
		}
		drafts := map[int]draft{}
		for i := range n {
			drafts[i] = randomDraft(r, hosts, ports)
			e.Set(drafts[i].gateway(t, i))
		}
		for i := range 2 * n {
			e.Set(randomBound(t, r, i, n, hosts))
		}
		for range 25 {
			i := r.IntN(n + 4)
			c := Change{Before: e.Get(manifest.ID{Group: istio, Kind: "Gateway", Namespace: "shop", Name: fmt.Sprint("g", i)})}
			next := randomDraft(r, hosts, ports)
			if c.Before != nil && r.IntN(3) > 0 {
				next = drafts[i].edited(r, hosts, ports)
			}
			if c.Before == nil || r.IntN(5) > 0 {
				drafts[i] = next
				c.After = next.gateway(t, i)
			}
			c.Review = review
			same(t, e, c, fmt.Sprintf("seed %d", seed), judgements)
			if amongFew(e, c) {
				local++
			}
			if c.After != nil {
				e.Set(c.After)
			} else {
				e.Remove(c.Before.ID)
			}
		}
		for why, n := range e.Whole() {
			whole[why] += n
		}
	}
	t.Log(judgements, "among few Gateways:", local, "over everything:", whole)
	require.Greater(t, local, 4**rounds)
}

// amongFew tells whether a change of a Gateway is judged among few.
func amongFew(e *Engine, c Change) bool {
	id, versions, _ := e.versions(c)
	if live := e.index.facts[id]; live != nil {
		versions = append(versions, live)
	}
	l := sliceOf(e.index, newSkeleton(e.index, e.options, manifest.ID{}, nil, nil), e.options, id, versions, c)
	return l.local && l.whole == ""
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func randomHosts(r *rand.Rand, n int) string {
	var out []string
	for range 1 + r.IntN(3) {
		h := fmt.Sprintf("a%d.d%d.com", r.IntN(3), r.IntN(n))
		if r.IntN(6) == 0 {
			h = fmt.Sprintf("*.d%d.com", r.IntN(n))
		}
		out = append(out, fmt.Sprintf("%q", h))
	}
	return strings.Join(out, ",")
}

// draft is a Gateway in the making.
type draft struct {
	selector string
	servers  []string
}

func randomDraft(r *rand.Rand, hosts, ports int) draft {
	d := draft{selector: pick(r, `"istio":"one"`, `"istio":"one"`, `"istio":"two"`, `"any":"y"`)}
	for k := range 1 + r.IntN(3) {
		d.servers = append(d.servers, randomServer(r, k, hosts, ports))
	}
	return d
}

// edited leaves most of a Gateway as it is.
func (d draft) edited(r *rand.Rand, hosts, ports int) draft {
	d.servers = slices.Clone(d.servers)
	k := r.IntN(len(d.servers))
	switch r.IntN(3) {
	case 0:
		d.servers = append(d.servers, randomServer(r, len(d.servers), hosts, ports))
	case 1:
		d.servers[k] = randomServer(r, k, hosts, ports)
	default:
		d.servers[k] = strings.Replace(d.servers[k], `"hosts":[`, `"hosts":[`+randomHosts(r, hosts)+",", 1)
	}
	return d
}

func randomServer(r *rand.Rand, k, hosts, ports int) string {
	protocol := pick(r, "HTTP", "HTTP", "HTTPS", "HTTPS", "HTTPS", "TLS", "TCP")
	tls := map[string]string{
		"HTTPS": fmt.Sprintf(`,"tls":{"mode":"SIMPLE","credentialName":"c%d"}`, r.IntN(400)),
		"TLS":   `,"tls":{"mode":"PASSTHROUGH"}`,
	}[protocol]
	if protocol == "HTTP" && r.IntN(5) == 0 {
		tls = `,"tls":{"httpsRedirect":true}`
	}
	list := randomHosts(r, hosts)
	if r.IntN(60) == 0 {
		list = `"*"`
	}
	return fmt.Sprintf(`{"port":{"number":%d,"name":"p%d","protocol":%q},"hosts":[%s]%s}`, 8000+r.IntN(ports), k, protocol, list, tls)
}

func (d draft) gateway(t *testing.T, i int) *manifest.Object {
	return parse(t, fmt.Appendf(nil, `{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"g%d","namespace":"shop","creationTimestamp":"2026-01-01T00:00:%02dZ"},
"spec":{"selector":{%s},"servers":[%s]}}`, i, i*7%60, d.selector, strings.Join(d.servers, ",")))
}

func randomBound(t *testing.T, r *rand.Rand, i, n, hosts int) *manifest.Object {
	return parse(t, fmt.Appendf(nil, `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"v%d","namespace":"shop","creationTimestamp":"2026-01-01T00:00:%02dZ"},
"spec":{"hosts":[%s],"gateways":["g%d"],"http":[{"match":[{"uri":{"prefix":"/%s"}}],"route":[{"destination":{"host":"x.com"}}]}]}}`,
		i, i*11%60, randomHosts(r, hosts), r.IntN(n), pick(r, "", "a", "a/b")))
}

// TestGatewaysFarAway has changes whose effect is on Gateways that share nothing with the changed one: one falls for it and frees a
// host for another, or a port changes hands.
func TestGatewaysFarAway(t *testing.T) {
	gateway := func(name string, second int, protocol, tls string, hosts ...string) *manifest.Object {
		return parse(t, fmt.Appendf(nil, `{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":%q,"namespace":"shop","creationTimestamp":"2026-01-01T00:00:%02dZ"},
"spec":{"selector":{"istio":"one"},"servers":[{"port":{"number":443,"name":"p","protocol":%q},"hosts":["%s"]%s}]}}`, name, second, protocol, strings.Join(hosts, `","`), tls))
	}
	https := func(name string, second int, hosts ...string) *manifest.Object {
		return gateway(name, second, "HTTPS", fmt.Sprintf(`,"tls":{"mode":"SIMPLE","credentialName":%q}`, name), hosts...)
	}
	for _, c := range []struct {
		name   string
		live   []*manifest.Object
		change Change
		local  bool
	}{
		{
			"one falls, and another rises",
			[]*manifest.Object{https("falls", 20, "a.com", "b.com"), https("rises", 30, "b.com", "c.com")},
			Change{After: https("new", 10, "a.com")},
			true,
		},
		{"nobody is there for the port any more", []*manifest.Object{gateway("http", 1, "HTTP", "", "x.com")}, Change{Before: gateway("http", 1, "HTTP", "", "x.com")}, false},
		{"a stranger", nil, Change{After: https("new", 10, "a.com")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := NewEngine((&settings.Config{}).Heard(rules.All()), mesh.Options{Complete: mesh.Everything()})
			for _, o := range manifest.Parse("-", []byte(twoIngresses), manifest.Options{}).Objects {
				w := *o
				w.Doc = nil
				e.Set(&w)
			}
			for i := range 8 { // who stands for the port must not be those of the case
				e.Set(https(fmt.Sprint("other", i), 2+i, fmt.Sprintf("other%d.com", i)))
			}
			e.Set(c.live...)
			require.Equal(t, c.local, amongFew(e, c.change))
			judgements := map[string]int{}
			same(t, e, c.change, c.name, judgements)
			require.Equal(t, map[string]int{"Gateway": 1}, judgements)
		})
	}
}
