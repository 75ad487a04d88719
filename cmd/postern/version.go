package main

import (
	"cmp"
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
	made, dirty := madeFrom()
	_, err := fmt.Fprintf(s.out, "postern %s, commit %s%s, %s %s/%s\n", version, made, dirty, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func madeFrom() (made, dirty string) {
	made = commit
	if info, ok := debug.ReadBuildInfo(); ok && made == "" {
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				made = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				dirty = " (modified)"
			}
		}
	}
	return cmp.Or(made, "unknown"), dirty
}

// release tells one build from another, in few characters.
func release() string {
	made, _ := madeFrom()
	return version + " " + made[:min(len(made), 12)]
}
