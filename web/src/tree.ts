import { type Facts, type Records, includes, textOf } from './records.js'

const SLASH = 47
export const ROOT = 0
/** no node */
const NONE = -1

/** The folder is there because of what is in it: no record says what it is. */
const IMPLICIT = 1
/** An opaque whiteout: what lower layers have in the folder is hidden. */
const EMPTIED = 2

export type NodeFacts = Facts & { emptied?: boolean }

/** The children of a node, in both orders. */
interface Lists {
  version: number
  kids: Int32Array
  bySize: Int32Array | undefined
}

/** Two to the twentieth part of a sorting key is the place in the list. */
const PLACES = 2 ** 20

/**
 * A file system that grows while it is shown. A node is a number, 0 is the root; what is known of it lies in columns and in the
 * records of the files. (An object for each of a hundred thousand names costs five times the memory, and pauses to collect it.)
 */
export class Tree {
  count = 0
  /** changes whenever something was added */
  version = 0
  #nodes = 0
  #parents = new Int32Array(64)
  /** the record that the node comes from */
  #records = new Uint32Array(64)
  /** where the name lies in the bytes of the record */
  #names = new Uint32Array(64)
  #nameEnds = new Uint32Array(64)
  #flags = new Uint8Array(64)
  #firsts = new Int32Array(64)
  #lasts = new Int32Array(64)
  #nexts = new Int32Array(64)
  #totals = new Float64Array(64)
  #files = new Uint32Array(64)
  /** how many children */
  #counts = new Uint32Array(64)
  #hashes = new Int32Array(64)
  /** nodes by hash, each plus one; open addressing, at most half full */
  #table = new Int32Array(128)
  #known = new Map<number, Lists>()
  /** the last name of the path that was followed last */
  #nameFrom = 0
  #nameTo = 0

  constructor(readonly records: Records) {
    this.#append(NONE, 0, 0, 0, 0)
  }

  /** Takes records that its list has not had before. */
  take(piece: Uint8Array): void {
    this.records.append(piece, at => this.add(at))
  }

  /** Adds one record of the list. */
  add(at: number): void {
    this.version++
    const known = this.#nodes
    const node = this.#reach(at)
    const { type } = this.records.kind(at)
    const fresh = node >= known
    this.count += fresh ? 1 : 0
    if (type === 'whiteout' && !fresh) return // the layer puts something in its place
    if (type === 'opaque') {
      this.#flags[node]! |= EMPTIED
      return
    }
    this.#weigh(node, -1)
    this.#flags[node]! &= ~IMPLICIT
    this.#records[node] = at
    this.#names[node] = this.#nameFrom
    this.#nameEnds[node] = this.#nameTo
    this.#weigh(node, 1)
  }

