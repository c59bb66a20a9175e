// Package version says which build this is.
package version

import "runtime/debug"

// String is the module's version, with the revision where the build carries one and the version does not.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && version == "(devel)" && len(s.Value) >= 12 {
			version += " " + s.Value[:12]
		}
	}
	return version
}
