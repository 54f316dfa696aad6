package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
)

var examples = map[string]string{
	"inspect": "  stevedore inspect alpine:3.20\n  stevedore inspect --platform linux/arm64 oci:./layout:latest\n  stevedore inspect --raw docker://ghcr.io/org/app:1 | jq .",
	"digest":  "  stevedore digest alpine:3.20\n  stevedore digest --platform linux/arm64 alpine:3.20\n  tar c . | stevedore digest --file - --algorithm sha512",
	"tags":    "  stevedore tags alpine\n  stevedore tags --limit 100 --after 3.19 alpine",
	"files":   "  stevedore files alpine:3.20\n  stevedore files --long alpine '/etc/**' '*.so'\n  stevedore files --layer 0 docker-archive:saved.tar",
	"layers":  "  stevedore layers alpine:3.20\n  stevedore layers --platform linux/arm64 docker-archive:saved.tar\n  stevedore layers --entries --files --jsonl alpine",
	"export":  "  stevedore export alpine:3.20 | tar t\n  stevedore export --output etc.tar alpine /etc\n  stevedore export --layer 0 alpine >layer.tar",
	"cat":     "  stevedore cat alpine /etc/os-release\n  stevedore cat --output sh alpine /bin/sh",
	"copy":    "  stevedore copy alpine:3.20 registry.example/mirror/alpine:3.20\n  stevedore copy --platform linux/amd64 --platform linux/arm64 alpine oci:./alpine:3.20\n  stevedore copy oci:./app:v1 docker://ghcr.io/org/app:v1 docker://ghcr.io/org/app:latest",
	"sync":    "  stevedore sync jobs.txt\n  stevedore sync --dry-run --shard 1/4 jobs.json\n  stevedore sync --to registry.example/mirror skopeo.yaml\n  stevedore sync regsync.yaml\n  echo 'alpine:3.20 registry.example/alpine:3.20' | stevedore sync -",
	"bundle":  "  stevedore bundle images.tar alpine:3.20 registry.example/app:1\n  stevedore bundle --since images.tar update.tar alpine:3.21\n  stevedore bundle - alpine:3.20 | ssh inside stevedore load - registry.inside",
	"load":    "  stevedore load images.tar registry.inside/mirror\n  stevedore load --dry-run images.tar registry.inside",
	"tag":     "  stevedore tag registry.example/app:1.2.3 1.2 1 latest",
	"delete":  "  stevedore delete registry.example/app:old\n  stevedore delete --manifest --referrers registry.example/app:old\n  stevedore delete --dry-run registry.example/app@sha256:…",
	"probe":   "  stevedore probe registry.example/app\n  stevedore probe --push --json registry.example/scratch",
	"clean":   "  stevedore clean --dry-run oci:./layout\n  stevedore clean oci-archive:images.tar",
	"catalog": "  stevedore catalog --limit 100 registry.example",

	"validate":      "  stevedore validate oci:./layout:latest\n  stevedore validate --json registry.example/app:1 | jq '.[] | select(.error)'",
	"manifest-get":  "  stevedore manifest get registry.example/app:1",
	"manifest-head": "  stevedore manifest head --json registry.example/app:1",
	"manifest-put":  "  stevedore manifest put registry.example/app:1 manifest.json",
	"blob-get":      "  stevedore blob get registry.example/app@sha256:… > layer.tar.gz",
	"blob-head":     "  stevedore blob head registry.example/app@sha256:…",
	"blob-put":      "  stevedore blob put registry.example/app layer.tar.gz",

	"version": "  stevedore version --json",
}

