package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"go.yaml.in/yaml/v3"
)

// maxFile is the size in bytes of a file of policies or of their data; a bundle's files count each by itself.
const maxFile = 16 << 20

// sources are the files of policies.
type sources struct {
	modules  map[string]*ast.Module // by file, without tests
	tests    map[string]*ast.Module // files named *_test.rego
	helpers  map[string]*ast.Module // of gatelint's own
	files    []string               // of modules, in the order read
	fixtures []string               // files named *.txtar beside them
	data     map[string]any         // of data.json and data.yaml
	problems Problems
	seen     map[string]bool
	met      int // files of policies, also those met before
	digest   hash.Hash
	key      *bundle.VerificationConfig // nil: bundles need not be signed
}

// readSources reads files, folders and bundles. What cannot be read is a problem, and the rest is read all the same.
func readSources(opt Options) *sources {
	s := &sources{
		modules: map[string]*ast.Module{}, tests: map[string]*ast.Module{}, helpers: map[string]*ast.Module{},
		data: map[string]any{}, seen: map[string]bool{}, digest: sha256.New(),
	}
	if opt.BundleKey != "" {
		if s.verify(opt.BundleKey); s.key == nil {
			return s
		}
	}
	for _, p := range opt.Paths {
		had, bad := s.met, len(s.problems)
		switch text, lack := brought(p); {
		case text != "":
			s.module(p, text)
			continue
		case lack != "":
			s.fail("", lack)
			continue
		}
		s.path(filepath.Clean(p))
		if s.met == had && len(s.problems) == bad {
			s.fail(p, "there is no policy here: no file ends in .rego")
		}
	}
	s.help()
	return s
}

// uncompiled are errors of the compiler; functions are named nearly as others are in the wrong package too.
func (s *sources) uncompiled(list ast.Errors) Problems {
	var functions []string
	for _, m := range s.all() {
		for _, r := range m.Rules {
			if len(r.Head.Args) > 0 {
				functions = append(functions, r.Ref().String())
			}
		}
	}
	out := problemsOf(list, "")
	for _, p := range out {
		if name, ok := strings.CutPrefix(p.Message, "undefined function data."); ok {
			p.Message += meant("data."+name, functions)
		}
	}
	return out
}

// all are the modules that are compiled together, without tests.
func (s *sources) all() map[string]*ast.Module {
	out := maps.Clone(s.modules)
	maps.Copy(out, s.helpers)
	return out
}

func (s *sources) fail(file, message string) {
	s.problems = append(s.problems, &Problem{File: filepath.ToSlash(file), Message: message})
}

func (s *sources) path(p string) {
	info, err := os.Stat(p)
	switch {
	case err != nil:
		s.fail(p, "cannot be read: "+reason(err))
	case s.key != nil && (info.IsDir() || strings.HasSuffix(p, ".rego")):
		s.fail(p, "is no bundle: where a key is given only signed bundles are read")
	case info.IsDir():
		s.folder(p)
	case strings.HasSuffix(p, ".tar.gz") || strings.HasSuffix(p, ".tgz"):
		s.bundle(p)
	case strings.HasSuffix(p, ".rego"):
		s.file(p)
	default:
		s.fail(p, "is no policy: a file of policies ends in .rego, a bundle in .tar.gz")
	}
}

