package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
)

var copyGroup = group{
	name:  "copy",
	title: "Copying an image of about 1 GiB",
	intro: "Seven layers, in every direction, between layouts on one disk and the registries of other projects on the loopback. Before each run the " +
		"destination is made empty, or a repository that does not exist; a registry keeps the bytes of earlier runs all the same, and so all tools write to the same disk cache.",
	limits: "from and to a registry the loopback, the registry and SHA-256, which every tool computes over every byte it takes; between layouts nothing but the " +
		"file system, where blobs are linked.",
	tables: func(ctx context.Context, e *env) ([]table, error) {
		dir, tag, err := e.layoutOf("big", "latest", 1050)
		if err != nil {
			return nil, err
		}
		var tables []table
		for _, r := range []struct {
			name  string
			start func(context.Context, string) (string, error)
		}{{"docker-registry", e.dockerRegistry}, {"olareg", e.olareg}} {
			a, err := r.start(ctx, "a")
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			b, err := r.start(ctx, "b")
			if err != nil {
				return nil, err
			}
			if _, err := process(e.temp, e.bin("stevedore"), "copy", "oci:"+dir+":"+tag, a+"/big:v1", b+"/there:v1")(ctx); err != nil {
				return nil, err
			}
			tables = append(tables, e.directions(r.name, dir, tag, a, b)...)
		}
		return tables, e.measure(ctx, tables)
	},
}

// directions are the tables of one kind of registry: a has big:v1, and b has there:v1 of the same image.
func (e *env) directions(registry, dir, tag, a, b string) []table {
	var n atomic.Int64
	out := filepath.Join(e.temp, "out")
	empty := func(context.Context) error { return os.RemoveAll(out) }
	fresh := func(host string) string { return fmt.Sprintf("%s/fresh%d", host, n.Load()) }
	next := func(context.Context) error { n.Add(1); return nil }
	src := a + "/big:v1"
	tool := func(name string, prepare func(context.Context) error, args func() []string) contender {
		bin := name
		if name == "stevedore" {
			bin = e.bin(name)
		}
		return contender{name: name, prepare: prepare, run: func(ctx context.Context) (sample, error) {
			return process(e.temp, bin, args()...)(ctx)
		}}
	}
	plain := []string{"--src-tls-verify=false", "--dest-tls-verify=false"}
	skopeo := func(from, to string) []string {
		return append([]string{"--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests"}, append(plain, from, to)...)
	}
	regctl := func(from, to string) []string {
		return []string{"image", "copy", "--host", "reg=" + a + ",tls=disabled", "--host", "reg=" + b + ",tls=disabled", from, to}
	}
	to := func(host string) func() string { return func() string { return fresh(host) + ":v1" } }
	between := func(title, from string, dest func() string, prepare func(context.Context) error) table {
		return table{title: registry + ": " + title, contenders: []contender{
			tool("stevedore", prepare, func() []string { return []string{"copy", "--quiet", from, dest()} }),
			tool("crane", prepare, func() []string { return []string{"copy", "--insecure", from, dest()} }),
			tool("skopeo", prepare, func() []string { return skopeo("docker://"+from, "docker://"+dest()) }),
			tool("regctl", prepare, func() []string { return regctl(from, dest()) }),
			tool("oras", prepare, func() []string { return []string{"copy", "--from-plain-http", "--to-plain-http", from, dest()} }),
		}}
	}
	layout := "oci:" + dir + ":" + tag
	return []table{
		{title: registry + ": registry to layout", contenders: []contender{
			tool("stevedore", empty, func() []string { return []string{"copy", "--quiet", src, "oci:" + out + ":v1"} }),
			tool("crane", empty, func() []string { return []string{"pull", "--insecure", "--format", "oci", src, out} }),
			tool("skopeo", empty, func() []string { return skopeo("docker://"+src, "oci:"+out+":v1") }),
			tool("regctl", empty, func() []string { return regctl(src, "ocidir://"+out+":v1") }),
			tool("oras", empty, func() []string { return []string{"copy", "--from-plain-http", "--to-oci-layout", src, out + ":v1"} }),
		}},
		{title: registry + ": layout to registry", contenders: []contender{
			tool("stevedore", next, func() []string { return []string{"copy", "--quiet", layout, to(a)()} }),
			tool("crane", next, func() []string { return []string{"push", "--insecure", "--index", dir, to(a)()} }),
			tool("skopeo", next, func() []string { return skopeo(layout, "docker://"+to(a)()) }),
			tool("regctl", next, func() []string { return regctl("ocidir://"+dir+":"+tag, to(a)()) }),
			tool("oras", next, func() []string {
				return []string{"copy", "--from-oci-layout", "--to-plain-http", dir + ":" + tag, to(a)()}
			}),
		}},
		between("registry to registry", src, to(b), next),
		between("within one registry", src, to(a), next),
		between("again, with nothing to do", src, func() string { return b + "/there:v1" }, nil),
		{title: registry + ": layout to layout", contenders: []contender{
			tool("stevedore", empty, func() []string { return []string{"copy", "--quiet", layout, "oci:" + out + ":v1"} }),
			tool("skopeo", empty, func() []string { return skopeo(layout, "oci:"+out+":v1") }),
			tool("regctl", empty, func() []string { return regctl("ocidir://"+dir+":"+tag, "ocidir://"+out+":v1") }),
			tool("oras", empty, func() []string {
				return []string{"copy", "--from-oci-layout", "--to-oci-layout", dir + ":" + tag, out + ":v1"}
			}),
		}},
	}
}

