package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// dockerRegistry starts Debian's docker-registry on a folder and returns host:port.
func (e *env) dockerRegistry(ctx context.Context, name string) (string, error) {
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(e.temp, "docker-registry-"+name)
	config := dir + ".yml"
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: '%s', secret: bench}\n", dir, addr)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", err
	}
	return addr, e.server(ctx, addr, exec.Command("docker-registry", "serve", config))
}

// olareg starts olareg on a folder.
func (e *env) olareg(ctx context.Context, name string) (string, error) {
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	return addr, e.server(ctx, addr, exec.Command("olareg", "serve", "--addr", "127.0.0.1", "--port", port, "--dir", filepath.Join(e.temp, "olareg-"+name)))
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// server runs a registry until the benchmark ends, and returns when it answers.
func (e *env) server(ctx context.Context, addr string, cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		return err
	}
	e.closes = append(e.closes, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		resp, err := http.Get("http://" + addr + "/v2/")
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s does not answer", cmd.Path)
}
