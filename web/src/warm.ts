// A browser compiles what a page does when it does it first, which took more than half of the time until the first image was shown. So
// the page shows a small image where nobody sees it, while a person looks for theirs.

import warmUrl from '../build/warm.tar?url'
import { Inspector } from './inspector.js'
import type { Subject } from './loader.js'

/** Once for what compiles quickly, and more for what is compiled better after it ran often. */
const ROUNDS = 3

/** Opens it as any other image. It ends when somebody opens theirs, or with what goes wrong. */
export async function warm(signal: AbortSignal): Promise<void> {
  const blob = await (await fetch(warmUrl, { signal })).blob()
  const subject: Subject = { kind: 'file', title: 'warm.tar', base: 'oci-archive:warm.tar', suffix: ':latest', inputs: { 'warm.tar': blob }, unkept: true }
  const unseen = new Inspector()
  unseen.inert = true
  Object.assign(unseen.style, { position: 'fixed', inset: '0', height: '100%', visibility: 'hidden', zIndex: '-1' })
  signal.throwIfAborted()
  signal.addEventListener('abort', () => unseen.remove(), { once: true })
  document.body.append(unseen)
  for (let round = 0; round < ROUNDS && !signal.aborted; round++) await unseen.session.open(() => subject)
  unseen.remove()
}
