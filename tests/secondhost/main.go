// Command secondhost runs one call of stevedore.wasm. It was written from docs/ABI.md alone and imports nothing of Stevedore, to show
// that the page is enough to write a host:
//
//	secondhost [--dir NAME=PATH]... [--input NAME=PATH]... MODULE VERB REQUEST-JSON
//
// It prints the result, or the items as one JSON array, or the bytes that the verb writes. An error is a JSON document on standard
// error, and its exit status is that of the page.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

// pairs are the NAME=VALUE of a flag that repeats, in their order.
type pairs [][2]string

func (p *pairs) String() string { return "" }

func (p *pairs) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return errors.New("want NAME=VALUE")
	}
	*p = append(*p, [2]string{name, value})
	return nil
}

type options struct {
	dirs     pairs // preopened: the module's name, a path
	inputs   pairs // opened by frames: the name in a reference, a path
	creds    pairs // registry, USER:PASSWORD or :TOKEN
	platform string
	cache    string // folder that keeps the compiled module; "" for none
}

// failure is an error as the page defines it.
type failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (f *failure) Error() string { return f.Kind + ": " + f.Message }

// status is the exit status of a kind; one that is not known counts as internal.
func (f *failure) status() int {
	status := map[string]int{
		"input": 2, "not_found": 3, "unauthorized": 4, "denied": 4, "verification": 5, "network": 6, "rate_limited": 6,
		"unsupported": 7, "partial": 8, "differs": 9, "cancelled": 130,
	}
	if n := status[f.Kind]; n != 0 {
		return n
	}
	return 1
}

func main() {
	var o options
	flag.Var(&o.dirs, "dir", "preopen the directory `NAME=PATH`; relative names start in the first")
	flag.Var(&o.inputs, "input", "give the file or directory `NAME=PATH` by frames")
	flag.Var(&o.creds, "creds", "credentials `REGISTRY=USER:PASSWORD`, or REGISTRY=:TOKEN; SECONDHOST_CREDS has more, split by spaces")
	flag.StringVar(&o.platform, "platform", "", "`OS/ARCH[/VARIANT]` to choose from an index")
	flag.StringVar(&o.cache, "cache", "", "`FOLDER` that keeps the compiled module")
	flag.Parse()
	for _, s := range strings.Fields(os.Getenv("SECONDHOST_CREDS")) {
		if err := o.creds.Set(s); err != nil {
			exit(&failure{Kind: "input", Message: "SECONDHOST_CREDS: " + err.Error()})
		}
	}
	if flag.NArg() != 3 {
		exit(&failure{Kind: "input", Message: "usage: secondhost [FLAGS] MODULE VERB REQUEST-JSON"})
	}
	exit(run(o, flag.Arg(0), flag.Arg(1), flag.Arg(2)))
}

func run(o options, file, verb, request string) error {
	if !json.Valid([]byte(request)) {
		return &failure{Kind: "input", Message: "the request is not JSON"}
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	m, err := instantiate(ctx, wasm, o)
	if err != nil {
		return err
	}
	defer m.runtime.Close(ctx)
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt)
	return newSession(ctx, m, o, &printer{w: os.Stdout}).call(verb, []byte(request), interrupts)
}

func exit(err error) {
	if err == nil {
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{Kind: "internal", Message: err.Error()}
	}
	doc, err := json.Marshal(map[string]*failure{"error": f})
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stderr, "%s\n", doc)
	os.Exit(f.status())
}

// printer writes what a call gives to standard output.
type printer struct {
	w       io.Writer
	items   bool // some were written
	output  bool // bytes of the verb were written
	newline bool // an item has ended and nothing came after it
}

// item takes the next bytes of JSON lines, which may begin and end inside a line, and writes them as elements of an array.
func (p *printer) item(lines []byte) error {
	var b bytes.Buffer
	if !p.items && len(lines) > 0 {
		b.WriteByte('[')
		p.items = true
	}
	for line := range bytes.Lines(lines) {
		if p.newline {
			b.WriteByte(',')
		}
		text, whole := bytes.CutSuffix(line, []byte("\n"))
		b.Write(text)
		p.newline = whole
	}
	_, err := p.w.Write(b.Bytes())
	return err
}

func (p *printer) bytes(b []byte) error {
	p.output = true
	_, err := p.w.Write(b)
	return err
}

// result ends the output of a call that succeeded.
func (p *printer) result(value json.RawMessage) error {
	var err error
	switch {
	case p.output:
	case value != nil:
		_, err = fmt.Fprintf(p.w, "%s\n", value)
	case p.items:
		_, err = fmt.Fprintln(p.w, "]")
	default:
		_, err = fmt.Fprintln(p.w, "[]")
	}
	return err
}
