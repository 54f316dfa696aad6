package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/cmd/native/page"
	"github.com/stevedore-oci/stevedore/cmd/native/relay"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/web"
)

type webFlags struct {
	listen string
	allow  []string
	push   []string
	open   bool
}

func webCommand(g *cli.Global, stdout io.Writer) *cobra.Command {
	var f webFlags
	cmd := &cobra.Command{
		Use: "web", Short: "Serve the inspector page on this machine",
		Long: "Web serves the page that looks inside images, with a relay: registries that do not admit other sites' pages (CORS) are\n" +
			"read through it. Only the page that was opened from the printed address may use the relay. It writes to no registry but those\n" +
			"of --allow-push.",
		Example: "  stevedore web --open\n  stevedore web --allow-registry registry.lan:5000\n  stevedore web --allow-push ghcr.io",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errs.New(errs.Input, args[0], "web takes no argument").Hinted("type the reference into the page")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return serveWeb(cmd.Context(), *g, stdout, f) },
	}
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:0", "address of the loopback to listen on; port 0 takes a free one")
	cmd.Flags().StringArrayVar(&f.allow, "allow-registry", nil, "HOST[:PORT] that the relay may reach at a private address and over plain HTTP; may repeat")
	cmd.Flags().StringArrayVar(&f.push, "allow-push", nil, "HOST[:PORT] of a registry that the relay may write to; may repeat")
	cmd.Flags().BoolVar(&f.open, "open", false, "open the page in the browser")
	return cmd
}

func serveWeb(ctx context.Context, g cli.Global, stdout io.Writer, f webFlags) error {
	if err := loopbackOnly(f.listen); err != nil {
		return err
	}
	tls, err := tlsConfig(g)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return errs.New(errs.Input, f.listen, "%w", err)
	}
	hosts := hostsOf(l.Addr())
	token := relay.NewToken()
	r, err := relay.New(relay.Options{Hosts: hosts, Token: token, Allow: f.allow, Push: f.push, TLS: tls})
	if err != nil {
		_ = l.Close()
		return err
	}
	defer r.Close()
	var plain []string
	for _, h := range f.allow {
		plain = append(plain, "http://"+h)
	}
	files := page.New(page.Options{Files: web.Files(), Hosts: hosts, Connect: plain})
	url := "http://" + hosts[0] + "/#relay=" + token
	announceWeb(stdout, g, url)
	if f.open {
		openPage(ctx, url)
	}
	return serveUntil(ctx, l, split(nethttp.Handler(r), files))
}

// split does not use http.ServeMux, which would answer a path with dots in it by a redirect to another one.
func split(relayed, files http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), relay.Prefix) {
			relayed.ServeHTTP(w, r)
			return
		}
		files.ServeHTTP(w, r)
	})
}

// loopbackOnly: elsewhere a browser would call the page's origin insecure and not say where its requests come from.
func loopbackOnly(listen string) error {
	name, _, err := net.SplitHostPort(listen)
	if err != nil {
		return errs.New(errs.Input, listen, "%w", err)
	}
	if ip := net.ParseIP(name); name == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return errs.New(errs.Input, listen, "is not on the loopback; the page and its relay are for this machine").
		Hinted("to reach it from another one, forward a port: ssh -L 8080:127.0.0.1:8080")
}

// hostsOf lists the names of the server, the one to print first.
func hostsOf(a net.Addr) []string {
	host, port, _ := net.SplitHostPort(a.String())
	names := []string{net.JoinHostPort(host, port), "localhost:" + port, "127.0.0.1:" + port, "[::1]:" + port}
	if port == "80" { // browsers leave it out
		names = append(names, "localhost", "127.0.0.1", "[::1]")
	}
	return names
}

func announceWeb(w io.Writer, g cli.Global, url string) {
	if g.JSON {
		b, _ := json.Marshal(map[string]string{"url": url})
		fmt.Fprintf(w, "%s\n", b)
		return
	}
	fmt.Fprintf(w, "the page is at %s\nthe address is for you alone: whoever has it may use the relay; stop with Ctrl-C\n", url)
}

// openPage tries what desktops have to open an address. None there is no error: the address has been printed.
func openPage(ctx context.Context, url string) {
	for _, argv := range [][]string{{"xdg-open"}, {"open"}, {"rundll32", "url.dll,FileProtocolHandler"}} {
		if path, err := exec.LookPath(argv[0]); err == nil {
			cmd := exec.CommandContext(ctx, path, append(argv[1:], url)...)
			if cmd.Start() == nil {
				go func() { _ = cmd.Wait() }()
				return
			}
		}
	}
}