// reason is an error without the path, which stands before it.
func reason(err error) string {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// folder reads a folder and those in it; names with a leading dot are left out, as of a mounted ConfigMap.
func (s *sources) folder(root string) {
	err := filepath.WalkDir(root+string(filepath.Separator), func(p string, d fs.DirEntry, err error) error { // the separator follows a link
		if err != nil {
			return err
		}
		p = filepath.Clean(p)
		name := d.Name()
		if info, err := os.Stat(p); d.Type()&fs.ModeSymlink != 0 && !strings.HasPrefix(name, ".") && err == nil && info.IsDir() {
			s.fail(p, "is a link to a folder, which is not followed: name it by itself")
		}
		switch {
		case p != root && strings.HasPrefix(name, "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case d.IsDir():
		case strings.HasSuffix(name, ".rego"):
			s.file(p)
		case name == "data.json" || name == "data.yaml" || name == "data.yml":
			s.document(root, p)
		case strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz"):
			s.fail(p, "is a bundle in a folder of policies, which is not read: name it by itself")
		case strings.HasSuffix(name, ".txtar") && !s.seen[p]:
			s.seen[p] = true
			s.fixtures = append(s.fixtures, p)
		}
		return nil
	})
	if err != nil {
		s.fail(root, "cannot be read: "+reason(err))
	}
}

func (s *sources) read(p string) ([]byte, bool) {
	info, err := os.Stat(p)
	if err == nil && info.Size() > maxFile {
		s.fail(p, "is larger than 16 MiB")
		return nil, false
	}
	data, err := os.ReadFile(p)
	if err != nil {
		s.fail(p, "cannot be read: "+reason(err))
	}
	s.note(p, data)
	return data, err == nil
}

func (s *sources) file(p string) {
	if text, ok := s.read(p); ok {
		s.module(filepath.ToSlash(p), string(text))
	}
}

// module parses one file. One that was reached by two paths counts once.
func (s *sources) module(name, text string) {
	s.met++
	if s.seen[name] {
		return
	}
	s.seen[name] = true
	text = strings.TrimPrefix(text, mark)
	m, err := parseModule(name, text)
	if err != nil {
		list := problemsOf(err, name)
		lines := strings.Count(strings.TrimRight(text, "\n"), "\n") + 1
		for _, p := range list {
			p.Line = max(1, min(p.Line, lines)) // what is missing at the end is laid behind it
		}
		s.unparsed(list)
		return
	}
	if strings.HasSuffix(name, "_test.rego") {
		s.tests[name] = m
		if r := idle(m); r != nil {
			s.problems = append(s.problems, at(r.Location, "%s is never evaluated: a file named _test.rego holds tests; rename it", headName(r)))
		}
		return
	}
	s.problems = append(s.problems, miscalled(m)...)
	s.modules[name] = m
	s.files = append(s.files, name)
}

// mark can stand at the beginning of a text in UTF-8. OPA reads over it, but not METADATA behind it.
const mark = "\ufeff"

// unparsed enters what the parser says of files.
func (s *sources) unparsed(list Problems) {
	for _, p := range list {
		n := len(s.problems) - 1
		switch { // of one mistake the parser tells what is wrong, what was expected, and what it did not understand after it
		case p.Line == 0 || n < 0 || s.problems[n].File != p.File || s.problems[n].Line != p.Line:
			s.problems = append(s.problems, p)
		case strings.HasPrefix(p.Message, s.problems[n].Message):
			s.problems[n] = p
		}
	}
}

// idle gives a rule of a file of tests that looks like one of a policy, where there is no test.
func idle(m *ast.Module) (out *ast.Rule) {
	for _, r := range m.Rules {
		name := headName(r)
		if strings.HasPrefix(name, "test_") || strings.HasPrefix(name, "todo_test_") {
			return nil
		}
		if word, _, _ := strings.Cut(name, "_"); out == nil && slices.Contains(verdicts, word) {
			out = r
		}
	}
	return out
}

func parseModule(name, text string) (*ast.Module, error) {
	m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
	if err != nil {
		_, plain := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1}) // its METADATA may be what is wrong
		if _, old := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV0}); old == nil && plain != nil {
			list := problemsOf(err, name)
			list[0].Message = "this is Rego v0: opa fmt --v0-v1 --write rewrites it (" + list[0].Message + ")"
			return nil, list[0]
		}
		return nil, err
	}
	return m, checkSchemas(m)
}

