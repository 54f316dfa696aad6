package core_test

import (
	"context"
	"fmt"
	"log"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

func Example() {
	ctx := context.Background()
	mux := transport.New(transport.Options{
		Files:   osfs.Host{},                    // oci:, oci-archive:, docker-archive:, dir:
		Fetcher: nethttp.New(nethttp.Options{}), // docker://
	})
	env := &core.Env{Source: mux.Open, Clock: clock.System{}}

	out, err := core.Inspect(ctx, env, core.InspectIn{Ref: "oci:../testdata/harbor:latest", Platform: "linux/arm64"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Image.Platform, len(out.Image.Layers), "layers, runs", out.Image.Config.Entrypoint)

	files := core.FilesIn{Ref: "oci:../testdata/harbor:arm64", Globs: []string{"/etc/*-release", "/etc/pass*"}}
	for file, err := range core.Files(ctx, env, files) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(file.Mode, file.Size, file.Path)
	}

	// Output:
	// linux/arm64/v8 4 layers, runs [/opt/app/run.sh]
	// 0777 0 /etc/os-release
	// 0644 71 /etc/passwd
}
