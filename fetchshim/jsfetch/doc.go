// Package jsfetch is a fetchshim.Fetcher over the fetch of WHATWG (https://fetch.spec.whatwg.org/), for programs built with
// GOOS=js: in a page, a Worker, Node and Deno.
//
// What a host's fetch cannot do, it cannot do here:
//
//   - Response header lines of one name arrive joined by ", ".
//   - A browser follows redirects by itself, up to 20, and shows none: a Manual request is a Fault of kind Unsupported.
//   - A browser shows a page only those response headers that the server exposes (CORS), and says only "failed" of a
//     request that CORS forbids.
//   - Back-pressure is the host's: Node and Deno stop at what the socket holds, Chromium about 64 MiB ahead of the reader.
//   - Content-Encoding is undone by the host, and the header then has neither Content-Encoding nor Content-Length. The
//     identity encoding is asked for where the host lets a program ask; Deno then decodes nothing, and nothing is dropped.
//   - Node sends a request body as it is produced; elsewhere one is held in memory, up to Options.MaxBlob.
package jsfetch
