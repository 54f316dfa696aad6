package syncfile

import (
	"bytes"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// regsyncFile is what is read of regsync's file, version 1 (https://regclient.org/usage/regsync/).
type regsyncFile struct {
	Version  int                  `yaml:"version"`
	Creds    []regsyncCreds       `yaml:"creds"`
	Defaults regsyncDefaults      `yaml:"defaults"`
	Sync     []regsyncEntry       `yaml:"sync"`
	Others   map[string]yaml.Node `yaml:",inline"`
}

// regsyncDefaults hold for entries that do not say otherwise.
type regsyncDefaults struct {
	Referrers  *bool                `yaml:"referrers"`
	DigestTags *bool                `yaml:"digestTags"`
	Others     map[string]yaml.Node `yaml:",inline"`
}

type regsyncEntry struct {
	Source    string       `yaml:"source"`
	Target    string       `yaml:"target"`
	Type      string       `yaml:"type"`
	Platform  string       `yaml:"platform"`
	Platforms []string     `yaml:"platforms"`
	Tags      regsyncRules `yaml:"tags"`
	Repos     regsyncRules `yaml:"repos"`

	Referrers  *bool                `yaml:"referrers"`
	DigestTags *bool                `yaml:"digestTags"`
	Others     map[string]yaml.Node `yaml:",inline"`
}

// regsyncRules are regular expressions that match whole names.
type regsyncRules struct {
	Allow  []string             `yaml:"allow"`
	Deny   []string             `yaml:"deny"`
	Others map[string]yaml.Node `yaml:",inline"`
}

// What is not ours to do and changes nothing of what is copied is passed over with a warning.
var regsyncIgnored = map[string]string{
	"skipDockerConfig": "credential files are read; --authfile names another",
	"interval":         "a scheduler runs sync", "schedule": "a scheduler runs sync",
	"ratelimit": "what a registry says of its limits is followed", "parallel": "use --jobs",
	"userAgent": "", "cacheCount": "", "cacheTime": "", "blobLimit": "",
	"fastCopy": "what is unchanged is left alone", "forceRecursive": "use --verify-existing",
}

// isRegsync tells regsync's file from skopeo's by its list.
func isRegsync(raw []byte) bool {
	var file struct {
		Sync yaml.Node `yaml:"sync"`
	}
	return yaml.Unmarshal(raw, &file) == nil && file.Sync.Kind == yaml.SequenceNode
}

// regsync reads one file.
type regsync struct {
	r    Reader
	env  *core.Env
	name string
}

func (s regsync) read(ctx context.Context, raw []byte) ([]core.SyncJob, error) {
	var file regsyncFile
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, notYAML(s.name, err)
	}
	if file.Version > 1 {
		return nil, errs.New(errs.Unsupported, s.name, "is of version %d of regsync's format; only 1 is known", file.Version)
	}
	maps.DeleteFunc(file.Others, func(key string, _ yaml.Node) bool { return strings.HasPrefix(key, "x-") }) // where anchors are kept
	if err := s.others("", file.Others); err != nil {
		return nil, err
	}
	if err := s.others("defaults: ", file.Defaults.Others); err != nil {
		return nil, err
	}
	for _, c := range file.Creds {
		if err := s.login(c); err != nil {
			return nil, err
		}
	}
	var out []core.SyncJob
	for _, e := range file.Sync {
		jobs, err := s.entry(ctx, e, file.Defaults)
		if err != nil {
			return nil, err
		}
		out = append(out, jobs...)
	}
	return out, nil
}

// others warns of keys that are passed over. Any other would have something else copied than is here.
func (s regsync) others(where string, keys map[string]yaml.Node) error {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		n := keys[key]
		if n.Tag == "!!null" || n.Value == "false" || n.Kind != yaml.ScalarNode && len(n.Content) == 0 {
			continue
		}
		why, ok := regsyncIgnored[key]
		if !ok {
			return errs.New(errs.Unsupported, s.name, "%s%s is not supported", where, key)
		}
		if why != "" {
			why = ": " + why
		}
		s.warn(where + key + " is passed over" + why)
	}
	return nil
}

