import type { ChildManifest, Descriptor } from '../../wasm/js/verbs.js'
import type { Session } from './session.js'
import type { View } from './view.js'

/** Where a digest leads: to another view, of another platform where one is named, or to a blob that can be kept. */
export type Lead = { go: Partial<View>; platform?: string } | { blob: string }

/** Documents of more bytes are for keeping. */
const MOST = 4 << 20

const MANIFEST = /^application\/vnd\.(oci\.image\.(index|manifest)\.v1|docker\.distribution\.manifest(\.list)?\.v2)\+json$/

interface Document {
  config?: Descriptor
  subject?: Descriptor
  layers?: Descriptor[]
  rootfs?: { diff_ids?: string[] }
}

/**
 * Where a digest in a document leads; undefined where nothing is known of it, as of the base image in another repository.
 * @param which the document, as a view names it
 */
export function leadOf(digest: string, session: Session, which: string, value: unknown): Lead | undefined {
  const document = (typeof value === 'object' && value !== null ? value : {}) as Document
  return toOther(digest, session, which, document) ?? toLayer(digest, session) ?? toDocument(digest, session, which, document) ?? toBlob(digest, document)
}

/** A layer of the image that is open, by its digest or its diff ID. */
function toLayer(digest: string, { layers, image }: Session): Lead | undefined {
  const at = layers.findIndex((l, i) => l.digest === digest || image?.layers[i]?.diffId === digest)
  return at >= 0 ? { go: { tab: 'files', layer: at, path: '', query: '' } } : undefined
}

function toDocument(digest: string, { summary }: Session, which: string, { config, subject }: Document): Lead | undefined {
  const manifest = (doc: string): Lead => ({ go: { tab: 'manifest', doc } })
  if (digest === summary?.image?.digest) return manifest('')
  if (digest === summary?.digest) return manifest(summary.kind === 'index' ? 'index' : '')
  if (summary?.manifests?.some(m => m.digest === digest) || digest === subject?.digest) return manifest(digest)
  if (digest !== config?.digest || !config.mediaType.includes('.image.')) return undefined
  return which === 'manifest' ? { go: { tab: 'config', doc: '' } } : manifest(`config:${which}`)
}

/** A layer of another image of the index; also where this one has the same. */
function toOther(digest: string, { summary }: Session, which: string, { layers, rootfs }: Document): Lead | undefined {
  const first = (one: ChildManifest) => summary?.manifests?.find(m => m.platform === one.platform) === one
  const of = summary?.manifests?.find(m => m.digest === which.replace('config:', ''))
  const layer = (rootfs?.diff_ids ?? layers?.map(l => l.digest) ?? []).indexOf(digest)
  if (layer < 0 || !of?.platform || of.platform.startsWith('unknown') || !first(of)) return undefined
  return { go: { tab: 'files', layer, path: '', query: '' }, platform: of.platform }
}

/** What else a document describes: more of the graph, JSON to read, or bytes to keep. */
function toBlob(digest: string, document: Document): Lead | undefined {
  const d = described(document, digest)
  if (!d) return undefined
  if (MANIFEST.test(d.mediaType)) return { go: { tab: 'manifest', doc: digest } }
  return /\bjson$/.test(d.mediaType) && d.size <= MOST ? { go: { tab: 'manifest', doc: `blob:${digest}` } } : { blob: digest }
}

/** The descriptor of a digest, wherever it stands. */
function described(value: unknown, digest: string): Descriptor | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const d = value as Partial<Descriptor>
  if (d.digest === digest && typeof d.mediaType === 'string' && typeof d.size === 'number') return d as Descriptor
  for (const inner of Object.values(value)) {
    const found = described(inner, digest)
    if (found) return found
  }
  return undefined
}
