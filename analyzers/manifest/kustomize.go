package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// KustomizationNames are the names that a kustomization can have.
var KustomizationNames = [...]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// A kustomization is what the loader needs to know of one: the namespace it states and the files it patches with.
type kustomization struct {
	namespace string
	patches   []string // absolute
}

// kustomizations knows those at and above every file that is read.
type kustomizations struct {
	folders map[string]*kustomization // by absolute folder; nil where there is none
	roots   map[string]bool           // folders above which nobody looks: they hold .git
	patches map[string]bool           // absolute files
}

func newKustomizations(files []input) *kustomizations {
	k := &kustomizations{folders: map[string]*kustomization{}, roots: map[string]bool{}, patches: map[string]bool{}}
	for i := range files {
		if files[i].stdin {
			continue
		}
		abs, err := filepath.Abs(files[i].path)
		if err != nil {
			continue
		}
		files[i].abs = abs
		k.visit(filepath.Dir(abs))
	}
	return k
}

// visit reads the kustomizations from a folder upwards.
func (k *kustomizations) visit(dir string) {
	for {
		if _, done := k.folders[dir]; done {
			return
		}
		found := readKustomization(dir)
		k.folders[dir] = found
		if found != nil {
			for _, p := range found.patches {
				k.patches[p] = true
			}
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			k.roots[dir] = true
			return
		}
		up := filepath.Dir(dir)
		if up == dir {
			return
		}
		dir = up
	}
}

// namespace is the one that the nearest kustomization at or above a file states.
func (k *kustomizations) namespace(abs string) string {
	for dir := filepath.Dir(abs); ; {
		if found := k.folders[dir]; found != nil && found.namespace != "" {
			return found.namespace
		}
		up := filepath.Dir(dir)
		if up == dir || k.roots[dir] {
			return ""
		}
		dir = up
	}
}

func readKustomization(dir string) *kustomization {
	for _, name := range KustomizationNames {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil
		}
		in, problem := readYAML(data, nil, new(arena))
		if problem != nil || in.root == nil {
			return nil // the file is linted like any other and its fault reported there
		}
		return kustomizationOf(in.root, dir)
	}
	return nil
}

func kustomizationOf(root *node, dir string) *kustomization {
	k := &kustomization{namespace: root.str("namespace")}
	add := func(path string) {
		if path != "" {
			k.patches = append(k.patches, filepath.Join(dir, filepath.FromSlash(path)))
		}
	}
	for _, key := range [...]string{"patches", "patchesJson6902"} {
		if list := root.get(key); list != nil {
			for _, item := range list.items {
				add(item.str("path"))
			}
		}
	}
	if list := root.get("patchesStrategicMerge"); list != nil {
		for _, item := range list.items {
			if item.isString() && len(item.text) < 4096 {
				add(item.text) // an inline patch makes a path that no file has
			}
		}
	}
	return k
}
