package syncfile

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

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

// readSkopeo passes over, with a warning, what a file says of secrets and trust: without it a registry refuses or is refused, and
// nothing is copied that would not be.
func readSkopeo(env *core.Env, name string, raw []byte, to string) ([]core.SyncJob, error) {
	var file map[string]skopeoRegistry
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, notYAML(name, err)
	}
	if to == "" {
		return nil, errs.New(errs.Input, name, "names no destination, as skopeo's files do not").Hinted("say where to: --to registry.example/mirror")
	}
	var out []core.SyncJob
	for _, host := range slices.Sorted(maps.Keys(file)) {
		r := file[host]
		if !r.Credentials.IsZero() {
			warn(env, name, host+": credentials is passed over: log in, or use --src-creds")
		}
		if r.TLSVerify != nil && !*r.TLSVerify {
			warn(env, name, host+": tls-verify: false is passed over: use --insecure-skip-tls-verify or --plain-http where it is needed")
		}
		if r.CertDir != "" {
			warn(env, name, host+": cert-dir is passed over: use --ca-file, --cert-file and --key-file")
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
