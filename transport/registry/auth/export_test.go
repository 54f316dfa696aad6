package auth

// Sessions is how many are kept.
func (a *Authenticator) Sessions() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sessions)
}
