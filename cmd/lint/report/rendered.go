package report

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"sigs.k8s.io/yaml"
)

// inTemplates is the report with what stands in the output of "helm template", on standard input, moved to the templates that the
// output names, as CI systems show places in the repository only. Output that is kept in a file has its place. It is moved where one chart in the repository has the name: to the line of the
// template, if the same text stands once in the template and once in the output, else to the template's first line. The messages
// say where it was.
func (r *Report) inTemplates() *Report {
	t := &templates{r: r, named: manifest.NewTemplates(r.Files), charts: map[string]string{}, lines: map[string][]string{}, files: map[string]bool{}}
	out := *r
	out.Findings = slices.Clone(r.Findings)
	for i := range out.Findings {
		f := &out.Findings[i]
		f.Pos, f.Message = t.move(f.Pos, f.Object, f.Message)
		f.Related = slices.Clone(f.Related)
		for j := range f.Related {
			e := &f.Related[j]
			if pos, message := t.move(e.Pos, e.Object, endText(*e)); pos != e.Pos || message != endText(*e) {
				e.Pos, e.Message = pos, message
			}
		}
	}
	out.Files = append(slices.Clip(r.Files), t.read...)
	out.files, out.lines, out.paths = nil, nil, nil
	return &out
}

type templates struct {
	r      *Report
	named  *manifest.Templates // by the output
	charts map[string]string   // folders by name of the chart; "" for a name that none or several have
	lines  map[string][]string // of templates, nil for a file that is not there
	read   []manifest.File
	files  map[string]bool // whether they are there
}

func (t *templates) move(pos manifest.Pos, object manifest.ID, message string) (manifest.Pos, string) {
	source, text := t.named.At(pos)
	if source == "" {
		return pos, message
	}
	was := place(pos, object)
	if t.there(was.File) {
		return pos, message
	}
	file, ok := t.file(source)
	if !ok {
		return pos, fmt.Sprintf("%s (rendered from %s)", message, source)
	}
	own := strings.TrimSpace(t.r.line(was.File, was.Line))
	at, line := t.once(file, own), 1
	if at > 0 && strings.Count("\n"+strings.Join(trimmed(text), "\n")+"\n", "\n"+own+"\n") == 1 {
		line = at
	}
	whole := t.lines[file][line-1]
	width, indent := utf8.RuneCountInString(whole), len(whole)-len(strings.TrimLeft(whole, " "))
	moved := manifest.Pos{File: file, Line: line, Column: indent + 1, EndLine: line, EndColumn: width + 1, Path: pos.Path}
	return moved, fmt.Sprintf("%s (%s:%d of what Helm rendered)", message, was.File, was.Line)
}

// there tells whether a file is one, and not standard input.
func (t *templates) there(file string) bool {
	there, known := t.files[file]
	if !known {
		full := file
		if !filepath.IsAbs(full) {
			full = filepath.Join(t.r.Dir, full)
		}
		info, err := os.Stat(full)
		there = err == nil && !info.IsDir()
		t.files[file] = there
	}
	return there
}

// file is the template that Helm's output names: CHART/templates/x.yaml, CHART being no folder, but what Chart.yaml says.
func (t *templates) file(source string) (string, bool) {
	chart, rest, _ := strings.Cut(source, "/")
	dir := t.chart(chart)
	if dir == "" || !filepath.IsLocal(rest) {
		return "", false
	}
	file := filepath.Join(dir, filepath.FromSlash(rest))
	if _, known := t.lines[file]; !known {
		t.lines[file] = nil
		if data, err := os.ReadFile(file); err == nil {
			t.lines[file] = strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
			t.read = append(t.read, manifest.File{Name: file, Data: data})
		}
	}
	return file, t.lines[file] != nil
}

// chart is the folder of the only chart of a name, here or at the repository's root or two folders below these.
func (t *templates) chart(name string) string {
	if dir, known := t.charts[name]; known {
		return dir
	}
	var found []string
	for _, base := range []string{t.r.Dir, t.r.Root} {
		if real, err := filepath.EvalSymlinks(base); err == nil {
			base = real
		}
		for _, pattern := range []string{"Chart.yaml", "*/Chart.yaml", "*/*/Chart.yaml"} {
			files, _ := fs.Glob(os.DirFS(base), pattern) // which is well formed
			for _, file := range files {
				file = filepath.Join(base, filepath.FromSlash(file))
				var chart struct{ Name string }
				data, err := os.ReadFile(file)
				if dir := filepath.Dir(file); err == nil && yaml.Unmarshal(data, &chart) == nil && chart.Name == name && !slices.Contains(found, dir) {
					found = append(found, dir)
				}
			}
		}
	}
	if len(found) != 1 {
		found = []string{""}
	}
	t.charts[name] = found[0]
	return found[0]
}

// once is the number of the only line of a file that has a text, 0 if there is none or several have.
func (t *templates) once(file, text string) (at int) {
	for i, line := range t.lines[file] {
		if strings.TrimSpace(line) != text || text == "" {
			continue
		}
		if at > 0 {
			return 0
		}
		at = i + 1
	}
	return at
}

func trimmed(text []byte) []string {
	var out []string
	for line := range bytes.Lines(text) {
		out = append(out, string(bytes.TrimSpace(line)))
	}
	return out
}
