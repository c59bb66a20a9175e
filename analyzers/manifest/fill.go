package manifest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	networking "istio.io/api/networking/v1alpha3"
	networkingv1beta1 "istio.io/api/networking/v1beta1"
)

// newSpec is an empty message for an Istio networking kind, nil for every other. All API versions share the types.
func newSpec(group, kind string) proto.Message {
	if group != networkingGroup {
		return nil
	}
	switch kind {
	case "Gateway":
		return new(networking.Gateway)
	case "VirtualService":
		return new(networking.VirtualService)
	case "DestinationRule":
		return new(networking.DestinationRule)
	case "ServiceEntry":
		return new(networking.ServiceEntry)
	case "Sidecar":
		return new(networking.Sidecar)
	case "WorkloadEntry":
		return new(networking.WorkloadEntry)
	case "WorkloadGroup":
		return new(networking.WorkloadGroup)
	case "EnvoyFilter":
		return new(networking.EnvoyFilter)
	case "ProxyConfig":
		return new(networkingv1beta1.ProxyConfig)
	}
	return nil
}

// A filler writes a value tree into a message. What does not fit has been reported by the schema already: where the
// meaning is plain ("80" for 80) it is taken, so that one slip does not make a second finding, else left unset.
type filler struct {
	*decoding
	path []any
}

func (f *filler) push(e any) { f.path = append(f.path, e) }
func (f *filler) pop()       { f.path = f.path[:len(f.path)-1] }

func (f *filler) message(m protoreflect.Message, n *node) {
	if n.kind != kindMap {
		return
	}
	fields := m.Descriptor().Fields()
	for i := range n.fields {
		entry := &n.fields[i]
		fd := fieldNamed(fields, entry.key)
		if fd == nil || entry.val.kind == kindNull {
			continue
		}
		f.push(entry.key)
		switch {
		case fd.IsMap():
			f.mapping(m, fd, entry.val)
		case fd.IsList():
			f.list(m, fd, entry.val)
		default:
			if v, ok := f.single(m.NewField, fd, entry.val); ok {
				m.Set(fd, v)
			}
		}
		f.pop()
	}
}

// fieldNamed finds a field by its name in JSON. The one snake-case name that the CRDs know is an old one.
func fieldNamed(fields protoreflect.FieldDescriptors, key string) protoreflect.FieldDescriptor {
	if key == "mirror_percent" {
		key = "mirrorPercent"
	}
	return fields.ByJSONName(key)
}

func (f *filler) list(m protoreflect.Message, fd protoreflect.FieldDescriptor, n *node) {
	if n.kind != kindSeq || len(n.items) == 0 {
		return
	}
	list := m.Mutable(fd).List()
	element := func(protoreflect.FieldDescriptor) protoreflect.Value { return list.NewElement() }
	for i, item := range n.items {
		f.push(i)
		v, ok := f.single(element, fd, item)
		if !ok {
			v = list.NewElement() // an empty entry keeps the indexes of those after it
		}
		list.Append(v)
		f.pop()
	}
}

func (f *filler) mapping(m protoreflect.Message, fd protoreflect.FieldDescriptor, n *node) {
	if n.kind != kindMap || len(n.fields) == 0 {
		return
	}
	values := m.Mutable(fd).Map()
	element := func(protoreflect.FieldDescriptor) protoreflect.Value { return values.NewValue() }
	for i := range n.fields {
		entry := &n.fields[i]
		f.push(entry.key)
		key, ok := mapKey(fd.MapKey(), entry.key)
		if v, fits := f.single(element, fd.MapValue(), entry.val); ok && fits {
			values.Set(key, v)
		}
		f.pop()
	}
}

func mapKey(fd protoreflect.FieldDescriptor, key string) (protoreflect.MapKey, bool) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(key).MapKey(), true
	case protoreflect.Uint32Kind:
		i, err := strconv.ParseUint(key, 10, 32)
		return protoreflect.ValueOfUint32(uint32(i)).MapKey(), err == nil
	}
	return protoreflect.MapKey{}, false
}

