package xfer

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Move brings the blobs, then the manifests, to dst and commits it. names are tags, or digests that the root must have then;
// without any the root is reached by its digest. It does not close dst. A plan can be moved several times. Kinds: those of
// source and sink, verification, unsupported (an index for a sink that holds images only).
func (p *Plan) Move(ctx context.Context, dst content.Sink, names []string) (Report, error) {
	m := &mover{Plan: p, dst: dst, anew: map[digest.Digest]v1.Descriptor{}, limit: newLimiter(p.o)}
	err := m.move(ctx, names)
	return m.report, p.wrap(err)
}

// mover is one run of a plan.
type mover struct {
	*Plan
	dst   content.Sink
	limit *limiter

	mu     sync.Mutex
	report Report
	anew   map[digest.Digest]v1.Descriptor // layers that were compressed anew
}

func (m *mover) move(ctx context.Context, names []string) error {
	if only, ok := content.As[content.ImagesOnly](m.dst); ok && only.ImagesOnly() && m.root.doc.IsIndex() {
		return errs.New(errs.Unsupported, "", "is an index, and the destination holds single images only").
			Hinted("choose one of its images: --platform os/arch")
	}
	blobs, err := m.Blobs()
	if err != nil {
		return err
	}
	var size int64
	for _, d := range blobs {
		size += d.Size
	}
	m.o.Event(event.Event{Kind: event.Started, Subject: m.subject, Total: size, Message: event.Image})
	out, err := m.rewrite(nil)
	if err != nil {
		return err
	}
	held := m.there(ctx, m.dst, out, names)
	left := make(chan []string, 1)
	if !slices.ContainsFunc(m.namings(out, names), func(w naming) bool { return !held[w] }) {
		left <- nil // what was left behind was said when there was something to copy
	} else {
		go func() { left <- m.survey(ctx) }()
	}
	needed := m.needed(held)
	err = parallel(ctx, m.o.Jobs, len(blobs), func(ctx context.Context, i int) error {
		d := blobs[i]
		if !needed[d.Digest] {
			m.skip(d)
			return nil
		}
		return m.blob(ctx, d)
	})
	m.left = append(m.left, <-left...)
	if err != nil {
		return err
	}
	if len(m.anew) > 0 {
		if out, err = m.rewrite(m.anew); err != nil {
			return err
		}
	}
	if err := m.manifests(ctx, out, names, held); err != nil {
		return err
	}
	m.o.Event(event.Event{Kind: event.Finished, Subject: m.subject, Done: size, Total: size, Message: event.Image})
	return nil
}

// blob brings one blob.
func (m *mover) blob(ctx context.Context, d v1.Descriptor) error {
	var b content.Blob = m.meter(m.source(d))
	if m.needsCompression(d) {
		anew, err := m.recompress(ctx, b)
		if err != nil {
			return err
		}
		m.mu.Lock()
		m.anew[d.Digest] = anew.desc
		m.mu.Unlock()
		b = anew
	}
	repaired, err := m.verify(ctx, b.Descriptor())
	if err != nil {
		return err
	}
	m.started(b.Descriptor())
	how, err := m.dst.PutBlob(ctx, b)
	if err != nil {
		return content.Blame(err)
	}
	m.finished(b.Descriptor(), how)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report.count(how, b.Descriptor().Size)
	if repaired {
		m.report.Repaired++
	}
	return nil
}

// source is the blob of d: from the descriptor where that has the content inside
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#embedded-content), else from the source.
func (m *mover) source(d v1.Descriptor) content.Blob {
	if int64(len(d.Data)) == d.Size && len(d.Data) > 0 && d.Digest.Algorithm().FromBytes(d.Data) == d.Digest {
		return embedded{d}
	}
	return m.src.Blob(d)
}

// verify reads again what the destination has, where that was asked for, and says whether it was corrupted.
func (m *mover) verify(ctx context.Context, d v1.Descriptor) (corrupted bool, err error) {
	if !m.o.VerifyExisting {
		return false, nil
	}
	c, ok := content.As[content.Checker](m.dst)
	if !ok {
		return false, nil
	}
	switch err := c.CheckBlob(ctx, d); errs.Of(err) {
	case "", errs.NotFound:
		return false, nil
	case errs.Verification:
		return true, nil
	default:
		return false, err
	}
}

// skip counts a blob that a manifest which is held stands for.
func (m *mover) skip(d v1.Descriptor) {
	m.started(d)
	m.finished(d, content.Existed)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report.count(content.Existed, d.Size)
}

// manifests writes what became of the manifests, children first and the root under its names, but for those that are held, and
// commits them.
func (m *mover) manifests(ctx context.Context, out outputs, names []string, held map[naming]bool) error {
	for _, w := range m.namings(out, names) {
		o := out[w.node.digest]
		if err := fits(w.name, o); err != nil {
			return err
		}
		if held[w] {
			continue
		}
		if err := m.dst.PutManifest(ctx, w.name, o.doc); err != nil {
			return err
		}
	}
	if err := m.dst.Commit(ctx); err != nil {
		return err
	}
	m.report.Root, m.report.Manifests = out[m.root.digest].descriptor(), len(m.order())
	m.report.Written = len(m.written(out, names, held))
	return nil
}

// written are the manifests that the destination did not have as they had to be.
func (m *mover) written(out outputs, names []string, held map[naming]bool) map[*node]bool {
	changer, tells := content.As[content.Changer](m.dst)
	written := map[*node]bool{}
	for _, w := range m.namings(out, names) {
		if !held[w] && (!tells || changer.Changed(out[w.node.digest].doc)) {
			written[w.node] = true
		}
	}
	return written
}

// identity is how a child is addressed: "" stands for its SHA-256 digest.
func identity(o output) string {
	if o.digest.Algorithm() == digest.SHA256 {
		return ""
	}
	return o.digest.String()
}

// fits refuses to write a manifest under a digest that is not its own.
func fits(name string, o output) error {
	if !strings.Contains(name, ":") || oci.CheckDigest(name) != nil {
		return nil
	}
	want := digest.Digest(name)
	if got := want.Algorithm().FromBytes(o.doc.Raw); got != want {
		return errs.New(errs.Verification, name, "is the digest of the destination, but what is copied has %s", got)
	}
	return nil
}
