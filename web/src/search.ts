import type { Node, Tree } from './tree.js'
import { Slices } from './slice.js'

/** So many are listed; nobody reads further. */
const MOST = 20_000

/** Finds names by a part of them, or by a glob as the command line takes it. */
export async function search(tree: Tree, query: string, signal: AbortSignal): Promise<{ found: Node[]; more: boolean }> {
  const match = matcher(query)
  const slices = new Slices()
  const found: Node[] = []
  for (const node of tree.walk()) {
    if (match(node)) found.push(node)
    if (found.length === MOST) return { found, more: true }
    const pause = slices.pause(signal)
    if (pause) await pause
  }
  return { found, more: false }
}

function matcher(query: string): (node: Node) => boolean {
  if (/[*?[\\]/.test(query)) return glob(query)
  const wanted = query.toLowerCase()
  if (query.includes('/')) return node => node.path.toLowerCase().includes(wanted)
  return node => node.name.toLowerCase().includes(wanted)
}

/** ** crosses folders, a pattern without / matches names; the same rules as in core/glob.go. */
export function glob(pattern: string): (node: Node) => boolean {
  const parts = pattern.split('/').filter(p => p !== '' && p !== '.')
  if (!pattern.includes('/')) parts.unshift('**')
  const tests = parts.map(part => (part === '**' ? undefined : component(part)))
  return node => matches(tests, names(node))
}

function names(node: Node): string[] {
  const all: string[] = []
  for (let n: Node = node; n.parent; n = n.parent) all.push(n.name)
  return all.reverse()
}

/** After a failure only the last ** takes one name more, so that it ends soon. */
function matches(tests: (RegExp | undefined)[], path: string[]): boolean {
  let p = 0
  let n = 0
  let star = -1
  let from = 0
  while (n < path.length) {
    if (p < tests.length && tests[p] === undefined) {
      star = p++
      from = n
    } else if (p < tests.length && tests[p]!.test(path[n]!)) {
      p++
      n++
    } else if (star < 0) {
      return false
    } else {
      n = ++from
      p = star + 1
    }
  }
  while (p < tests.length && tests[p] === undefined) p++
  return p === tests.length
}

/** One component of a pattern, as Go's path.Match reads it; what is no pattern matches nothing. */
function component(part: string): RegExp {
  let source = ''
  for (let i = 0; i < part.length; i++) {
    const c = part[i]!
    if (c === '*') source += '[^/]*'
    else if (c === '?') source += '[^/]'
    else if (c === '\\' && i + 1 < part.length) source += escaped(part[++i]!)
    else if (c === '[') {
      const end = part.indexOf(']', i + 2)
      if (end < 0) return /(?!)/
      const set = part.slice(i + 1, end).replace(/\\(.)/g, '$1')
      const negated = set.startsWith('^')
      source += `[${negated ? '^' : ''}${(negated ? set.slice(1) : set).replace(/[\]\\^[]/g, '\\$&')}]`
      i = end
    } else source += escaped(c)
  }
  try {
    return new RegExp(`^${source}$`, 'us')
  } catch {
    return /(?!)/
  }
}

const escaped = (c: string) => c.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
