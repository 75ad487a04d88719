package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the build of a release.
var version = "dev"

type versionCmd struct{}

// Run prints version, commit and Go version.
func (versionCmd) Run(s streams) error {
	commit, dirty := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				commit = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				dirty = " (modified)"
			}
		}
	}
	_, err := fmt.Fprintf(s.out, "postern %s, commit %s%s, %s %s/%s\n", version, commit, dirty, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
