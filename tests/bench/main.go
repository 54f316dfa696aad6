// Command bench times Stevedore beside other tools, in one run, and writes docs/BENCHMARKS.md. What counts are ratios: the runs of
// all contenders of a table are interleaved, so that whatever the machine does besides hits all of them.
//
//	go run ./tests/bench [-runs 5] [-only files,start] [-o docs/BENCHMARKS.md]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == rusage {
		if err := measured(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	runs := flag.Int("runs", 5, "counted runs of each contender, after one that is not")
	only := flag.String("only", "", "the groups to run, of "+strings.Join(names(), ", ")+", where copy is all that begin so; the others keep what the page says")
	page := flag.String("o", "docs/BENCHMARKS.md", "the page to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *runs, *only, *page); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// group is one section of the page.
type group struct {
	name   string
	title  string
	intro  string // what is measured
	limits string // what bounds the figures
	tables func(ctx context.Context, e *env) ([]table, error)
}

func groups() []group {
	return append(append([]group{filesGroup, frontsGroup, startGroup, pageGroup}, copyGroups()...), syncGroup)
}

func names() []string {
	var out []string
	for _, g := range groups() {
		out = append(out, g.name)
	}
	return out
}

func run(ctx context.Context, runs int, only, page string) error {
	chosen := names()
	if only != "" {
		chosen = strings.Split(only, ",")
	}
	e, err := newEnv(ctx, runs)
	if err != nil {
		return err
	}
	defer e.close()
	doc := readPage(page)
	for _, g := range groups() {
		family, _, _ := strings.Cut(g.name, "-")
		if !slices.Contains(chosen, g.name) && !slices.Contains(chosen, family) {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench:", g.title)
		tables, err := g.tables(ctx, e)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		section := g.render(tables)
		fmt.Println(section)
		doc.sections[g.name] = section
	}
	return os.WriteFile(page, []byte(doc.render(e)), 0o644)
}

// env is what the groups share.
type env struct {
	runs   int
	root   string // of the repository
	temp   string
	beside string // a temporary folder on the file system of .cache, where generated images are
	memory string // where registries keep what they have: a file system in memory where there is one
	closes []func()
}

func newEnv(_ context.Context, runs int) (*env, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil, fmt.Errorf("run it from the root of the repository: %w", err)
	}
	temp, err := os.MkdirTemp("", "stevedore-bench-")
	if err != nil {
		return nil, err
	}
	beside, err := os.MkdirTemp(filepath.Join(root, ".cache"), "bench-temp-")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(temp))
	}
	e := &env{runs: runs, root: root, temp: temp, beside: beside, memory: "/dev/shm"}
	e.closes = append(e.closes, func() { _ = os.RemoveAll(temp); _ = os.RemoveAll(beside) })
	if _, err := os.Stat(e.memory); err != nil {
		e.memory = temp
	}
	return e, nil
}

func (e *env) close() {
	for _, c := range slices.Backward(e.closes) {
		c()
	}
}

func (e *env) bin(name string) string { return filepath.Join(e.root, "bin", name) }
