import { Slices } from './slice.js'
import { ROOT, type Tree } from './tree.js'

/** So many are listed; nobody reads further. */
const MOST = 20_000

/** Finds names by a part of them, or by a glob as the command line takes it. */
export async function search(tree: Tree, query: string, signal: AbortSignal): Promise<{ found: Int32Array; more: boolean }> {
  const match = matcher(tree, query)
  const slices = new Slices()
  const found: number[] = []
  for (const node of tree.walk()) {
    if (match(node)) found.push(node)
    if (found.length === MOST) return { found: new Int32Array(found), more: true }
    const pause = slices.pause(signal)
    if (pause) await pause
  }
  return { found: new Int32Array(found), more: false }
}

/** Whether it is a pattern, and not a part of a name. */
export const isGlob = (query: string): boolean => /[*?[\\]/.test(query)

function matcher(tree: Tree, query: string): (node: number) => boolean {
  const wanted = query.toLowerCase()
  if (isGlob(query)) {
    const match = glob(query)
    const names = namesOf(tree)
    return node => match(names(node))
  }
  if (query.includes('/')) {
    const names = namesOf(tree)
    return node => `/${names(node).join('/')}`.toLowerCase().includes(wanted)
  }
  const bytes = new TextEncoder().encode(wanted)
  return node => tree.nameIncludes(node, bytes) ?? tree.name(node).toLowerCase().includes(wanted)
}

/** The names of each path, its own the last. In the order of a walk most are those of the path before. */
function namesOf(tree: Tree): (node: number) => string[] {
  const names: string[] = []
  const above: number[] = [ROOT]
  return node => {
    while (above.at(-1) !== tree.parent(node)) above.pop()
    names.length = above.length - 1
    names.push(tree.name(node))
    if (tree.hasKids(node)) above.push(node)
    return names
  }
}

/** ** crosses folders, a pattern without / matches names; the same rules as in core/glob.go. */
function glob(pattern: string): (names: string[]) => boolean {
  const parts = pattern.split('/').filter(p => p !== '' && p !== '.')
  if (!pattern.includes('/')) parts.unshift('**')
  const tests = parts.map(part => (part === '**' ? undefined : component(part)))
  return names => matches(tests, names)
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
