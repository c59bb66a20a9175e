package cli

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/gatelint/gatelint/analyzers/routing"
	"github.com/spf13/cobra"
)

// traceFlags are the flags of trace as given.
type traceFlags struct {
	inspection
	headers, claims               []string
	sni, workload, mesh, requests string
	port, address                 string
	all                           bool
}

func (a *app) traceCommand() *cobra.Command {
	f := &traceFlags{inspection: inspection{flags: flags{cluster: clusterFlags{on: a.plugin}}}}
	cmd := &cobra.Command{
		Use: "trace 'METHOD URL' [PATH...]", Short: "Show where a request goes, stage by stage", Args: cobra.ArbitraryArgs,
		Long: `trace walks one request through what istiod programs: workload, listener, server, virtual host, every route that
Envoy tries and why it does not take the request, the one that does, and its destinations.

tls://HOST:PORT and tcp://:PORT stand for a connection of which no more than the server name is known.

The request comes from outside, to the gateway workload that listens on its port, or with --mesh from a pod with a sidecar.
Exit code 0: answered; 1: nothing of the input can be read; 2: it cannot be asked; 3: gatelint failed.`,
		Example: `  gatelint trace 'GET https://shop.example.com/api' -H 'x-v: 2' deploy/
  gatelint trace http://cart/items --mesh checkout deploy/
  gatelint trace --requests requests.jsonl -o json deploy/`,
		RunE: func(_ *cobra.Command, args []string) error { return a.trace(f, args) },
	}
	s := cmd.Flags()
	s.SortFlags = false
	s.StringArrayVarP(&f.headers, "header", "H", nil, "a `HEADER` of the request, 'name: value'; repeatable")
	s.StringArrayVar(&f.claims, "claim", nil, "a `CLAIM` of the request's token, 'keys: value', nested keys with dots; repeatable")
	s.StringVar(&f.sni, "sni", "", "server `NAME` of the TLS connection (default: the URL's host)")
	s.StringVar(&f.port, "port", "", "Service `PORT` that is dialled (default: the URL's)")
	s.StringVar(&f.address, "address", "", "`ADDRESS` that is dialled, for a server that is bound to it (default: any other)")
	s.StringVar(&f.workload, "workload", "", "gateway `WORKLOAD` that gets it, NAMESPACE/NAME or NAMESPACE/KEY=VALUE,… (default: the only one that listens on the port)")
	s.StringVar(&f.mesh, "mesh", "", "ask the sidecar of a `POD`, NAMESPACE or NAMESPACE/KEY=VALUE,…")
	s.StringVar(&f.requests, "requests", "", "`FILE` of requests, a JSON object a line, - for standard input")
	s.BoolVar(&f.all, "all", false, "text: show all routes that were tried; json: add them, and what comes behind a gateway workload")
	f.input(cmd)
	return cmd
}

func (a *app) trace(f *traceFlags, args []string) error {
	questions, paths, err := a.questions(f, args)
	if err != nil {
		return err
	}
	views, err := a.views(&f.inspection, paths)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(a.stdout)
	style := traceStyle{color: wantsColor(f.colorise, a.stdout), all: f.all}
	for _, q := range questions {
		if f.format == "json" {
			if traceAsJSON(w, q, views, f.all) != nil {
				a.code = exitUsage
			}
			continue
		}
		switch err := traceAsText(w, q, views, &style); {
		case err == nil:
		case f.requests == "":
			w.Flush()
			return err
		default:
			a.say("%s", unasked(q, err))
			a.code = exitUsage
		}
	}
	if err := w.Flush(); err != nil {
		return failure{fmt.Errorf("writing the answers: %w", err)}
	}
	return nil
}

