package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gatelint/gatelint/cmd/lint/fix"
	"github.com/gatelint/gatelint/rules"
)

// baselineName is the file that holds a baseline if nothing else is said.
const baselineName = ".gatelint-baseline.json"

// baselined is one finding of a baseline. Nothing in it moves with lines. Several of one fault are several entries.
type baselined struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	Object      string `json:"object"` // "" if it could not be read
	File        string `json:"file"`   // from the baseline's folder
	Message     string `json:"message"`
}

// baseline is the file: findings that were there before.
type baseline struct {
	name string
	list []baselined
}

func readBaseline(name string) (*baseline, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no baseline %s: gatelint baseline create makes one", filepath.ToSlash(name))
	}
	if err != nil {
		return nil, failure{fmt.Errorf("reading the baseline: %w", err)}
	}
	var file struct {
		Version  int         `json:"version"`
		Findings []baselined `json:"findings"`
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, fix.Mark)))
	d.DisallowUnknownFields()
	err = d.Decode(&file)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("text follows its end")
	}
	if err != nil {
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			err = fmt.Errorf("%s has the JSON type %s", cmp.Or(wrong.Field, "the whole"), wrong.Value)
		}
		return nil, fmt.Errorf("%s is no baseline: %w", filepath.ToSlash(name), err)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("%s: this gatelint reads baselines of version 1, not %d", filepath.ToSlash(name), file.Version)
	}
	return &baseline{name, file.Findings}, nil
}

// write puts one finding on a line, in an order that does not move.
func (b *baseline) write() error {
	slices.SortFunc(b.list, func(x, y baselined) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Object, y.Object), cmp.Compare(x.Message, y.Message), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	var out bytes.Buffer
	out.WriteString("{\"version\": 1, \"findings\": [")
	for i, x := range b.list {
		var line bytes.Buffer
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		if err := e.Encode(x); err != nil {
			return failure{fmt.Errorf("writing the baseline: %w", err)}
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(bytes.TrimSuffix(line.Bytes(), []byte("\n")))
	}
	out.WriteString("\n]}\n")
	if err := os.WriteFile(b.name, out.Bytes(), 0o644); err != nil {
		return failure{fmt.Errorf("writing the baseline: %w", err)}
	}
	return nil
}

// entry is a finding as the baseline holds it.
func (b *baseline) entry(f rules.Finding) baselined {
	x := baselined{Fingerprint: f.Fingerprint, Rule: f.Rule, File: b.local(f.Pos.File), Message: f.Message}
	if f.Object.Name != "" {
		x.Object = f.Object.String()
	}
	return x
}

// local is a file from the baseline's folder.
func (b *baseline) local(file string) string {
	if file == "" { // of an object in a cluster
		return ""
	}
	dir, errDir := filepath.Abs(filepath.Dir(b.name))
	abs, errFile := filepath.Abs(file)
	if errDir == nil && errFile == nil {
		if rel, err := filepath.Rel(dir, abs); err == nil {
			file = rel
		}
	}
	return filepath.ToSlash(file)
}

// gone tells whether a file that the baseline names is not there any more.
func (b *baseline) gone(file string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(b.name), filepath.FromSlash(file)))
	return errors.Is(err, fs.ErrNotExist)
}

// spot is a fault in a file.
type spot struct{ fingerprint, file string }

// apply parts findings into new ones and those that the baseline holds, and gives the entries that no finding has met. An entry stands
// for a finding in its own file; once that is gone, for one of the same object in any.
func (b *baseline) apply(findings []rules.Finding) (fresh, old []rules.Finding, unmet []baselined) {
	gone := map[string]bool{}
	left := map[spot]int{}
	at := func(x baselined) spot {
		if _, asked := gone[x.File]; !asked {
			gone[x.File] = b.gone(x.File)
		}
		if gone[x.File] && x.Object != "" {
			return spot{x.Fingerprint, ""}
		}
		return spot{x.Fingerprint, x.File}
	}
	for _, x := range b.list {
		left[at(x)]++
	}
	for _, f := range findings {
		x := b.entry(f)
		here, anywhere := spot{x.Fingerprint, x.File}, spot{x.Fingerprint, ""}
		switch {
		case left[here] > 0:
			left[here]--
		case left[anywhere] > 0 && x.Object != "":
			left[anywhere]--
		default:
			fresh = append(fresh, f)
			continue
		}
		old = append(old, f)
	}
	for _, x := range b.list {
		if left[at(x)] > 0 {
			left[at(x)]--
			unmet = append(unmet, x)
		}
	}
	return fresh, old, unmet
}

// baseline leaves out the findings that the baseline holds. Findings of rules that the config calls not ignorable stay.
func (c *collector) baseline() error {
	if c.request.baseline == "" {
		return nil
	}
	b, err := readBaseline(c.request.baseline)
	if err != nil {
		return err
	}
	held, rest := c.request.held(c.findings)
	fresh, old, unmet := b.apply(rest)
	c.findings = append(held, fresh...)
	rules.Sort(c.findings)
	c.baselined = len(old)
	c.summary.Suppressed += len(old)
	c.stale = b.stale(unmet, c)
	return nil
}

// held parts off the findings that nothing but the config may hide.
func (r *request) held(findings []rules.Finding) (held, rest []rules.Finding) {
	for _, f := range findings {
		if f.Stands || r.config.Rules[f.Rule].NoIgnore {
			held = append(held, f)
		} else {
			rest = append(rest, f)
		}
	}
	return held, rest
}

// stale are the entries of rules that ran to their end that no finding has met though their file was read, or is gone from all there is.
func (b *baseline) stale(unmet []baselined, c *collector) (out []baselined) {
	read, ran := map[string]bool{}, map[string]bool{}
	for _, f := range c.files {
		read[b.local(f.Name)] = true
	}
	for _, r := range c.request.list {
		ran[r.Name] = true
	}
	for _, x := range unmet {
		all := len(c.request.paths) == 0 && (c.request.config.File != "" || filepath.Dir(b.name) == ".")
		if ran[x.Rule] && !c.failed.open(x.Rule) && (read[x.File] || all && b.gone(x.File)) && c.request.least == rules.Info {
			out = append(out, x)
		}
	}
	return out
}
