// Package syncfile reads the files by which other tools mirror images, regsync's and skopeo's, as jobs of sync. Only people write
// YAML, and it is 0.3 MB of a module: so it is the native shell's, and a program that calls the verb has the jobs as values.
package syncfile

import (
	"context"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
)

// Reader reads such files with what they take from the machine.
type Reader struct {
	Getenv   func(name string) string
	ReadFile func(name string) ([]byte, error)
	Login    func(Login) // is told how a registry is spoken to; nil: nobody wants to know
}

// Read reads the YAML of a file called name. to is where jobs go whose file names no destination, as skopeo's do not; "" for
// nowhere. What a file has that would change what is copied, and is not known here, is an error: input for what is wrong,
// unsupported for what is not done here. What changes nothing is a warning to env.Event.
func (r Reader) Read(ctx context.Context, env *core.Env, name string, text []byte, to string) ([]core.SyncJob, error) {
	if isRegsync(text) {
		return regsync{r, env, name}.read(ctx, text)
	}
	return readSkopeo(env, name, text, to)
}

// notYAML is the error of a file that is no YAML, or has what is not known, in one line and without the names of our types.
func notYAML(name string, err error) error {
	var fields *yaml.TypeError
	if !errors.As(err, &fields) {
		return errs.New(errs.Input, name, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var said []string
	for _, e := range fields.Errors {
		what, _, _ := strings.Cut(e, " in type ")
		said = append(said, what)
	}
	return errs.New(errs.Input, name, "%s", strings.Join(said, "; "))
}

func warn(env *core.Env, name, message string) {
	if env.Event != nil {
		env.Event(event.Event{Kind: event.Warning, Subject: name, Message: message})
	}
}
