package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// TestProbeSaysWhy: for each ability that is unknown, and for no other, there is a reason.
func TestProbeSaysWhy(t *testing.T) {
	full := depot.Memory()
	fill(t, full, contenttest.NewImage())
	denied := func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if strings.HasSuffix(req.URL, "/v2/") {
			return answer(200, ""), nil
		}
		return answer(403, `{"errors":[{"code":"DENIED","message":"go away"}]}`), nil
	}
	writable := serve.New(depot.Memory().Serve()).Fetch
	for name, c := range map[string]struct {
		f    fetchshim.Func
		push bool
		says map[string]string
	}{
		"full":           {serve.New(full.Serve()).Fetch, true, nil},
		"full, no push":  {serve.New(full.Serve()).Fetch, false, map[string]string{"push": "is tried with push only", "deleteTag": "is tried with push only"}},
		"empty":          {writable, true, map[string]string{"tags": "NAME_UNKNOWN", "digest": "not found", "ranges": "there is no blob to try it with: manifest: not found", "anonymousMount": "no blob to try"}},
		"denied":         {denied, true, map[string]string{"tags": "DENIED: go away", "digest": "denied", "deleteBlob": "DENIED: go away", "chunks": "no upload could be begun"}},
		"broken":         {script(says(200, ""), says(500, "")), false, map[string]string{"tags": "the registry answers 500", "ranges": "the registry answers 500"}},
		"nothing behind": {script(says(200, ""), fails), false, map[string]string{"catalog": "connection reset"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a/b:v1", c.f, nil)
			prober, ok := content.As[content.Prober](r.Source)
			require.True(t, ok)
			can, err := prober.Probe(t.Context(), c.push)
			require.NoError(t, err)
			for name, ability := range can.Named() {
				require.Equal(t, ability == content.Unknown, can.Why[name] != "", "%s is %s: %s", name, ability, can.Why[name])
			}
			for name, words := range c.says {
				require.Contains(t, can.Why[name], words, name)
				require.NotContains(t, can.Why[name], "r.example/a/b:")
			}
		})
	}
}

func fails() (*fetchshim.Response, error) {
	return nil, &fetchshim.Fault{Kind: fetchshim.Network, URL: "https://r.example/", Err: errors.New("connection reset")}
}
