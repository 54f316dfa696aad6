//go:build js

package jsfetch_test

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall/js"
	"testing"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/fetchtest"
	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch"
)

// serverFrom reads where the host test's server listens.
func serverFrom(t *testing.T) fetchtest.Server {
	var s fetchtest.Server
	if err := json.Unmarshal([]byte(os.Getenv("FETCHTEST_SERVER")), &s); err != nil {
		t.Fatalf("FETCHTEST_SERVER names no server (%v): run go test natively in this folder, which starts one and runs this", err)
	}
	return s
}

func options() fetchtest.Options {
	host := os.Getenv("FETCHTEST_HOST")
	o := fetchtest.Options{Joins: true, Decodes: host != "deno"}
	if host == "page" || host == "worker" {
		o.NoManual = true
		o.Ahead = 96 << 20 // Chromium itself reads about 64 MiB ahead, and then waits
	}
	return o
}

func TestSuite(t *testing.T) {
	want := fetchshim.Upload(os.Getenv("FETCHTEST_UPLOAD"))
	if got := jsfetch.New(jsfetch.Options{}).Upload(); got != want {
		t.Errorf("uploads are %q on this host, want %q", got, want)
	}
	fetchtest.Suite(t, serverFrom(t), options(), func(*testing.T) fetchshim.Fetcher {
		return jsfetch.New(jsfetch.Options{})
	})
}

// TestSuiteBlob is what a browser's uploads are.
func TestSuiteBlob(t *testing.T) {
	o := options()
	o.Large = 64 << 20
	fetchtest.Suite(t, serverFrom(t), o, func(*testing.T) fetchshim.Fetcher {
		return jsfetch.New(jsfetch.Options{Upload: fetchshim.UploadBlob})
	})
}

// TestSuiteSized is a host that streams only what it knows the length of.
func TestSuiteSized(t *testing.T) {
	o := options()
	o.Large, o.Chunks = 64<<20, os.Getenv("FETCHTEST_UPLOAD") != string(fetchshim.UploadStream)
	fetchtest.Suite(t, serverFrom(t), o, func(*testing.T) fetchshim.Fetcher {
		return jsfetch.New(jsfetch.Options{Upload: fetchshim.UploadSized})
	})
}

// TestNothingStaysInJavaScript reads 512 MiB and looks at what the whole process holds: chunks that Go refers to are
// memory that Go's own heap does not show.
func TestNothingStaysInJavaScript(t *testing.T) {
	resident := func() int { return js.Global().Get("process").Call("memoryUsage").Get("rss").Int() >> 20 }
	get := func(size string) {
		res, err := jsfetch.New(jsfetch.Options{}).Fetch(t.Context(),
			&fetchshim.Request{URL: serverFrom(t).A + "/sized?bytes=" + size})
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := fetchtest.NewPattern().Drain(res.Body, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	get("67108864")
	before := resident()
	get("536870912")
	after := resident()
	t.Logf("the process holds %d MiB, and held %d MiB before", after, before)
	if after > before+128 {
		t.Errorf("the process grew from %d to %d MiB", before, after)
	}
}

// TestNoFunctionLeaks makes many requests; each js.Func not released would stay with what it refers to.
func TestNoFunctionLeaks(t *testing.T) {
	live := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	f, url := jsfetch.New(jsfetch.Options{}), serverFrom(t).A+"/repeat"
	get := func(n int) {
		for range n {
			res, err := f.Fetch(t.Context(), &fetchshim.Request{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
	}
	get(100)
	before := live()
	get(1000)
	if after := live(); after > before+1000 {
		t.Errorf("%d live objects became %d in 1000 requests", before, after)
	}
}

// TestFetchNamesKind: what takes the place of fetch knows better than its error's text why it failed.
func TestFetchNamesKind(t *testing.T) {
	for kind, want := range map[string]fetchshim.FaultKind{
		"unsupported": fetchshim.Unsupported, "refused": fetchshim.Refused, "timeout": fetchshim.Timeout, "network": fetchshim.Network,
		"cancelled": fetchshim.Network, "anything": fetchshim.Network,
	} {
		broken := js.Global().Get("Function").New("return Promise.reject(Object.assign(new Error('no header'), {kind: '" + kind + "'}))")
		_, err := jsfetch.New(jsfetch.Options{Fetch: broken}).Fetch(t.Context(), &fetchshim.Request{URL: "https://r.example/"})
		var fault *fetchshim.Fault
		if !errors.As(err, &fault) || fault.Kind != want || !strings.Contains(err.Error(), "no header") {
			t.Errorf("%s: %v, want kind %s", kind, err, want)
		}
	}
}
