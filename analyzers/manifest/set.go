package manifest

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"
)

// Options say how input is read.
type Options struct {
	// Namespace is the namespace stated for objects of a file that have none of their own, "" if none is stated.
	// It goes before a kustomization's. Nil states none.
	Namespace func(file string) string
	// Exclude holds globs (** crosses folders) relative to the working directory. They apply to files named outright too.
	Exclude []string
	// Except tells files that are not read, as if they were not there; nil reads all.
	Except func(path string) bool
	// Stdin is read for the path "-"; StdinName is what it is called in positions.
	Stdin     io.Reader
	StdinName string
	// Texts stand for what files hold, by what Real gives of their names.
	Texts map[string][]byte
	// Vars are the values of ${NAME} and $(NAME).
	Vars map[string]string
	// Plain has each object keep what Plain gives, which otherwise reads the document once more: as much memory as the text.
	Plain bool
}

// A Set is what was read.
type Set struct {
	Objects      []*Object // paths in the order given, files in lexical order within a directory, documents in order
	Faults       []Fault
	Files        []File // every file read
	Documents    int    // documents with content
	Other        int    // those of them that are no Kubernetes objects
	Skipped      []Skip
	Placeholders []string // distinct names of placeholders, sorted
	Unreadable   []error  // I/O errors, wrapped with the file
	Broken       []string // files with a document that cannot be parsed, or links to files that are not there
}

// Gap names a file that may define anything, as not all of it could be read, and says why: a clause; "" if there is none.
func (s *Set) Gap() string {
	if len(s.Unreadable) > 0 {
		return s.Unreadable[0].Error()
	}
	if len(s.Broken) > 0 {
		return s.Broken[0] + " does not parse"
	}
	for _, skip := range s.Skipped {
		if skip.Why == SkipTemplate {
			return skip.File + " is a Helm template"
		}
	}
	return ""
}

// Add appends another set.
func (s *Set) Add(other *Set) {
	s.Objects = append(s.Objects, other.Objects...)
	s.Faults = append(s.Faults, other.Faults...)
	s.Files = append(s.Files, other.Files...)
	s.Documents += other.Documents
	s.Other += other.Other
	s.Skipped = append(s.Skipped, other.Skipped...)
	s.Unreadable = append(s.Unreadable, other.Unreadable...)
	s.Broken = append(s.Broken, other.Broken...)
	if len(other.Placeholders) > 0 {
		s.Placeholders = append(s.Placeholders, other.Placeholders...)
		slices.Sort(s.Placeholders)
		s.Placeholders = slices.Compact(s.Placeholders)
	}
}

// A File is a file that was read, without a byte order mark.
type File struct {
	Name string
	Data []byte
}

// Line is the text of a 1-based line without its end, "" if the file has no such line.
func (f File) Line(n int) string {
	data := f.Data
	for ; n > 1; n-- {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			return ""
		}
		data = data[i+1:]
	}
	if n < 1 {
		return ""
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return strings.TrimSuffix(string(line), "\r")
}

// A Skip is a file or document that is not analysed.
type Skip struct {
	File string
	Line int
	Why  SkipReason
}

// SkipReason says why a file or document is not analysed.
type SkipReason string

// The reasons to skip.
const (
	SkipTemplate SkipReason = "template" // a Helm template: render it first
	SkipPatch    SkipReason = "patch"    // a kustomize patch: a part of an object
)

// A Fault is something wrong with the text of an object, before any question what Istio does with it.
type Fault struct {
	Rule    string // "syntax", "unknown-field", "invalid-value" or "duplicate-object"
	Warning bool
	Object  ID     // zero if the object could not be read
	API     string // its apiVersion
	Pos     Pos
	Message string
	Instead string // what was probably meant in the place of the text at Pos, "" if nothing is near
	Related []FaultEnd
}

// A FaultEnd is another place that takes part in a fault.
type FaultEnd struct {
	Object  ID
	Pos     Pos
	Message string
}

// sortFaults orders the faults of one file by place.
func sortFaults(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column), strings.Compare(a.Rule, b.Rule))
	})
}

// Keys are the keys of a map in order, nil for none.
func Keys[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
