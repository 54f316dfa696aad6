package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
)

// copyMegabytes is the size of the image that is copied. It is always a generated one: seven layers of one size.
const copyMegabytes = 1050

const (
	registryLimits = "the registry, and SHA-256, which both ends compute over every byte on the same processors."
	requestLimits  = "the registry's answers; no blob moves. Ours asks five questions more than the others, for what belongs to the image and is left behind, and has blobs mounted without looking for them first."
	againLimits    = "starting a process, half of it and more, and the registry's answers."
)

// copyGroups are the directions, a section each, so that one can be measured anew in a few minutes.
func copyGroups() []group {
	between := func(name, title, limits string, source func(c *copies) string, dest func(c *copies) (func() string, func(context.Context) error)) group {
		return direction(name, title, limits, func(c *copies) []contender {
			from := source(c)
			to, prepare := dest(c)
			return c.between(from, to, prepare)
		})
	}
	held := func(c *copies) string { return c.a.host + "/big:v1" }
	return []group{
		direction("copy-pull", "registry to layout", registryLimits+" Ours is on the disk when the copy has ended, unless --no-fsync leaves that to the system, as all others do: the first row compares with crane, skopeo, regctl and oras, the row without the flag with crane followed by sync.", (*copies).pull),
		direction("copy-push", "layout to registry", registryLimits, (*copies).push),
		between("copy-across", "registry to registry", registryLimits, held,
			func(c *copies) (func() string, func(context.Context) error) { return c.fresh(&c.b) }),
		between("copy-within", "within one registry", requestLimits, held,
			func(c *copies) (func() string, func(context.Context) error) { return c.fresh(&c.a) }),
		between("copy-again", "again, with nothing to do", againLimits, held,
			func(c *copies) (func() string, func(context.Context) error) {
				return func() string { return c.b.host + "/there:v1" }, nil
			}),
		{
			name: "copy-layouts", title: "Copying an image of 1 GiB: layout to layout",
			intro:  "Seven layers, between two folders on one file system. The destination is removed before each run.",
			limits: "SHA-256 of every byte: blobs are hard links, and are verified before they get their name. No tool shares its time with another.",
			tables: func(ctx context.Context, e *env) ([]table, error) {
				c, err := e.newCopies()
				if err != nil {
					return nil, err
				}
				tables := []table{{title: "layout to layout", contenders: c.layouts()}}
				return tables, e.measure(ctx, tables)
			},
		},
	}
}

// direction is a group with a table for each kind of registry.
func direction(name, title, limits string, contenders func(*copies) []contender) group {
	return group{
		name: name, title: "Copying an image of 1 GiB: " + title,
		intro: "Seven layers; the registries are on the loopback and keep what they have in memory, so that their disk decides nothing. " +
			"Before each run the destination is made empty, or a repository that does not exist.",
		limits: limits,
		tables: func(ctx context.Context, e *env) ([]table, error) {
			var tables []table
			for _, kind := range []string{"docker-registry", "olareg"} {
				t, err := e.direction(ctx, kind, contenders)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", kind, err)
				}
				tables = append(tables, t)
			}
			return tables, nil
		},
	}
}

// direction measures one direction with two registries of a kind, a with big:v1 and b with there:v1 of the same image.
func (e *env) direction(ctx context.Context, kind string, contenders func(*copies) []contender) (table, error) {
	c, err := e.newCopies()
	if err != nil {
		return table{}, err
	}
	defer func() { c.a.stop(); c.b.stop() }()
	for _, r := range []*backend{&c.a, &c.b} {
		if *r, err = e.backend(ctx, kind); err != nil {
			return table{}, err
		}
	}
	if _, err := process(e.temp, e.bin("stevedore"), "copy", "oci:"+c.layout, c.a.host+"/big:v1", c.b.host+"/there:v1")(ctx); err != nil {
		return table{}, err
	}
	t := table{title: "with " + kind, contenders: contenders(c)}
	return t, t.measure(ctx, e.runs)
}

// copies are the command lines that copy one image.
type copies struct {
	e      *env
	layout string // folder:tag
	dir    string // folder
	out    string // a folder to copy to
	a, b   backend
	n      atomic.Int64 // of the repository that is copied to
}

func (e *env) newCopies() (*copies, error) {
	dir, err := e.generated(copyMegabytes)
	return &copies{e: e, dir: dir, layout: dir + ":latest", out: filepath.Join(e.beside, "out")}, err
}

// empty removes the layout that is copied to, and waits until the disk has nothing to do: tools that leave it to the system when
// bytes are written would leave it to the next one's time.
func (c *copies) empty(ctx context.Context) error {
	if err := os.RemoveAll(c.out); err != nil {
		return err
	}
	return exec.CommandContext(ctx, "sync").Run()
}

