package auth

import (
	"context"
	"time"

	"github.com/stevedore-oci/stevedore/core/errs"
)

const (
	basicScheme = "basic"
	bearer      = "bearer"
)

// session is the Authorization header that one answer led to.
type session struct {
	turn    chan struct{} // holds one value; whoever took it may change what follows
	value   string
	expires time.Time // zero: never
}

// maxSessions is how many sessions are kept before those that have run out are dropped.
const maxSessions = 256

// authorization is the header for ans: the one in hand while it is valid and not the stale one, else a new one. One
// request at a time is made for it; the others wait, and use its outcome. It is "" for an anonymous Basic.
func (a *Authenticator) authorization(ctx context.Context, ans answer, stale string) (string, error) {
	s := a.session(ans)
	select {
	case <-s.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	if s.value != "" && s.value != stale && (s.expires.IsZero() || a.o.Clock.Now().Before(s.expires)) {
		return s.value, nil
	}
	c, err := a.credential(ctx, ans)
	if err != nil {
		return "", errs.Wrap(ans.registry, err)
	}
	value, expires, err := a.obtain(ctx, ans, c)
	if err != nil {
		return "", err
	}
	s.value, s.expires = value, expires
	return value, nil
}

func (a *Authenticator) credential(ctx context.Context, ans answer) (Credential, error) {
	if k, ok := a.o.Keychain.(RepositoryKeychain); ok && ans.repository != "" {
		return k.RepositoryCredential(ctx, ans.registry, ans.repository)
	}
	if a.o.Keychain == nil {
		return Credential{}, nil
	}
	return a.o.Keychain.Credential(ctx, ans.registry)
}

// obtain makes a header from a credential. Where the answer is Basic or the credential is itself a bearer token, that
// takes no request and holds until it is refused.
func (a *Authenticator) obtain(ctx context.Context, ans answer, c Credential) (string, time.Time, error) {
	switch {
	case ans.scheme == bearer && c.RegistryToken != "":
		return "Bearer " + c.RegistryToken, time.Time{}, nil
	case ans.scheme == bearer:
		t, err := a.token(ctx, ans, c)
		if err != nil {
			return "", time.Time{}, err
		}
		return "Bearer " + t.value, t.expires, nil
	case c.Username == "" && c.Password == "":
		return "", time.Time{}, nil
	}
	return basicHeader(c.Username, c.Password), time.Time{}, nil
}

func (a *Authenticator) session(ans answer) *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[ans]; s != nil {
		return s
	}
	if len(a.sessions) >= maxSessions {
		a.prune()
	}
	s := &session{turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	a.sessions[ans] = s
	return s
}

// prune drops what has run out and is not in use, and the answers that led there: the next request is challenged anew.
func (a *Authenticator) prune() {
	now := a.o.Clock.Now()
	for ans, s := range a.sessions {
		select {
		case <-s.turn:
			if s.value == "" || !s.expires.IsZero() && !now.Before(s.expires) {
				delete(a.sessions, ans)
			}
			s.turn <- struct{}{}
		default:
		}
	}
	for t, ans := range a.answers {
		if a.sessions[ans] == nil {
			delete(a.answers, t)
		}
	}
}