// document enters a data.json or data.yaml, under the names of the folders that lead to it.
func (s *sources) document(root, p string) {
	text, ok := s.read(p)
	if !ok {
		return
	}
	var doc any
	if s.seen[p] {
		return
	}
	s.seen[p] = true
	text = bytes.TrimPrefix(text, []byte(mark))
	if filepath.Ext(p) == ".json" {
		if err := whole(text, &doc); err != nil {
			problem := &Problem{File: filepath.ToSlash(p), Message: "is no JSON: " + err.Error()}
			if e := (*json.SyntaxError)(nil); errors.As(err, &e) {
				problem.Line = 1 + bytes.Count(text[:min(int(e.Offset), len(text))], []byte("\n"))
			}
			s.problems = append(s.problems, problem)
			return
		}
	} else {
		var root yaml.Node
		err := yaml.Unmarshal(text, &root)
		if err == nil && root.Kind != 0 {
			doc, err = settings.Plain(&root)
		}
		if err != nil {
			s.fail(p, err.Error())
			return
		}
	}
	rel, err := filepath.Rel(root, filepath.Dir(p))
	if err == nil && rel != "." {
		parts := strings.Split(filepath.ToSlash(rel), "/")
		for i := len(parts) - 1; i >= 0; i-- {
			doc = map[string]any{parts[i]: doc}
		}
	}
	s.merge(p, doc)
}

// whole reads one JSON value; numbers keep all their digits.
func whole(text []byte, into *any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text follows its end")
	}
	return nil
}

// merge joins data of one more file to the rest.
func (s *sources) merge(file string, doc any) {
	m, ok := doc.(map[string]any)
	if !ok {
		s.fail(file, "holds no object: there would be no name for it under data")
		return
	}
	if _, ours := m["gatelint"]; ours {
		s.fail(file, "sets data.gatelint, which is what gatelint tells policies")
		return
	}
	if clash := join(s.data, m); clash != "" {
		s.fail(file, "sets data"+clash+", which another file of data sets to another value")
	}
}

// join enters what is not there yet; clash is the path of the first value that is there and differs.
func join(into, from map[string]any) (clash string) {
	for _, k := range manifest.Keys(from) {
		have, ok := into[k]
		a, isMap := have.(map[string]any)
		b, both := from[k].(map[string]any)
		switch {
		case !ok:
			into[k] = from[k]
		case isMap && both:
			if clash := join(a, b); clash != "" {
				return "." + k + clash
			}
		case !reflect.DeepEqual(have, from[k]):
			return "." + k
		}
	}
	return ""
}

// bundle reads an OPA bundle.
func (s *sources) bundle(p string) {
	text, ok := s.read(p)
	if !ok {
		return
	}
	b, err := bundle.NewCustomReader(bundle.NewTarballLoaderWithBaseURL(bytes.NewReader(text), "").WithSizeLimitBytes(maxFile)).
		WithSkipBundleVerification(s.key == nil).WithBundleVerificationConfig(s.key).WithRegoVersion(ast.RegoV1).WithSizeLimitBytes(maxFile).Read()
	if err != nil {
		list := problemsOf(err, filepath.ToSlash(p))
		for _, x := range list {
			if inner, ok := strings.CutPrefix(x.File, "/"); ok && x.Line > 0 { // a file of the bundle
				x.File = filepath.ToSlash(p) + "/" + inner
			}
		}
		s.unparsed(list)
		return
	}
	for _, m := range b.Modules {
		s.module(filepath.ToSlash(p)+"/"+strings.TrimPrefix(m.Path, "/"), string(m.Raw))
	}
	if len(b.Data) > 0 {
		s.merge(p, b.Data)
	}
}

// problemsOf gives each error of OPA with its place; file is where it is when it does not say.
func problemsOf(err error, file string) Problems {
	var problem *Problem
	if errors.As(err, &problem) {
		return Problems{problem}
	}
	var list ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = ast.Errors{one}
	default:
		return Problems{{File: file, Message: err.Error()}}
	}
	out := make(Problems, 0, len(list))
	for _, e := range list {
		p := at(e.Location, "%s", wording(e))
		if p.File == "" {
			p.File = file
		}
		out = append(out, p)
	}
	return out
}
