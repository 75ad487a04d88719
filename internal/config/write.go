package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// TOML writes the settings in the form of postern.toml, without the secrets: of those it says that they
// were set.
func (s *Settings) TOML() string {
	var b strings.Builder
	writeSettings(&b, reflect.ValueOf(s).Elem())
	return b.String()
}

func writeSettings(b *strings.Builder, group reflect.Value) {
	for i := range group.NumField() {
		field, value := group.Type().Field(i), group.Field(i)
		if field.Anonymous {
			fmt.Fprintf(b, "# %s\n", field.Name)
			writeSettings(b, value)
			continue
		}
		name := describe(field, "").Name
		switch text := textOfField(value); {
		case text == "":
		case value.Type() == reflect.TypeFor[Secret]():
			fmt.Fprintf(b, "# %s was set; it is a secret\n", name)
		default:
			fmt.Fprintf(b, "%s = %s\n", name, strconv.QuoteToASCII(text))
		}
	}
}

// textOfField writes a value as a flag would be written; empty: it is not set.
func textOfField(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = textOfField(v.Index(i))
		}
		return strings.Join(parts, ",")
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v.Interface())
}
