package manifest

import (
	"bytes"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Parse reads the bytes of one file or stream. Nothing that stands in them makes it fail: what cannot be read is a
// Fault, and the documents beside it are read all the same.
func Parse(file string, data []byte, opt Options) *Set {
	namespace := ""
	if opt.Namespace != nil {
		namespace = opt.Namespace(file)
	}
	return parseFile(file, data, opt, namespace, false)
}

// parseFile reads the documents of a file, a batch of them at a time on each processor.
func parseFile(file string, data []byte, opt Options, namespace string, patch bool) *Set {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	batches := batched(split(data))
	readers := make([]*reader, max(len(batches), 1))
	for i := range readers {
		readers[i] = &reader{set: &Set{}, file: file, vars: opt.Vars, namespace: namespace, plain: opt.Plain, names: map[string]bool{}}
	}
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")):
		readers = readers[:1]
		readers[0].fail(&Document{File: file, Line: 1}, &problem{line: 1, col: 1, message: "the file is UTF-16 or UTF-32, which kubectl cannot read: save it as UTF-8"})
	case patch:
		for _, batch := range batches {
			for _, c := range batch {
				readers[0].skip(c.line, SkipPatch)
			}
		}
	default:
		parallel(len(batches), func(i int) {
			for _, c := range batches[i] {
				readers[i].chunk(c)
			}
		})
	}
	all := join(readers)
	all.Files = []File{{Name: file, Data: data}}
	return all
}

// batchSize is enough work to be worth a goroutine.
const batchSize = 256 << 10

// batched groups neighbouring chunks.
func batched(chunks []chunk) [][]chunk {
	var out [][]chunk
	start, size := 0, 0
	for i, c := range chunks {
		if size += len(c.text); size >= batchSize || i == len(chunks)-1 {
			out = append(out, chunks[start:i+1])
			start, size = i+1, 0
		}
	}
	return out
}

// parallel calls f for each number below n, on all processors.
func parallel(n int, f func(i int)) {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() error { f(i); return nil })
	}
	_ = group.Wait() // f has no errors
}

// A reader reads some documents of a file, one after the other.
type reader struct {
	set       *Set
	file      string
	vars      map[string]string
	namespace string // stated for objects without one
	plain     bool   // objects keep their plain values
	packing   []byte // those of the last one
	names     map[string]bool
	objects   []placed
	broken    []broken
	templates []int // lines
	arena     arena
}

// placed is an object with the place of its name.
type placed struct {
	*Object
	name region
}

func (p placed) pos() Pos {
	pos := Pos{File: p.Doc.File, Path: "metadata.name"}
	p.name.into(&pos, p.Doc)
	return pos
}

// broken is a document that cannot be read.
type broken struct {
	doc *Document
	*problem
}

func (r *reader) skip(line int, why SkipReason) {
	r.set.Documents++
	r.set.Skipped = append(r.set.Skipped, Skip{File: r.file, Line: line, Why: why})
}

// join puts together what the readers of one file found, in its order.
func join(readers []*reader) *Set {
	all := &Set{}
	patience := 1 << 20 // bytes of broken documents in which the failing line may still be searched for
	template := false
	for _, r := range readers {
		r.set.Placeholders = Keys(r.names)
		// The plain documents beside a template are read; one line a file says that it is one.
		if r.set.Documents += len(r.templates); len(r.templates) > 0 && !template {
			template = true
			r.set.Skipped = append(r.set.Skipped, Skip{File: r.file, Line: r.templates[0], Why: SkipTemplate})
		}
		for _, b := range r.broken {
			if b.said != "" && len(b.doc.Text) <= patience {
				patience -= len(b.doc.Text)
				b.search(b.doc.Text)
			}
			r.syntax(b.doc, b.problem)
		}
		all.Add(r.set)
	}
	if i := slices.IndexFunc(readers, func(r *reader) bool { return len(r.broken) > 0 }); i >= 0 {
		all.Broken = []string{readers[i].file}
	}
	all.unique(readers)
	sortFaults(all.Faults)
	return all
}

