package transport_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// place is one column of the matrix: a transport, and for docker:// a server.
type place struct{ scheme, server string }

func (p place) String() string {
	if p.server != "" {
		return p.server
	}
	return p.scheme + ":"
}

// peer is one row: a tool of another project, and how it writes an image into a place and reads one from it. A way that it does
// not have is nil, and why says so.
type peer struct {
	name  string
	image string // what it is given: a reference with the whole bundled index, or an image that buildah made
	write map[string]func(b *bench, at string)
	read  map[string]func(b *bench, at string) (digest string)
	why   map[string]string // by scheme, "write scheme" or "read scheme"
}

// bench is one cell at work.
type bench struct {
	*testing.T
	m     *transport.Mux
	dir   string // of the cell, empty at first
	image string // an oci: reference
	want  image
}

func (b *bench) run(name string, args ...string) string {
	b.Helper()
	return strings.TrimSpace(run(b.T, b.dir, name, args...))
}

// landed is what a tool left in a layout of the cell.
func (b *bench) landed(layout string) string {
	b.Helper()
	return walk(b, b.m, "oci:"+filepath.Join(b.dir, layout)).root.String()
}

// path is a reference of the image of the cell as regctl and oras name it.
func (b *bench) path() string { return strings.TrimPrefix(b.image, "oci:") }

const files = "oci oci-archive docker-archive dir"

// only are reasons for all schemes but those named.
func only(reason string, but ...string) map[string]string {
	out := map[string]string{}
	for _, scheme := range append(strings.Fields(files), "docker") {
		if !slices.Contains(but, scheme) {
			out[scheme] = reason
		}
	}
	return out
}

func skopeo() peer {
	p := peer{name: "skopeo", write: map[string]func(*bench, string){}, read: map[string]func(*bench, string) string{}}
	for _, scheme := range append(strings.Fields(files), "docker") {
		all := []string{"copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"}
		if scheme == "docker-archive" {
			all = []string{"copy", "-q"}
		}
		p.write[scheme] = func(b *bench, at string) { b.run("skopeo", append(all, b.image, at)...) }
		p.read[scheme] = func(b *bench, at string) string {
			if scheme == "docker-archive" { // where it keeps the config
				b.run("skopeo", append(all, at, "dir:got")...)
				return walk(b, b.m, "dir:"+b.dir+"/got").configs[0].String()
			}
			b.run("skopeo", append(all, at, "oci:got:x")...)
			return b.landed("got:x")
		}
	}
	return p
}

func crane() peer {
	return peer{
		name: "crane",
		write: map[string]func(*bench, string){
			"docker": func(b *bench, at string) {
				transfer(b, b.m, b.image, "oci:"+b.dir+"/bare")
				b.run("crane", "push", "bare", strings.TrimPrefix(at, "docker://"))
			},
			"oci": func(b *bench, at string) {
				b.run("crane", "pull", "--format=oci", "--annotate-ref", b.pushed(), strings.TrimSuffix(strings.TrimPrefix(at, "oci:"), ":x"))
			},
			"docker-archive": func(b *bench, at string) {
				b.run("crane", "pull", "--platform=linux/amd64", "--format=tarball", b.pushed(), strings.TrimSuffix(strings.TrimPrefix(at, "docker-archive:"), ":harbor:x"))
			},
		},
		read: map[string]func(*bench, string) string{
			"docker": func(b *bench, at string) string {
				b.run("crane", "pull", "--format=oci", strings.TrimPrefix(at, "docker://"), "got")
				return b.landed("got")
			},
			"oci": func(b *bench, at string) string {
				transfer(b, b.m, at, "oci:"+b.dir+"/bare") // it takes a layout of one image, under no name
				to := craneRegistry(b.T) + "/read:x"
				b.run("crane", "push", "bare", to)
				return b.run("crane", "digest", to)
			},
			"docker-archive": func(b *bench, at string) string {
				to := craneRegistry(b.T) + "/read:x"
				b.run("crane", "push", strings.TrimSuffix(strings.TrimPrefix(at, "docker-archive:"), ":harbor:x"), to)
				return walk(b, b.m, "docker://"+to).configs[0].String()
			},
		},
		why: map[string]string{"oci-archive": "crane takes layouts as folders", "dir": "the format is containers/image's own"},
	}
}

// pushed is the image of the cell in a registry.
func (b *bench) pushed() string {
	to := craneRegistry(b.T) + "/pushed:x"
	transfer(b, b.m, b.image, "docker://"+to)
	return to
}

