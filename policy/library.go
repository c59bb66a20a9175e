package policy

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"github.com/gatelint/gatelint/analyzers/manifest"
)

// Library stands before the name of a policy that gatelint brings, where a path of a policy is expected: library:host-ownership.
const Library = "library:"

//go:embed library/*.rego
var library embed.FS

// helpers are packages under gatelint.lib that every policy can import.
//
//go:embed helpers/*.rego
var helpers embed.FS

// embedded gives the modules of an embedded folder, without tests, by the name that their rule would have.
func embedded(files embed.FS, dir string) map[string]string {
	out := map[string]string{}
	entries, _ := fs.ReadDir(files, dir) // what is embedded can be read
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".rego")
		if strings.HasSuffix(name, "_test") {
			continue
		}
		text, _ := fs.ReadFile(files, path.Join(dir, e.Name()))
		out[strings.ReplaceAll(name, "_", "-")] = string(text)
	}
	return out
}

// LibraryNames are the policies that gatelint brings, in order.
func LibraryNames() []string { return manifest.Keys(embedded(library, "library")) }

// brought gives a policy of the library by its path library:NAME, or says that there is none; neither for another path.
func brought(path string) (text, lack string) {
	name, ok := strings.CutPrefix(path, Library)
	if !ok {
		return "", ""
	}
	all := embedded(library, "library")
	if text, ok = all[name]; !ok {
		names := manifest.Keys(all)
		hint := meant(name, names)
		if hint == "" {
			hint = "; there is " + strings.Join(names, ", ")
		}
		lack = path + ": the library has no such policy" + hint
	}
	return text, lack
}

// help adds the helpers. A policy's own package of such a name would change what they say, for every policy.
func (s *sources) help() {
	list := embedded(helpers, "helpers")
	for _, name := range manifest.Keys(list) {
		file := "helper:" + name
		m, err := parseModule(file, list[name])
		if err != nil {
			s.problems = append(s.problems, problemsOf(err, file)...)
			continue
		}
		s.helpers[file] = m
		for _, own := range s.modules {
			if own.Package.Path.Equal(m.Package.Path) {
				s.problems = append(s.problems, at(own.Package.Location, "package %s is a helper that gatelint brings: take another name", strings.Join(packagePath(m.Package.Path), ".")))
			}
		}
	}
}
