// Command secondhost runs one call of stevedore.wasm. It was written from docs/ABI.md alone and imports nothing of Stevedore, to show
// that the page is enough to write a host:
//
//	secondhost [--dir NAME=PATH]... [--input NAME=PATH]... MODULE VERB REQUEST-JSON
//	secondhost [--dir NAME=PATH]... [--input NAME=PATH]... --calls FILE --end LINE MODULE
//
// It prints the result, or the items as one JSON array, or the bytes that the verb writes. An error is a JSON document on standard
// error, and its exit status is that of the page. The second form makes all calls of a file, [[VERB, REQUEST-JSON], ...], each in an
// instance of its own, and after each prints the line and the exit status of the call, on standard output and on standard error.
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
	calls    string // file of calls; "" for one call from the command line
	end      string // printed after each call of the file
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
	flag.StringVar(&o.calls, "calls", "", "make all calls of `FILE`")
	flag.StringVar(&o.end, "end", "", "the `LINE` that ends the output of each of --calls")
	flag.Parse()
	for _, s := range strings.Fields(os.Getenv("SECONDHOST_CREDS")) {
		if err := o.creds.Set(s); err != nil {
			os.Exit(report(&failure{Kind: "input", Message: "SECONDHOST_CREDS: " + err.Error()}))
		}
	}
	calls := [][2]string{{flag.Arg(1), flag.Arg(2)}}
	switch n := flag.NArg(); {
	case n == 1 && o.calls != "":
		if err := readCalls(o.calls, &calls); err != nil {
			os.Exit(report(&failure{Kind: "input", Message: "--calls: " + err.Error()}))
		}
	case n != 3 || o.calls != "":
		os.Exit(report(&failure{Kind: "input", Message: "usage: secondhost [FLAGS] MODULE VERB REQUEST-JSON"}))
	}
	os.Exit(all(o, flag.Arg(0), calls))
}

func readCalls(file string, calls *[][2]string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, calls)
}

// all makes the calls, one after the other, and returns the exit status of the last.
func all(o options, file string, calls [][2]string) int {
	ctx := context.Background()
	e, err := compile(ctx, file, o)
	if err != nil {
		return report(err)
	}
	defer e.runtime.Close(ctx)
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt)
	status := 0
	for _, c := range calls {
		status = report(run(ctx, e, o, c[0], c[1], interrupts))
		if o.calls != "" {
			fmt.Fprintf(os.Stdout, "\n%s %d\n", o.end, status)
			fmt.Fprintf(os.Stderr, "\n%s %d\n", o.end, status)
		}
	}
	return status
}

// run makes one call in an instance of its own.
func run(ctx context.Context, e *engine, o options, verb, request string, interrupts <-chan os.Signal) error {
	if !json.Valid([]byte(request)) {
		return &failure{Kind: "input", Message: "the request is not JSON"}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m, err := e.instantiate(ctx, o)
	if err != nil {
		return err
	}
	defer m.inst.Close(ctx)
	return newSession(ctx, m, o, &printer{w: os.Stdout}).call(verb, []byte(request), interrupts)
}

// report prints an error, if there is one, and returns the exit status.
func report(err error) int {
	if err == nil {
		return 0
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
	return f.status()
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
