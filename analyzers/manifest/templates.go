package manifest

import "sort"

// Templates tell of places in files which Helm template they were rendered from, also where the document there cannot be read.
type Templates struct {
	files map[string][]byte
	docs  map[string][]chunk // when first asked for
}

// NewTemplates makes them for what was read.
func NewTemplates(files []File) *Templates {
	t := &Templates{files: make(map[string][]byte, len(files)), docs: map[string][]chunk{}}
	for _, f := range files {
		t.files[f.Name] = f.Data
	}
	return t
}

// At gives the name in the "# Source:" comment of the document around a place, "" if it has none, and the text of the document.
func (t *Templates) At(pos Pos) (name string, text []byte) {
	docs, known := t.docs[pos.File]
	if !known {
		docs = split(t.files[pos.File])
		t.docs[pos.File] = docs
	}
	behind := sort.Search(len(docs), func(i int) bool { return docs[i].line > pos.Line })
	if behind == 0 {
		return "", nil
	}
	text = docs[behind-1].text
	return renderedFrom(text), text
}
