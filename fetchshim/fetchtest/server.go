package fetchtest

// Server is where a test server listens: package testserver starts one. Its paths, on both origins:
//
//	/echo                       answers an [Echo] of the request
//	/repeat                     Link and WWW-Authenticate twice each
//	/status?code=               that status and a body of one line
//	/sized?bytes=               the pattern, with Content-Length
//	/gzip?bytes=                the pattern, gzip as Content-Encoding whatever was asked
//	/truncated?bytes=&send=     a Content-Length of bytes, and the connection closed after send of them
//	/stream?id=&frames=&stall=  the pattern in frames, flushed and counted in [State]; with stall no end until the client goes
//	/hold?id=                   no answer at all until the client goes
//	/upload?id=                 as /echo, and counts the body in [State] while it comes
//	/redirect?status=&to=       a redirect to the URL in to
//	/loop                       a redirect to itself
//	/control/state?id=          the [State] of an id
type Server struct {
	A    string // base URL without a slash at the end
	B    string // the same on another port, so another origin
	Dead string // a base URL where nobody listens
}

// State is what the server knows about the requests with one id.
type State struct {
	Requests int   // how many arrived
	Frames   int64 // frames of a response that the connection has taken
	Received int64 // bytes of a request body that were read
	Closed   bool  // the client broke off
}

// Echo is a request as the server got it.
type Echo struct {
	Method string
	Target string // path and query as on the wire
	Host   string
	Header [][2]string
	Length int64 // Content-Length, -1 where there was none
	Bytes  int64 // bytes of the body
	Intact bool  // the body was the pattern from its start
}

// Values returns the values of a header of the request; name is canonical.
func (e Echo) Values(name string) []string {
	var out []string
	for _, h := range e.Header {
		if h[0] == name {
			out = append(out, h[1])
		}
	}
	return out
}
