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
  let there = false
  for (const { index, entries } of layers) {
    let size: number | undefined
    let set = false
    let gone = false
    for (const e of entries) {
      if (e.path === path && e.type !== 'whiteout') {
        set ||= e.type !== 'opaque'
        if (e.type === 'file') size = e.size
      } else if ((e.type === 'whiteout' || e.type === 'opaque') && hides(e.path, e.type, path)) {
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
