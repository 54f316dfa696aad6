package registry

import (
	"errors"
	"strings"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// lasting is a reason why a registry is not reached that a second try finds again.
type lasting struct {
	marks []string // what platforms say of it
	hint  string
}

// lastingReasons are known by the words of the platform alone, which is all that a Fetcher made of frames has: those of Go, of Node
// (OpenSSL), of Deno and others on rustls, and of the C library. A name server that fails (EAI_AGAIN, SERVFAIL) is not among them.
var lastingReasons = []lasting{
	{[]string{"no such host", "ENOTFOUND", "Name or service not known", "nodename nor servname provided"}, "check the name of the registry"},
	{[]string{
		"x509: ", "self-signed certificate", "self signed certificate", "SELF_SIGNED_CERT", "unable to verify the first certificate",
		"UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to get local issuer certificate", "certificate has expired", "certificate is not yet valid",
		"certificate's altnames", "invalid peer certificate", "certificate verify failed",
	}, "--ca-file trusts the authority of the registry, --insecure-skip-tls-verify any certificate"},
	{[]string{"tls: certificate required", "tls: bad certificate", "tls: unknown certificate"}, "the registry asks for a certificate of yours: --cert-file and --key-file"},
	{[]string{
		"server gave HTTP response to HTTPS client", "does not look like a TLS handshake", "wrong version number", "packet length too long",
		"InvalidContentType",
	}, "the registry may speak plain HTTP there: --plain-http"},
	{[]string{`malformed HTTP response "\x15\x03`}, "the registry may speak TLS there: --plain-http=false"},
	{[]string{"redirects", "redirect count exceeded"}, ""},
}

// lasts says whether there was no response for a reason that stays, and what to do about it.
func lasts(err error) (hint string, ok bool) {
	var fault *fetchshim.Fault
	if !errors.As(err, &fault) || fault.Kind != fetchshim.Network || fault.Err == nil {
		return "", false
	}
	text := fault.Err.Error()
	for _, r := range lastingReasons {
		for _, mark := range r.marks {
			if strings.Contains(text, mark) {
				return r.hint, true
			}
		}
	}
	return "", false
}
