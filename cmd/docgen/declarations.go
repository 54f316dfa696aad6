package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/stevedore-oci/stevedore/core"
)

// declarations are the TypeScript types of every request, result and item, and the interface of the verbs.
func declarations() string {
	var b strings.Builder
	b.WriteString("// Generated from the Go request structs by `make gen`. Do not edit.\n\nimport type { Call, CallOptions, ListCall } from './index.js';\n")
	seen := map[reflect.Type]bool{}
	for _, v := range core.Verbs() {
		for _, t := range append([]reflect.Type{v.In, v.Out, v.Item}, nested(v)...) {
			if t != nil && t.Kind() == reflect.Struct && !seen[t] {
				seen[t] = true
				declare(&b, t)
			}
		}
	}
	b.WriteString("\n/** The verbs, each by its name: manifest-get is manifestGet. */\nexport interface Verbs<Options = CallOptions> {\n")
	for _, v := range core.Verbs() {
		in := "request: " + v.In.Name()
		if v.In.NumField() == 0 {
			in = "request?: " + v.In.Name()
		}
		fmt.Fprintf(&b, "  /** %s. */\n  %s(%s, options?: Options): %s;\n", v.Summary, method(v.Name), in, outcome(v))
	}
	b.WriteString("}\n")
	return b.String()
}

// member quotes the name of a field that is no identifier.
func member(name string) string {
	if strings.ContainsAny(name, ".-") {
		return "'" + name + "'"
	}
	return name
}

// method is the name of a verb as call.js makes a method's of it.
func method(verb string) string {
	first, rest, _ := strings.Cut(verb, "-")
	for word := range strings.SplitSeq(rest, "-") {
		if word != "" {
			first += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return first
}

// outcome is the type of what a verb returns.
func outcome(v core.Verb) string {
	switch {
	case v.Item != nil:
		return "ListCall<" + typeName(v.Item) + ">"
	case writes(v):
		return "Call<" + v.Out.Name() + " & { bytes?: Uint8Array }>"
	}
	return "Call<" + v.Out.Name() + ">"
}

// writes says whether a verb may write content: its request says where it goes.
func writes(v core.Verb) bool {
	_, ok := v.In.FieldByName("Output")
	return ok
}

func declare(b *strings.Builder, t reflect.Type) {
	fmt.Fprintf(b, "\nexport interface %s {\n", t.Name())
	for _, f := range fields(t) {
		name, typ := member(f.name), typeName(f.typ)
		if f.optional {
			name += "?"
		}
		if len(f.enum) > 0 {
			typ = "'" + strings.Join(f.enum, "' | '") + "'"
		}
		if f.help != "" {
			fmt.Fprintf(b, "  /** %s */\n", strings.ReplaceAll(f.help, "*/", "* /"))
		}
		fmt.Fprintf(b, "  %s: %s;\n", name, typ)
	}
	b.WriteString("}\n")
}
