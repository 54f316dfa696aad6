package registry

import (
	"sync"

	"github.com/opencontainers/go-digest"
)

// maxPlaces is how many blobs are remembered.
const maxPlaces = 20_000

// places remembers in which repository of a registry a blob was seen, since another one can have it mounted from there.
// What it says is a guess: the blob may be gone. The zero value is ready.
type places struct {
	mu sync.Mutex
	m  map[place]string // repository
}

type place struct {
	registry string
	digest   digest.Digest
}

func (p *places) add(registry, repository string, d digest.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil || len(p.m) >= maxPlaces {
		p.m = map[place]string{}
	}
	p.m[place{registry, d}] = repository
}

func (p *places) find(registry string, d digest.Digest) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.m[place{registry, d}]
}