func regctl() peer {
	call := func(b *bench, args ...string) string {
		hosts := []string{}
		for _, a := range args {
			if host, _, ok := strings.Cut(a, "/"); ok && strings.HasPrefix(host, "127.0.0.1:") {
				hosts = append(hosts, "--host", "reg="+host+",tls=disabled")
			}
		}
		return b.run("regctl", append(hosts, args...)...)
	}
	named := func(at string) string {
		if rest, ok := strings.CutPrefix(at, "docker://"); ok {
			return rest
		}
		return "ocidir://" + strings.TrimPrefix(at, "oci:")
	}
	write := func(b *bench, at string) { call(b, "image", "copy", named(b.image), named(at)) }
	read := func(b *bench, at string) string {
		call(b, "image", "copy", named(at), "ocidir://got:x")
		return b.landed("got:x")
	}
	file := func(at string) string { _, rest, _ := strings.Cut(at, ":"); return strings.SplitN(rest, ":", 2)[0] }
	return peer{
		name: "regctl",
		write: map[string]func(*bench, string){
			"docker": write, "oci": write,
			"oci-archive":    func(b *bench, at string) { call(b, "image", "export", "--name", "harbor:x", named(b.image), file(at)) },
			"docker-archive": func(b *bench, at string) { call(b, "image", "export", "--name", "harbor:x", named(b.image), file(at)) },
		},
		read: map[string]func(*bench, string) string{
			"docker": read, "oci": read,
			"oci-archive": func(b *bench, at string) string {
				call(b, "image", "import", "ocidir://got:x", file(at))
				return b.landed("got:x")
			},
			"docker-archive": func(b *bench, at string) string {
				call(b, "image", "import", "ocidir://got:x", file(at))
				return walk(b, b.m, "oci:"+b.dir+"/got:x").configs[0].String()
			},
		},
		why: map[string]string{"dir": "the format is containers/image's own"},
	}
}

func oras() peer {
	read := func(b *bench, flag, at string) string {
		b.run("oras", "cp", "--no-tty", flag, at, "--to-oci-layout", "got:x")
		return b.landed("got:x")
	}
	return peer{
		name: "oras",
		write: map[string]func(*bench, string){
			"docker": func(b *bench, at string) {
				b.run("oras", "cp", "--no-tty", "--from-oci-layout", b.path(), "--to-plain-http", strings.TrimPrefix(at, "docker://"))
			},
			"oci": func(b *bench, at string) {
				b.run("oras", "cp", "--no-tty", "--from-oci-layout", b.path(), "--to-oci-layout", strings.TrimPrefix(at, "oci:"))
			},
			"oci-archive": func(b *bench, at string) {
				b.run("oras", "backup", "--no-tty", "--plain-http", "--output", strings.TrimSuffix(strings.TrimPrefix(at, "oci-archive:"), ":x"), b.pushed())
			},
		},
		read: map[string]func(*bench, string) string{
			"docker": func(b *bench, at string) string {
				return read(b, "--from-plain-http", strings.TrimPrefix(at, "docker://"))
			},
			"oci": func(b *bench, at string) string { return read(b, "--from-oci-layout", strings.TrimPrefix(at, "oci:")) },
			"oci-archive": func(b *bench, at string) string {
				return read(b, "--from-oci-layout", strings.TrimPrefix(at, "oci-archive:"))
			},
		},
		why: map[string]string{"docker-archive": "oras knows OCI layouts only", "dir": "the format is containers/image's own"},
	}
}

func umoci() peer {
	return peer{
		name: "umoci",
		write: map[string]func(*bench, string){"oci": func(b *bench, at string) {
			layout := strings.TrimSuffix(strings.TrimPrefix(at, "oci:"), ":x")
			require.NoError(b, os.WriteFile(filepath.Join(b.dir, "file"), []byte("content"), 0o600))
			b.run("umoci", "init", "--layout", layout)
			b.run("umoci", "new", "--image", layout+":x")
			b.run("umoci", "insert", "--rootless", "--image", layout+":x", "file", "/file")
			b.want = image{} // an image of its own: that it is whole is all there is to compare
		}},
		read: map[string]func(*bench, string) string{"oci": func(b *bench, at string) string {
			b.run("umoci", "unpack", "--rootless", "--image", strings.TrimPrefix(at, "oci:"), "bundle")
			_, err := os.Stat(filepath.Join(b.dir, "bundle", "rootfs", "file"))
			require.NoError(b, err)
			return b.want.root.String()
		}},
		why: only("umoci works on layouts in folders", "oci"),
	}
}

// containers are buildah and podman, which keep images unpacked: what agrees is the image ID, the digest of the config.
func containers(name string) peer {
	p := peer{name: name, write: map[string]func(*bench, string){}, read: map[string]func(*bench, string) string{}}
	call := func(b *bench, verb string, args ...string) string {
		storage := []string{"--storage-driver=vfs", "--root=" + b.dir + "/root", "--runroot=" + b.dir + "/run", verb, "-q"}
		if strings.HasPrefix(args[len(args)-1], "docker://") {
			storage = append(storage, "--tls-verify=false")
		}
		out := strings.Fields(b.run(name, append(storage, args...)...))
		return out[len(out)-1]
	}
	for _, scheme := range append(strings.Fields(files), "docker") {
		p.write[scheme] = func(b *bench, at string) {
			storage := []string{"--storage-driver=vfs", "--root=" + b.dir + "/root", "--runroot=" + b.dir + "/run", "push", "-q", "--tls-verify=false"}
			b.run(name, append(storage, call(b, "pull", b.image), at)...)
		}
		p.read[scheme] = func(b *bench, at string) string {
			return "sha256:" + strings.TrimPrefix(call(b, "pull", at), "sha256:")
		}
	}
	return p
}

