// Package registrytest has a registry that misbehaves, for the tests of what talks to registries.
package registrytest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// Faults is a Fetcher in front of a registry that goes wrong on a schedule: which of its requests fail, and how, depends on
// Seed, on what is asked, and on how often it was asked before. So concurrent requests do not change it. It is safe for
// concurrent use.
type Faults struct {
	Fetcher fetchshim.Fetcher
	Seed    uint64
	// Rate is how many of a hundred requests go wrong; 0 for none.
	Rate int
	// Auth makes the registry ask for tokens, which lose their validity now and then.
	Auth bool

	mu     sync.Mutex
	asked  map[string]uint64
	valid  int // the generation of tokens that is valid, from 1 on
	served int // requests with it
	happen map[string]int
}

// fault is one way to go wrong. It answers in place of the registry, or makes something of the registry's answer.
type fault struct {
	name string
	when func(*request) bool
	do   func(ctx context.Context, f *Faults, q *request) (*fetchshim.Response, error)
}

// request is a request and the dice for it.
type request struct {
	*fetchshim.Request
	path distspec.Path
	dice *rand.Rand
}

var errBroke = errors.New("the connection broke")

func broke(q *fetchshim.Request) error {
	return &fetchshim.Fault{Kind: fetchshim.Network, URL: q.URL, Err: errBroke}
}

// Fetch implements [fetchshim.Fetcher].
func (f *Faults) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	u, err := url.Parse(req.URL)
	if err != nil {
		return nil, err
	}
	if u.Path == "/token" {
		return f.token(), nil
	}
	q := &request{Request: req, path: distspec.ParsePath(u.Path)}
	q.dice = f.roll(q)
	if resp := f.authorize(q); resp != nil {
		return resp, nil
	}
	rate := f.Rate
	if rate > 0 && ranged(q) {
		rate = max(rate, 50) // there are few of these, and much to get wrong
	}
	if q.dice.IntN(100) >= rate {
		return f.Fetcher.Fetch(ctx, req)
	}
	var fit []fault
	for _, one := range faults {
		if one.when(q) && (!ranged(q) || strings.Contains(one.name, "range")) {
			fit = append(fit, one)
		}
	}
	one := fit[q.dice.IntN(len(fit))]
	f.mu.Lock()
	if f.happen == nil {
		f.happen = map[string]int{}
	}
	f.happen[one.name]++
	f.mu.Unlock()
	return one.do(ctx, f, q)
}

// Upload implements [fetchshim.Uploader].
func (f *Faults) Upload() fetchshim.Upload { return fetchshim.UploadOf(f.Fetcher) }

// Names are those of all faults.
func Names() []string {
	var out []string
	for _, one := range faults {
		out = append(out, one.name)
	}
	return out
}

// Happened counts the faults by name.
func (f *Faults) Happened() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]int{}
	for name, n := range f.happen {
		out[name] = n
	}
	return out
}

// roll makes the dice for a request. Sessions have other names each time, so theirs does not count.
func (f *Faults) roll(q *request) *rand.Rand {
	key := q.Method + " " + q.path.Name + " " + fmt.Sprint(q.path.Kind)
	if q.path.Kind != distspec.Upload {
		key += " " + q.path.Ref
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked == nil {
		f.asked = map[string]uint64{}
	}
	f.asked[key]++
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // never fails
	return rand.New(rand.NewPCG(f.Seed<<20|f.asked[key], h.Sum64()))
}

// authorize answers 401 to a request without the valid token, and takes the validity from it once in a while.
func (f *Faults) authorize(q *request) *fetchshim.Response {
	if !f.Auth {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.valid == 0 || f.Rate > 0 && f.served > 10 && q.dice.IntN(10) == 0 {
		f.valid++
		f.served = 0
	}
	if q.Header.Get("Authorization") == fmt.Sprintf("Bearer t%d", f.valid) {
		f.served++
		return nil
	}
	u, _ := url.Parse(q.URL) // it was parsed before
	return answer(q.Request, 401, `{"errors":[{"code":"UNAUTHORIZED"}]}`,
		"WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s://%s/token",service="faults",scope="all"`, u.Scheme, u.Host))
}

func (f *Faults) token() *fetchshim.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	return answer(&fetchshim.Request{}, 200, fmt.Sprintf(`{"token":"t%d","expires_in":3600}`, f.valid), "Content-Type", "application/json")
}

// answer makes a response; header is names and values in turn.
func answer(q *fetchshim.Request, status int, body string, header ...string) *fetchshim.Response {
	r := &fetchshim.Response{Status: status, URL: q.URL}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	r.Body, _ = fetchshim.Bytes(body).Open(context.Background()) // never fails
	return r
}

func sends(q *request) bool { return q.Body != nil && q.Body.Len() > 0 }

func reads(q *request) bool { return q.Method == "" || q.Method == "GET" }

func isBlob(q *request) bool { return reads(q) && q.path.Kind == distspec.Blob }

func ranged(q *request) bool {
	return isBlob(q) && strings.HasPrefix(q.Header.Get("Range"), "bytes=")
}

func isJSON(q *request) bool {
	return reads(q) && (q.path.Kind == distspec.Manifest || q.path.Kind == distspec.Tags || q.path.Kind == distspec.Referrers)
}

func isUpload(q *request) bool { return q.path.Kind == distspec.Upload }
