package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Load reads files, directories, globs and "-" for standard input. Its error is for wrong usage only: a path that does
// not exist, a glob that matches nothing. What cannot be read or parsed is in the Set, beside all that can.
func Load(paths []string, opt Options) (*Set, error) {
	w, err := newWalker(opt)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		if err := w.add(p); err != nil {
			return nil, err
		}
	}
	known := newKustomizations(w.files)
	sets := make([]*Set, len(w.files))
	parallel(len(w.files), func(i int) { sets[i] = w.read(w.files[i], known) })
	all := &Set{}
	for _, s := range sets {
		all.Add(s)
	}
	return all, nil
}

// An input is one file to read.
type input struct {
	name  string // as reported
	path  string
	abs   string
	stdin bool
	err   error // why it cannot be read, when the walk found that out

	nowhere bool // it is a link to what is not there: a fault of the input, and the rest of it can be read
}

// A walker collects the files that paths stand for.
type walker struct {
	opt   Options
	cwd   string
	files []input
	seen  map[string]bool // absolute names of files
	dirs  map[string]bool // real paths of directories: a loop of symbolic links ends here
}

func newWalker(opt Options) (*walker, error) {
	for _, pattern := range opt.Exclude {
		if !doublestar.ValidatePattern(pattern) {
			return nil, fmt.Errorf("the exclude pattern %q is malformed", pattern)
		}
	}
	cwd, err := os.Getwd()
	if err != nil {
		cwd = ""
	}
	return &walker{opt: opt, cwd: cwd, seen: map[string]bool{}, dirs: map[string]bool{}}, nil
}

// add collects the files of one path given by the user.
func (w *walker) add(p string) error {
	if p == "-" {
		w.addStdin()
		return nil
	}
	info, err := os.Stat(p)
	if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(p, "*?[{") {
		return w.glob(p)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s does not exist", p)
	}
	switch {
	case err != nil:
		w.fail(p, err)
	case info.IsDir():
		w.directory(p)
	default:
		w.file(p)
	}
	return nil
}

func (w *walker) addStdin() {
	name := w.opt.StdinName
	if name == "" {
		name = "<stdin>"
	}
	if !w.seen["-"] {
		w.seen["-"] = true
		w.files = append(w.files, input{name: name, stdin: true})
	}
}

// glob expands what the shell left alone.
func (w *walker) glob(pattern string) error {
	matches, err := doublestar.FilepathGlob(pattern, doublestar.WithNoFollow()) // a loop of links would be followed to its 40th round
	if err != nil {
		return fmt.Errorf("the glob %q is malformed", pattern)
	}
	if len(matches) == 0 {
		return fmt.Errorf("the glob %q matches nothing", pattern)
	}
	for _, m := range matches {
		info, err := os.Stat(m)
		switch {
		case err != nil:
			w.fail(m, err)
		case info.IsDir():
			w.directory(m)
		case info.Mode().IsRegular():
			w.file(m)
		}
	}
	return nil
}

func (w *walker) file(p string) {
	if name := slashed(p); !w.excluded(p) && (w.opt.Except == nil || !w.opt.Except(p)) && w.first(p) {
		w.files = append(w.files, input{name: name, path: p})
	}
}

// first tells whether a file is named for the first time, in whatever spelling.
func (w *walker) first(p string) bool {
	if !filepath.IsAbs(p) {
		p = filepath.Join(w.cwd, p)
	}
	name := slashed(p)
	had := w.seen[name]
	w.seen[name] = true
	return !had
}

func (w *walker) fail(p string, err error) {
	if name := slashed(p); w.first(p) && !w.excluded(p) {
		w.files = append(w.files, input{name: name, path: p, nowhere: errors.Is(err, fs.ErrNotExist), err: fmt.Errorf("reading %s: %w", name, cause(err))})
	}
}

