package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// maxSpec bounds a file of sync jobs in bytes.
const maxSpec = 8 << 20

// spec reads the jobs of sync from a file: lines of SRC DST, our JSON, skopeo's or regsync's YAML, told apart by what is in it. to is
// where jobs go whose file names no destination, "" for nowhere.
func spec(ctx context.Context, env *core.Env, name, to string) ([]core.SyncJob, error) {
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
	case isYAML(text) && isRegsync(text):
		return specRegsync(ctx, env, name, text)
	case isYAML(text):
		return specYAML(name, text, to)
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

// skopeoRegistry is what skopeo's file says of one registry
// (https://github.com/containers/skopeo/blob/v1.18.0/docs/skopeo-sync.1.md#yaml-file-content-used-source-for---src-yaml).
type skopeoRegistry struct {
	Images      map[string][]string `yaml:"images"`
	ByTagRegex  map[string]string   `yaml:"images-by-tag-regex"`
	BySemver    map[string]string   `yaml:"images-by-semver"`
	Credentials yaml.Node           `yaml:"credentials"`
	TLSVerify   *bool               `yaml:"tls-verify"`
	CertDir     string              `yaml:"cert-dir"`
}

func specYAML(name string, raw []byte, to string) ([]core.SyncJob, error) {
	var file map[string]skopeoRegistry
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, errs.New(errs.Input, name, "%v", err)
	}
	if to == "" {
		return nil, errs.New(errs.Input, name, "names no destination, as skopeo's files do not").Hinted("say where to: --to registry.example/mirror")
	}
	var out []core.SyncJob
	for _, host := range slices.Sorted(maps.Keys(file)) {
		r := file[host]
		// What the file says of secrets and trust is for the flags here: silently ignoring it could copy from the wrong place.
		switch {
		case !r.Credentials.IsZero():
			return nil, errs.New(errs.Unsupported, name, "%s: credentials are not read from this file", host).Hinted("log in, or use --src-creds")
		case r.TLSVerify != nil && !*r.TLSVerify, r.CertDir != "":
			return nil, errs.New(errs.Unsupported, name, "%s: tls-verify and cert-dir are not read from this file", host).
				Hinted("use --insecure-skip-tls-verify, --ca-file or --cert-file")
		}
		out = append(out, r.jobs(host, to)...)
	}
	return out, nil
}

// jobs sends each repository to one of its last name, as skopeo does.
func (r skopeoRegistry) jobs(host, to string) []core.SyncJob {
	var out []core.SyncJob
	job := func(image string, s *xfer.Selection) core.SyncJob {
		return core.SyncJob{Source: "docker://" + host + "/" + image, Destination: strings.TrimSuffix(to, "/") + "/" + path.Base(image), Tags: s}
	}
	for _, image := range slices.Sorted(maps.Keys(r.Images)) {
		tags := r.Images[image]
		if len(tags) == 0 {
			out = append(out, job(image, &xfer.Selection{}))
			continue
		}
		for _, t := range tags {
			j := job(image, nil)
			sep := ":"
			if strings.Contains(t, ":") {
				sep = "@"
			}
			j.Source, j.Destination = j.Source+sep+t, j.Destination+sep+t
			out = append(out, j)
		}
	}
	for _, image := range slices.Sorted(maps.Keys(r.ByTagRegex)) {
		// skopeo's expression may match anywhere in the tag.
		out = append(out, job(image, &xfer.Selection{Match: `.*(?:` + r.ByTagRegex[image] + `).*`}))
	}
	for _, image := range slices.Sorted(maps.Keys(r.BySemver)) {
		out = append(out, job(image, &xfer.Selection{Semver: r.BySemver[image]}))
	}
	return out
}
