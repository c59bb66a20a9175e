package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sigs.k8s.io/yaml"
)

// ReadMeshConfig reads a file with a MeshConfig. shown is how messages name it.
func ReadMeshConfig(file, shown string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		if path := (*fs.PathError)(nil); errors.As(err, &path) {
			path.Path = shown
		}
		return nil, fmt.Errorf("reading the MeshConfig: %w", err)
	}
	var m map[string]any
	if err := yaml.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading the MeshConfig %s: %w", shown, err)
	}
	if len(m) == 0 {
		return nil, errors.New("the MeshConfig " + shown + " is empty")
	}
	if m["apiVersion"] != nil && m["kind"] != nil {
		return nil, errors.New(shown + " is a Kubernetes object, not a MeshConfig: give what its field mesh or meshConfig holds, or lint it with the rest")
	}
	return data, nil
}