// unique keeps one object of each identity. Of two in a file the last stays, as with kubectl apply.
func (s *Set) unique(readers []*reader) {
	var kept []placed
	seen := map[ID]int{}
	for _, r := range readers {
		for _, o := range r.objects {
			at, twice := seen[o.ID]
			if twice && kept[at].Same(o.Object) {
				continue
			}
			if twice {
				s.Faults = append(s.Faults, Fault{
					Rule: "duplicate-object", Object: o.ID, API: o.APIVersion, Pos: o.pos(),
					Message: fmt.Sprintf("%s stands twice in this file with different content: the last one wins when it is applied", o.ID),
					Related: []FaultEnd{{Object: o.ID, Pos: kept[at].pos(), Message: "the first is overwritten"}},
				})
				kept[at].Object = nil
			}
			if o.Name != "" && !Placeholder(o.Name) {
				seen[o.ID] = len(kept)
			}
			kept = append(kept, o)
		}
	}
	for _, o := range kept {
		if o.Object != nil {
			s.Objects = append(s.Objects, o.Object)
		}
	}
}

// big lets one large document through at a time: its tree takes many times its size.
var big sync.Mutex

// chunk reads one document, or the JSON values in its place.
func (r *reader) chunk(c chunk) {
	if message := tooLarge(c.text); message != "" {
		r.fail(&Document{File: r.file, Line: c.line, Text: c.text[:min(len(c.text), 4096)]}, &problem{line: 1, col: 1, message: message})
		return
	}
	if len(c.text) > 4<<20 {
		big.Lock()
		defer big.Unlock()
	}
	defer r.arena.reset()
	text := bytes.TrimLeft(c.text, " \t\r\n")
	var jsonErr *problem
	if len(text) > 1 && (text[0] == '{' && text[1] != '{' || text[0] == '[') {
		if jsonErr = r.jsonValues(c); jsonErr == nil {
			return
		}
	}
	doc := &Document{File: r.file, Line: c.line, Text: c.text, Source: renderedFrom(c.text), vars: r.vars}
	reading, err := readYAML(c.text, r.vars, &r.arena)
	if err != nil {
		if n := templateLine(c.text); n > 0 && bytes.Contains(c.text, []byte("{")) {
			r.templates = append(r.templates, c.line+n-1)
			return
		}
		if jsonErr != nil && (path.Ext(r.file) == ".json" || looksJSON(text)) {
			err = jsonErr
		}
		if path.Ext(r.file) == ".json" && !bytes.Contains(c.text, []byte("apiVersion")) {
			r.set.Documents++
			r.set.Other++ // data of some other program, in a dialect of its own
			return
		}
		r.fail(doc, err)
		return
	}
	if reading.template > 0 {
		r.templates = append(r.templates, c.line+int(reading.template)-1)
		return
	}
	r.document(doc, reading)
}

// fail notes a document that cannot be read.
func (r *reader) fail(doc *Document, p *problem) {
	r.set.Documents++
	r.broken = append(r.broken, broken{doc, p})
}

// looksJSON tells text whose author meant JSON from a YAML flow map.
func looksJSON(text []byte) bool {
	rest := bytes.TrimLeft(text[1:], " \t\r\n")
	return len(rest) > 0 && (rest[0] == '"' || rest[0] == '{' || rest[0] == '[')
}

// tooLarge refuses what would take more memory than any Kubernetes object is worth.
func tooLarge(text []byte) string {
	if len(text) > maxDocument {
		return "the document is larger than 32 MiB: split it, with --- between the objects"
	}
	if len(text) < 4<<20 {
		return ""
	}
	marks := 0
	for i, c := range text {
		switch c {
		case ',', '[', '{':
			marks++
		case ':', '-', '?':
			if i+1 == len(text) || text[i+1] <= ' ' {
				marks++
			}
		}
	}
	if marks > maxMarks {
		return "the document holds more than four million values: split it, with --- between the objects"
	}
	return ""
}

// jsonValues reads a chunk as JSON values, one after another. Nothing is kept if one of them fails.
func (r *reader) jsonValues(c chunk) *problem {
	type value struct {
		doc *Document
		*reading
	}
	var values []value
	jr := newJSONReader(string(c.text))
	jr.vars, jr.arena = r.vars, &r.arena
	for jr.peek() != 0 || jr.pos < len(jr.text) {
		line, col := jr.mark()
		start := jr.pos
		jr.dups = nil
		root, err := jr.value(0)
		if err != nil {
			return err
		}
		rebase(root, jr.dups, line-1, col-1)
		doc := &Document{File: r.file, Line: c.line + int(line) - 1, Text: c.text[start:jr.pos:jr.pos], JSON: true, shift: int(col) - 1, vars: r.vars}
		values = append(values, value{doc, &reading{root: root, dups: jr.dups}})
	}
	for _, v := range values {
		r.document(v.doc, v.reading)
	}
	return nil
}

