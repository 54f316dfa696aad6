// Makes build/warm.tar, an OCI archive of an image that nobody sees: what the page reads first, so that the browser has compiled what
// reads images. It has of everything that images often have, and as many files as it takes for the compiler to look at them twice.

import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { tar } from './tar.mjs'

const FILES = 1500
const SIZE = 512
const target = new URL('../build/', import.meta.url)

const digestOf = content => `sha256:${createHash('sha256').update(content).digest('hex')}`
const json = value => Buffer.from(JSON.stringify(value))
const media = kind => `application/vnd.oci.image.${kind}`

const folders = ['etc', 'usr', 'usr/bin', 'usr/lib'].map(name => ({ name: `${name}/`, type: '5' }))
const files = Array.from({ length: FILES }, (_, i) => ({ name: `usr/lib/part${i}.so`, content: Buffer.alloc(SIZE, `${i * 7919} `) }))
const links = [{ name: 'usr/lib/part.so', type: '2', link: 'part0.so' }, { name: 'usr/bin/part', type: '1', link: 'usr/lib/part0.so' }]
const record = text => Buffer.from(`${text.length + 4} ${text}\n`) // of less than 95 characters
const changes = [
  folders[0], { name: 'etc/motd', content: Buffer.from('ahoy\n') },
  { name: 'PaxHeaders/issue', type: 'x', content: record('mtime=1.5') }, { name: 'etc/issue', content: Buffer.from('ahoy\n') },
  { name: 'usr/lib/.wh.part1.so' }, { name: 'usr/bin/.wh..wh..opq' },
]
const layers = [
  ['layer.v1.tar+gzip', tar([...folders, ...files, ...links])],
  ['layer.v1.tar', tar(changes)],
  ['layer.v1.tar+gzip', tar(changes)],
]

const blobs = []
function put(mediaType, content, more = {}) {
  const descriptor = { mediaType, digest: digestOf(content), size: content.length, ...more }
  blobs.push({ name: `blobs/${descriptor.digest.replace(':', '/')}`, content })
  return descriptor
}

const config = put(media('config.v1+json'), json({
  created: '1970-01-01T00:00:00Z', architecture: 'amd64', os: 'linux', config: { Env: ['PATH=/usr/bin'], Cmd: ['part'], Labels: { 'org.opencontainers.image.title': '<warm>', 'org.opencontainers.image.description': '"warm" & more' }, ExposedPorts: { '80/tcp': {} } },
  rootfs: { type: 'layers', diff_ids: layers.map(([, content]) => digestOf(content)) },
  history: layers.map((_, i) => ({ created: '1970-01-01T00:00:00Z', created_by: `COPY part${i} /` })),
}))
const manifest = put(media('manifest.v1+json'), json({
  schemaVersion: 2, mediaType: media('manifest.v1+json'), config,
  layers: layers.map(([kind, content]) => put(media(kind), kind.endsWith('gzip') ? gzipSync(content, { level: 9 }) : content)),
}))
const manifests = ['amd64', 'arm64'].map(architecture => ({ ...manifest, platform: { architecture, os: 'linux' } }))
const root = put(media('index.v1+json'), json({ schemaVersion: 2, mediaType: media('index.v1+json'), manifests }), { annotations: { 'org.opencontainers.image.ref.name': 'latest' } })
const index = json({ schemaVersion: 2, mediaType: media('index.v1+json'), manifests: [root] })

await mkdir(target, { recursive: true })
await writeFile(new URL('warm.tar', target), tar([{ name: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) }, { name: 'index.json', content: index }, ...blobs]))