// command makes the subcommand of a verb.
func command(sh *Shell, g *Global, v core.Verb) *cobra.Command {
	r := &run{sh: sh, g: g, v: v}
	fields := Fields(v.In)
	cmd := &cobra.Command{
		Use: strings.TrimPrefix(Usage(v), parent(v)), Short: v.Summary, Long: about[v.Name], Example: examples[v.Name],
		Annotations: arguments(fields), ValidArgsFunction: references(fields),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := request(cmd, v, args)
			if err != nil {
				return err
			}
			r.title = plain(strings.Join(append([]string{strings.Replace(v.Name, "-", " ", 1)}, args...), " "))
			return r.do(cmd.Context(), req)
		},
	}
	addFlags(cmd, fields)
	if slices.Contains([]string{"copy", "sync", "bundle", "load"}, v.Name) {
		cmd.Flags().BoolVar(&g.NoFsync, "no-fsync", false, "leave it to the system when files reach the disk: faster, and a power failure can damage what was written")
	}
	if sh.Registries {
		copyFlags(cmd, g, v.Name)
	}
	switch v.Name {
	case "files", "layers":
		cmd.Flags().BoolVarP(&r.long, "long", "l", false, "type, mode, owner, size, time, layer and link of each path")
	case "sync":
		cmd.Flags().StringVar(&r.to, "to", "", "where images go whose file names no destination, as skopeo's do not")
	}
	return cmd
}

// copyFlags adds what verbs that copy can be told of registries, and no request says, since it is not the same on every host.
func copyFlags(cmd *cobra.Command, g *Global, verb string) {
	f := cmd.Flags()
	if verb == "copy" || verb == "sync" {
		endFlags(f, &g.Src, "src-", "the registry that is read")
		endFlags(f, &g.Dest, "dest-", "the registry that is written")
	}
	if verb == "copy" || verb == "sync" || verb == "bundle" {
		f.IntVar(&g.Ranges, "ranges", 0, "parts of a large blob to read from a registry at once, of 4 MiB each in memory (default 1)")
	}
	if verb == "copy" || verb == "sync" || verb == "load" {
		f.StringVar(&g.CreateRepository, "create-repository", "", "program to run, with the registry and the repository as arguments, where a push finds no such repository")
	}
}

// endFlags are the twins of global flags for one end.
func endFlags(f *pflag.FlagSet, e *End, prefix, end string) {
	f.StringVar(&e.Creds, prefix+"creds", "", "user:password for "+end)
	f.StringVar(&e.AuthFile, prefix+"authfile", "", "--authfile for "+end)
	f.StringVar(&e.PlainHTTP, prefix+"plain-http", "", "--plain-http for "+end)
	f.Lookup(prefix + "plain-http").NoOptDefVal = "true"
	f.BoolVar(&e.Insecure, prefix+"insecure-skip-tls-verify", false, "do not check the certificate of "+end)
}

// parent is the command before that of the verb, with a space after it; "" for most.
func parent(v core.Verb) string {
	if name, _, ok := strings.Cut(v.Name, "-"); ok {
		return name + " "
	}
	return ""
}

// run is one call of a verb from the command line.
type run struct {
	sh    *Shell
	g     *Global
	v     core.Verb
	long  bool
	to    string // of sync
	bytes bool   // content went to standard output, where no document may follow it
	items int

	title    string // what progress is shown for
	progress Progress
}

func (r *run) do(ctx context.Context, req map[string]any) error {
	if err := check(r.g); err != nil {
		return err
	}
	r.progress = r.newProgress()
	defer r.progress.Stop()
	events := r.events()
	env, free, err := r.sh.Env(ctx, *r.g, events)
	if err != nil {
		return err
	}
	defer free()
	env.Output = r.output
	env.Event = events
	env.Jobs = r.g.Jobs
	if name, ok := req["jobs"].(string); ok {
		if req["jobs"], err = r.sh.spec(ctx, env, name, r.to); err != nil {
			return err
		}
	}
	if err := checkCreds(r.g, r.v, req); err != nil {
		return err
	}
	in, err := json.Marshal(req)
	if err != nil {
		return err
	}
	p := newPrinter(r.sh, r.stdout(), r.long)
	out, err := r.v.Call(ctx, env, in, func(b []byte) error { return r.item(p, b) })
	r.progress.Stop()
	if err == nil || r.reported(errs.Of(err)) {
		err = errors.Join(err, r.result(p, out))
	}
	if ferr := p.Flush(); err == nil {
		err = ferr
	}
	return err
}

