package registry

import (
	"context"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// Ping asks a registry whether it is one, with the credential that the keychain has for it (spec.md, "Determining Support").
// Kinds: unauthorized and denied where the credential is refused, network, not_found for what is no registry.
func (c *Client) Ping(ctx context.Context, host string) error {
	r := c.repository(ref.Reference{Scheme: ref.Docker, Host: host}, "")
	r.name, r.target.Scope = r.target.Registry, ""
	resp, err := r.send(ctx, r.target, r.request("GET", distspec.Base, ""), r.name)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return errs.Wrap(r.name, r.failed(resp, "", "/v2/"))
	}
	return nil
}
