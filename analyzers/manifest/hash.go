package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"

	"google.golang.org/protobuf/proto"
)

// Same tells whether two objects say the same, however they are written: API version, formatting and creation time
// do not count.
func (o *Object) Same(other *Object) bool {
	if o == other {
		return true
	}
	if o.ID != other.ID || (o.Spec == nil) != (other.Spec == nil) || len(o.Labels) != len(other.Labels) || len(o.Annotations) != len(other.Annotations) {
		return false
	}
	a, b := o.Hash(), other.Hash()
	return bytes.Equal(a[:], b[:])
}

// Hash is a hash of identity and content. It is computed anew each time: keep it where it is needed often.
func (o *Object) Hash() [32]byte {
	h := hasher{sha256.New()}
	h.text(o.Group, o.Kind, o.Namespace, o.Name)
	h.strings(o.Labels)
	h.strings(o.Annotations)
	h.count('o', len(o.Opaque))
	h.text(o.Opaque...)
	if o.Spec != nil {
		// Within one process this is deterministic, and no hash leaves it.
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(o.Spec)
		if err != nil { // a string that is no UTF-8
			wire = []byte(err.Error())
		}
		h.count('p', len(wire))
		h.Write(wire)
	}
	h.tree(o.Tree)
	return [32]byte(h.Sum(nil))
}

type hasher struct{ hash.Hash }

// count writes what follows and how much of it, so that no two trees write the same bytes.
func (h hasher) count(tag byte, n int) {
	var b [9]byte
	b[0] = tag
	binary.LittleEndian.PutUint64(b[1:], uint64(n))
	h.Write(b[:])
}

func (h hasher) text(list ...string) {
	for _, s := range list {
		h.count('s', len(s))
		h.Write([]byte(s))
	}
}

func (h hasher) strings(m map[string]string) {
	h.count('m', len(m))
	for _, k := range Keys(m) {
		h.text(k, m[k])
	}
}

func (h hasher) tree(m map[string]any) {
	h.count('t', len(m))
	for _, k := range Keys(m) {
		switch k {
		case "apiVersion", "metadata", "status":
			continue
		}
		h.text(k)
		h.value(m[k])
	}
}

func (h hasher) value(v any) {
	switch v := v.(type) {
	case nil:
		h.count('n', 0)
	case bool:
		n := 0
		if v {
			n = 1
		}
		h.count('b', n)
	case int64:
		h.count('i', int(v))
	case float64:
		h.count('f', int(math.Float64bits(v)))
	case string:
		h.text(v)
	case []any:
		h.count('l', len(v))
		for _, e := range v {
			h.value(e)
		}
	case map[string]any:
		h.count('m', len(v))
		for _, k := range Keys(v) {
			h.text(k)
			h.value(v[k])
		}
	}
}
