package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/xfer"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// TestReportOfFailures: a report is a whole document whatever failed, also where all did.
func TestReportOfFailures(t *testing.T) {
	env := func(context.Context, Global, func(event.Event)) (*core.Env, func(), error) {
		mux := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}})
		return &core.Env{Source: mux.Open, Sink: mux.Create, File: mux.OpenFile}, func() {}, nil
	}
	dir := t.TempDir()
	there, gone := "oci:../../testdata/harbor:amd64 oci:"+dir+"/a:v1\n", "oci:"+dir+"/nowhere:v1 oci:"+dir+"/a:v2\n"
	for text, want := range map[string]struct{ items, status int }{
		there: {1, 0}, gone: {1, 3}, there + gone: {2, 8}, gone + gone[:len(gone)-2] + "3\n": {2, 8}, "oci:x\n": {0, 2},
	} {
		name := filepath.Join(dir, "jobs.txt")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		var out, errOut bytes.Buffer
		status := Run(t.Context(), []string{"sync", "--json", name}, Shell{Stdout: &out, Stderr: &errOut, Env: env})
		require.Equal(t, want.status, status, "%s%s", text, errOut.String())
		var items []core.SyncItem
		if want.items == 0 {
			require.Empty(t, out.String())
			continue
		}
		require.NoError(t, json.Unmarshal(out.Bytes(), &items), out.String())
		require.Len(t, items, want.items)
	}
}

// TestCounts: manifests are counted as blobs are.
func TestCounts(t *testing.T) {
	blobs := xfer.Count{Blobs: 2, Bytes: 10}
	for want, c := range map[string]core.Copied{
		"3 manifests, 2 blobs (10 B) stored":             {Manifests: 3, Written: 3, Stored: blobs},
		"1 of 3 manifests, 2 blobs (10 B) there already": {Manifests: 3, Written: 1, Existed: blobs},
		"0 of 3 manifests, 2 blobs (10 B) stored":        {Manifests: 3, Stored: blobs},
		"3 manifests, 2 blobs (10 B) there already":      {Manifests: 3, Existed: blobs},
	} {
		require.Equal(t, want, strings.Join(counts(c, false), ", "))
	}
}
