package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// maxSpec bounds a file of sync jobs in bytes; as a request of the verb it is larger.
const maxSpec = 4 << 20

// spec reads the jobs of sync from a file: lines of SRC DST, our JSON, or the YAML that the shell reads, told apart by what is in it.
// to is where jobs go whose file names no destination, "" for nowhere.
func (sh *Shell) spec(ctx context.Context, env *core.Env, name, to string) ([]core.SyncJob, error) {
	if env.File == nil {
		return nil, errs.New(errs.Unsupported, name, "this host opens no files")
	}
	f, err := env.File(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := oci.ReadLimited(f, maxSpec, name)
	if err != nil {
		return nil, err
	}
	switch text := bytes.TrimSpace(raw); {
	case len(text) == 0:
		return nil, errs.New(errs.Input, name, "is empty")
	case text[0] == '{' || text[0] == '[':
		return specJSON(name, text)
	case isYAML(text) && sh.SyncYAML == nil:
		return nil, errs.New(errs.Unsupported, name, "is YAML, which this build does not read").Hinted("use lines of SRC DST or JSON, or the native binary")
	case isYAML(text):
		return sh.SyncYAML(ctx, env, name, text, to)
	default:
		return specLines(name, text)
	}
}

// specJSON reads {"jobs": […]}, as a request has it, or the list alone.
func specJSON(name string, raw []byte) ([]core.SyncJob, error) {
	var list []core.SyncJob
	var into any = &list
	var request struct {
		Jobs []core.SyncJob `json:"jobs"`
	}
	if raw[0] == '{' {
		into = &request
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return nil, errs.New(errs.Input, name, "%v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errs.New(errs.Input, name, "something follows the JSON")
	}
	return append(list, request.Jobs...), nil
}

// specLines reads one job a line: source and destination with white space between. Empty lines and those that start with # are
// passed over; any other line is an error, since a job that is dropped without a word is one that somebody relies on.
func specLines(name string, raw []byte) ([]core.SyncJob, error) {
	var out []core.SyncJob
	s := bufio.NewScanner(bytes.NewReader(raw))
	s.Buffer(nil, maxSpec)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return nil, errs.New(errs.Input, fmt.Sprintf("%s:%d", name, n), "%q is not SRC DST", line)
		}
		out = append(out, core.SyncJob{Source: fields[0], Destination: fields[1]})
	}
	return out, s.Err()
}

// isYAML says whether the first line that says something is a key, as "registry.example:" is and no pair of references.
func isYAML(raw []byte) bool {
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		return line == "---" || strings.HasSuffix(line, ":") || strings.Contains(line, ": ")
	}
	return false
}
