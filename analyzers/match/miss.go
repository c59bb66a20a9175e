package match

import "strconv"

// Miss is a condition that a request does not meet, in words.
type Miss struct {
	On    string // what is looked at: path, header x-v, query parameter q
	Wants string // exact "2", prefix "/api", a value, no value
	Has   string // the request's, quoted; "none" for an absent value
}

func (m Miss) String() string { return m.On + " wants " + m.Wants + ", request has " + m.Has }

// Misses gives the first condition, in the order in which a match lists them, that a request does not meet; ok is false if it
// meets all that can be read.
func (b Box) Misses(r Request) (m Miss, ok bool) {
	for _, c := range b.conditions {
		if c.holds(r) {
			continue
		}
		m = Miss{On: c.on.String(), Wants: c.wants(), Has: "none"}
		if text, present := r.value(c.on); present {
			m.Has = strconv.Quote(text)
		}
		return m, true
	}
	return Miss{}, false
}

// Claimed tells whether there are conditions on the claims of a token, and a request meets all others: what has no token of its
// own to show cannot be judged by them.
func (b Box) Claimed(r Request) bool {
	asks := false
	for _, c := range b.conditions {
		switch {
		case c.on.kind == claim:
			asks = true
		case !c.holds(r):
			return false
		}
	}
	return asks
}

// wants says what a condition asks of a value.
func (c condition) wants() string {
	not := ""
	if c.not {
		not = "anything but "
	}
	switch c.op {
	case present:
		if c.not {
			return "no value"
		}
		return "a value"
	case exact:
		not += "exact "
	case prefix:
		not += "prefix "
	case regex:
		not += "regex "
	}
	text := not + strconv.Quote(c.text)
	if c.fold {
		text += " in any letter case"
	}
	return text
}

// Unread lists the conditions that the algebra cannot read, with the reason.
func (b Box) Unread() []string { return b.unknown }