// single reads one value: a scalar, an enum or a message.
func (f *filler) single(fresh func(protoreflect.FieldDescriptor) protoreflect.Value, fd protoreflect.FieldDescriptor, n *node) (v protoreflect.Value, ok bool) {
	if fd.Kind() != protoreflect.MessageKind {
		return f.scalar(fd, n)
	}
	switch fd.Message().FullName() {
	case "google.protobuf.Duration":
		return f.duration(n)
	case "google.protobuf.Struct":
		if n.kind != kindMap {
			return v, false
		}
		return protoreflect.ValueOfMessage(structOf(n).ProtoReflect()), true
	case "google.protobuf.Value":
		return protoreflect.ValueOfMessage(valueOf(n).ProtoReflect()), true
	case "google.protobuf.BoolValue", "google.protobuf.StringValue", "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
		"google.protobuf.Int32Value", "google.protobuf.UInt32Value", "google.protobuf.Int64Value", "google.protobuf.UInt64Value":
		inner := fd.Message().Fields().ByNumber(1)
		if v, ok = f.scalar(inner, n); !ok {
			return v, false
		}
		wrapper := fresh(fd)
		wrapper.Message().Set(inner, v)
		return wrapper, true
	}
	if n.kind != kindMap {
		return v, false
	}
	v = fresh(fd)
	f.message(v.Message(), n)
	return v, true
}

func (f *filler) scalar(fd protoreflect.FieldDescriptor, n *node) (v protoreflect.Value, ok bool) {
	if !n.scalar() || n.kind == kindNull {
		return v, false
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(n.text), true
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(n.text)), n.kind == kindString
	case protoreflect.EnumKind:
		return enumValue(fd.Enum(), n.text)
	case protoreflect.BoolKind:
		n = unquoted(n)
		return protoreflect.ValueOfBool(n.bool()), n.kind == kindBool
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		n = unquoted(n)
		x := n.float()
		if n.kind == kindInt {
			x = float64(n.int())
		}
		if fd.Kind() == protoreflect.FloatKind {
			return protoreflect.ValueOfFloat32(float32(x)), n.kind == kindInt || n.kind == kindFloat
		}
		return protoreflect.ValueOfFloat64(x), n.kind == kindInt || n.kind == kindFloat
	}
	v, ok = integer(fd.Kind(), unquoted(n))
	if ok && !fd.HasPresence() && v.Equal(fd.Default()) {
		f.obj.Zeros = append(f.obj.Zeros, FieldPath(f.path...))
	}
	return v, ok
}

func integer(k protoreflect.Kind, n *node) (v protoreflect.Value, ok bool) {
	if n.kind != kindInt {
		return v, false
	}
	i := n.int()
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(i)), i >= math.MinInt32 && i <= math.MaxInt32
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(i), true
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(i)), i >= 0 && i <= math.MaxUint32
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(i)), i >= 0
	}
	return v, false
}

// unquoted reads a string as the plain scalar it was probably meant to be.
func unquoted(n *node) *node {
	if n.kind != kindString {
		return n
	}
	var plain node
	plain.plain(n.text)
	return &plain
}

func enumValue(ed protoreflect.EnumDescriptor, text string) (v protoreflect.Value, ok bool) {
	if e := ed.Values().ByName(protoreflect.Name(text)); e != nil {
		return protoreflect.ValueOfEnum(e.Number()), true
	}
	for i := range ed.Values().Len() {
		if e := ed.Values().Get(i); strings.EqualFold(string(e.Name()), text) {
			return protoreflect.ValueOfEnum(e.Number()), true
		}
	}
	return v, false
}

// duration reads what istiod reads: Go's durations. The schema checks most of these fields, not all.
func (f *filler) duration(n *node) (v protoreflect.Value, ok bool) {
	if n.kind != kindString {
		return v, false
	}
	d, err := time.ParseDuration(n.text)
	if err != nil {
		if Placeholder(n.text) {
			f.opaque(n, f.path)
		} else {
			pos := f.pos(n, f.path)
			f.addFaultOnce(Fault{
				Rule: "invalid-value", Pos: pos,
				Message: fmt.Sprintf("%s %q is no duration: istiod drops the object, write it like \"1.5s\" or \"2m\"", f.path[len(f.path)-1], clip(n.text)),
			})
		}
		return v, false
	}
	return protoreflect.ValueOfMessage(durationpb.New(d).ProtoReflect()), true
}

func structOf(n *node) *structpb.Struct {
	s := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(n.fields))}
	for i := range n.fields {
		s.Fields[n.fields[i].key] = valueOf(n.fields[i].val)
	}
	return s
}

func valueOf(n *node) *structpb.Value {
	switch n.kind {
	case kindBool:
		return structpb.NewBoolValue(n.bool())
	case kindInt:
		return structpb.NewNumberValue(float64(n.int()))
	case kindFloat:
		return structpb.NewNumberValue(n.float())
	case kindString:
		return structpb.NewStringValue(n.text)
	case kindSeq:
		list := &structpb.ListValue{Values: make([]*structpb.Value, len(n.items))}
		for i, item := range n.items {
			list.Values[i] = valueOf(item)
		}
		return structpb.NewListValue(list)
	case kindMap:
		return structpb.NewStructValue(structOf(n))
	}
	return structpb.NewNullValue()
}
