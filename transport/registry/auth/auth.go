// Package auth answers a registry's authentication challenges and keeps credentials with the registry they are for.
package auth

import "context"

// Credential is what a user has for one registry. The zero value means anonymous.
type Credential struct {
	Username string
	Password string
	// IdentityToken is an OAuth2 refresh token; RegistryToken is a bearer token that is sent as it is.
	IdentityToken string
	RegistryToken string
}

// Keychain finds the credential for a registry, named by host[:port] as in a reference ("docker.io" for Docker Hub). It
// returns the zero Credential where there is none, and an error only where the user has to act.
type Keychain interface {
	Credential(ctx context.Context, registry string) (Credential, error)
}

// RepositoryKeychain is a Keychain that may have a credential for a part of a registry only, as Podman's files do
// (containers-auth.json(5), "auths").
type RepositoryKeychain interface {
	Keychain
	// RepositoryCredential finds the credential for a repository, which is that of the registry where there is none closer.
	RepositoryCredential(ctx context.Context, registry, repository string) (Credential, error)
}

// Static is a Keychain with the same credential for every registry it is asked about: for a program that reaches one only, since
// any other that asks for a password would be told this one.
type Static Credential

// Credential returns s.
func (s Static) Credential(context.Context, string) (Credential, error) { return Credential(s), nil }

// Busy is the error of a token server that may answer better later (429 and 5xx).
type Busy struct{ Err error }

// Error is that of Err.
func (b *Busy) Error() string { return b.Err.Error() }

// Unwrap returns Err.
func (b *Busy) Unwrap() error { return b.Err }
