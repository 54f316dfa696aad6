import { quoted } from './format.js'
import { isGlob } from './search.js'
import type { Session } from './session.js'
import type { View } from './view.js'

/** The command line that gives what is shown. */
export function commandFor(session: Session, view: View): string {
  const platform = session.platform || (session.summary?.kind === 'index' ? session.image?.platform : '')
  const words = (verb: string, ...rest: string[]) =>
    ['stevedore', verb, ...(platform ? ['--platform', platform] : []), ...rest.filter(Boolean)].map(quoted).join(' ')
  const { kind, base: place = '', suffix = '' } = session.subject ?? {}
  const base = kind === 'example' ? 'oci:testdata/harbor' : place
  const ref = base + suffix
  const layer = view.layer === undefined ? [] : ['--layer', String(view.layer)]
  switch (view.tab) {
    case 'copy': {
      const { chosen, file } = session.copying
      return ['stevedore', 'copy', ...(chosen ? ['--platform', chosen] : []), ref, session.copying.destination(file) || 'REGISTRY/NAME:TAG'].map(quoted).join(' ')
    }
    case 'config': return words('inspect', '--config', ref)
    case 'manifest':
      if (view.doc.startsWith('config:')) return `stevedore inspect --config ${quoted(view.doc.replace('config:', `${base}@`))}`
      if (view.doc.startsWith('blob:')) return `stevedore blob get ${quoted(view.doc.replace('blob:', `${base}@`))}`
      if (view.doc.startsWith('sha')) return `stevedore inspect --raw ${quoted(`${base}@${view.doc}`)}`
      return view.doc === 'index' ? `stevedore inspect --raw ${quoted(ref)}` : words('inspect', '--raw', ref)
    default:
  }
  const blob = session.blobs.get(view.path)
  if (blob) return `stevedore blob get ${quoted(`${base}@${blob.digest}`)}`
  if (session.blobs.size > 0) return words('inspect', ref)
  const node = view.path ? (view.layer === undefined ? session.tree : session.layerTree(view.layer)).find(view.path) : undefined
  if (node && !node.isFolder && node.item.type === 'file') return words('cat', ...layer, ref, view.path)
  if (node?.isFolder) return words('export', ...layer, ref, view.path)
  if (view.query && view.tab === 'files') return isGlob(view.query) ? words('files', ...layer, ref, view.query) : `${words('files', ...layer, ref)} | grep -i ${quoted(named(view.query))}`
  if (view.tab === 'files' && view.layer !== undefined) return words('files', '--long', ...layer, ref)
  if (view.tab === 'files' || view.tab === 'layers') return words('layers', ref)
  return `${words('files', '--json', ...layer, ref)} | jq -r ${quoted(LARGEST)}`
}

/** The files with their bytes, the largest first; a hard link has those of another one. */
const LARGEST = 'map(select(.type == "file" and (.hardlinkOf | not))) | sort_by(-.size)[] | "\\(.size) \\(.path)"'

/** What grep takes for paths that have a text in their name, or in all of them where the text has a slash. */
function named(text: string): string {
  const literal = text.replace(/[.^$]/g, '\\$&').replace(/^-/, '[-]')
  return text.includes('/') ? literal : `${literal}[^/]*$`
}
