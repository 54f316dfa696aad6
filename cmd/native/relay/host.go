package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// host is a name or an address, with a port where one was given.
type host struct {
	name string // lower case; an IPv6 address without brackets
	port string // "" for the scheme's own
}

// String is the host as a URL writes it.
func (h host) String() string {
	name := h.name
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if h.port == "" {
		return name
	}
	return name + ":" + h.port
}

// key is host:port with the port of the scheme filled in.
func (h host) key(scheme string) string {
	port := h.port
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return net.JoinHostPort(h.name, port)
}

var errHost = errors.New("is not a host")

// parseHost takes a DNS name in ASCII or an address in its usual form. An address in any other notation is refused here,
// whatever it stands for: 2130706433, 0x7f.1, 127.1 and 0177.0.0.1 are all 127.0.0.1 to some resolver
// (https://url.spec.whatwg.org/#ends-in-a-number-checker).
func parseHost(s string) (host, error) {
	h, err := splitPort(s)
	if err != nil {
		return host{}, malformed("%q %v", s, err)
	}
	if strings.HasPrefix(s, "[") {
		a, err := netip.ParseAddr(h.name)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return host{}, malformed("%q %v", s, errHost)
		}
		h.name = a.String()
		return h, nil
	}
	labels := strings.Split(h.name, ".")
	for _, l := range labels {
		if !validLabel(l) {
			return host{}, malformed("%q %v", s, errHost)
		}
	}
	if last := labels[len(labels)-1]; numeric(last) {
		if a, err := netip.ParseAddr(h.name); err != nil || !a.Is4() {
			return host{}, forbidden(fmt.Sprintf("%q is an address in an unusual notation", s))
		}
	}
	return h, nil
}

func splitPort(s string) (host, error) {
	name, port := lower(s), ""
	if strings.HasPrefix(name, "[") {
		end := strings.IndexByte(name, ']')
		if end < 0 {
			return host{}, errHost
		}
		name, port = name[1:end], name[end+1:]
		if port != "" && port[0] != ':' {
			return host{}, errHost
		}
	} else if i := strings.IndexByte(name, ':'); i >= 0 {
		name, port = name[:i], name[i:]
	}
	if port == "" {
		return host{name: name}, nil
	}
	n, err := strconv.ParseUint(port[1:], 10, 16)
	if err != nil || n == 0 || port[1] == '0' || port[1] == '+' {
		return host{}, errors.New("has no port that exists")
	}
	return host{name: name, port: port[1:]}, nil
}

func validLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		c := l[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// numeric: a resolver may read the label as a number, which no top-level domain is.
func numeric(l string) bool {
	return strings.Trim(l, "0123456789") == "" || strings.HasPrefix(l, "0x") && strings.Trim(l[2:], "0123456789abcdef") == ""
}

// parseNamed reads what the user named; without a port it is both schemes' own.
func parseNamed(list []string) (map[string]bool, error) {
	named := map[string]bool{}
	for _, s := range list {
		h, err := parseHost(s)
		if err != nil {
			return nil, errs.New(errs.Input, s, "is not HOST[:PORT]: %v", err)
		}
		if h.name == ref.HubName {
			h.name = ref.HubHost
		}
		named[h.key("https")], named[h.key("http")] = true, true
	}
	return named, nil
}

// sameOrigin compares scheme, host and port (https://html.spec.whatwg.org/#origin).
func sameOrigin(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && originOf(x) != "" && originOf(x) == originOf(y)
}

// originOf is "" where the URL has no host that the relay takes.
func originOf(u *url.URL) string {
	h, err := parseHost(u.Host)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + h.key(u.Scheme)
}
