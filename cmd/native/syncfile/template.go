package syncfile

import (
	"errors"
	"reflect"
	"strings"
	"text/template"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// regsyncData is what the templates of an entry know.
type regsyncData struct{ Sync regsyncEntry }

// expand writes what a template of regsync stands for (https://regclient.org/usage/regsync/): a text of Go's text/template. where
// says in errors which text it is. Kinds: unsupported for a function or a field that is not known here, input for what is no
// template or names a file that cannot be read.
func (s regsync) expand(where, text string, data any) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	t, err := template.New("").Funcs(s.functions()).Parse(text)
	if err == nil {
		var out strings.Builder
		if err = t.Execute(&out, data); err == nil {
			return out.String(), nil
		}
	}
	var own *errs.Error
	if errors.As(err, &own) {
		return "", errs.Wrap(s.name, errs.Wrap(where, own))
	}
	said, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "template: "), " in type ")
	kind := errs.Input
	if strings.Contains(said, " not defined") || strings.Contains(said, "can't evaluate field") {
		kind = errs.Unsupported
	}
	return "", errs.New(kind, s.name, "%s: the template %q: %s", where, text, said)
}

// functions are those of regsync that make a name or a credential. Those that print a value or the time are for its backups.
func (s regsync) functions() template.FuncMap {
	return template.FuncMap{
		"env": s.r.Getenv,
		"file": func(name string) (string, error) {
			b, err := s.r.ReadFile(name)
			if err != nil {
				return "", errs.New(errs.Input, "", "%w", err)
			}
			return strings.TrimSpace(string(b)), nil
		},
		"default": func(instead, value any) any {
			if v := reflect.ValueOf(value); !v.IsValid() || v.IsZero() {
				return instead
			}
			return value
		},
		"join": strings.Join, "split": strings.Split,
		"lower": strings.ToLower, "upper": strings.ToUpper, "trimSpace": strings.TrimSpace,
		"time": unknown("time"), "json": unknown("json"), "jsonPretty": unknown("jsonPretty"), "printPretty": unknown("printPretty"),
	}
}

// unknown refuses a function of regsync.
func unknown(name string) func(...any) (string, error) {
	return func(...any) (string, error) {
		return "", errs.New(errs.Unsupported, "", "the function %q of templates is not supported", name)
	}
}
