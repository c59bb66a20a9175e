package manifest

import (
	"encoding/binary"
	"math"
)

// packed is a value in little memory, from which it is made again: maps of it take ten times that of the text.
type packed string

// pack appends a value: its kind, then a bool as one byte, a number as eight, a text with its length before it, and as many elements
// as are said.
func (n *node) pack(to []byte) []byte {
	to = append(to, byte(n.kind))
	switch n.kind {
	case kindBool, kindInt, kindFloat:
		to = binary.LittleEndian.AppendUint64(to, n.bits)
	case kindString:
		to = packText(to, n.text)
	case kindSeq:
		to = binary.AppendUvarint(to, uint64(len(n.items)))
		for _, item := range n.items {
			to = item.pack(to)
		}
	case kindMap:
		to = binary.AppendUvarint(to, uint64(len(n.fields)))
		for i := range n.fields {
			to = n.fields[i].val.pack(packText(to, n.fields[i].key))
		}
	}
	return to
}

func packText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// Maker makes a value of its parts. The slices are the caller's again afterwards.
type Maker[T any] struct {
	Text   func(string) T
	Scalar func(any) T // a bool, an int64, a float64 or nil
	List   func([]T) T
	Map    func(keys []string, values []T) T
}

// Make makes of an object that keeps what Plain gives (Options.Plain) the same with other means. It gives false for one that does not.
func Make[T any](o *Object, m Maker[T]) (out T, ok bool) {
	if o.plain == "" {
		return out, false
	}
	u := unpacker[T]{packed: o.plain, make: m, object: o}
	return u.value(ofObject), true
}

// unpacker makes a value from what is packed.
type unpacker[T any] struct {
	packed // what is left of it
	make   Maker[T]
	object *Object

	keys   []string // of the maps that are not made yet
	values []T      // of their elements, and those of lists
}

// level is where a value stands, as far as that matters.
type level uint8

const (
	anywhere level = iota
	ofObject
	ofMetadata
)

func (u *unpacker[T]) value(at level) T {
	switch u.kind() {
	case kindBool:
		return u.make.Scalar(u.number() != 0)
	case kindInt:
		return u.make.Scalar(int64(u.number()))
	case kindFloat:
		return u.make.Scalar(math.Float64frombits(u.number()))
	case kindString:
		return u.make.Text(u.text())
	case kindSeq:
		start := len(u.values)
		for range u.length() {
			u.values = append(u.values, u.value(anywhere))
		}
		out := u.make.List(u.values[start:])
		u.values = u.values[:start]
		return out
	case kindMap:
		return u.fields(at)
	}
	return u.make.Scalar(nil)
}

// fields makes a map. An item of a list can lack version and kind, and what states no namespace can have been given one.
func (u *unpacker[T]) fields(at level) T {
	key, start := len(u.keys), len(u.values)
	put := func(name string, v T) { u.keys, u.values = append(u.keys, name), append(u.values, v) }
	stated := false
	for range u.length() {
		name, in, next := u.text(), anywhere, u.packed
		if at == ofObject && name == "metadata" {
			in = ofMetadata
		}
		v := u.value(in)
		switch {
		case at == ofObject && (name == "apiVersion" || name == "kind"):
			continue
		case at == ofMetadata && name == "namespace" && next.said() == u.object.Namespace:
			stated = true
		case at == ofMetadata && name == "namespace":
			continue
		}
		put(name, v)
	}
	switch {
	case at == ofObject:
		put("apiVersion", u.make.Text(u.object.APIVersion))
		put("kind", u.make.Text(u.object.Kind))
	case at == ofMetadata && !stated && u.object.Namespace != "":
		put("namespace", u.make.Text(u.object.Namespace))
	}
	out := u.make.Map(u.keys[key:], u.values[start:])
	u.keys, u.values = u.keys[:key], u.values[:start]
	return out
}

// said is the text that comes next, "" if none does.
func (p packed) said() string {
	if p.kind() != kindString {
		return ""
	}
	return p.text()
}

func (p *packed) kind() kind {
	k := kind((*p)[0])
	*p = (*p)[1:]
	return k
}

func (p *packed) number() uint64 {
	n := binary.LittleEndian.Uint64([]byte((*p)[:8]))
	*p = (*p)[8:]
	return n
}

func (p *packed) length() int {
	n, size := binary.Uvarint([]byte((*p)[:min(len(*p), binary.MaxVarintLen64)]))
	*p = (*p)[size:]
	return int(n)
}

func (p *packed) text() string {
	n := p.length()
	text := string((*p)[:n])
	*p = (*p)[n:]
	return text
}
