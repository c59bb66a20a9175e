package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"golang.org/x/term"
)

// output is one report: a format and where it goes.
type output struct {
	format string
	file   string // "" is standard output
}

var formats = []string{"text", "json"}

// setOutputs reads -o: every format goes to its own place.
func (r *request) setOutputs(f *flags) error {
	taken := map[string]bool{}
	for _, text := range f.outputs {
		format, file, given := strings.Cut(text, "=")
		if file == "-" {
			file = ""
		} else if given && file == "" {
			return fmt.Errorf("-o %s: the file is missing", text)
		}
		known := false
		for _, name := range formats {
			known = known || name == format
		}
		if !known {
			hint := ""
			if near := manifest.Nearest(format, formats); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			return fmt.Errorf("-o: unknown format %q, use %s%s", format, strings.Join(formats, " or "), hint)
		}
		if taken[file] {
			place := "standard output"
			if file != "" {
				place = file
			}
			return fmt.Errorf("-o: two reports go to %s: give one of them a file, as in -o %s=FILE", place, format)
		}
		taken[file] = true
		r.outputs = append(r.outputs, output{format, file})
	}
	return nil
}

func (r *request) hasText() bool {
	for _, o := range r.outputs {
		if o.format == "text" {
			return true
		}
	}
	return false
}

// report writes every report. One that cannot be written does not keep the others from it.
func (a *app) report(r *request, res *result) error {
	var first error
	for _, o := range r.outputs {
		if err := a.write(r, res, o); err != nil && first == nil {
			first = failure{err}
		}
	}
	return first
}

func (a *app) write(r *request, res *result, o output) (err error) {
	var w io.Writer = a.stdout
	if o.file != "" {
		file, err := os.Create(o.file)
		if err != nil {
			return fmt.Errorf("writing the %s report: %w", o.format, err)
		}
		defer file.Close()
		w = file
	}
	buffered := bufio.NewWriter(w)
	if o.format == "json" {
		err = writeJSON(buffered, a.reportJSON(res))
	} else {
		t := &textReport{w: buffered, sources: newSources(res.files), rules: a.rules, color: o.file == "" && wantsColor(r.color, a.stdout)}
		t.write(res, r.quiet)
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing the %s report: %w", o.format, err)
	}
	return nil
}

func wantsColor(when string, w io.Writer) bool {
	switch when {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
