package host

import (
	"bytes"
	"strings"
)

// crash keeps the beginning of what a module writes to standard error, which the Go runtime does when it gives up.
type crash struct{ text []byte }

// maxCrash bounds it in bytes: the first lines say what happened, the rest is stacks.
const maxCrash = 512

func (c *crash) Write(b []byte) (int, error) {
	c.text = append(c.text, b[:min(len(b), maxCrash-len(c.text))]...)
	return len(b), nil
}

// explain says how a module ended: the first line it wrote, and the first line of the error, which a stack trace follows.
func (c *crash) explain(err error) string {
	wrote, _, _ := bytes.Cut(c.text, []byte("\n"))
	text, _, _ := strings.Cut(err.Error(), "\n")
	if len(wrote) == 0 {
		return text
	}
	return string(wrote) + ": " + text
}
