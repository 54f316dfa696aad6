package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

var syncGroup = group{
	name:  "sync",
	title: "A mirror in step already",
	intro: "A repository of 500 tags whose mirror has all of them, at the same digests: what a scheduled run costs that has nothing to do. crane has no sync; it copies all tags. skopeo sync is left out, which takes 14 times as long (olareg).",
	limits: "one HEAD request for each tag at each end, which nothing in the protocol spares. On the loopback that is the registry's own time " +
		"(1 ms of a processor for each and more, of two processors), which is the same for every tool, as the last row of the near tables shows: 1000 requests and nothing else. At a distance it is how many are asked at once.",
	tables: func(ctx context.Context, e *env) ([]table, error) {
		var tables []table
		for _, kind := range []string{"olareg", "docker-registry"} {
			more, err := e.inStep(ctx, kind)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", kind, err)
			}
			tables = append(tables, more...)
		}
		return tables, nil
	},
}

// inStep measures two registries of a kind, near and at a distance.
func (e *env) inStep(ctx context.Context, kind string) ([]table, error) {
	var near, far [2]string
	for i := range near {
		r, err := e.backend(ctx, kind)
		if err != nil {
			return nil, err
		}
		defer r.stop()
		near[i] = r.host
		if far[i], err = e.distant(r.host); err != nil {
			return nil, err
		}
	}
	if err := e.tags(ctx, near[:]); err != nil {
		return nil, err
	}
	here, err := e.mirrors("500 tags, "+kind, near)
	if err != nil {
		return nil, err
	}
	here.contenders = append(here.contenders, contender{name: "the HEAD requests alone", run: func(ctx context.Context) (sample, error) { return heads(ctx, near[:]) }})
	there, err := e.mirrors(fmt.Sprintf("500 tags, %s %v away", kind, away), far)
	if err != nil {
		return nil, err
	}
	tables := []table{here, there}
	return tables, e.measure(ctx, tables)
}

// mirrors compares how tools find that the second registry has all that the first has.
func (e *env) mirrors(title string, hosts [2]string) (table, error) {
	a, b := hosts[0], hosts[1]
	jobs := filepath.Join(e.temp, "jobs-"+a+".json")
	spec := fmt.Sprintf(`[{"source":"%s/app","destination":"%s/app","tags":{}}]`, a, b)
	err := os.WriteFile(jobs, []byte(spec), 0o600)
	return table{title: title, contenders: []contender{
		{name: "stevedore sync", run: process(e.temp, e.bin("stevedore"), "sync", jobs)},
		{name: "regctl repo copy", run: process(e.temp, "regctl", "repo", "copy", "--host", "reg="+a+",tls=disabled", "--host", "reg="+b+",tls=disabled", a+"/app", b+"/app")},
		{name: "crane copy --all-tags", run: process(e.temp, "crane", "copy", "--insecure", "--all-tags", a+"/app", b+"/app")},
	}}, err
}

// heads asks both registries for every tag, as many at once as sync does, and does nothing else: no tool that asks can be much faster.
func heads(ctx context.Context, hosts []string) (sample, error) {
	const atOnce = 32
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
	defer client.CloseIdleConnections()
	urls, failed := make(chan string), make(chan error, atOnce)
	begun := time.Now()
	for range atOnce {
		go func() {
			var err error
			for url := range urls {
				err = errors.Join(err, askHead(ctx, client, url))
			}
			failed <- err
		}()
	}
	for _, tag := range tagNames() {
		for _, host := range hosts {
			urls <- "http://" + host + "/v2/app/manifests/" + tag
		}
	}
	close(urls)
	var err error
	for range atOnce {
		err = errors.Join(err, <-failed)
	}
	return sample{wall: time.Since(begun)}, err
}

func askHead(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", v1.MediaTypeImageIndex+", "+v1.MediaTypeImageManifest)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return resp.Body.Close()
}

// away is the time to a registry and back.
const away = 20 * time.Millisecond

// distant is a registry as one meets it in the network: host, with each answer that much later. It returns host:port.
func (e *env) distant(host string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
	to.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(away)
		to.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(l) }()
	e.closes = append(e.closes, func() { _ = srv.Close() })
	return l.Addr().String(), nil
}

// tagNames are the 500 tags.
func tagNames() []string {
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("1.%d.%d", i/10, i%10))
	}
	return names
}

// tags gives the bundled image its tags at all hosts.
func (e *env) tags(ctx context.Context, hosts []string) error {
	names := tagNames()
	for _, host := range hosts {
		first := host + "/app:" + names[0]
		for _, args := range [][]string{{"copy", "oci:" + filepath.Join(e.root, "testdata/harbor") + ":latest", first}, append([]string{"tag", first}, names[1:]...)} {
			if out, err := exec.CommandContext(ctx, e.bin("stevedore"), args...).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
		}
	}
	return nil
}
