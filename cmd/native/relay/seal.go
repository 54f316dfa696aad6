package relay

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stevedore-oci/stevedore/core/distspec"
)

// sealer remembers which token endpoints registries announced without keeping anything: the page keeps what it says, and the
// relay knows its own seal again.
type sealer struct{ key []byte }

// sealLife is how long an announcement holds; the next challenge announces again.
const sealLife = time.Hour

// announcement is what a seal is for.
type announcement struct {
	Registry string  `json:"registry"` // origin
	Realms   []realm `json:"realms"`
	Until    int64   `json:"until"` // seconds since 1970
}

type realm struct {
	URL     string `json:"url"`
	Service string `json:"service"`
}

func newSealer() sealer {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return sealer{key}
}

// announce seals the realms of the challenges that the registry at rawURL gave; "" where there is none.
func (s sealer) announce(rawURL string, challenges []string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	const most, longest = 4, 2 << 10
	a := announcement{Registry: u.Scheme + "://" + u.Host, Until: time.Now().Add(sealLife).Unix()}
	for _, c := range distspec.ParseChallenges(challenges) {
		r := realm{c.Params["realm"], c.Params["service"]}
		if c.Scheme == "bearer" && r.URL != "" && len(r.URL)+len(r.Service) <= longest && len(a.Realms) < most {
			a.Realms = append(a.Realms, r)
		}
	}
	if len(a.Realms) == 0 {
		return ""
	}
	raw, err := json.Marshal(a)
	if err != nil { // strings and numbers always encode
		panic(err)
	}
	body := base64.RawURLEncoding.EncodeToString(raw)
	return body + "." + s.mac(body)
}

func (s sealer) mac(body string) string {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// announced says which registry announced the token endpoint at rawURL.
func (s sealer) announced(sealed, rawURL string) (registry string, ok bool) {
	body, mac, _ := strings.Cut(sealed, ".")
	if !hmac.Equal([]byte(mac), []byte(s.mac(body))) {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	var a announcement
	if err != nil || json.Unmarshal(raw, &a) != nil || time.Now().Unix() > a.Until {
		return "", false
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", false
	}
	return a.Registry, slices.ContainsFunc(a.Realms, func(r realm) bool { return r.matches(u) })
}

// matches: the same endpoint, asked for the same service, with the parameters of a token request and no others.
func (r realm) matches(u *url.URL) bool {
	to, err := url.Parse(r.URL)
	if err != nil || originOf(to) == "" || originOf(to) != originOf(u) || path(to) != path(u) || to.User != nil {
		return false
	}
	want, got := to.Query(), u.Query()
	if r.Service != "" {
		want.Set("service", r.Service)
	}
	for name, values := range got {
		known := slices.Contains([]string{"scope", "account", "client_id", "offline_token"}, name)
		if _, fixed := want[name]; !fixed && !known {
			return false
		}
		if fixed := want[name]; fixed != nil && name != "scope" && !slices.Equal(fixed, values) {
			return false
		}
	}
	for name := range want {
		if got[name] == nil {
			return false
		}
	}
	return true
}

// path is "/" for none, as in a request.
func path(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}