func (s regsync) warn(message string) { warn(s.env, s.name, message) }

// entry makes the jobs of one entry of the list.
func (s regsync) entry(ctx context.Context, e regsyncEntry, defaults regsyncDefaults) ([]core.SyncJob, error) {
	var err error
	if e.Source, err = s.expand("source", e.Source, regsyncData{e}); err != nil {
		return nil, err
	}
	if e.Target, err = s.expand("target", e.Target, regsyncData{e}); err != nil {
		return nil, err
	}
	if e.Source == "" || e.Target == "" {
		return nil, errs.New(errs.Input, s.name, "an entry of sync has the source %q and the target %q: both are needed", e.Source, e.Target)
	}
	where := e.Source + ": "
	for prefix, keys := range map[string]map[string]yaml.Node{where: e.Others, where + "tags.": e.Tags.Others, where + "repos.": e.Repos.Others} {
		if err := s.others(prefix, keys); err != nil {
			return nil, err
		}
	}
	if len(e.Repos.Allow)+len(e.Repos.Deny) > 0 && e.Type != "registry" {
		return nil, errs.New(errs.Input, s.name, "%srepos is for the type registry only", where)
	}
	job := core.SyncJob{Source: regsyncRef(e.Source), Destination: regsyncRef(e.Target), Platforms: e.Platforms}
	if e.Platform != "" {
		job.Platforms = append(job.Platforms, e.Platform)
	}
	if len(e.Platforms) > 0 {
		s.warn(where + "platforms: what is written is an index without the others, which has another digest")
	}
	job.Referrers = chosen(e.Referrers, defaults.Referrers)
	job.DigestTags = chosen(e.DigestTags, defaults.DigestTags)
	tags := &xfer.Selection{Match: either(e.Tags.Allow), NoMatch: either(e.Tags.Deny)}
	switch e.Type {
	case "image":
		if tags.Match+tags.NoMatch != "" {
			return nil, errs.New(errs.Input, s.name, "%stags is for whole repositories", where)
		}
		return []core.SyncJob{job}, nil
	case "repository":
		job.Tags = tags
		return []core.SyncJob{job}, nil
	case "registry":
		job.Tags = tags
		return s.registry(ctx, e, job)
	}
	return nil, errs.New(errs.Input, s.name, "%sthe type %q is neither image, repository nor registry", where, e.Type)
}

// registry makes a job for each repository that the registry lists.
func (s regsync) registry(ctx context.Context, e regsyncEntry, job core.SyncJob) ([]core.SyncJob, error) {
	allow, err := regexp.Compile(`\A(?:` + either(e.Repos.Allow) + `)\z`)
	if err != nil {
		return nil, errs.New(errs.Input, s.name, "%v", err)
	}
	deny, err := regexp.Compile(`\A(?:` + either(e.Repos.Deny) + `)\z`)
	if err != nil {
		return nil, errs.New(errs.Input, s.name, "%v", err)
	}
	var out []core.SyncJob
	for name, err := range core.Catalog(ctx, s.env, core.CatalogIn{Registry: e.Source}) {
		if err != nil {
			return nil, errs.Wrap(s.name, err)
		}
		if len(e.Repos.Allow) > 0 && !allow.MatchString(name) || len(e.Repos.Deny) > 0 && deny.MatchString(name) {
			continue
		}
		j := job
		j.Source, j.Destination = job.Source+"/"+name, job.Destination+"/"+name
		out = append(out, j)
	}
	return out, nil
}

// regsyncRef is a reference as it is written here: layouts are oci: and not ocidir://.
func regsyncRef(s string) string {
	if path, ok := strings.CutPrefix(s, "ocidir://"); ok {
		return "oci:" + path
	}
	return s
}

func chosen(own, byDefault *bool) bool {
	if own == nil {
		own = byDefault
	}
	return own != nil && *own
}

// either is one expression that matches what any of them does, "" for none.
func either(exprs []string) string {
	if len(exprs) == 0 {
		return ""
	}
	return "(?:" + strings.Join(exprs, ")|(?:") + ")"
}
