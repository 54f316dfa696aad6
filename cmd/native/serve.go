package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// shutdownTime is how long requests under way get to end.
const shutdownTime = 5 * time.Second

func serveCommand(g *cli.Global, stdout io.Writer) *cobra.Command {
	var listen, name, writable string
	cmd := &cobra.Command{
		Use: "serve REF | serve --writable DIR", Short: "Serve a layout or archive as a read-only registry, or a folder that can be pushed to",
		Long: "Serve answers the registry API: its reading half from an image on disk, to every client that can pull; or, with --writable,\n" +
			"all of it from a folder of its own, where every client can push. There are no credentials: who reaches the address may do both.",
		Example: "  stevedore serve oci:./layout\n  stevedore serve --listen 127.0.0.1:0 --name team/app docker-archive:saved.tar\n" +
			"  stevedore serve --writable ./registry",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case writable != "" && (len(args) != 0 || name != ""):
				return errs.New(errs.Input, "serve", "--writable takes a folder, and neither a reference nor --name")
			case writable == "" && len(args) != 1:
				return errs.New(errs.Input, "serve", "takes one reference").Hinted("for example stevedore serve oci:./layout")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if writable != "" {
				return serveFolder(cmd.Context(), *g, stdout, writable, listen)
			}
			return serveImage(cmd.Context(), *g, stdout, args[0], listen, name)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:5000", "address to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&name, "name", "", "repository that the image is served as (default: any name)")
	cmd.Flags().StringVar(&writable, "writable", "", "folder that pushes are kept in; it is made where there is none")
	return cmd
}

// serveFolder serves a registry that can be pushed to.
func serveFolder(ctx context.Context, g cli.Global, stdout io.Writer, folder, listen string) error {
	dir, err := osfs.Create(folder)
	if err != nil {
		return fsys.Kinded(folder, err)
	}
	defer func() { _ = dir.Close() }()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return errs.New(errs.Input, listen, "%w", err)
	}
	o := depot.New(dir, clock.System{}).Serve()
	o.Event = warner(g)
	announce(stdout, g, folder, l.Addr().String(), "")
	return serveUntil(ctx, l, nethttp.Handler(serve.New(o)))
}

// warner shows the warnings of a server.
func warner(g cli.Global) func(event.Event) {
	return func(e event.Event) {
		if !g.Quiet && e.Kind == event.Warning {
			fmt.Fprintf(os.Stderr, "warning: %s: %s\n", e.Subject, e.Message)
		}
	}
}

func serveImage(ctx context.Context, g cli.Global, stdout io.Writer, typed, listen, name string) error {
	r, err := ref.Parse(typed)
	if err != nil {
		return err
	}
	if name != "" && !ref.ValidRepository(name) {
		return errs.New(errs.Input, name, "is not a repository name")
	}
	warn := warner(g)
	env, free, err := environment(ctx, g, warn)
	if err != nil {
		return err
	}
	defer free()
	src, err := env.Source(ctx, r)
	if err != nil {
		return err
	}
	defer src.Close()
	o := serve.Options{Source: src, Event: warn}
	if name != "" {
		o.Repositories = func(_ context.Context, n string) (content.Source, error) {
			if n != name {
				return nil, errs.New(errs.NotFound, n, "no such repository")
			}
			return src, nil
		}
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return errs.New(errs.Input, listen, "%w", err)
	}
	announce(stdout, g, typed, l.Addr().String(), name)
	return serveUntil(ctx, l, nethttp.Handler(serve.New(o)))
}

func announce(w io.Writer, g cli.Global, typed, addr, name string) {
	if g.JSON {
		b, _ := json.Marshal(map[string]string{"reference": typed, "address": addr, "url": "http://" + addr + "/v2/"})
		fmt.Fprintf(w, "%s\n", b)
		return
	}
	if name == "" {
		name = "any/name"
	}
	fmt.Fprintf(w, "serving %s on http://%s/v2/\ntry: stevedore inspect %s/%s\n", typed, addr, addr, name)
}

// serveUntil serves until ctx ends, which is no error.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		_ = srv.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
