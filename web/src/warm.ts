// A browser compiles what a module does when it does it first, which took half of the time until the first image was shown. So the page
// has the module read a small image, while a person looks for theirs.

import warmUrl from '../build/warm.tar?url'
import type { Engine } from './engine.js'

/** Reads it as a session reads an image. Nothing of it is kept or shown. */
export async function warm(e: Engine, signal: AbortSignal): Promise<void> {
  const inputs = { 'warm.tar': await (await fetch(warmUrl, { signal })).blob() }
  const ref = 'oci-archive:warm.tar:latest'
  const options = { inputs, signal }
  await e.tags({ ref: 'oci-archive:warm.tar' }, options)
  await e.inspect({ ref }, options)
  await e.layers({ ref, entries: true, files: true }, { ...options, packed: { by: 'layers', take: () => {} } })
  await e.inspect({ ref, referrers: true }, options)
}
