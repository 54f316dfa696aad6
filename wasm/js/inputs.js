// Inputs are the files that a caller names for a call. Whatever form they come in, here they become one tree of nodes:
// a Map for a directory, {size, read} or {size, open} for a file, {list, open} for a directory that is read when asked for.

const isBlob = v => typeof Blob === 'function' && v instanceof Blob
const isLazy = v => typeof v.list === 'function' && typeof v.open === 'function'
const isFile = v => typeof v.size === 'number' && (typeof v.read === 'function' || typeof v.open === 'function')

/** "./a//b" → ["a", "b"]; a leading slash stays, since "/a" and "a" are two names. @param {string} name */
function segments(name) {
  const parts = name.split('/').filter(s => s !== '' && s !== '.')
  return name.startsWith('/') ? ['/', ...parts] : parts
}

/**
 * @param {import('./index.d.ts').Inputs | undefined} inputs
 * @returns {Map<string, object>}
 */
export function tree(inputs) {
  const root = new Map()
  if (!inputs) return root
  if (isBlob(inputs) || ArrayBuffer.isView(inputs)) throw new TypeError('inputs is a map from names to files, not one file')
  for (const [name, value] of pairs(inputs)) insert(root, segments(name), value)
  return root
}

/** A list of files as a page has them, a Map, or an object. */
function pairs(inputs) {
  if (inputs instanceof Map) return inputs
  if (typeof inputs[Symbol.iterator] === 'function') return Array.from(inputs, f => [f.webkitRelativePath || f.name, f])
  return Object.entries(inputs)
}

function insert(dir, path, value) {
  const name = path[path.length - 1]
  if (name === undefined) throw new TypeError('an input has an empty name')
  for (const part of path.slice(0, -1)) {
    if (!dir.has(part)) dir.set(part, new Map())
    dir = dir.get(part)
    if (!(dir instanceof Map)) throw new TypeError(`the input ${part} is a file and a directory`)
  }
  dir.set(name, node(name, value))
}

function node(name, value) {
  if (value === null || typeof value !== 'object') throw new TypeError(`the input ${name} is neither file nor directory`)
  if (isBlob(value)) {
    return { size: value.size, blob: value, read: async (off, n) => new Uint8Array(await value.slice(off, off + n).arrayBuffer()) }
  }
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const all = ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value)
    return { size: all.length, read: async (off, n) => all.subarray(off, off + n) }
  }
  if (isLazy(value) || isFile(value)) return value
  return tree(value)
}

/**
 * @param {Map<string, object>} root
 * @param {string} name as the guest asks for it
 * @returns {Promise<object | undefined>} a node
 */
export async function find(root, name) {
  let at = root
  for (const part of segments(name)) {
    if (at instanceof Map) at = at.get(part)
    else if (at && isLazy(at)) at = await opened(at, part)
    else return undefined
  }
  return at === root ? undefined : at
}

async function opened(dir, name) {
  const value = await dir.open(name)
  return value ? node(name, value) : undefined
}

/**
 * What `opened` says of a node.
 * @param {object} found
 */
export async function describe(found) {
  if (!(found instanceof Map) && !isLazy(found)) return { kind: 'file', size: found.size }
  const entries = found instanceof Map ? Array.from(found, ([name, n]) => entry(name, n)) : await found.list()
  return { kind: 'dir', entries }
}

function entry(name, n) {
  return n instanceof Map || isLazy(n) ? { name, dir: true } : { name, size: n.size }
}

/**
 * Every file of a tree with its whole name. Directories that are read when asked for are read now.
 * @param {object} dir a node that is a directory
 * @param {string} [prefix]
 * @returns {AsyncIterable<[string, object]>}
 */
export async function* walk(dir, prefix = '') {
  const names = dir instanceof Map ? dir.keys() : (await dir.list()).map(entry => entry.name)
  for (const name of names) {
    const at = dir instanceof Map ? dir.get(name) : await opened(dir, name)
    if (!at) continue // it has gone since it was listed
    if (at instanceof Map || isLazy(at)) yield* walk(at, `${prefix}${name}/`)
    else yield [prefix + name, at]
  }
}
