package cli

import (
	"cmp"
	"encoding/base64"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// Field is one field of a request as the command line sees it. Tags of the struct say everything: json is its name, arg
// makes it positional ("REF", "[REF]" when optional, "[GLOB...]" for the rest), help describes it, enum lists its values. A
// field without arg is the flag --json-name-in-kebab-case, or what flag says; unit "bytes" lets its value end with k, M or GiB.
type Field struct {
	Name string // in JSON
	Flag string // "" for a positional argument
	Arg  string
	Help string
	Enum []string
	Unit string // "bytes" or ""
	Type reflect.Type
}

// Fields lists the fields of a request type in their order.
func Fields(t reflect.Type) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fd := Field{Name: name, Arg: f.Tag.Get("arg"), Help: f.Tag.Get("help"), Unit: f.Tag.Get("unit"), Type: f.Type}
		if fd.Arg == "" {
			fd.Flag = cmp.Or(f.Tag.Get("flag"), kebab(name))
		}
		if e := f.Tag.Get("enum"); e != "" {
			fd.Enum = strings.Split(e, ",")
		}
		out = append(out, fd)
	}
	return out
}

func kebab(camel string) string {
	var b strings.Builder
	for _, r := range camel {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Usage is the line that shows how a verb is called.
func Usage(v core.Verb) string {
	parts := []string{strings.Replace(v.Name, "-", " ", 1)}
	for _, f := range Fields(v.In) {
		if f.Arg != "" {
			parts = append(parts, f.Arg)
		}
	}
	return strings.Join(parts, " ")
}

// addFlags declares the flags of a request.
func addFlags(cmd *cobra.Command, fields []Field) {
	for _, f := range fields {
		if f.Flag == "" {
			continue
		}
		short := ""
		if f.Flag == "output" {
			short = "o"
		}
		switch k := kind(f.Type); {
		case f.Unit == "bytes":
			cmd.Flags().VarP(new(byteCount), f.Flag, short, f.Help+": 1500000, 500k, 10M, 1GiB")
		case k == reflect.Bool:
			cmd.Flags().BoolP(f.Flag, short, false, f.Help)
		case k == reflect.Int, k == reflect.Int64:
			cmd.Flags().Int64P(f.Flag, short, 0, f.Help)
		case k == reflect.Slice:
			cmd.Flags().StringArrayP(f.Flag, short, nil, f.Help)
		default:
			cmd.Flags().StringP(f.Flag, short, "", f.Help)
		}
		if len(f.Enum) > 0 {
			cmd.Flags().Lookup(f.Flag).Annotations = map[string][]string{valueKey: {strings.Join(f.Enum, "|")}}
			values(cmd, f.Flag, f.Enum...)
		}
	}
}

func kind(t reflect.Type) reflect.Kind {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind()
}

// request makes a request from arguments and the flags that were given.
func request(cmd *cobra.Command, v core.Verb, args []string) (map[string]any, error) {
	req := map[string]any{}
	fields := Fields(v.In)
	left := args
	for _, f := range fields {
		switch {
		case f.Arg == "" && cmd.Flags().Changed(f.Flag):
			val, err := flagValue(cmd, f)
			if err != nil {
				return nil, err
			}
			req[f.Name] = val
		case f.Arg == "":
		case strings.Contains(f.Arg, "..."):
			if len(left) > 0 {
				req[f.Name] = left
			}
			left = nil
		case len(left) > 0:
			name, val := exact(fields, f.Name, left[0])
			req[name], left = val, left[1:]
		case !strings.HasPrefix(f.Arg, "["):
			return nil, errs.New(errs.Input, v.Name, "%s is missing", f.Arg).Hinted("usage: stevedore %s", Usage(v))
		}
	}
	if len(left) > 0 {
		return nil, errs.New(errs.Input, left[0], "is one argument too many").Hinted("usage: stevedore %s", Usage(v))
	}
	return req, nil
}

// exact puts a value that is not UTF-8, and so cannot be in JSON, into the field that takes it in base 64, where there is one.
func exact(fields []Field, name, val string) (string, string) {
	const suffix = "Base64"
	if !utf8.ValidString(val) && slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name+suffix }) {
		return name + suffix, base64.StdEncoding.EncodeToString([]byte(val))
	}
	return name, val
}

func flagValue(cmd *cobra.Command, f Field) (any, error) {
	fl := cmd.Flags().Lookup(f.Flag)
	text := fl.Value.String()
	switch kind(f.Type) {
	case reflect.Bool:
		return strconv.ParseBool(text)
	case reflect.Int, reflect.Int64:
		return strconv.ParseInt(text, 10, 64)
	case reflect.Slice:
		return cmd.Flags().GetStringArray(f.Flag)
	}
	if len(f.Enum) > 0 {
		for _, e := range f.Enum {
			if e == text {
				return text, nil
			}
		}
		return nil, errs.New(errs.Input, "--"+f.Flag, "%q is none of %s", text, strings.Join(f.Enum, ", "))
	}
	return text, nil
}
