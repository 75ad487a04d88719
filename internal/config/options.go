package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/alecthomas/kong"
)

// dataDirVar is the parser's variable for the default of data_dir: a command with a folder of
// its own overrides it with the tag set:"data_dir=./demo-data".
const dataDirVar = "data_dir"

// Options makes a kong parser fill Settings, and any group of it, from flags and the source.
// Names unknown to every command are refused, whichever command runs.
func Options(s Source) []kong.Option {
	return []kong.Option{
		kong.Vars{dataDirVar: s.dataDir()},
		kong.Resolvers(&resolver{source: s}),
		kong.ValueFormatter(helpLine),
	}
}

// resolver answers for flags that the command line does not give. One parser, one resolver.
type resolver struct {
	source Source
	once   sync.Once
	values values
	err    error
}

// Resolve is kong's question for one flag; nil leaves the default.
func (r *resolver) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	r.once.Do(func() { r.values, r.err = r.source.read(givenFile(ctx)) })
	if r.err != nil {
		return nil, r.err
	}
	if !flag.Tag.Has("unit") {
		return nil, nil
	}
	v, ok := r.values[settingName(flag.Name)]
	if !ok {
		return nil, nil
	}
	// Parsed here once more, so that the error names what the operator wrote, not the flag.
	trial := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan(v.text)}, trial); err != nil {
		return nil, fmt.Errorf("%s: %w", v.origin, err)
	}
	return v.text, nil
}

// Validate is kong's question for the whole; names were checked before the first value.
func (r *resolver) Validate(*kong.Application) error { return r.err }

func scan(text string) *kong.Scanner { return kong.Scan().PushTyped(text, kong.FlagValueToken) }

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
	if !v.Tag.Has("unit") {
		return kong.DefaultHelpValueFormatter(v)
	}
	notes := []string{v.Tag.Get("unit")}
	if v.HasDefault {
		notes = append(notes, "default "+v.Default)
	}
	notes = append(notes, envPrefix+strings.ToUpper(settingName(v.Name)))
	return v.Help + " [" + strings.Join(notes, "; ") + "]"
}
