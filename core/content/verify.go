package content

import (
	"hash"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Verify wraps r so that it fails with kind verification, in place of io.EOF, when the bytes read differ from d in
// size or digest; it also stops as soon as there are more bytes than d.Size. Closing it closes r.
func Verify(r io.ReadCloser, d v1.Descriptor) (io.ReadCloser, error) {
	if err := oci.CheckDescriptor(d); err != nil {
		_ = r.Close()
		return nil, err
	}
	return &verifier{r: r, d: d, h: d.Digest.Algorithm().Hash()}, nil
}

type verifier struct {
	r    io.ReadCloser
	d    v1.Descriptor
	h    hash.Hash
	n    int64
	done error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.done != nil {
		return 0, v.done
	}
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	v.n += int64(n)
	switch {
	case v.n > v.d.Size:
		v.done = errs.New(errs.Verification, v.d.Digest.String(), "is longer than the %d bytes its descriptor says", v.d.Size)
		return 0, v.done
	case err == io.EOF:
		v.done = v.check()
		return n, v.done
	case err != nil:
		v.done = errs.Wrap(v.d.Digest.String(), err)
		return n, v.done
	}
	return n, nil
}

func (v *verifier) check() error {
	if v.n != v.d.Size {
		return errs.New(errs.Verification, v.d.Digest.String(), "has %d bytes, its descriptor says %d", v.n, v.d.Size)
	}
	if got := oci.HashDigest(v.d.Digest.Algorithm(), v.h); got != v.d.Digest {
		return errs.New(errs.Verification, v.d.Digest.String(), "content has the digest %s", got)
	}
	return io.EOF
}

func (v *verifier) Close() error { return v.r.Close() }