// reported says of an error whether it is the verdict on items that are all there: a report of which some failed is a whole one.
func (r *run) reported(kind errs.Kind) bool {
	switch r.v.Name {
	case "sync", "load": // where one item is all there is, the verdict has its kind
		return r.items > 0 && kind != errs.Cancelled
	}
	return r.v.Item != nil && (kind == errs.Partial || kind == errs.Verification)
}

// newProgress is what shows how far the command is: nothing where somebody may read a document, or nobody looks.
func (r *run) newProgress() Progress {
	if r.sh.Progress == nil || r.g.Quiet || r.g.JSON || r.g.JSONL || r.g.Events != "" {
		return silent{}
	}
	return r.sh.Progress(r.title)
}

// stdout is standard output for lines.
func (r *run) stdout() io.Writer {
	if r.sh.Terminal && r.progress != (silent{}) {
		return &above{p: r.progress, w: r.sh.Stdout}
	}
	return r.sh.Stdout
}

// events is what takes the events of the verb.
func (r *run) events() func(event.Event) {
	var mu sync.Mutex
	enc := json.NewEncoder(r.sh.Stderr)
	return func(e event.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.g.Events == "json":
			_ = enc.Encode(e)
		case r.g.Quiet:
		case e.Kind == event.Warning || e.Kind == event.Retry:
			_, _ = r.progress.Above(r.sh.Stderr, fmt.Appendf(nil, "%s: %s: %s\n", e.Kind, plain(e.Subject), plain(e.Message)))
		default:
			r.progress.Show(e)
		}
	}
}

// item prints one item of a list.
func (r *run) item(p *printer, b []byte) error {
	r.items++
	switch {
	case r.g.JSONL:
		return p.line(b)
	case r.g.JSON:
		sep := ","
		if r.items == 1 {
			sep = "["
		}
		return p.raw(sep, b)
	}
	return p.item(r.v, b)
}

// result prints what a verb returned.
func (r *run) result(p *printer, out []byte) error {
	switch {
	case r.v.Item != nil && r.g.JSON && r.items == 0:
		return p.line([]byte("[]"))
	case r.v.Item != nil && r.g.JSON:
		return p.line([]byte("]"))
	case r.v.Item != nil, r.bytes && !r.archives():
		return nil
	case r.bytes && r.g.Quiet:
		return nil
	case r.bytes: // the archive has standard output, and what was left behind has to be said somewhere
		p = newPrinter(r.sh, r.sh.Stderr, r.long)
		return errors.Join(r.report(p, out), p.Flush())
	}
	return r.report(p, out)
}

// report prints the result of a verb that gives no list.
func (r *run) report(p *printer, out []byte) error {
	if r.g.JSON || r.g.JSONL {
		return p.line(out)
	}
	return p.result(r.v, out)
}

// output opens where content goes: standard output for "" and "-", else a file that appears when it is whole.
func (r *run) output(_ context.Context, name string) (io.WriteCloser, error) {
	if name == "" && r.sh.Terminal && (r.v.Name == "export" || r.v.Name == "blob-get") {
		return nil, errs.New(errs.Input, "", "these bytes are not for a terminal").Hinted("name a file with --output, or pipe them into another program")
	}
	if name == "" || name == "-" {
		r.bytes = true
		if r.sh.Terminal {
			r.progress.Stop() // bytes are no lines that could stand above it
		}
		if r.archives() {
			return nopCloser{whole{r.sh.Stdout}}, nil
		}
		return nopCloser{r.sh.Stdout}, nil
	}
	if r.sh.Create == nil {
		return nil, errs.New(errs.Unsupported, name, "this build writes no files").Hinted("write to standard output")
	}
	return r.sh.Create(name)
}

// archives says whether the verb writes archives: half of one is of no use, and its report is more than a count of bytes.
func (r *run) archives() bool { return r.v.Name == "copy" || r.v.Name == "bundle" }

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// decodeInto reads a result of our own, which always decodes.
func decodeInto[T any](b []byte) (T, error) {
	var v T
	err := json.NewDecoder(bytes.NewReader(b)).Decode(&v)
	return v, err
}
