// What is shown of an image: kept in the fragment of the URL, so that back, reload and a shared link restore it.

export const TABS = ['files', 'layers', 'largest', 'map', 'config', 'manifest', 'copy'] as const
export type Tab = (typeof TABS)[number]

export interface View {
  tab: Tab
  /** the layer whose own entries are listed; undefined for the merged file system */
  layer: number | undefined
  /** what is selected, absolute; "" for nothing */
  path: string
  query: string
  sort: 'name' | 'size'
  /** the folder that the map shows */
  zoom: string
  /** the digest of the document that is shown; "" for the image's own */
  doc: string
}

export const FRESH: View = { tab: 'files', layer: undefined, path: '', query: '', sort: 'name', zoom: '', doc: '' }

/** Asks the element to show something else. */
export class Go extends Event {
  constructor(readonly change: Partial<View>, readonly replace = false) {
    super('go', { bubbles: true, composed: true })
  }
}

/** Where an image comes from, as the fragment says it. */
export interface Place {
  ref: string
  /** a file or folder of this machine, which has no address: its name */
  file: string
  /** which image of the file, with its separator */
  tag: string
  platform: string
}

export function write(place: Place, view: View): string {
  const p = new URLSearchParams()
  const set = (key: string, value: string, none = '') => { if (value !== none) p.set(key, value) }
  set('ref', place.ref)
  set('file', place.file)
  set('tag', place.tag)
  set('platform', place.platform)
  set('tab', view.tab, 'files')
  if (view.layer !== undefined) p.set('layer', String(view.layer))
  set('path', view.path)
  set('q', view.query)
  set('sort', view.sort, 'name')
  set('zoom', view.zoom)
  set('doc', view.doc)
  return readable(p.toString())
}

/** A fragment may hold these as they are (RFC 3986 section 3.5), which is easier on the eye. */
const readable = (text: string) => text.replace(/%2F/g, '/').replace(/%3A/g, ':').replace(/%40/g, '@')

/** A path as the tree has it. */
const absolute = (path: string): string => (path === '' ? '' : `/${path.split('/').filter(name => name !== '').join('/')}`)

export function read(fragment: string): { place: Place; view: View } {
  const p = new URLSearchParams(fragment.replace(/^#/, ''))
  const get = (key: string) => p.get(key) ?? ''
  const layer = /^\d{1,4}$/.test(get('layer')) ? Number(get('layer')) : undefined
  const tab = TABS.find(t => t === get('tab')) ?? 'files'
  return {
    place: { ref: get('ref'), file: get('file'), tag: get('tag'), platform: get('platform') },
    view: { tab, layer, path: absolute(get('path')), query: get('q'), sort: get('sort') === 'size' ? 'size' : 'name', zoom: absolute(get('zoom')), doc: get('doc') },
  }
}
