// Package kustomize builds a kustomization as kubectl kustomize does, and tells of each document which file it was made of.
package kustomize

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Build is what a kustomization gives.
type Build struct {
	File    string // the kustomization
	Docs    []manifest.Rendered
	Sources []manifest.File // that documents were made of, each once
}

// Run builds the kustomization of a folder. Its error is a mistake in the kustomization.
func Run(dir string) (*Build, error) {
	file, err := find(dir)
	if err != nil {
		return nil, err
	}
	disk, err := withOrigins(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.ToSlash(file), err)
	}
	list, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, dir)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", filepath.ToSlash(dir), explained(err))
	}
	out := &Build{File: filepath.ToSlash(file)}
	seen := map[string]bool{}
	for _, r := range list.Resources() {
		origin, err := r.GetOrigin()
		if err != nil {
			return nil, fmt.Errorf("building %s: %w", filepath.ToSlash(dir), err)
		}
		if err := r.SetOrigin(nil); err != nil {
			return nil, fmt.Errorf("building %s: %w", filepath.ToSlash(dir), err)
		}
		text, err := r.AsYAML()
		if err != nil {
			return nil, fmt.Errorf("building %s: %w", filepath.ToSlash(dir), err)
		}
		doc := manifest.Rendered{Text: text}
		if origin != nil && origin.Repo == "" && origin.Path != "" {
			doc.From = filepath.ToSlash(filepath.Join(dir, origin.Path))
			if !seen[doc.From] {
				seen[doc.From] = true
				data, err := os.ReadFile(filepath.FromSlash(doc.From))
				if err != nil {
					return nil, fmt.Errorf("building %s: %w", filepath.ToSlash(dir), err)
				}
				out.Sources = append(out.Sources, manifest.File{Name: doc.From, Data: data})
			}
		}
		out.Docs = append(out.Docs, doc)
	}
	return out, nil
}

// find gives the kustomization in a folder.
func find(dir string) (string, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s is no folder", filepath.ToSlash(dir))
	}
	for _, name := range manifest.KustomizationNames {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s has no %s", filepath.ToSlash(dir), strings.Join(manifest.KustomizationNames[:], ", "))
}

// fileSystem is the disk, but for the root's kustomization, which asks for the origins of documents besides.
type fileSystem struct {
	filesys.FileSystem
	root  string // absolute, without links
	wants []byte
}

func withOrigins(file string) (*fileSystem, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &fileSystem{FileSystem: filesys.MakeFsOnDisk(), wants: data}
	if s.root, err = filepath.EvalSymlinks(filepath.Dir(file)); err != nil {
		return nil, err
	}
	if s.root, err = filepath.Abs(s.root); err != nil {
		return nil, err
	}
	s.root = filepath.Join(s.root, filepath.Base(file))
	var all map[string]any
	if yaml.Unmarshal(data, &all) != nil || all == nil {
		return s, nil // kustomize says what is wrong with it
	}
	list, _ := all["buildMetadata"].([]any)
	if slices.Contains(list, any(types.OriginAnnotations)) {
		return s, nil
	}
	all["buildMetadata"] = append(list, types.OriginAnnotations)
	s.wants, err = yaml.Marshal(all)
	return s, err
}

// ReadFile reads a file.
func (s *fileSystem) ReadFile(path string) ([]byte, error) {
	if path == s.root {
		return s.wants, nil
	}
	return s.FileSystem.ReadFile(path)
}

// explained adds what can be done about an error.
func explained(err error) error {
	if strings.Contains(err.Error(), "enable-helm") {
		return errors.New("it has Helm charts, which gatelint does not render: kustomize build --enable-helm DIR | gatelint lint -")
	}
	return err
}
