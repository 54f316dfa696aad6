import type { Session } from './session.js'
import type { View } from './view.js'

/** What a view may call a document by: see Documents. */
const DOCUMENT = /^$|^index$|^((config|blob):)?[a-z0-9]+:[0-9a-f]{32,}$/

/** An address may ask for what the open image does not have: what is shown instead, and that in words. The same view where there is nothing to say. */
export function settled(view: View, { summary, phase, layers, image }: Session): { view: View; words: string[] } {
  if (!summary || phase === 'opening') return { view, words: [] }
  const change: Partial<View> = {}
  const words: string[] = []
  if (view.layer !== undefined && view.layer >= layers.length) {
    change.layer = undefined
    if (image) words.push(`There is no layer ${view.layer} here: the ${layers.length} layers are counted from 0. All of them are shown together.`)
  }
  if (!DOCUMENT.test(view.doc)) {
    change.doc = ''
    words.push(`"${view.doc}" names no document: one is named by its digest. The image's own is shown.`)
  }
  return Object.keys(change).length === 0 ? { view, words } : { view: { ...view, ...change }, words }
}
