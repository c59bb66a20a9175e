package manifest

import (
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
)

// ID names one Kubernetes object. The API version is not part of it: v1alpha3, v1beta1 and v1 of one object are one object.
type ID struct {
	Group     string // "networking.istio.io"; "" for the core group
	Kind      string
	Namespace string // "" when the manifest leaves it unstated
	Name      string
}

// String is "Kind namespace/name", or "Kind (no namespace)/name" when the manifest leaves the namespace out.
func (id ID) String() string { return id.Kind + " " + id.Ref() }

// Ref is "namespace/name", or "(no namespace)/name".
func (id ID) Ref() string {
	if id.Namespace == "" {
		return "(no namespace)/" + id.Name
	}
	return id.Namespace + "/" + id.Name
}

// Pos is a place in the input: 1-based, columns in Unicode code points, end exclusive.
// The zero File and Line mean that the object has no file (it lives in a cluster).
type Pos struct {
	File      string
	Line      int
	Column    int
	EndLine   int
	EndColumn int
	Path      string // "spec.http[2].route[0]"
}

// Object is one Kubernetes object of the input.
type Object struct {
	ID
	APIVersion  string
	UID         string
	Labels      map[string]string
	Annotations map[string]string
	Created     time.Time // zero when the manifest has no creationTimestamp (null counts as absent)
	Fresh       bool      // it is about to be created: younger than every object with a time

	// Spec is the typed message of an Istio kind (*networking.Gateway, *networking.VirtualService, …); nil for others.
	Spec proto.Message
	// Tree holds the whole object as plain values (map[string]any, []any, string, bool, int64, float64, nil)
	// for every kind that is not an Istio networking kind; nil for those.
	Tree  map[string]any
	plain packed // the same of an Istio kind, if it was asked for
	// Opaque lists the field paths of placeholders in fields that are not strings: the message has no value there.
	Opaque []string
	// Dropped lists the field paths of keys that the API does not have: reported, and the message lacks them.
	Dropped []string
	// Zeros lists the field paths of numbers in Spec that are written as 0: the message cannot tell them from ones left out.
	Zeros []string

	Doc  *Document
	Item int // index in the items of a List, -1 when the document is the object itself
}

// File is the file that the object stands in, "" if it lives in a cluster.
func (o *Object) File() string {
	if o.Doc == nil {
		return ""
	}
	return o.Doc.File
}

// Known tells whether what stands at a path can be taken for what the author wants: nothing at it, in it or around it is a
// placeholder or has been reported by the loader.
func (o *Object) Known(path ...any) bool {
	here := FieldPath(path...)
	for _, list := range [...][]string{o.Opaque, o.Dropped} {
		for _, p := range list {
			if under(p, here) || under(here, p) {
				return false
			}
		}
	}
	return true
}

// under tells whether a path is another or lies in it.
func under(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Document is one YAML or JSON document of a file.
type Document struct {
	File   string // as reported: the path given, cleaned, forward slashes
	Source string // the template that a "# Source:" comment names (helm template), "" if none does
	Line   int    // 1-based line of the file on which Text begins
	Text   []byte // the document's own bytes; a slice of the file's
	JSON   bool

	shift  int               // columns before Text on its first line: JSON values can share a line
	vars   map[string]string // values of placeholders
	origin *origin           // of a document that another program has made
}
