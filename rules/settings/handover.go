package settings

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Handover is the annotation by which the owner of a host lets another object take it:
//
//	gatelint.io/handover: "Gateway/shop/public until 2027-03-01"
const Handover = "gatelint.io/handover"

var handoverEntry = regexp.MustCompile(`^([A-Za-z]+)/([a-z0-9-]+)/([a-z0-9.-]+)\s+until\s+(\d{4}-\d{2}-\d{2})$`)

// handover is one entry of the annotation.
type handover struct {
	kind, namespace, name string
	until                 time.Time // the last day
}

// handovers reads the annotation; wrong has what is no entry, and why.
func handovers(owner *manifest.Object) (list []handover, wrong []string) {
	for _, entry := range strings.FieldsFunc(owner.Annotations[Handover], func(r rune) bool { return r == ',' || r == ';' }) {
		entry = strings.TrimSpace(entry)
		if manifest.Placeholder(entry) {
			continue
		}
		m := handoverEntry.FindStringSubmatch(entry)
		if m == nil {
			if entry != "" {
				wrong = append(wrong, fmt.Sprintf("%s of %s: %q is no hand-over: write \"KIND/NAMESPACE/NAME until YEAR-MONTH-DAY\"", Handover, owner.ID, entry))
			}
			continue
		}
		if isKind := func(k string) bool { return strings.EqualFold(k, m[1]) }; !slices.ContainsFunc(manifest.Kinds(), isKind) {
			wrong = append(wrong, fmt.Sprintf("%s of %s: unknown kind %q%s", Handover, owner.ID, m[1], meant(m[1], manifest.Kinds())))
			continue
		}
		day, err := time.Parse(time.DateOnly, m[4])
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s of %s: %q is no date", Handover, owner.ID, m[4]))
			continue
		}
		list = append(list, handover{m[1], m[2], m[3], day})
	}
	return list, wrong
}

// Yield is one hand-over that an object has agreed to.
type Yield struct {
	Owner   *manifest.Object
	Pos     manifest.Pos
	To      string // KIND/NAMESPACE/NAME
	Until   time.Time
	Problem string // why it does not count: it cannot be read or is over
}

// Yields reads the hand-overs of objects.
func Yields(objs []*manifest.Object, now time.Time) (out []Yield) {
	for _, o := range objs {
		if o.Annotations[Handover] == "" {
			continue
		}
		pos := o.At("metadata", "annotations", Handover)
		list, wrong := handovers(o)
		for _, h := range list {
			y := Yield{Owner: o, Pos: pos, To: h.kind + "/" + h.namespace + "/" + h.name, Until: h.until}
			if h.over(now) {
				y.Problem = h.expired(o)
			}
			out = append(out, y)
		}
		for _, why := range wrong {
			out = append(out, Yield{Owner: o, Pos: pos, Problem: why})
		}
	}
	return out
}

// Mistakes are the hand-overs that do not count, as ignores that do not. One to an object that is not at hand is none: it may be elsewhere.
func Mistakes(list []Yield) (out []*Ignore) {
	for _, y := range list {
		if y.Problem != "" {
			out = append(out, &Ignore{Object: y.Owner, Pos: y.Pos, Reason: y.Problem, problem: y.Problem})
		}
	}
	return out
}

func (h handover) over(now time.Time) bool { return !now.Before(h.until.AddDate(0, 0, 1)) }

func (h handover) expired(owner *manifest.Object) string {
	return fmt.Sprintf("%s of %s has expired on %s", Handover, owner.ID, h.until.Format(time.DateOnly))
}

// yields tells whether an object lets a clash with another one pass; why says what is wrong with its annotation.
func yields(owner, to *manifest.Object, now time.Time) (ok bool, why string) {
	list, wrong := handovers(owner)
	if len(wrong) > 0 {
		return false, wrong[0]
	}
	for _, h := range list {
		switch {
		case !strings.EqualFold(h.kind, to.Kind) || h.namespace != to.Namespace || h.name != to.Name:
		case h.over(now):
			why = h.expired(owner)
		default:
			return true, ""
		}
	}
	return false, why
}
