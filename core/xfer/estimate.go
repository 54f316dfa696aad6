package xfer

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// Estimate is the report of a move to an endpoint, under names as [Plan.Move] has them; dst is what is there, nil for an empty place.
// Layers that would be compressed anew count with their present size, and what the registry may take over from another repository
// as mounted.
func (p *Plan) Estimate(ctx context.Context, dst content.Source, names []string) (Report, error) {
	have, _ := content.As[content.BlobStatter](dst)
	var source content.BlobStatter
	if p.o.StatSource {
		source, _ = content.As[content.BlobStatter](p.src)
	}
	blobs, err := p.Blobs()
	if err != nil {
		return Report{}, p.wrap(err)
	}
	there := make([]bool, len(blobs))
	err = parallel(ctx, p.o.Jobs, len(blobs), func(ctx context.Context, i int) (err error) {
		if have != nil && !p.needsCompression(blobs[i]) {
			var d v1.Descriptor
			d, err = have.StatBlob(ctx, blobs[i].Digest)
			if there[i] = err == nil && d.Size == blobs[i].Size; errs.Of(err) == errs.NotFound {
				err = nil
			}
		}
		if err == nil && source != nil && !there[i] {
			_, err = source.StatBlob(ctx, blobs[i].Digest)
		}
		return err
	})
	if err != nil {
		return Report{}, p.wrap(err)
	}
	out, err := p.rewrite(nil)
	if err != nil {
		return Report{}, p.wrap(err)
	}
	r := Report{Root: out[p.root.digest].descriptor(), Manifests: len(out)}
	var held map[naming]bool
	if p.o.Compress == "" {
		held = p.there(ctx, dst, out, names)
	}
	missing := map[*node]bool{}
	for _, w := range p.namings(names) {
		missing[w.node] = missing[w.node] || !held[w]
	}
	for _, absent := range missing {
		if absent {
			r.Written++
		}
	}
	mounter, _ := content.As[content.Mounter](have)
	for i, d := range blobs {
		switch {
		case there[i]:
			r.Existed.add(d.Size)
		case mounter != nil && !p.needsCompression(d) && mounter.Mounts(p.src.Blob(d)):
			r.Mounted.add(d.Size)
		default:
			r.Stored.add(d.Size)
		}
	}
	return r, nil
}