// directory collects the manifests below a folder in lexical order.
func (w *walker) directory(dir string) {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		if abs, err := filepath.Abs(real); err == nil {
			real = abs
		}
		if w.dirs[real] {
			return
		}
		w.dirs[real] = true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.fail(dir, err)
	}
	for _, e := range entries {
		name, p := e.Name(), filepath.Join(dir, e.Name())
		kind := e.Type()
		if kind&fs.ModeSymlink != 0 {
			if strings.HasPrefix(name, ".") {
				continue // a ConfigMap volume's ..data, an editor's lock
			}
			info, err := os.Stat(p)
			if err != nil {
				if manifestName(name) {
					w.fail(p, err)
				}
				continue
			}
			kind = info.Mode().Type()
		}
		switch {
		case kind.IsDir():
			if !strings.HasPrefix(name, ".") && name != "node_modules" && !w.excluded(p) {
				w.directory(p)
			}
		case kind.IsRegular() && manifestName(name):
			w.file(p)
		}
	}
}

func manifestName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// excluded tells a path that a pattern names, itself or with a folder above it.
func (w *walker) excluded(p string) bool {
	if len(w.opt.Exclude) == 0 {
		return false
	}
	if w.cwd != "" && filepath.IsAbs(p) {
		if rel, err := filepath.Rel(w.cwd, p); err == nil && !strings.HasPrefix(rel, "..") {
			p = rel
		}
	}
	for name := slashed(p); name != "." && name != "/" && name != ""; name = path.Dir(name) {
		for _, pattern := range w.opt.Exclude {
			if ok, _ := doublestar.Match(path.Clean(pattern), name); ok {
				return true
			}
		}
	}
	return false
}

func slashed(p string) string { return filepath.ToSlash(filepath.Clean(p)) }

// read reads and parses one file.
func (w *walker) read(in input, known *kustomizations) *Set {
	if in.nowhere {
		return &Set{
			Files:  []File{{Name: in.name}},
			Broken: []string{in.name},
			Faults: []Fault{{Rule: "syntax", Pos: Pos{File: in.name, Line: 1, Column: 1, EndLine: 1, EndColumn: 1}, Message: "this is a symbolic link to a file that is not there"}},
		}
	}
	if in.err != nil {
		return &Set{Unreadable: []error{in.err}}
	}
	data, err := w.bytes(in)
	if err != nil {
		return &Set{Unreadable: []error{fmt.Errorf("reading %s: %w", in.name, cause(err))}}
	}
	namespace := ""
	if w.opt.Namespace != nil {
		namespace = w.opt.Namespace(in.name)
	}
	if namespace == "" && !in.stdin {
		namespace = known.namespace(in.abs)
	}
	return parseFile(in.name, data, w.opt, namespace, known.patches[in.abs])
}

func (w *walker) bytes(in input) ([]byte, error) {
	if in.stdin {
		if w.opt.Stdin == nil {
			return nil, errors.New("there is no standard input")
		}
		return limited(w.opt.Stdin, 0)
	}
	if len(w.opt.Texts) > 0 {
		if text, ok := w.opt.Texts[Real(in.path)]; ok {
			return text, nil
		}
	}
	f, err := os.Open(in.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return limited(f, info.Size())
}

// Real is the one path of a file that can have several: absolute, and without symbolic links where it is there.
func Real(file string) string {
	if to, err := filepath.EvalSymlinks(file); err == nil {
		file = to
	}
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	return file
}

// ReadAll reads a stream that stands for a file.
func ReadAll(r io.Reader) ([]byte, error) { return limited(r, 0) }

// limited reads all of a file, unless it is larger than any input has reason to be. The size is a hint: a pipe has none.
func limited(r io.Reader, size int64) ([]byte, error) {
	tooLarge := errors.New("it is larger than 512 MiB: split it")
	if size > maxFile {
		return nil, tooLarge
	}
	data := make([]byte, 0, size+512)
	for {
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		case len(data) > maxFile:
			return nil, tooLarge
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

// cause is an I/O error without the path, which the caller names.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
