package config

import (
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// dataDirVar is the parser's variable for the default of data_dir: a command with a folder of
// its own overrides it with the tag set:"data_dir=./demo-data".
const dataDirVar = "data_dir"

// Options makes a kong parser fill Settings, and any group of it, from flags and the source.
// Names unknown to every command are refused, whichever command runs. What is wrong is found
// with errors.As as Problems inside the parser's error. The options serve one parser.
func Options(s Source) []kong.Option {
	r := &resolver{source: s}
	return []kong.Option{
		kong.Vars{dataDirVar: s.dataDir()},
		kong.WithBeforeResolve(r.load),
		kong.Resolvers(r),
		kong.ValueFormatter(helpLine),
	}
}

// resolver answers for flags that the command line does not give.
type resolver struct {
	source Source
	values values // nil until load has run
}

// load reads the source and tries every value, so that all that is wrong is told at once.
// The parser calls it once for each part of the command line.
func (r *resolver) load(ctx *kong.Context) error {
	if r.values != nil {
		return nil
	}
	found, problems := r.source.read(givenFile(ctx))
	for _, step := range ctx.Path {
		for _, flag := range step.Flags {
			v, ok := found[settingName(flag.Name)]
			if !ok || !isSetting(flag.Value) {
				continue
			}
			trial := reflect.New(flag.Target.Type()).Elem()
			decode := &kong.DecodeContext{Value: flag.Value, Scan: kong.Scan().PushTyped(v.text, kong.FlagValueToken)}
			if err := flag.Mapper.Decode(decode, trial); err != nil {
				problems = append(problems, v.origin+": "+unreadable(flag.Tag))
			}
		}
	}
	r.values = found
	return problems.orNil()
}

// unreadable says what a value must look like; the value itself may be a secret.
func unreadable(tag *kong.Tag) string {
	text := "the value cannot be read; it takes " + tag.Get("unit")
	if tag.Default != "" {
		text += ", such as " + tag.Default
	}
	return text
}

// Resolve is the parser's question for one flag; nil leaves the default.
func (r *resolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if v, ok := r.values[settingName(flag.Name)]; ok && isSetting(flag.Value) {
		return v.text, nil
	}
	return nil, nil
}

// Validate has nothing left to do: load has refused what is wrong.
func (r *resolver) Validate(*kong.Application) error { return nil }

// isSetting tells a setting from a command's own flag, which has no variable.
func isSetting(v *kong.Value) bool { return v.Tag.Has("unit") }

func settingName(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

func givenFile(ctx *kong.Context) string {
	for _, step := range ctx.Path {
		if step.Flag != nil && step.Flag.Name == fileFlag {
			path, _ := ctx.FlagValue(step.Flag).(string)
			return path
		}
	}
	return ""
}

// helpLine adds to a setting's help its unit, its default and its variable.
func helpLine(v *kong.Value) string {
	if !isSetting(v) {
		return kong.DefaultHelpValueFormatter(v)
	}
	notes := []string{v.Tag.Get("unit")}
	if v.HasDefault {
		notes = append(notes, "default "+v.Default)
	}
	notes = append(notes, envPrefix+strings.ToUpper(settingName(v.Name)))
	return v.Help + " [" + strings.Join(notes, "; ") + "]"
}
