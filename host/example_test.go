package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/host"
)

func Example() {
	ctx := context.Background()
	wasm, err := os.ReadFile("stevedore.wasm")
	if err != nil {
		log.Fatal(err)
	}
	h, err := host.New(ctx, wasm, host.Options{
		Fetcher: nethttp.New(nethttp.Options{}),    // how it reaches registries
		Dirs:    map[string]string{"/images": "."}, // all that it sees of the disk, for reading
	})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close(ctx)

	// One result.
	type digest struct{ MediaType, Digest string }
	request := map[string]any{"ref": "oci:/images/harbor:latest", "platform": "linux/arm64"}
	out, err := host.Get[digest](ctx, h, "digest", request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Digest)

	// A list, item by item.
	_, err = h.Call(ctx, "files", []byte(`{"ref":"oci:/images/harbor:arm64","globs":["/etc/pass*"]}`), host.Sinks{
		Item: func(item []byte) error {
			var file struct{ Mode, Path string }
			if err := json.Unmarshal(item, &file); err != nil {
				return err
			}
			fmt.Println(file.Mode, file.Path)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	// Output:
	// sha256:2c9b95e1b310da27a744ff03872bdc917187970c236a9dce3814955d14a21d19
	// 0644 /etc/passwd
}
