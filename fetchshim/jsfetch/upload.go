//go:build js

package jsfetch

import (
	"fmt"
	"io"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// uploads finds out in which form the host sends bodies. A host streams when it reads the init member "duplex"
// (https://fetch.spec.whatwg.org/#dom-requestinit-duplex) and keeps a Content-Length that a program sets. Node does both. A
// browser forbids the header, and Chromium streams only over HTTP/2; Deno drops the header when it streams, and registries
// refuse uploads without it.
func uploads() fetchshim.Upload {
	form := fetchshim.UploadBlob
	promise.Try(func() {
		asked := false
		duplex := js.FuncOf(func(js.Value, []js.Value) any {
			asked = true
			return "half"
		})
		defer duplex.Release()
		getter := object("get", duplex, "enumerable", true)
		init := object("method", "POST", "body", js.Global().Get("ReadableStream").New(),
			"headers", object("Content-Length", "1"))
		js.Global().Get("Object").Call("defineProperty", init, "duplex", getter)
		req := js.Global().Get("Request").New("http://localhost/", init)
		if asked && req.Get("headers").Call("has", "Content-Length").Bool() && !inDeno() {
			form = fetchshim.UploadStream
		}
	})
	return form
}

// inDeno is for what no test short of sending can find. Deno keeps Content-Length in a Request and does not send it with a
// stream, and it does not decode a body for which it was told to ask no encoding.
func inDeno() bool { return js.Global().Get("Deno").Type() == js.TypeObject }

// object makes a JavaScript object of names and values in turn.
func object(pairs ...any) js.Value {
	o := js.Global().Get("Object").New()
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// bytesOf copies b into a Uint8Array.
func bytesOf(b []byte) js.Value {
	a := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(a, b)
	return a
}

// blob reads a whole body into a Blob, which a browser may keep on disk and can send again by itself.
func (c *call) blob(init js.Value, b fetchshim.Body, most int64) error {
	tooLong := unsupported(fmt.Sprintf("this host holds a request body in memory, and this one exceeds %d bytes", most))
	if b.Len() > most {
		return tooLong
	}
	rc, err := b.Open(c.run)
	if err != nil {
		return c.blame(err)
	}
	defer rc.Close()
	parts := js.Global().Get("Array").New()
	for total := int64(0); ; {
		buf := make([]byte, piece) // new each time: see body.copy
		n, err := io.ReadFull(rc, buf)
		if total += int64(n); total > most {
			return tooLong
		}
		if n > 0 {
			parts.Call("push", bytesOf(buf[:n]))
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			init.Set("body", js.Global().Get("Blob").New(parts))
			if total == 0 {
				init.Set("body", bytesOf(nil)) // Deno sends an empty Blob without Content-Length
			}
			return nil
		}
		if err != nil {
			return c.blame(err)
		}
	}
}

// stream sends a body while it is read. The identity TransformStream makes JavaScript's side of it, so that no Go function
// has to live as long as the stream does.
func (c *call) stream(init js.Value, b fetchshim.Body) error {
	rc, err := b.Open(c.run)
	if err != nil {
		return c.blame(err)
	}
	pipe := js.Global().Get("TransformStream").New()
	init.Set("body", pipe.Get("readable"))
	init.Set("duplex", "half")
	go c.feed(pipe.Get("writable").Call("getWriter"), rc)
	return nil
}

// feed writes one piece when the piece before has been taken. It ends with the body, with the call, or when the host wants
// no more; an error of the body breaks the request off.
func (c *call) feed(writer js.Value, rc io.ReadCloser) {
	defer rc.Close()
	for {
		buf := make([]byte, piece) // new each time: see body.copy
		n, err := rc.Read(buf)
		if n > 0 {
			if _, werr := promise.Await(c.run, writer.Call("write", bytesOf(buf[:n]))); werr != nil {
				promise.Forget(writer.Call("abort"))
				return
			}
		}
		if err == io.EOF {
			promise.Forget(writer.Call("close"))
			return
		}
		if err != nil {
			c.blame(err)
			promise.Forget(writer.Call("abort", err.Error()))
			c.end()
			return
		}
	}
}
