// Artifacts: what is no image, but is stored as one. Signatures, SBOMs and attestations refer to an image in this way.

import type { Descriptor, InspectOut, Referrer } from '../../wasm/js/verbs.js'

const TITLE = 'org.opencontainers.image.title'
const PREDICATE = 'in-toto.io/predicate-type'

/** The blobs of an artifact under names as files have them: what their makers call them, else what they are. */
export function namedBlobs(blobs: Descriptor[]): Map<string, Descriptor> {
  const named = new Map<string, Descriptor>()
  for (const blob of blobs) {
    const { mediaType, digest, annotations = {} } = blob
    const path = pathOf(annotations[TITLE] ?? '') || `${plain(annotations[PREDICATE] ?? digest)}${/\bjson$/.test(mediaType) ? '.json' : ''}`
    const free = [...named.keys()].every(known => known !== `/${path}` && !known.startsWith(`/${path}/`) && !`/${path}`.startsWith(`${known}/`))
    named.set(free ? `/${path}` : `/${plain(digest)} ${path.replaceAll('/', '-')}`, blob)
  }
  return named
}

/** A title may be a path. */
const pathOf = (title: string): string => title.split('/').filter(name => name !== '' && name !== '.' && name !== '..').join('/')

/** "https://slsa.dev/provenance/v1" as "slsa.dev-provenance-v1", and the beginning of a digest. */
function plain(name: string): string {
  const [, algorithm, hex = ''] = /^(\w+):([0-9a-f]{32,})$/.exec(name) ?? []
  return algorithm ? `${algorithm}-${hex.slice(0, 12)}` : name.replace(/^\w+:\/*/, '').replace(/[^\w.+-]+/g, '-')
}

const KINDS: [RegExp, string][] = [
  [/attestation|in-toto|provenance|\.att$/i, 'Attestation'],
  [/spdx|cyclonedx|sbom/i, 'SBOM'],
  [/sigstore\.bundle|cosign|notary|signature|\.sig$/i, 'Signature'],
]

/** What something that refers to an image is, in a word or two; its type where that is not known. */
export const artifactWords = (type: string): string => KINDS.find(([known]) => known.test(type))?.[1] ?? (type || 'Artifact')

/** What is attached to the image or the index that is shown: digests, and what they are. */
export function attachedTo(summary: InspectOut, referrers: Referrer[]): { digest: string; words: string }[] {
  const image = summary.image?.digest
  const built = (summary.manifests ?? []).filter(m => image !== undefined && m.attestationFor === image)
  const attached = [...built.map(m => ({ digest: m.digest, type: 'attestation' })), ...referrers.map(r => ({ digest: r.digest, type: r.artifactType ?? r.tag ?? '' }))]
  return [...new Map(attached.map(({ digest, type }) => [digest, { digest, words: artifactWords(type) }])).values()]
}
