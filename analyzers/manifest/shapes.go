package manifest

import (
	_ "embed"
	"sync"
)

//go:embed shapes.yaml
var shapesYAML []byte

// shapes are the schemas of shapes.yaml by "group/Kind". They are the root of the object, not its spec.
var shapes = sync.OnceValue(func() *schemaSet {
	in, problem := readYAML(shapesYAML, nil, new(arena))
	if problem != nil {
		panic("manifest: the embedded shapes do not parse: " + problem.message)
	}
	s := &schemaSet{Kinds: map[string]map[string]int{}}
	for _, f := range in.root.fields {
		s.Kinds[f.key] = map[string]int{"": s.shape(f.val)}
	}
	return s
})

// shape adds the schema that a node of shapes.yaml stands for, and gives its index.
func (s *schemaSet) shape(n *node) int {
	out := &schema{Type: n.text, Open: true, Props: map[string]int{}}
	switch n.kind {
	case kindSeq:
		items := s.shape(n.items[0])
		out.Type, out.Items = "array", &items
	case kindMap:
		out.Type = "object"
		for _, f := range n.fields {
			if child := s.shape(f.val); f.key == "*" {
				out.Values = &child
			} else {
				out.Props[f.key] = child
			}
		}
	}
	s.Nodes = append(s.Nodes, out)
	return len(s.Nodes) - 1
}

// checkShape holds what the model reads of a kind that is not Istio's against its type.
func (d *decoding) checkShape(root *node, group string) {
	s := shapes()
	versions, ok := s.Kinds[group+"/"+d.obj.Kind]
	if !ok {
		return
	}
	c := &checker{decoding: d, nodes: s.Nodes, refused: refused}
	if group == "install.istio.io" {
		c.refused = "istioctl refuses it"
	}
	c.value(root, s.Nodes[versions[""]])
}
