// Command embed is a Go program that runs Stevedore's verbs without linking its library: it embeds the reactor with package
// host, which gives the module the current directory for reading, HTTP, and nothing else.
//
//	embed stevedore.wasm inspect '{"ref":"oci:layout:latest"}'
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/host"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: embed stevedore.wasm VERB REQUEST")
	}
	wasm, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	h, err := host.New(ctx, wasm, host.Options{
		Fetcher:  nethttp.New(nethttp.Options{}),
		Dirs:     map[string]string{"/": "."},
		CacheDir: filepath.Join(cache, "stevedore"), // compiling takes seconds, the next start milliseconds
	})
	if err != nil {
		return err
	}
	defer h.Close(ctx)
	var items [][]byte
	out, err := h.Call(ctx, args[1], []byte(args[2]), host.Sinks{
		Item: func(json []byte) error { items = append(items, bytes.Clone(json)); return nil },
	})
	if err != nil {
		return err
	}
	if out == nil { // the result of a list verb is its items
		out = fmt.Appendf(nil, "[%s]", bytes.Join(items, []byte(",")))
	}
	fmt.Printf("%s\n", out)
	return nil
}
