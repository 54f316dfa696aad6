package main

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/cmd/native/syncfile"
	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// TestLogins: what a file says of a registry, after the environment was made, holds for that registry.
func TestLogins(t *testing.T) {
	t.Setenv("CONTAINERS_REGISTRIES_CONF", "/dev/null")
	t.Setenv("HOME", t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("me:s3cret")) {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"tags":["v1"]}`))
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	known := new(logins)
	env, free, err := known.environment(t.Context(), cli.Global{}, func(event.Event) {})
	require.NoError(t, err)
	defer free()
	list := func() (tags []string, err error) {
		for tag, err := range core.Tags(t.Context(), env, core.TagsIn{Ref: host + "/a"}) {
			if err != nil {
				return nil, err
			}
			tags = append(tags, tag)
		}
		return tags, nil
	}
	_, err = list()
	require.Equal(t, errs.Unauthorized, errs.Of(err))
	known.add(syncfile.Login{Registry: host, User: "me", Password: "s3cret"})
	tags, err := list()
	require.NoError(t, err)
	require.Equal(t, []string{"v1"}, tags)
}

func TestLoginsOfNames(t *testing.T) {
	known := new(logins)
	known.add(syncfile.Login{Registry: "index.docker.io", User: "a", Password: "b"})
	known.add(syncfile.Login{Registry: "r.example", PlainHTTP: true})
	k := known.before(auth.Static{Username: "other"})
	for registry, user := range map[string]string{"docker.io": "a", "r.example": "other", "x.example": "other"} {
		c, err := k.Credential(t.Context(), registry)
		require.NoError(t, err)
		require.Equal(t, user, c.Username, registry)
	}
	plain := known.plain(nil)
	require.True(t, plain("r.example"))
	require.True(t, plain("localhost:5000"))
	require.False(t, plain("x.example"))
	require.Nil(t, known.before(nil))
}
