package main

import (
	"bytes"
	"context"
	"os/exec"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// creator makes repositories by a program, which gets the registry and the repository as arguments; nil where none is named. What
// the program says shows where it fails. Kind input for a program that is not there.
func creator(program string) (func(ctx context.Context, registry, repository string) error, error) {
	if program == "" {
		return nil, nil
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, errs.New(errs.Input, "--create-repository", "%w", err)
	}
	return func(ctx context.Context, registry, repository string) error {
		said, err := exec.CommandContext(ctx, path, registry, repository).CombinedOutput()
		if err == nil {
			return nil
		}
		if said = bytes.TrimSpace(said); len(said) > 0 {
			return errs.New(errs.Denied, program, "did not make the repository: %w: %s", err, said)
		}
		return errs.New(errs.Denied, program, "did not make the repository: %w", err)
	}, nil
}
