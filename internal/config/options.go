package config

import (
	"cmp"
	"reflect"
	"strconv"
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
		kong.PostBuild(explainFlags),
	}
}

// explainFlags puts our words in place of the parser's for flags that cannot be read: its own quote Go's.
func explainFlags(k *kong.Kong) error {
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && isSetting(flag.Value) {
			flag.Mapper = explained{flag.Mapper}
		}
		return next(nil)
	})
}

// explained decodes a flag and says what is wrong as Problems.
type explained struct{ kong.Mapper }

// Decode is the parser's call for a flag that the command line gives.
func (e explained) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	given, missing := ctx.Scan.Peek(), false
	if err := e.Mapper.Decode(ctx, target); err != nil {
		missing = !given.IsValue()
		return Problems{"--" + ctx.Value.Name + ": " + unreadable(ctx.Value, given.String(), missing)}
	}
	return nil
}

// resolver answers for flags that the command line does not give.
type resolver struct {
	source Source
	values values // nil until load has run
}

// load reads the source and tries every value, so that all that is wrong is told at once. A command
// that takes no settings does not fail over them: who repairs a file may ask for help and the version.
// The parser calls it once for each part of the command line.
func (r *resolver) load(ctx *kong.Context) error {
	flags := settingsIn(ctx)
	if r.values != nil || len(flags) == 0 {
		return nil
	}
	found, problems := r.source.read(givenFile(ctx))
	for _, flag := range flags {
		v, ok := found[settingName(flag.Name)]
		if !ok {
			continue
		}
		trial := reflect.New(flag.Target.Type()).Elem()
		decode := &kong.DecodeContext{Value: flag.Value, Scan: kong.Scan().PushTyped(v.text, kong.FlagValueToken)}
		if err := flag.Mapper.Decode(decode, trial); err != nil {
			problems = append(problems, v.origin+": "+unreadable(flag.Value, v.text, false))
		}
	}
	r.values = found
	return problems.orNil()
}

// settingsIn lists the settings of the chosen command.
func settingsIn(ctx *kong.Context) (flags []*kong.Flag) {
	for _, step := range ctx.Path {
		for _, flag := range step.Flags {
			if isSetting(flag.Value) && flag.Name != fileFlag {
				flags = append(flags, flag)
			}
		}
	}
	return flags
}

// longestGiven is how much of a value is repeated to whoever gave it.
const longestGiven = 60

// unreadable says what was given, unless it is a secret, and what a value must look like.
func unreadable(v *kong.Value, given string, missing bool) string {
	text := "the value cannot be read"
	if missing {
		text = "the value is missing"
	} else if !v.Tag.Has("secret") {
		if short := []rune(given); len(short) > longestGiven {
			given = string(short[:longestGiven]) + "..."
		}
		text = strconv.Quote(given) + " cannot be read"
	}
	text += "; expected: " + v.Tag.Get("unit")
	if example := cmp.Or(v.Tag.Default, v.Tag.Get("example")); example != "" {
		text += ", such as " + example
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
