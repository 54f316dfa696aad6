package core_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

func ExampleCopy() {
	ctx := context.Background()
	mux := transport.New(transport.Options{
		Files: osfs.Host{}, Writable: osfs.Host{},
		Fetcher: nethttp.New(nethttp.Options{}),
		// Keychain: finds credentials by the name of a registry
	})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	in := core.CopyIn{Source: "oci:../testdata/harbor:1.0", Destinations: []string{"oci-archive:" + dir + "/harbor.tar:1.0"}, Platforms: []string{"linux/amd64"}}
	out, err := core.Copy(ctx, env, in)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Digest, out.Destinations[0].Stored.Blobs, "blobs")
	fmt.Println("left behind:", out.Left)

	in.Platforms = []string{"linux/riscv64"}
	_, err = core.Copy(ctx, env, in)
	fmt.Println(errs.Of(err) == errs.NotFound, errs.HintOf(err))

	// Output:
	// sha256:d2ae2476769f23c31f7f5bc08c78f02f54b72b3c3d5d5224237f2403e2df142e 5 blobs
	// left behind: [1 of 2 images: linux/arm64/v8]
	// true it has linux/amd64, linux/arm64/v8
}
