package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// backend is a registry of another project that runs on a folder.
type backend struct {
	host string // host:port
	dir  string // what it keeps
	stop func() // ends it and removes the folder
}

// backend starts Debian's docker-registry or olareg.
func (e *env) backend(ctx context.Context, kind string) (backend, error) {
	addr, err := freeAddr()
	if err != nil {
		return backend{stop: func() {}}, err
	}
	dir, err := os.MkdirTemp(e.memory, "stevedore-bench-"+kind+"-")
	if err != nil {
		return backend{stop: func() {}}, err
	}
	stop := func() { _ = os.RemoveAll(dir) }
	cmd := exec.Command("olareg", "serve", "--addr", "127.0.0.1", "--port", addr[strings.LastIndex(addr, ":")+1:], "--dir", dir)
	if kind == "docker-registry" {
		config := dir + ".yml"
		text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: '%s', secret: bench}\n", dir, addr)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return backend{stop: stop}, err
		}
		stop = func() { _ = os.RemoveAll(dir); _ = os.Remove(config) }
		cmd = exec.Command("docker-registry", "serve", config)
	}
	end, err := e.server(ctx, addr, cmd)
	once := sync.OnceFunc(func() { end(); stop() })
	e.closes = append(e.closes, once)
	return backend{addr, dir, once}, err
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// server runs a registry until end is called, and returns when it answers.
func (e *env) server(ctx context.Context, addr string, cmd *exec.Cmd) (end func(), err error) {
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		return func() {}, err
	}
	end = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	for range 200 {
		resp, err := http.Get("http://" + addr + "/v2/")
		if err == nil {
			return end, resp.Body.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return end, ctx.Err()
		}
	}
	return end, fmt.Errorf("%s does not answer", cmd.Path)
}
