package match

import (
	"regexp"
	"strings"
)

// Host is the authorities that select a virtual host: its domain in any letter
// case, with or without a port, but those of more specific domains. Put it to a
// match with And.
func Host(domain string, but ...string) Box {
	var b Box
	if domain != "*" {
		b = b.onHost(false, domain)
	}
	if len(but) > 0 {
		b = b.onHost(true, but...)
	}
	return b
}

// WellFormed is the authorities that clients write: a name, or an IPv6 address in
// brackets, with or without a port of digits.
func WellFormed() Box {
	return Box{}.authority(false, `(\[[^\]]*\]|[^:]*)(:[0-9]+)?`)
}

// onHost reads domains as one expression, so that many cost no more than their
// length.
func (b Box) onHost(not bool, domains ...string) Box {
	var each []string
	for _, d := range domains {
		// A wildcard stands for labels, one at least; a colon begins the port.
		rest, wild := strings.CutPrefix(d, "*")
		text := regexp.QuoteMeta(rest)
		if wild {
			text = `[^:.]+([.][^:.]+)*` + text
		}
		each = append(each, text)
	}
	return b.authority(not, "(?i:"+strings.Join(each, "|")+")(:[0-9]+)?")
}

func (b Box) authority(not bool, text string) Box {
	c := condition{on: dimension{kind: authority}, not: not, op: regex, text: text}
	var err error
	if c.pattern, err = newPattern(c.text); err != nil {
		return b.unread(c, err.Error())
	}
	return b.with(c)
}

// MayBeFor reports whether requests of the box can select a virtual host; only
// a certain no is one.
func (b Box) MayBeFor(domain string) bool {
	v := admits(b.sides, dimension{kind: authority})
	for _, s := range Host(domain).sides {
		v = v.intersect(s.values)
	}
	return !v.void(new(DefaultBudget))
}

// Authorities lists the authorities that a box is for, nil if they are no list;
// text is what it asks of them, equal only for what asks the same.
func (b Box) Authorities() (list []string, text string) {
	for _, c := range b.conditions {
		if c.on.kind == authority {
			text += c.String() + "\x00"
		}
	}
	for _, p := range admits(b.sides, dimension{kind: authority}).pieces {
		if p.open {
			return nil, text
		}
		list = append(list, p.text)
	}
	return list, text
}