// fresh is a repository of r that is not there. What the run before has written is removed from registries that keep each
// repository in a folder of its own.
func (c *copies) fresh(r *backend) (to func() string, prepare func(context.Context) error) {
	name := func() string { return fmt.Sprintf("fresh%d", c.n.Load()) }
	return func() string { return r.host + "/" + name() + ":v1" }, func(context.Context) error {
		err := os.RemoveAll(filepath.Join(r.dir, name()))
		c.n.Add(1)
		return err
	}
}

func (c *copies) tool(name string, prepare func(context.Context) error, args func() []string) contender {
	bin := name
	if name == "stevedore" {
		bin = c.e.bin(name)
	}
	return contender{name: name, prepare: prepare, run: func(ctx context.Context) (sample, error) {
		return process(c.e.temp, bin, args()...)(ctx)
	}}
}

// forgetful is skopeo with a memory of its own of where blobs are, which is emptied where the places are made anew: a blob that
// was removed would be asked for in vain, or one of the run before would spare the transfer.
func (c *copies) forgetful(prepare func(context.Context) error, args func() []string) contender {
	data := filepath.Join(c.e.temp, "skopeo")
	fresh := prepare
	if prepare != nil {
		fresh = func(ctx context.Context) error { return errors.Join(os.RemoveAll(data), prepare(ctx)) }
	}
	t := c.tool("env", fresh, func() []string {
		return append([]string{"_CONTAINERS_ROOTLESS_UID=1000", "XDG_DATA_HOME=" + data, "skopeo"}, args()...)
	})
	t.name = "skopeo"
	return t
}

func (c *copies) skopeo(from, to string) []string {
	return []string{"--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", from, to}
}

func (c *copies) regctl(from, to string) []string {
	return []string{"image", "copy", "--host", "reg=" + c.a.host + ",tls=disabled", "--host", "reg=" + c.b.host + ",tls=disabled", from, to}
}

func (c *copies) pull() []contender {
	src := c.a.host + "/big:v1"
	ours := []string{"copy", "--quiet", src, "oci:" + c.out + ":v1"}
	left := c.tool("stevedore", c.empty, func() []string { return append(ours, "--no-fsync") })
	left.name = "stevedore --no-fsync"
	return []contender{
		left,
		c.tool("crane", c.empty, func() []string { return []string{"pull", "--insecure", "--format", "oci", src, c.out} }),
		c.forgetful(c.empty, func() []string { return c.skopeo("docker://"+src, "oci:"+c.out+":v1") }),
		c.tool("regctl", c.empty, func() []string { return c.regctl(src, "ocidir://"+c.out+":v1") }),
		c.tool("oras", c.empty, func() []string { return []string{"copy", "--from-plain-http", "--to-oci-layout", src, c.out + ":v1"} }),
		c.tool("stevedore", c.empty, func() []string { return ours }),
		{name: "crane, then sync", prepare: c.empty, run: func(ctx context.Context) (sample, error) {
			return shell(c.e.temp, fmt.Sprintf("crane pull --insecure --format oci %s '%s' && find '%s' -type f -print0 | xargs -0 sync", src, c.out, c.out))(ctx)
		}},
	}
}

func (c *copies) push() []contender {
	to, next := c.fresh(&c.a)
	return []contender{
		c.tool("stevedore", next, func() []string { return []string{"copy", "--quiet", "oci:" + c.layout, to()} }),
		c.tool("crane", next, func() []string { return []string{"push", "--insecure", c.dir, to()} }),
		c.forgetful(next, func() []string { return c.skopeo("oci:"+c.layout, "docker://"+to()) }),
		c.tool("regctl", next, func() []string { return c.regctl("ocidir://"+c.layout, to()) }),
		c.tool("oras", next, func() []string { return []string{"copy", "--from-oci-layout", "--to-plain-http", c.layout, to()} }),
	}
}

func (c *copies) between(from string, to func() string, prepare func(context.Context) error) []contender {
	return []contender{
		c.tool("stevedore", prepare, func() []string { return []string{"copy", "--quiet", from, to()} }),
		c.tool("crane", prepare, func() []string { return []string{"copy", "--insecure", from, to()} }),
		c.forgetful(prepare, func() []string { return c.skopeo("docker://"+from, "docker://"+to()) }),
		c.tool("regctl", prepare, func() []string { return c.regctl(from, to()) }),
		c.tool("oras", prepare, func() []string { return []string{"copy", "--from-plain-http", "--to-plain-http", from, to()} }),
	}
}

// layouts has no crane, which copies from one layout to another in no way.
func (c *copies) layouts() []contender {
	return []contender{
		c.tool("stevedore", c.empty, func() []string { return []string{"copy", "--quiet", "oci:" + c.layout, "oci:" + c.out + ":v1"} }),
		c.forgetful(c.empty, func() []string { return c.skopeo("oci:"+c.layout, "oci:"+c.out+":v1") }),
		c.tool("regctl", c.empty, func() []string { return c.regctl("ocidir://"+c.layout, "ocidir://"+c.out+":v1") }),
		c.tool("oras", c.empty, func() []string {
			return []string{"copy", "--from-oci-layout", "--to-oci-layout", c.layout, c.out + ":v1"}
		}),
	}
}
