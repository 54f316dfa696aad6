// A browser compiles what a module does when it does it first, which took half of the time until the first image was shown. So the page
// has the module read a small image, while a person looks for theirs.

import warmUrl from '../build/warm.tar?url'
import type { BrowserOptions, Engine } from './engine.js'

/** Once for what compiles quickly, and more for what is compiled better after it ran often. */
const ROUNDS = 3

/** Reads it as a session reads an image. Nothing of it is kept or shown. */
export async function warm(e: Engine, signal: AbortSignal): Promise<void> {
  const inputs = { 'warm.tar': await (await fetch(warmUrl, { signal })).blob() }
  for (let round = 0; round < ROUNDS; round++) await read(e, { inputs, signal })
}

async function read(e: Engine, options: BrowserOptions): Promise<void> {
  const ref = 'oci-archive:warm.tar:latest'
  await e.tags({ ref: 'oci-archive:warm.tar' }, options)
  await e.inspect({ ref }, options)
  await e.layers({ ref, entries: true, files: true }, { ...options, packed: { by: 'layers', take: () => {} } })
  await e.inspect({ ref, referrers: true }, options)
}
