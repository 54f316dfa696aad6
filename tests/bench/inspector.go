package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

var pageGroup = group{
	name:  "page",
	title: "The inspector page",
	intro: "`stevedore web` in headless Chromium. Cold is the first visit of a browser that was just started, warm one more visit. The file is an image of about 125 MB " +
		"(an OCI archive of gzipped layers) that is chosen from the disk; the native rows read the same file, and dive, which has no OCI archives, the same image as `docker save` writes it, " +
		"uncompressed. Images are chosen two seconds after the page is ready, or as soon as its module has loaded and has read an image that was made up for that: who is quicker waits up to a tenth of a second longer. On a second visit the files are shown as the first one found them, " +
		"while the file is checked. Nothing is uploaded anywhere.",
	limits: "zlib and SHA-256 in WebAssembly, on the one thread of a Worker, which take as long as all that the native binary does for such an image; and that the browser compiles the module's code anew in each visit: as far as it can while nobody has chosen an image, by reading a made-up one.",
	tables: func(ctx context.Context, e *env) ([]table, error) {
		url, err := e.web(ctx)
		if err != nil {
			return nil, err
		}
		images := os.Getenv("STEVEDORE_IMAGES")
		file, saved := filepath.Join(images, "app.oci.tar"), filepath.Join(images, "app.docker.tar")
		for _, f := range []string{file, saved} {
			if _, err := os.Stat(f); err != nil {
				return nil, fmt.Errorf("make images builds it: %w", err)
			}
		}
		large, err := e.largeArchive(ctx)
		if err != nil {
			return nil, err
		}
		in := func(name, what, until string) contender {
			run, perr := e.inPage(ctx, url, what, until)
			if perr != nil {
				err = perr
			}
			return contender{name: name, run: run}
		}
		tables := []table{
			{title: "until the page is ready", contenders: []contender{in("cold", "cold", "ready"), in("warm", "warm", "ready")}},
			{title: "the bundled image", contenders: []contender{
				{name: "native, all files", run: process(e.root, e.bin("stevedore"), "layers", "--quiet", "--json", "oci:testdata/harbor:latest")},
				in("page, first summary", "example", "summary"), in("page, all files", "example", "tree"),
			}},
			{title: "an image of 125 MB", contenders: []contender{
				{name: "native, all files", run: process(e.root, e.bin("stevedore"), "layers", "--quiet", "--json", "oci-archive:"+file)},
				in("page, first summary", file, "summary"), in("page, all files", file, "tree"),
				in("page, all files, a second visit", file, "again"),
				{name: "native, as saved", run: process(e.root, e.bin("stevedore"), "layers", "--quiet", "--json", "docker-archive:"+saved)},
				{name: "dive --ci, as saved", run: shell(e.root, "dive docker-archive://"+saved+" --ci --ci-config /dev/null || [ $? = 1 ]")},
			}},
			{title: "the longest task of the page's own thread meanwhile, by the browser's observer (50 ms: it saw none)", contenders: []contender{
				in("an image of 125 MB", file, "longest"), in("an image of 1 GiB, as saved", large, "longest"),
			}},
		}
		if err != nil {
			return nil, err
		}
		return tables, e.measure(ctx, tables)
	},
}

// largeArchive is the large image as docker save writes it, which is made once.
func (e *env) largeArchive(ctx context.Context) (string, error) {
	dir, tag, err := e.layoutOf("big", "latest", 1000)
	if err != nil {
		return "", err
	}
	file := filepath.Join(e.root, ".cache", "bench-large.docker.tar")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	cmd := exec.CommandContext(ctx, e.bin("stevedore"), "copy", "--quiet", "oci:"+dir+":"+tag, "docker-archive:"+file+":bench/large:1")
	cmd.Stderr = os.Stderr
	return file, cmd.Run()
}

// web starts stevedore web and returns the page's address.
func (e *env) web(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, e.bin("stevedore"), "web")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	e.closes = append(e.closes, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", err
	}
	_, url, ok := strings.Cut(strings.TrimSpace(line), " at ")
	if !ok {
		return "", fmt.Errorf("stevedore web says %q", line)
	}
	return url, nil
}

// inPage keeps a browser that does one thing again and again.
func (e *env) inPage(ctx context.Context, url, what, until string) (func(context.Context) (sample, error), error) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", filepath.Join(e.root, "tests/bench/page.mjs"), url, what, until)
	cmd.Env = append(os.Environ(), "PROGRAM="+chromium)
	return e.lines(cmd)
}

// lines runs a program that does something for each line it is sent, and answers with the milliseconds it took.
func (e *env) lines(cmd *exec.Cmd) (func(context.Context) (sample, error), error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	e.closes = append(e.closes, func() { _ = in.Close(); _ = cmd.Wait() })
	answers := bufio.NewReader(out)
	return func(context.Context) (sample, error) {
		if _, err := fmt.Fprintln(in, "go"); err != nil {
			return sample{}, err
		}
		line, err := answers.ReadString('\n')
		if err != nil {
			return sample{}, err
		}
		ms, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		return sample{wall: time.Duration(ms * float64(time.Millisecond))}, err
	}, nil
}