// questions are the requests of the command line or of the file; the other arguments are paths.
func (a *app) questions(f *traceFlags, args []string) (list []question, paths []string, err error) {
	common := question{}
	if f.workload != "" {
		if common.workload, err = parseClient(f.workload); err != nil {
			return nil, nil, fmt.Errorf("--workload: %w", err)
		}
	}
	if f.mesh != "" {
		if common.request.Mesh, err = meshClient(f.mesh); err != nil {
			return nil, nil, fmt.Errorf("--mesh: %w", err)
		}
		if f.workload != "" {
			return nil, nil, errors.New("--workload and --mesh exclude each other")
		}
	}
	if f.requests == "" {
		q, paths, err := oneQuestion(f, args)
		q.workload, q.request.Mesh = common.workload, common.request.Mesh
		if err == nil {
			err = q.request.Askable()
		}
		return []question{q}, paths, err
	}
	if len(f.headers)+len(f.claims) > 0 || f.sni+f.port+f.address != "" {
		return nil, nil, errors.New("--header, --claim, --sni, --port and --address belong to a request on the command line: with --requests write them into the lines")
	}
	if len(args) > 0 && strings.Contains(args[0], "://") {
		return nil, nil, fmt.Errorf("the request %q and --requests exclude each other", args[0])
	}
	list, err = a.requestFile(f.requests, args)
	for i := range list {
		if q := &list[i]; q.err == nil && q.request.Workload == nil && q.request.Mesh == nil {
			q.workload, q.request.Mesh = common.workload, common.request.Mesh
			q.err = q.request.Askable()
		}
	}
	return list, args, err
}

func oneQuestion(f *traceFlags, args []string) (q question, paths []string, err error) {
	if len(args) == 0 {
		return q, nil, errors.New("the request is missing: gatelint trace 'GET https://host/path' PATH…")
	}
	if len(args) > 1 && !strings.Contains(args[0], "://") && strings.Contains(args[1], "://") { // without quotes
		args = append([]string{args[0] + " " + args[1]}, args[2:]...)
	}
	if q.request, err = parseRequest(args[0]); err != nil {
		return q, nil, err
	}
	if f.port != "" {
		n, err := strconv.ParseUint(f.port, 10, 16)
		if err != nil || n == 0 {
			return q, nil, fmt.Errorf("--port: %q is no port: 1 to 65535", f.port)
		}
		q.request.Port = uint32(n)
	}
	q.request.Address = f.address
	switch {
	case f.sni != "" && !q.request.TLS:
		return q, nil, errors.New("--sni: only TLS has a server name, and the URL is http or tcp")
	case f.sni != "":
		q.request.SNI = f.sni
	}
	if q.request.Host == "" && len(f.headers)+len(f.claims) > 0 {
		return q, nil, errors.New("--header and --claim: a connection has none, ask for a URL with http or https")
	}
	if err := setClaims(&q.request, f.claims); err != nil {
		return q, nil, err
	}
	return q, args[1:], setHeaders(&q.request, f.headers)
}

func meshClient(text string) (*routing.Client, error) {
	c, err := parseClient(text)
	switch {
	case err != nil:
		return nil, err
	case c.labels == nil && c.namespace == "":
		return &routing.Client{Namespace: c.name}, nil
	case c.labels == nil:
		return nil, fmt.Errorf("%q is not NAMESPACE or NAMESPACE/KEY=VALUE,…", text)
	case c.namespace == "":
		return nil, fmt.Errorf("%q has no namespace: write NAMESPACE/KEY=VALUE,…", text)
	}
	return &routing.Client{Namespace: c.namespace, Labels: c.labels}, nil
}

func (a *app) requestFile(name string, paths []string) ([]question, error) {
	in := a.stdin
	if name == "-" {
		name = "<stdin>"
		for _, p := range paths {
			if p == "-" {
				return nil, errors.New("standard input is either the requests or the manifests")
			}
		}
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--requests: %w", err)
		}
		defer file.Close()
		in = file
	}
	list, err := readRequests(in, name)
	if err != nil {
		return nil, failure{fmt.Errorf("reading the requests: %w", err)}
	}
	return list, nil
}

// walk asks one question in one World.
func (v view) walk(q question) (*routing.Walk, error) {
	w := &routing.Walk{Request: q.request}
	err := q.err
	if err == nil && q.workload != nil {
		q.request.Workload, err = q.workload.find(v.tables)
	}
	if err != nil {
		w.Answer = routing.Answer{ID: q.request.ID, Outcome: routing.OutcomeError, Error: err.Error()}
		return w, err
	}
	return v.tables.Walk(q.request)
}

