package manifest

// ParseObject decodes one object of the API server (object.raw of an AdmissionReview) without YAML.
// The object has no document, its faults no line. It is nil if the bytes are no Kubernetes object. Of the options, Plain counts.
func ParseObject(data []byte, opt Options) (*Object, []Fault) {
	r := &reader{set: &Set{}, plain: opt.Plain, names: map[string]bool{}}
	jr := newJSONReader(string(data))
	root, err := jr.value(0)
	if err == nil && (jr.peek() != 0 || jr.pos < len(jr.text)) {
		err = jr.fail("text follows the end of the object")
	}
	if err != nil {
		return nil, []Fault{{Rule: "syntax", Message: err.message}}
	}
	api, kind := root.str("apiVersion"), root.str("kind")
	if api == "" || kind == "" {
		return nil, []Fault{{Rule: "syntax", Message: "this is no Kubernetes object: it lacks apiVersion or kind"}}
	}
	d := &decoding{reader: r}
	o := d.object(root, -1, api, kind)
	for _, dup := range jr.dups {
		d.duplicateKey(dup)
	}
	return o, r.set.Faults
}
