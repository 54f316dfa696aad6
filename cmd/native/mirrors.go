package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/cmd/native/credential"
	"github.com/stevedore-oci/stevedore/cmd/native/registries"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/mirror"
)

// mirrored has o read where conf says.
func mirrored(g cli.Global, conf registries.Config, o *transport.Options) error {
	o.Mirrors = mirror.NewReader(conf.Policy, o.Clock, o.Event)
	if g.Creds != "" {
		// --creds are for the registry that was named: its mirrors get what the files have for them.
		o.MirrorKeychain = credential.Default(os.Getenv)
	}
	if len(conf.Insecure) == 0 {
		return nil
	}
	g.Insecure = true
	lax, err := newFetcher(g)
	if err != nil {
		return err
	}
	o.Fetcher = byHost{o.Fetcher, lax, conf.IsInsecure}
	if o.PlainHTTP == nil {
		var known sync.Map
		o.PlainHTTP = func(host string) bool {
			if ref.Loopback(host) || !conf.IsInsecure(host) {
				return ref.Loopback(host)
			}
			plain, ok := known.Load(host)
			if !ok {
				plain, _ = known.LoadOrStore(host, !speaksTLS(host))
			}
			return plain.(bool)
		}
	}
	return nil
}

// handshake bounds how long a registry that may have no TLS is waited for.
const handshake = 10 * time.Second

// speaksTLS tries it, whatever the certificate says.
func speaksTLS(host string) bool {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host += ":443"
	}
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: handshake}, "tcp", host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// byHost sends what is for lax registries by another Fetcher.
type byHost struct {
	fetchshim.Fetcher
	other fetchshim.Fetcher
	lax   func(host string) bool
}

// Fetch implements [fetchshim.Fetcher].
func (f byHost) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	if u, err := url.Parse(req.URL); err == nil && f.lax(u.Host) {
		return f.other.Fetch(ctx, req)
	}
	return f.Fetcher.Fetch(ctx, req)
}
