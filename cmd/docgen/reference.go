package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core"
)

// reference is the verb reference in Markdown.
func reference() string {
	var b strings.Builder
	b.WriteString("# Verbs\n\nGenerated from the code by `make gen`. Every verb takes a JSON object and gives JSON: on the command line with `--json`,\n" +
		"from the reactor and in JavaScript always. A field that may be missing is marked `?`; an unknown field is an error.\n")
	for _, v := range core.Verbs() {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n`stevedore %s`\n", v.Name, v.Summary, cli.Usage(v))
		table(&b, "Request", v.In, true)
		if v.Out != nil {
			table(&b, "Result", v.Out, false)
		} else {
			table(&b, "Each item", v.Item, false)
		}
		for _, t := range nested(v) {
			table(&b, "`"+t.Name()+"`", t, false)
		}
	}
	return b.String()
}

func table(b *strings.Builder, title string, t reflect.Type, request bool) {
	if t.Kind() != reflect.Struct {
		fmt.Fprintf(b, "\n%s: %s\n", title, typeName(t))
		return
	}
	if t.NumField() == 0 {
		fmt.Fprintf(b, "\n%s: nothing.\n", title)
		return
	}
	head := "| field | type | |\n|---|---|---|\n"
	if request {
		head = "| field | command line | type | |\n|---|---|---|---|\n"
	}
	fmt.Fprintf(b, "\n%s:\n\n%s", title, head)
	for _, f := range fields(t) {
		name := f.name
		if f.optional {
			name += "?"
		}
		row := []string{"`" + name + "`"}
		if request {
			row = append(row, "`"+f.commandLine+"`")
		}
		help := f.help
		if len(f.enum) > 0 {
			help = strings.TrimSpace("one of " + strings.Join(f.enum, ", ") + "; " + help)
		}
		row = append(row, strings.ReplaceAll(typeName(f.typ), "|", "\\|"), strings.TrimSuffix(strings.TrimSpace(help), ";"))
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

// field is one field of a struct as its tags describe it.
type field struct {
	name, help, commandLine string
	optional                bool
	enum                    []string
	typ                     reflect.Type
}

func fields(t reflect.Type) []field {
	flags := map[string]string{}
	for _, f := range cli.Fields(t) {
		flags[f.Name] = f.Arg
		if f.Flag != "" {
			flags[f.Name] = "--" + f.Flag
		}
	}
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "-" || !sf.IsExported() {
			continue
		}
		f := field{name: name, help: sf.Tag.Get("help"), commandLine: flags[name], typ: sf.Type, optional: strings.Contains(options, "omitempty")}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		out = append(out, f)
	}
	return out
}

// nested lists the structs that a verb's types reach, in the order they are met, without those the verb itself names.
func nested(v core.Verb) []reflect.Type {
	var out []reflect.Type
	seen := map[reflect.Type]bool{v.In: true, v.Out: true, v.Item: true}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(t.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
		for _, f := range fields(t) {
			if f.typ != t {
				walk(f.typ)
			}
		}
	}
	for _, t := range []reflect.Type{v.In, v.Out, v.Item} {
		if t != nil {
			walk(t)
		}
	}
	return out
}

// typeName is a Go type as TypeScript writes it.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "string"
		}
		return typeName(t.Elem()) + "[]"
	case reflect.Map:
		return "Record<string, " + typeName(t.Elem()) + ">"
	case reflect.Struct:
		return t.Name()
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	}
	return "number"
}
