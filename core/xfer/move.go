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
	var held map[naming]bool
	if m.o.Compress == "" {
		held = m.there(ctx, m.dst, out, names)
	}
	left := make(chan []string, 1)
	if !slices.ContainsFunc(m.namings(names), func(w naming) bool { return !held[w] }) {
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
	if m.o.Compress != "" { // only now it is known what the digests are
		if out, err = m.rewrite(m.anew); err != nil {
			return err
		}
		held = m.there(ctx, m.dst, out, names)
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
	for _, w := range m.namings(names) {
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
	if err := m.rooted(ctx, out[m.root.digest], names); err != nil {
		return err
	}
	m.report.Manifests = len(m.order())
	m.report.Written = len(m.written(out, names, held))
	return nil
}

// rooted reports what the names name now. A registry that knows no other digests than those of SHA-256 keeps what goes by another
// one under that as well, and says so when it is asked.
func (m *mover) rooted(ctx context.Context, root output, names []string) error {
	m.report.Root = root.descriptor()
	resolver, ok := content.As[content.Resolver](m.dst)
	if root.doc.Algorithm == "" || !ok || len(names) == 0 {
		return nil
	}
	d, err := resolver.Resolve(ctx, names[0])
	if err != nil || d.Digest == root.digest || d.Digest.Algorithm().FromBytes(root.doc.Raw) != d.Digest {
		return nil // it is there, as the commit says
	}
	m.report.Root.Digest = d.Digest
	if m.o.PreserveDigests {
		return errs.New(errs.Unsupported, m.subject, "goes by %s, and the destination gives the tag %s of the same content", root.digest, d.Digest).
			Hinted("name the destination by the digest, or copy without --preserve-digests")
	}
	m.o.Event(event.Event{Kind: event.Warning, Subject: m.subject, Message: "is kept under " + d.Digest.String() + ", since the destination takes a tag for no other digest"})
	return nil
}

// written are the manifests that the destination did not have as they had to be.
func (m *mover) written(out outputs, names []string, held map[naming]bool) map[*node]bool {
	changer, tells := content.As[content.Changer](m.dst)
	written := map[*node]bool{}
	for _, w := range m.namings(names) {
		if !held[w] && (!tells || changer.Changed(out[w.node.digest].doc)) {
			written[w.node] = true
		}
	}
	return written
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
