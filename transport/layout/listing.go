package layout

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Listing collects the manifests of a copy and makes the entries of index.json: one for each tag, and one without a tag for a
// manifest that was given none and that no index in the listing lists. The children of an index have no entries of their own,
// since tools like crane push take each entry for an image. It is safe for concurrent use; the zero value is empty.
type Listing struct {
	mu   sync.Mutex
	puts []Listed
}

// Listed is a manifest, and how it is addressed.
type Listed struct {
	Tag        string // "" for none
	Descriptor v1.Descriptor
	Document   oci.Document
}

// NewListed checks a manifest for a listing. ref is the value of its entry's annotation org.opencontainers.image.ref.name: a
// tag, or a whole reference name as podman writes it; or a digest of doc; or "". Kinds: input for one that is too large,
// verification for a digest that is not its own.
func NewListed(ref string, doc oci.Document) (Listed, error) {
	p := Listed{Tag: ref, Descriptor: doc.Descriptor(), Document: doc}
	if oci.CheckDigest(ref) == nil {
		want := digest.Digest(ref)
		if got := want.Algorithm().FromBytes(doc.Raw); got != want {
			return p, errs.New(errs.Verification, ref, "manifest has the digest %s", got)
		}
		p.Tag, p.Document = "", doc.Under(want)
		p.Descriptor = p.Document.Descriptor()
	}
	if !utf8.ValidString(p.Tag) {
		return p, errs.New(errs.Input, "", "%q is not UTF-8, as names in JSON are", p.Tag)
	}
	if strings.ContainsFunc(p.Tag, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		// https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md allows much less; others read none of these.
		return p, errs.New(errs.Input, "", "%q is no name of an image", p.Tag)
	}
	if p.Descriptor.Size > oci.MaxManifest {
		return p, errs.New(errs.Input, p.Descriptor.Digest.String(), "manifest has %d bytes, allowed are %d", p.Descriptor.Size, oci.MaxManifest)
	}
	return p, nil
}

// Blob is the manifest as a blob. Whoever stores it verifies it.
func (p Listed) Blob() content.Blob { return document{p} }

type document struct{ Listed }

func (d document) Descriptor() v1.Descriptor { return d.Listed.Descriptor }

func (d document) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(d.Document.Raw)), nil
}

// Add lists a manifest.
func (l *Listing) Add(p Listed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.puts = append(l.puts, p)
}

// All are the manifests in the order in which they came.
func (l *Listing) All() []Listed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.puts[:len(l.puts):len(l.puts)]
}

// Clear forgets all.
func (l *Listing) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.puts = nil
}

// Index changes an index.json, or makes one where raw is nil. What it has nothing to do with is kept, unknown members too.
// changed are the manifests whose entries were not there as they had to be.
func (l *Listing) Index(raw []byte) (index []byte, changed []Listed, err error) {
	x, err := parseIndex(raw, v1.ImageIndexFile)
	if err != nil {
		return nil, nil, err
	}
	roots, err := l.Roots()
	if err != nil {
		return nil, nil, err
	}
	for _, p := range roots {
		var anew bool
		if p.Tag != "" {
			anew, err = x.tag(p.Tag, p.Descriptor)
		} else {
			anew, err = x.list(p.Descriptor)
		}
		if err != nil {
			return nil, nil, err
		}
		if anew {
			changed = append(changed, p)
		}
	}
	index, err = x.bytes(v1.ImageIndexFile)
	return index, changed, err
}

// Roots are the manifests that have a tag, or that no index lists, in the order in which they came.
func (l *Listing) Roots() ([]Listed, error) {
	puts := l.All()
	below, err := children(puts)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(puts), func(p Listed) bool { return p.Tag == "" && below[p.Descriptor.Digest] }), nil
}

// children are the digests that indexes list.
func children(puts []Listed) (map[digest.Digest]bool, error) {
	below := map[digest.Digest]bool{}
	for _, p := range puts {
		if !p.Document.IsIndex() {
			continue
		}
		list, err := p.Document.Index()
		if err != nil {
			return nil, err
		}
		for _, d := range list.Manifests {
			below[d.Digest] = true
		}
	}
	return below, nil
}