var syncGroup = group{
	name:   "sync",
	title:  "A mirror in step already",
	intro:  "A repository of 500 tags whose mirror has all of them, at the same digests: what a scheduled run costs that has nothing to do. crane has no sync; it copies all tags.",
	limits: "one HEAD request for each tag at each end.",
	tables: func(ctx context.Context, e *env) ([]table, error) {
		a, err := e.olareg(ctx, "sync-a")
		if err != nil {
			return nil, err
		}
		b, err := e.olareg(ctx, "sync-b")
		if err != nil {
			return nil, err
		}
		if err := e.tags(ctx, a, b, 500); err != nil {
			return nil, err
		}
		jobs := filepath.Join(e.temp, "jobs.json")
		spec := fmt.Sprintf(`[{"source":"%s/app","destination":"%s/app","tags":{}}]`, a, b)
		if err := os.WriteFile(jobs, []byte(spec), 0o600); err != nil {
			return nil, err
		}
		tables := []table{{title: "500 tags", contenders: []contender{
			{name: "stevedore sync", run: process(e.temp, e.bin("stevedore"), "sync", jobs)},
			{name: "skopeo sync", run: process(e.temp, "skopeo", "--insecure-policy", "sync", "--all", "--src", "docker", "--dest", "docker",
				"--src-tls-verify=false", "--dest-tls-verify=false", a+"/app", b)},
			{name: "regctl repo copy", run: process(e.temp, "regctl", "repo", "copy", "--host", "reg="+a+",tls=disabled", "--host", "reg="+b+",tls=disabled", a+"/app", b+"/app")},
			{name: "crane copy --all-tags", run: process(e.temp, "crane", "copy", "--insecure", "--all-tags", a+"/app", b+"/app")},
		}}}
		return tables, e.measure(ctx, tables)
	},
}

// tags gives the bundled image so many tags at both ends.
func (e *env) tags(ctx context.Context, a, b string, n int) error {
	names := make([]string, 0, n)
	for i := range n {
		names = append(names, fmt.Sprintf("1.%d.%d", i/10, i%10))
	}
	for _, host := range []string{a, b} {
		first := host + "/app:" + names[0]
		for _, args := range [][]string{{"copy", "oci:" + filepath.Join(e.root, "testdata/harbor") + ":latest", first}, append([]string{"tag", first}, names[1:]...)} {
			if out, err := exec.CommandContext(ctx, e.bin("stevedore"), args...).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
		}
	}
	return nil
}