// made is an image that buildah made, since the storage driver for tests takes no layer that has a name twice.
func made(t *testing.T) string {
	t.Helper()
	dir := shortDir(t)
	storage := []string{"--storage-driver=vfs", "--root=" + dir + "/root", "--runroot=" + dir + "/run"}
	container := strings.TrimSpace(run(t, dir, "buildah", append(storage, "from", "scratch")...))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600))
	run(t, dir, "buildah", append(storage, "add", "-q", container, "file", "/file")...)
	run(t, dir, "buildah", append(storage, "commit", "-q", container, "oci:made:one")...)
	return "oci:" + dir + "/made:one"
}

// shortDir has a short name in lower case: buildah makes the name of an image of it, and podman allows its folder 50 characters.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cell-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// TestMatrix has every tool write what we read and read what we write, in every transport and at every server. Outside of
// make soak it is one row at one server. A cell without a way says why.
func TestMatrix(t *testing.T) {
	f := nethttp.New(nethttp.Options{})
	t.Cleanup(f.CloseIdle)
	m := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}, Fetcher: f})
	peers, servers := []peer{skopeo()}, []string{"olareg 0.2"}
	if os.Getenv("STEVEDORE_SOAK") != "" {
		peers = append(peers, crane(), regctl(), oras(), umoci(), containers("buildah"), containers("podman"))
		servers = []string{"docker-registry 2.8", "distribution 3", "olareg 0.2"}
	}
	ours := made(t)
	columns, hosts := []place{}, map[string]string{}
	for _, s := range servers {
		columns, hosts[s] = append(columns, place{"docker", s}), registries[s](t)
	}
	for _, scheme := range strings.Fields(files) {
		columns = append(columns, place{scheme: scheme})
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\n")
	for _, c := range columns {
		fmt.Fprintf(w, "\t%s", c)
	}
	var reasons []string
	for _, p := range peers {
		p.image = "oci:" + harbor(t) + ":latest"
		if slices.Contains([]string{"umoci", "buildah", "podman"}, p.name) {
			p.image = ours
		}
		for _, way := range []string{"writes", "reads"} {
			fmt.Fprintf(w, "\n%s %s", p.name, way)
			for _, c := range columns {
				fmt.Fprintf(w, "\t%s", p.cell(t, m, way, c, hosts[c.server], &reasons))
			}
		}
	}
	require.NoError(t, w.Flush())
	t.Log(text.String() + "\n" + strings.Join(reasons, "\n"))
}

// cell runs one cell and returns what it says.
func (p peer) cell(t *testing.T, m *transport.Mux, way string, c place, host string, reasons *[]string) string {
	write, read := p.write[c.scheme], p.read[c.scheme]
	if way == "writes" && write == nil || way == "reads" && read == nil {
		why := p.why[c.scheme]
		require.NotEmpty(t, why, "%s %s %s", p.name, way, c)
		note := p.name + ", " + c.scheme + ": " + why
		if !slices.Contains(*reasons, note) {
			*reasons = append(*reasons, note)
		}
		return "–"
	}
	ok := t.Run(fmt.Sprintf("%s %s %s", p.name, way, c), func(t *testing.T) {
		b := &bench{T: t, m: m, dir: shortDir(t), image: p.image}
		if c.scheme == "docker-archive" && strings.HasSuffix(b.image, ":latest") {
			b.image = strings.TrimSuffix(b.image, "latest") + "amd64" // it holds no index
		}
		b.want = walk(t, m, b.image)
		at := c.at(b.dir, host, p.name+"-"+way)
		if way == "writes" {
			write(b, at)
			b.compare(walk(t, m, strings.TrimSuffix(at, ":harbor:x")), c.scheme) // tools name images in archives differently
			return
		}
		transfer(t, m, b.image, at)
		got := read(b, at)
		require.Contains(t, []string{b.want.root.String(), b.want.configs[0].String()}, got)
	})
	if !ok {
		return "FAILS"
	}
	return "ok"
}

// at is a reference in the place.
func (p place) at(dir, host, name string) string {
	switch p.scheme {
	case "docker":
		return "docker://" + host + "/" + name + "/harbor:x"
	case "oci":
		return "oci:" + dir + "/layout:x"
	case "docker-archive":
		return "docker-archive:" + dir + "/image.tar:harbor:x"
	case "oci-archive":
		return "oci-archive:" + dir + "/image.tar:x"
	}
	return "dir:" + dir + "/folder"
}

// compare wants the same bytes, but in what has no manifest: there the config and the diff IDs agree.
func (b *bench) compare(got image, scheme string) {
	b.Helper()
	switch {
	case b.want.root == "":
		require.NotEmpty(b, got.root)
	case scheme == "docker-archive" || strings.HasPrefix(b.Name(), "TestMatrix/buildah") || strings.HasPrefix(b.Name(), "TestMatrix/podman"):
		require.Equal(b, b.want.diffIDs, got.diffIDs)
	default:
		require.Equal(b, b.want, got)
	}
}
