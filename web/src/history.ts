import type { LayerState } from './session.js'

export interface Moment {
  layer: number
  /** what happened to the path there */
  what: 'added' | 'changed' | 'removed'
  size: number | undefined
}

/** What the layers did to a path, from the bottom up. */
export function historyOf(path: string, layers: LayerState[]): Moment[] {
  const moments: Moment[] = []
  const wanted = new TextEncoder().encode(path)
  let there = false
  for (const { index, entries } of layers) {
    let size: number | undefined
    let set = false
    let gone = false
    for (const at of entries.addresses()) {
      const { type } = entries.kind(at)
      if (type !== 'whiteout' && entries.hasPath(at, wanted)) {
        set ||= type !== 'opaque'
        if (type === 'file') size = entries.size(at)
      } else if ((type === 'whiteout' || type === 'opaque') && hides(entries.path(at), type, path)) {
        gone = true
      }
    }
    if (set) moments.push({ layer: index, what: there ? 'changed' : 'added', size })
    else if (gone && there) moments.push({ layer: index, what: 'removed', size: undefined })
    there = set || (there && !gone)
  }
  return moments
}

function hides(at: string, type: string, path: string): boolean {
  const below = path.startsWith(at === '/' ? '/' : `${at}/`)
  return type === 'whiteout' ? below || at === path : below
}
