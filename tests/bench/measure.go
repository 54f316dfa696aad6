package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"time"
)

// contender is one way to do the work of a table.
type contender struct {
	name string
	// prepare puts things where they were before each run; it is not timed. May be nil.
	prepare func(ctx context.Context) error
	run     func(ctx context.Context) (sample, error)
}

// sample is one run.
type sample struct {
	wall, cpu time.Duration // cpu is 0 where it is not known
	peak      int64         // bytes of the largest process, 0 where it is not known
}

// table compares contenders at one thing; the first is the one that ratios are against.
type table struct {
	title      string
	contenders []contender
	samples    [][]sample // by contender
}

// measure runs the contenders in turn, A B C A B C …, once to warm up and then as often as asked.
func (t *table) measure(ctx context.Context, runs int) error {
	t.samples = make([][]sample, len(t.contenders))
	for i := range runs + 1 {
		for c, who := range t.contenders {
			if err := ctx.Err(); err != nil {
				return err
			}
			if who.prepare != nil {
				if err := who.prepare(ctx); err != nil {
					return fmt.Errorf("%s: %s: prepare: %w", t.title, who.name, err)
				}
			}
			s, err := who.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", t.title, who.name, err)
			}
			if i > 0 {
				t.samples[c] = append(t.samples[c], s)
			}
		}
		fmt.Fprintf(os.Stderr, "bench: %s: %d of %d\n", t.title, i, runs)
	}
	return nil
}

// measure runs every table.
func (e *env) measure(ctx context.Context, tables []table) error {
	for i := range tables {
		if err := tables[i].measure(ctx, e.runs); err != nil {
			return err
		}
	}
	return nil
}

// median of f over the samples of contender c.
func (t *table) median(c int, f func(sample) float64) float64 {
	var v []float64
	for _, s := range t.samples[c] {
		v = append(v, f(s))
	}
	return middle(v)
}

// ratio is the median of the ratios run by run, which holds when the machine's speed drifts.
func (t *table) ratio(c int, f func(sample) float64) (median, low, high float64) {
	var v []float64
	for i, s := range t.samples[c] {
		v = append(v, f(s)/f(t.samples[0][i]))
	}
	slices.Sort(v)
	return middle(v), v[0], v[len(v)-1]
}

func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// markdown is the table for the page.
func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n| | wall | ratio (lowest to highest) | CPU | peak memory |\n|---|---:|---:|---:|---:|\n", t.title)
	wall := func(s sample) float64 { return s.wall.Seconds() }
	for c, who := range t.contenders {
		ratio := "1"
		if c > 0 {
			m, low, high := t.ratio(c, wall)
			ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", m, low, high)
		}
		cpu, peak := "", ""
		if v := t.median(c, func(s sample) float64 { return s.cpu.Seconds() }); v > 0 {
			cpu = seconds(v)
		}
		if v := t.median(c, func(s sample) float64 { return float64(s.peak) }); v > 0 {
			peak = fmt.Sprintf("%.0f MiB", v/(1<<20))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", who.name, seconds(t.median(c, wall)), ratio, cpu, peak)
	}
	return b.String()
}

func seconds(v float64) string {
	if v < 0.1 {
		return fmt.Sprintf("%.1f ms", v*1000)
	}
	return fmt.Sprintf("%.2f s", v)
}

// process times a program from its start to its end; its output is read and dropped.
func process(dir, name string, args ...string) func(ctx context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		return timed(cmd)
	}
}

// shell times a pipeline.
func shell(dir, script string) func(ctx context.Context) (sample, error) {
	return process(dir, "bash", "-o", "pipefail", "-c", script)
}

// timed runs a program below a copy of this one that does nothing else: the kernel counts the memory of whoever starts a process
// into that process's peak, and this program may be large.
func timed(cmd *exec.Cmd) (sample, error) {
	self, err := os.Executable()
	if err != nil {
		return sample{}, err
	}
	usage, theirs, err := os.Pipe()
	if err != nil {
		return sample{}, err
	}
	defer usage.Close()
	var stderr bytes.Buffer
	cmd.Path, cmd.Args = self, append([]string{self, rusage, cmd.Path}, cmd.Args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = io.Discard, &stderr, []*os.File{theirs}
	err = errors.Join(cmd.Run(), theirs.Close())
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args[2:], " "), err, stderr.Bytes())
	}
	var s sample
	_, err = fmt.Fscan(usage, (*int64)(&s.wall), (*int64)(&s.cpu), &s.peak)
	return s, err
}

// rusage is the argument that makes this program run another one and tell on descriptor 3 what it took.
const rusage = "-rusage"

func measured(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(start)}
	if err != nil {
		return err
	}
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	// Rusage has Maxrss, in KiB, where there is one; this file has to compile elsewhere too.
	if rss := reflect.Indirect(reflect.ValueOf(cmd.ProcessState.SysUsage())).FieldByName("Maxrss"); rss.IsValid() {
		s.peak = rss.Int() << 10
	}
	_, err = fmt.Fprintln(os.NewFile(3, "usage"), int64(s.wall), int64(s.cpu), s.peak)
	return err
}
