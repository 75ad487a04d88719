package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and commit are set by the build of a release or an image. Where no commit is set, the one counts that
// Go itself notes.
var version, commit = "dev", ""

type versionCmd struct{}

// Run prints version, commit and Go version.
func (versionCmd) Run(s streams) error {
	commit, dirty := commit, ""
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				commit = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				dirty = " (modified)"
			}
		}
	}
	if commit == "" {
		commit = "unknown"
	}
	_, err := fmt.Fprintf(s.out, "postern %s, commit %s%s, %s %s/%s\n", version, commit, dirty, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
