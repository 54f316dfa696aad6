package credential

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Store keeps a user's credentials in one file, or in the helper that the file names. What it does not know of the file stays.
type Store struct{ File string }

// DefaultStore is the file that docker login would write to; REGISTRY_AUTH_FILE, which Podman knows, goes before it.
func DefaultStore(getenv func(string) string) Store {
	if f := getenv("REGISTRY_AUTH_FILE"); f != "" {
		return Store{f}
	}
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		home, _ := os.UserHomeDir()
		dir = filepath.Join(home, ".docker")
	}
	return Store{filepath.Join(dir, "config.json")}
}

// Set keeps a credential for a registry, and returns where: the file's name, or the helper's.
func (s Store) Set(ctx context.Context, registry, user, password string) (where string, err error) {
	o, f, err := s.read()
	if err != nil {
		return "", err
	}
	if h := f.helperOf(registry); h != "" {
		c := &credentials.Credentials{ServerURL: keys(registry)[0], Username: user, Secret: password}
		if err := client.Store(program(ctx, h), c); err != nil {
			return "", errs.New(errs.Input, s.File, "credential helper %s: %w", h, err)
		}
		return "docker-credential-" + h, nil
	}
	auth := entry{Auth: base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
	return s.File, s.change(o, func(auths *oci.Object) error {
		return auths.Set(keys(registry)[0], struct {
			Auth string `json:"auth"`
		}{auth.Auth})
	})
}

// Delete forgets what is kept for a registry. Kind not_found where that is nothing.
func (s Store) Delete(ctx context.Context, registry string) error {
	o, f, err := s.read()
	if err != nil {
		return err
	}
	found := false
	if h := f.helperOf(registry); h != "" {
		for _, key := range keys(registry) {
			found = client.Erase(program(ctx, h), key) == nil || found
		}
	}
	err = s.change(o, func(auths *oci.Object) error {
		for _, key := range keys(registry) {
			found = auths.Delete(key) || found
		}
		return nil
	})
	if err == nil && !found {
		err = errs.New(errs.NotFound, registry, "nobody is logged in there").Hinted("looked in %s", s.File)
	}
	return err
}

func (f file) helperOf(registry string) string {
	for _, key := range keys(registry) {
		if h := f.CredHelpers[key]; h != "" {
			return h
		}
	}
	return f.CredsStore
}

func program(ctx context.Context, name string) client.ProgramFunc {
	return func(args ...string) client.Program {
		return &helper{exec.CommandContext(ctx, "docker-credential-"+name, args...)}
	}
}

func (s Store) read() (oci.Object, file, error) {
	var f file
	raw, err := os.ReadFile(s.File)
	if errors.Is(err, os.ErrNotExist) {
		raw, err = []byte("{}"), nil
	}
	if err != nil {
		return oci.Object{}, f, errs.New(errs.Input, s.File, "credential file: %w", err)
	}
	o, err := oci.ParseObject(raw, s.File)
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	return o, f, errs.Wrap("credential file", err)
}

// change replaces the file; nobody else may read it, and whoever reads it meanwhile sees the old or the new one.
func (s Store) change(o oci.Object, edit func(auths *oci.Object) error) error {
	var auths oci.Object
	if raw := o.Get("auths"); raw != nil {
		var err error
		if auths, err = oci.ParseObject(raw, s.File+": auths"); err != nil {
			return err
		}
	}
	if err := edit(&auths); err != nil {
		return err
	}
	if err := o.Set("auths", auths); err != nil {
		return err
	}
	raw, err := o.Bytes()
	if err != nil {
		return err
	}
	return fileError(s.File, replace(s.File, raw))
}

func fileError(name string, err error) error {
	if err == nil {
		return nil
	}
	return errs.New(errs.Input, name, "credential file: %w", err)
}

// replace follows a link, so that the file is replaced and not the link: people keep such files elsewhere and link to them.
func replace(name string, raw []byte) error {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".stevedore-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(raw, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
