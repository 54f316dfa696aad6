// Command docgen writes what derives from the verbs' request and result types: docs/verbs.md and wasm/js/verbs.d.ts. With
// -check it only says whether they are up to date.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

func main() {
	check := flag.Bool("check", false, "do not write; exit with 1 when a file is out of date")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	for name, content := range map[string]string{"docs/verbs.md": reference(), "wasm/js/verbs.d.ts": declarations()} {
		have, err := os.ReadFile(name)
		if err == nil && bytes.Equal(have, []byte(content)) {
			continue
		}
		if check {
			return fmt.Errorf("%s is out of date: run make gen", name)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