// rebase makes places relative to the value's own text.
func rebase(n *node, dups []duplicate, lines, cols int32) {
	if lines == 0 && cols == 0 {
		return
	}
	move := func(line, col *int32) {
		*line -= lines
		if *line == 1 {
			*col -= cols
		}
	}
	for i := range dups {
		move(&dups[i].line, &dups[i].col)
		move(&dups[i].firstLine, &dups[i].firstCol)
	}
	var walk func(*node)
	walk = func(n *node) {
		move(&n.line, &n.col)
		for i := range n.fields {
			move(&n.fields[i].line, &n.fields[i].col)
			walk(n.fields[i].val)
		}
		for _, item := range n.items {
			walk(item)
		}
	}
	walk(n)
}

// document takes the objects out of a document that could be read.
func (r *reader) document(doc *Document, in *reading) {
	root := in.root
	r.set.Documents++
	if bytes.Contains(doc.Text, []byte("$patch")) && root != nil && hasPatch(root, 0) {
		r.set.Skipped = append(r.set.Skipped, Skip{File: r.file, Line: doc.Line + leadingLines(root), Why: SkipPatch})
		return
	}
	api, kind := root.str("apiVersion"), root.str("kind")
	if api == "" || kind == "" || strings.HasPrefix(api, "kustomize.config.k8s.io/") {
		r.set.Other++
		r.generators(doc, root)
		return
	}
	d := &decoding{reader: r, doc: doc, holds: mayHold(doc.Text)}
	if items := root.get("items"); strings.HasSuffix(kind, "List") && items != nil && items.kind == kindSeq {
		d.list(root, items)
	} else {
		d.object(root, -1, api, kind)
	}
	for _, p := range in.soft {
		d.soft(p)
	}
	for _, dup := range in.dups {
		d.duplicateKey(dup)
	}
}

// generators adds the Secrets that a kustomization makes: nothing else in the input shows that they will be there.
func (r *reader) generators(doc *Document, root *node) {
	list := root.get("secretGenerator")
	if list == nil || !slices.Contains(KustomizationNames[:], path.Base(r.file)) {
		return
	}
	namespace := root.str("namespace")
	if namespace == "" {
		namespace = r.namespace
	}
	for _, item := range list.items {
		if name := item.str("name"); name != "" {
			r.objects = append(r.objects, placed{&Object{
				ID: ID{Group: "kustomize.config.k8s.io", Kind: "SecretGenerator", Namespace: namespace, Name: name}, APIVersion: "kustomize.config.k8s.io/v1beta1",
				Doc: doc, Item: -1, Tree: map[string]any{},
			}, nameRegion(item.get("name"))})
		}
	}
}

func leadingLines(root *node) int { return int(root.line) - 1 }

// hasPatch finds the directive of a strategic merge patch, which no complete object has.
func hasPatch(n *node, depth int) bool {
	if depth > 20 {
		return false
	}
	for i := range n.fields {
		if n.fields[i].key == "$patch" || hasPatch(n.fields[i].val, depth+1) {
			return true
		}
	}
	for _, item := range n.items {
		if hasPatch(item, depth+1) {
			return true
		}
	}
	return false
}

// syntax reports a document that could not be read.
func (r *reader) syntax(doc *Document, p *problem) {
	message := p.message
	if p.cites && secretText(doc.Text) {
		message = unquote(message)
	}
	line := doc.Line + int(p.line) - 1
	end := int(p.col) + 1
	if p.col < 1 {
		p.col = 1
	}
	src := newSource(doc.Text)
	if text := strings.TrimRight(src.line(int(p.line)), " \t"); len(text) > 0 {
		end = max(end, len([]rune(text))+1)
	}
	shift := 0
	if p.line == 1 {
		shift = doc.shift
	}
	r.set.Faults = append(r.set.Faults, Fault{
		Rule:    "syntax",
		Pos:     Pos{File: r.file, Line: line, Column: int(p.col) + shift, EndLine: line, EndColumn: end + shift},
		Message: message,
	})
}
