package nethttp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// transport sets no MaxConnsPerHost: a copy inside one registry holds a download open while its upload waits for a
// connection, so a cap would stop both for ever. The caller's job count is the cap.
func transport(o Options) *http.Transport {
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	if o.HeaderTimeout == 0 {
		o.HeaderTimeout = DefaultHeaderTimeout
	}
	return &http.Transport{
		Proxy:               o.Proxy,
		DialContext:         dial,
		TLSClientConfig:     o.TLS,
		TLSHandshakeTimeout: 15 * time.Second,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		DisableCompression:  true,
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 32, // as many as sync compares images at once when both ends are one registry

		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  max(o.HeaderTimeout, 0),
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		ReadBufferSize:         64 << 10,
		WriteBufferSize:        64 << 10,
	}
}

// TLS is what a user gives to reach a registry with certificates of its own; each field is the PEM text of a file.
type TLS struct {
	CA         []byte // roots to trust beside the system's
	Cert, Key  []byte // the client's certificate chain and its key: both or neither
	SkipVerify bool   // believe any certificate
}

// Config returns nil for the zero value, and an error when a PEM block does not parse or only one of Cert and Key is given.
func (t TLS) Config() (*tls.Config, error) {
	if len(t.CA) == 0 && len(t.Cert) == 0 && len(t.Key) == 0 && !t.SkipVerify {
		return nil, nil
	}
	c := &tls.Config{InsecureSkipVerify: t.SkipVerify}
	if len(t.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("system certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(t.CA) {
			return nil, errors.New("CA file: no PEM certificate in it")
		}
		c.RootCAs = pool
	}
	if len(t.Cert) > 0 || len(t.Key) > 0 {
		pair, err := tls.X509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