// grouped gives what a question yields in each World, equal results once.
func grouped(views []view, result func(view) string) (order []string, worlds map[string][]string) {
	worlds = map[string][]string{}
	for _, v := range views {
		text := result(v)
		if worlds[text] == nil {
			order = append(order, text)
		}
		worlds[text] = append(worlds[text], v.name)
	}
	return order, worlds
}

// traceAsText writes the walk of a question; the error is that of a World in which it cannot be asked.
func traceAsText(w *bufio.Writer, q question, views []view, style *traceStyle) error {
	var failed error
	order, worlds := grouped(views, func(v view) string {
		walk, err := v.walk(q)
		switch {
		case err == nil:
			return style.render(walk)
		case v.name != "":
			err = fmt.Errorf("%w (in %s)", err, v.name)
		}
		failed = err
		return ""
	})
	for _, text := range order {
		if text == "" {
			continue
		}
		if style.begun {
			fmt.Fprintln(w)
		}
		style.begun = true
		if in := worlds[text]; in[0] != "" {
			fmt.Fprintf(w, "%s\n", style.paint(bold, "in "+few(in)+":"))
		}
		w.WriteString(text)
	}
	return failed
}

// unasked names a line of the file that cannot be asked.
func unasked(q question, err error) string {
	if q.request.ID == "" {
		return fmt.Sprintf("%s: %v", q.at, err)
	}
	return fmt.Sprintf("%s: id %q: %v", q.at, q.request.ID, err)
}

// resultJSON is one line of trace -o json. Other programs rely on it.
type resultJSON struct {
	routing.Answer
	Worlds []string    `json:"worlds,omitempty"` // where the input is several
	Tried  []triedJSON `json:"tried,omitempty"`  // with --all
	Next   []nextJSON  `json:"next,omitempty"`   // with --all: behind a destination that is a gateway workload
}

type triedJSON struct {
	VirtualService string               `json:"virtualService"`
	Route          string               `json:"route"`
	Match          string               `json:"match,omitempty"`
	Delegate       *routing.DelegateRef `json:"delegate,omitempty"`
	Because        string               `json:"because"`
}

type nextJSON struct {
	Request wireJSON       `json:"request"`
	Answer  routing.Answer `json:"answer"`
	Tried   []triedJSON    `json:"tried,omitempty"`
	Loop    bool           `json:"loop,omitempty"`
	Next    []nextJSON     `json:"next,omitempty"`
}

func traceAsJSON(w *bufio.Writer, q question, views []view, all bool) error {
	var failed error
	results := map[string]resultJSON{}
	order, worlds := grouped(views, func(v view) string {
		walk, err := v.walk(q)
		r := resultJSON{Answer: walk.Verdict()}
		if failed = cmp.Or(failed, err); err != nil && q.request.ID == "" && q.at != "" {
			r.Error = unasked(q, err)
		}
		if err == nil && all {
			r.Tried, r.Next = tried(walk), next(walk.Hops())
		}
		text := line(r)
		results[text] = r
		return text
	})
	for _, text := range order {
		if r := results[text]; worlds[text][0] != "" {
			r.Worlds = worlds[text]
			text = line(r)
		}
		w.WriteString(text)
	}
	return failed
}

// line is a value on one line.
func line(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // plain structs
	}
	return b.String()
}

func tried(w *routing.Walk) []triedJSON {
	var out []triedJSON
	for i := range w.Tried {
		e := &w.Tried[i]
		at := e.Answer()
		out = append(out, triedJSON{at.VirtualService, at.Route, at.Match, at.Delegate, because(w, e)})
	}
	return out
}

// because says why a route does not take the request, or that it may.
func because(w *routing.Walk, e *routing.Entry) string {
	switch doubt := w.Doubt(e); {
	case doubt != "":
		return "not known: " + doubt
	case slices.Contains(w.Claimed(), e):
		return "not known: it depends on the claims of the token: " + e.Box.String()
	}
	miss, _ := e.Box.Misses(w.Seen)
	return miss.String()
}

func next(hops []routing.Hop) []nextJSON {
	var out []nextJSON
	for _, h := range hops {
		out = append(out, nextJSON{wire(h.Walk.Request), h.Walk.Verdict(), tried(h.Walk), h.Loop, next(h.Next)})
	}
	return out
}