  /** The node of the path of a record, made with the folders above where it is not there. */
  #reach(at: number): number {
    const { records } = this
    const bytes = records.bytes(at)
    let from = records.pathStart(at)
    const to = from + records.pathLength(at)
    let node = ROOT
    for (;;) {
      while (from < to && bytes[from] === SLASH) from++
      if (from === to) return node
      let end = from
      while (end < to && bytes[end] !== SLASH) end++
      const hash = hashOf(node, bytes, from, end)
      const next = this.#child(node, hash, bytes, from, end)
      node = next === NONE ? this.#append(node, hash, at, from, end) : next
      this.#nameFrom = from
      from = this.#nameTo = end
    }
  }

  #child(parent: number, hash: number, bytes: Uint8Array, from: number, to: number): number {
    const mask = this.#table.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const node = this.#table[slot]! - 1
      if (node < 0) return NONE
      if (this.#hashes[node] === hash && this.#parents[node] === parent && this.#named(node, bytes, from, to)) return node
    }
  }

  #named(node: number, bytes: Uint8Array, from: number, to: number): boolean {
    const start = this.#names[node]!
    if (this.#nameEnds[node]! - start !== to - from) return false
    const own = this.records.bytes(this.#records[node]!)
    for (let i = to - from - 1; i >= 0; i--) if (own[start + i] !== bytes[from + i]) return false
    return true
  }

  #append(parent: number, hash: number, at: number, from: number, to: number): number {
    const node = this.#nodes++
    if (node === this.#parents.length) this.#grow()
    this.#parents[node] = parent
    this.#records[node] = at
    this.#names[node] = from
    this.#nameEnds[node] = to
    this.#flags[node] = IMPLICIT
    this.#hashes[node] = hash
    this.#firsts[node] = this.#lasts[node] = this.#nexts[node] = NONE
    if (parent === NONE) return node
    if (this.#firsts[parent] === NONE) this.#firsts[parent] = node
    else this.#nexts[this.#lasts[parent]!] = node
    this.#lasts[parent] = node
    this.#counts[parent]!++
    this.#enter(node)
    return node
  }

  #enter(node: number): void {
    const mask = this.#table.length - 1
    let slot = this.#hashes[node]! & mask
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask
    this.#table[slot] = node + 1
  }

  #grow(): void {
    this.#parents = doubled(this.#parents)
    this.#records = doubled(this.#records)
    this.#names = doubled(this.#names)
    this.#nameEnds = doubled(this.#nameEnds)
    this.#flags = doubled(this.#flags)
    this.#firsts = doubled(this.#firsts)
    this.#lasts = doubled(this.#lasts)
    this.#nexts = doubled(this.#nexts)
    this.#totals = doubled(this.#totals)
    this.#files = doubled(this.#files)
    this.#counts = doubled(this.#counts)
    this.#hashes = doubled(this.#hashes)
    this.#table = new Int32Array(2 * this.#table.length)
    for (let node = 1; node < this.#nodes - 1; node++) this.#enter(node)
  }

  /** Adds what the node itself is to it and to every folder above, or takes it away. */
  #weigh(node: number, sign: 1 | -1): void {
    if (this.#flags[node]! & IMPLICIT) return
    const at = this.#records[node]!
    const { type } = this.records.kind(at)
    const bytes = type === 'file' && !this.records.isHardlink(at) ? sign * this.records.size(at) : 0
    const files = type === 'dir' || type === 'whiteout' ? 0 : sign
    if (bytes === 0 && files === 0) return
    for (let n = node; n !== NONE; n = this.#parents[n]!) {
      this.#totals[n]! += bytes
      this.#files[n]! += files
    }
  }

  get root(): Node {
    return this.node(ROOT)
  }

  node(number: number): Node {
    return new Node(this, number)
  }

  find(path: string): Node | undefined {
    let node = ROOT
    for (const name of path.split('/')) {
      if (name === '') continue
      const bytes = encoder.encode(name)
      node = this.#child(node, hashOf(node, bytes, 0, bytes.length), bytes, 0, bytes.length)
      if (node === NONE) return undefined
    }
    return this.node(node)
  }

  /** Every name below a folder, folders before what is in them. */
  *walk(from = ROOT): Generator<number> {
    for (let node = this.#firsts[from]!; node !== NONE; ) {
      yield node
      let next = this.#firsts[node]!
      while (next === NONE && node !== from) {
        next = this.#nexts[node]!
        node = this.#parents[node]!
      }
      node = next
    }
  }

  /** The children as they came. */
  kids(of: number): Int32Array {
    return this.#lists(of).kids
  }

  /** The children, the largest first. */
  bySize(of: number): Int32Array {
    const lists = this.#lists(of)
    return (lists.bySize ??= this.largestFirst(lists.kids))
  }

  /** They are asked for again with every drawing. */
  #lists(of: number): Lists {
    const known = this.#known.get(of)
    if (known?.version === this.version) return known
    const nexts = this.#nexts
    const kids = new Int32Array(this.#counts[of]!)
    for (let node = this.#firsts[of]!, i = 0; node !== NONE; node = nexts[node]!) kids[i++] = node
    const lists = { version: this.version, kids, bySize: undefined }
    this.#known.set(of, lists)
    return lists
  }

  /** Sorts nodes. Comparing numbers in a typed array is many times faster than calling a function; a number has room for 8 GiB and the place. */
  largestFirst(nodes: Int32Array): Int32Array {
    const n = nodes.length
    const totals = this.#totals
    const keys = new Float64Array(n)
    for (let i = 0; i < n; i++) {
      const total = totals[nodes[i]!]!
      if (n > PLACES || total >= 2 ** 33) return nodes.slice().sort((a, b) => totals[b]! - totals[a]!)
      keys[i] = total * PLACES + (PLACES - 1 - i)
    }
    keys.sort()
    const sorted = new Int32Array(n)
    for (let i = 0; i < n; i++) sorted[i] = nodes[PLACES - 1 - (keys[n - 1 - i]! % PLACES)]!
    return sorted
  }

  /** The n largest of the nodes that have more than a number of bytes, in one pass: what is smaller than the smallest of them is not kept. */
  largest(nodes: Int32Array, n: number, than = 0): Int32Array {
    const totals = this.#totals
    let kept: number[] = []
    let least = than
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!
      if (totals[node]! <= least) continue
      kept.push(node)
      if (kept.length < 2 * n) continue
      kept = [...this.largestFirst(new Int32Array(kept)).subarray(0, n)]
      least = totals[kept[n - 1]!]!
    }
    return this.largestFirst(new Int32Array(kept)).subarray(0, n)
  }

  /** Every name that has nothing below it. */
  get leaves(): Int32Array {
    const firsts = this.#firsts
    const leaves = new Int32Array(this.#nodes)
    let n = 0
    for (let node = 1; node < leaves.length; node++) if (firsts[node] === NONE) leaves[n++] = node
    return leaves.subarray(0, n)
  }

  parent(node: number): number {
    return this.#parents[node]!
  }

  /** Bytes and number of files in it, itself included. */
  total(node: number): number {
    return this.#totals[node]!
  }

  files(node: number): number {
    return this.#files[node]!
  }

  hasKids(node: number): boolean {
    return this.#firsts[node] !== NONE
  }

  isFolder(node: number): boolean {
    return this.hasKids(node) || (this.#flags[node]! & IMPLICIT) !== 0 || this.records.kind(this.#records[node]!).type === 'dir'
  }

  name(node: number): string {
    return node === ROOT ? '' : textOf(this.records.bytes(this.#records[node]!), this.#names[node]!, this.#nameEnds[node]!)
  }

  /** Whether the name has a text in it, of which only lower case is given; undefined where the name is not all of ASCII. */
  nameIncludes(node: number, text: Uint8Array): boolean | undefined {
    return includes(this.records.bytes(this.#records[node]!), this.#names[node]!, this.#nameEnds[node]!, text)
  }

  facts(node: number): NodeFacts {
    const flags = this.#flags[node]!
    const at = this.#records[node]!
    const emptied = (flags & EMPTIED) !== 0 && { emptied: true }
    if (!(flags & IMPLICIT)) return { ...this.records.facts(at), ...emptied }
    return { type: 'dir', mode: '0755', uid: 0, gid: 0, size: 0, mtime: '', xattrs: undefined, layer: emptied ? this.records.kind(at).layer : -1, ...emptied }
  }
}

/** One name of a tree, for who wants to know more of it. */
export class Node {
  #facts: NodeFacts | undefined

  constructor(readonly tree: Tree, readonly number: number) {}

  get name(): string {
    return this.tree.name(this.number)
  }

  get item(): NodeFacts {
    return (this.#facts ??= this.tree.facts(this.number))
  }

  get total(): number {
    return this.tree.total(this.number)
  }

  get files(): number {
    return this.tree.files(this.number)
  }

  get isFolder(): boolean {
    return this.tree.isFolder(this.number)
  }

  get parent(): Node | null {
    return this.number === ROOT ? null : this.tree.node(this.tree.parent(this.number))
  }

  get path(): string {
    const names: string[] = []
    for (let n = this.number; n !== ROOT; n = this.tree.parent(n)) names.push(this.tree.name(n))
    return `/${names.reverse().join('/')}`
  }

  /** How many folders are above it, not counting the root. */
  get depth(): number {
    let depth = -1
    for (let n = this.number; n !== ROOT; n = this.tree.parent(n)) depth++
    return depth
  }
}

const encoder = new TextEncoder()

/** Another one for every visit, so that nobody can choose names that have the same. */
const seed = Math.floor(Math.random() * 2 ** 32)

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) of a name in a folder. */
function hashOf(parent: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = Math.imul(seed ^ parent, 0x01000193)
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash ^ (hash >>> 15)
}

function doubled<T extends Int32Array | Uint32Array | Uint8Array | Float64Array>(column: T): T {
  const longer = new (column.constructor as new (length: number) => T)(2 * column.length)
  longer.set(column)
  return longer
}
