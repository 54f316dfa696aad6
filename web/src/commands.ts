import { quoted } from './format.js'
import type { Session } from './session.js'
import type { View } from './view.js'

/** The command line that gives what is shown. */
export function commandFor(session: Session, view: View): string {
  const platform = session.platform || (session.summary?.kind === 'index' ? session.image?.platform : '')
  const words = (verb: string, ...rest: string[]) =>
    ['stevedore', verb, ...(platform ? ['--platform', platform] : []), ...rest.filter(Boolean)].map(quoted).join(' ')
  const ref = session.subject?.kind === 'example' ? session.ref.replace('oci-archive:harbor.tar', 'oci:testdata/harbor') : session.ref
  const layer = view.layer === undefined ? [] : ['--layer', String(view.layer)]
  switch (view.tab) {
    case 'config': return words('inspect', '--config', ref)
    case 'manifest':
      if (view.doc.startsWith('sha')) return `stevedore inspect --raw ${quoted(`${session.subject?.base}@${view.doc}`)}`
      return view.doc === 'index' ? `stevedore inspect --raw ${quoted(ref)}` : words('inspect', '--raw', ref)
    default:
  }
  const node = view.path ? (view.layer === undefined ? session.tree : session.layerTree(view.layer)).find(view.path) : undefined
  if (node && !node.isFolder && node.item.type === 'file') return words('cat', ...layer, ref, view.path)
  if (node?.isFolder) return words('export', ...layer, ref, view.path)
  if (view.query && view.tab === 'files') return words('files', ...layer, ref, /[*?[\\]/.test(view.query) ? view.query : `*${view.query}*`)
  if (view.tab === 'files' && view.layer !== undefined) return words('files', '--long', ...layer, ref)
  if (view.tab === 'files' || view.tab === 'layers') return words('layers', ref)
  return words('files', '--long', ref)
}
