package main

import (
	"context"
	"sync"

	"github.com/stevedore-oci/stevedore/cmd/native/syncfile"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// logins are what a file of jobs says of registries, which is known only after the environment that reads the file.
type logins struct {
	mu    sync.RWMutex
	known map[string]syncfile.Login
}

func (l *logins) add(x syncfile.Login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]syncfile.Login{}
	}
	l.known[hubName(x.Registry)] = x
}

func (l *logins) of(registry string) (syncfile.Login, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	x, ok := l.known[hubName(registry)]
	return x, ok
}

// hubName is what Docker Hub is called here, whichever of its names was given.
func hubName(registry string) string {
	switch registry {
	case ref.HubHost, "index." + ref.HubName:
		return ref.HubName
	}
	return registry
}

// before asks what was said first, and then k; nil stays nil.
func (l *logins) before(k auth.Keychain) auth.Keychain {
	switch k := k.(type) {
	case nil:
		return nil
	case auth.RepositoryKeychain:
		return saidOfPart{said{l, k}, k}
	default:
		return said{l, k}
	}
}

// said is a Keychain that prefers what a file says.
type said struct {
	*logins
	next auth.Keychain
}

// Credential implements [auth.Keychain].
func (s said) Credential(ctx context.Context, registry string) (auth.Credential, error) {
	if x, ok := s.of(registry); ok && x.User != "" {
		return auth.Credential{Username: x.User, Password: x.Password}, nil
	}
	return s.next.Credential(ctx, registry)
}

// saidOfPart does so before a Keychain that knows repositories.
type saidOfPart struct {
	said
	next auth.RepositoryKeychain
}

// RepositoryCredential implements [auth.RepositoryKeychain].
func (s saidOfPart) RepositoryCredential(ctx context.Context, registry, repository string) (auth.Credential, error) {
	if x, ok := s.of(registry); ok && x.User != "" {
		return s.Credential(ctx, registry)
	}
	return s.next.RepositoryCredential(ctx, registry, repository)
}

// plain adds the registries that are said to speak plain HTTP to those of other; nil is for loopback alone.
func (l *logins) plain(other func(host string) bool) func(host string) bool {
	if other == nil {
		other = ref.Loopback
	}
	return func(host string) bool {
		x, ok := l.of(host)
		return ok && x.PlainHTTP || other(host)
	}
}
