package registry_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

func TestPing(t *testing.T) {
	private := fetchshim.Func(func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		require.Equal(t, "https://r.example/v2/", req.URL)
		if req.Header.Get("Authorization") == "Basic dTpnb29k" {
			return answer(200, "{}"), nil
		}
		return answer(401, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}`, `WWW-Authenticate: Basic realm="r"`), nil
	})
	ping := func(f fetchshim.Fetcher, password string) error {
		return registry.New(registry.Options{Fetcher: f, Keychain: auth.Static{Username: "u", Password: password}}).Ping(t.Context(), "r.example")
	}
	require.NoError(t, ping(private, "good"))
	requireKind(t, errs.Unauthorized, ping(private, "bad"), "r.example", "who are you")
	requireKind(t, errs.NotFound, ping(always(404, "<html>", "Content-Type: text/html"), "good"), "r.example", "is r.example a registry?")
}
