package cli

import (
	"strings"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// checkCreds refuses to send a password that was given for one registry to two.
func checkCreds(g *Global, v core.Verb, req map[string]any) error {
	read, written := registries(v, req)
	for _, c := range []struct {
		flag, value string
		to          []string
	}{{"--creds", g.Creds, append(read, written...)}, {"--src-creds", g.Src.Creds, read}, {"--dest-creds", g.Dest.Creds, written}} {
		if c.value == "" {
			continue
		}
		for _, host := range c.to {
			if host != c.to[0] {
				return errs.New(errs.Input, c.flag, "would be sent to %s and to %s", c.to[0], host).
					Hinted("log in to both, or say which: copy and sync have --src-creds and --dest-creds")
			}
		}
	}
	return nil
}

// registries are the hosts that the references of a request lead to.
func registries(v core.Verb, req map[string]any) (read, written []string) {
	for _, f := range Fields(v.In) {
		switch strings.Trim(f.Arg, "[].") {
		case "REF", "SRC", "REPOSITORY":
			read = append(read, hosts(req[f.Name])...)
		case "DST":
			written = append(written, hosts(req[f.Name])...)
		case "SPEC":
			jobs, _ := req[f.Name].([]core.SyncJob)
			for _, j := range jobs {
				read, written = append(read, hosts(j.Source)...), append(written, hosts(j.Destination)...)
			}
		}
	}
	since, _ := req["since"].(string) // of bundle
	if r, ok := (core.BundleIn{Since: since}).SinceRegistry(); ok {
		read = append(read, r.Host)
	}
	return read, written
}

func hosts(value any) (out []string) {
	list, _ := value.([]string)
	if one, ok := value.(string); ok {
		list = []string{one}
	}
	for _, typed := range list {
		if r, err := ref.Parse(typed); err == nil && r.Scheme == ref.Docker {
			out = append(out, r.Host)
		}
	}
	return out
}
