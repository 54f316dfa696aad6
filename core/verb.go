package core

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"reflect"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Verb is one thing Stevedore does, by name, with JSON in and JSON out. The Go functions ([Inspect], [Files], …) are the
// same verbs with types.
type Verb struct {
	Name    string
	Summary string
	// In, Out and Item are the Go types of request, result and items; Out is nil for a verb whose result is its items, and
	// Item is nil for every other. The CLI's flags, the TypeScript declarations and the verb reference derive from them.
	In, Out, Item reflect.Type

	call func(ctx context.Context, env *Env, in []byte, item func([]byte) error) ([]byte, error)
}

// Define makes a verb whose result is one value.
func Define[In, Out any](name, summary string, run func(context.Context, *Env, In) (Out, error)) Verb {
	return Verb{
		Name: name, Summary: summary, In: reflect.TypeFor[In](), Out: reflect.TypeFor[Out](),
		call: func(ctx context.Context, env *Env, in []byte, _ func([]byte) error) ([]byte, error) {
			req, err := decode[In](name, in)
			if err != nil {
				return nil, err
			}
			out, err := run(ctx, env, req)
			if err != nil {
				return nil, err
			}
			return encode(out)
		},
	}
}

// DefineList makes a verb whose result is a list that is given item by item.
func DefineList[In, Item any](name, summary string, run func(context.Context, *Env, In) iter.Seq2[Item, error]) Verb {
	return Verb{
		Name: name, Summary: summary, In: reflect.TypeFor[In](), Item: reflect.TypeFor[Item](),
		call: func(ctx context.Context, env *Env, in []byte, item func([]byte) error) ([]byte, error) {
			req, err := decode[In](name, in)
			if err != nil {
				return nil, err
			}
			for it, err := range run(ctx, env, req) {
				if err != nil {
					return nil, err
				}
				b, err := encode(it)
				if err != nil {
					return nil, err
				}
				if err := item(b); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
	}
}

// Call runs the verb. in is a JSON object, in which an unknown field is an error of kind input; empty means {}. A list
// verb calls item once for each of its items, with compact JSON that is only valid during the call, and returns nil; the
// others return their result as compact JSON.
func (v Verb) Call(ctx context.Context, env *Env, in []byte, item func([]byte) error) ([]byte, error) {
	return v.call(ctx, env, in, item)
}

// maxRequest bounds a request in bytes: sync has all of its jobs in one.
const maxRequest = 16 << 20

func decode[T any](name string, in []byte) (T, error) {
	var req T
	err := decodeInto(name, in, &req)
	return req, err
}

// decodeInto is all of decode that does not depend on the type, so that it is linked once and not for each verb.
func decodeInto(name string, in []byte, req any) error {
	if len(in) > maxRequest {
		return errs.New(errs.Input, name, "the request is larger than %d bytes", maxRequest)
	}
	if len(bytes.TrimSpace(in)) == 0 {
		return nil
	}
	if err := oci.CheckValues(in); err != nil {
		return errs.New(errs.Input, name, "request: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(in))
	d.DisallowUnknownFields()
	if err := d.Decode(req); err != nil {
		return errs.New(errs.Input, name, "request: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errs.New(errs.Input, name, "request: something follows the JSON object")
	}
	return nil
}

// encode writes compact JSON without HTML escapes, since digests of output are compared across front ends.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Find returns the verb of that name in a list, which is [Verbs] or [ReadVerbs].
func Find(list []Verb, name string) (Verb, error) {
	for _, v := range list {
		if v.Name == name {
			return v, nil
		}
	}
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.Name
	}
	return Verb{}, errs.New(errs.Input, name, "is not a verb here").Hinted("there are %s", strings.Join(names, ", "))
}
