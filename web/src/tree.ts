import type { FileItem } from '../../wasm/js/verbs.js'

export type Kind = FileItem['type']

/** One name of a file system. What is in folders comes from there being thousands of them: no object for each property. */
export class Node {
  kids: Node[] = NO_KIDS
  /** bytes and number of files in it, itself included */
  total = 0
  files = 0
  #index: Map<string, Node> | undefined
  #bySize: Node[] | undefined

  constructor(
    readonly name: string,
    readonly parent: Node | null,
    public item: Facts,
  ) {}

  get isFolder(): boolean {
    return this.item.type === 'dir' || this.kids.length > 0
  }

  get path(): string {
    const names: string[] = []
    for (let n: Node = this; n.parent; n = n.parent) names.push(n.name)
    return `/${names.reverse().join('/')}`
  }

  /** How many folders are above it, not counting the root. */
  get depth(): number {
    let depth = -1
    for (let n = this.parent; n; n = n.parent) depth++
    return depth
  }

  child(name: string): Node | undefined {
    if (this.kids.length > 8 && !this.#index) this.#index = new Map(this.kids.map(k => [k.name, k]))
    return this.#index ? this.#index.get(name) : this.kids.find(k => k.name === name)
  }

  append(kid: Node): void {
    if (this.kids === NO_KIDS) this.kids = []
    this.kids.push(kid)
    this.#index?.set(kid.name, kid)
    this.#bySize = undefined
  }

  /** Adds to this and to every folder above. */
  weigh(bytes: number, files: number): void {
    for (let n: Node | null = this; n; n = n.parent) {
      n.total += bytes
      n.files += files
      n.#bySize = undefined
    }
  }

  /** The children, the largest first. Comparing numbers in a typed array is many times faster than calling a function. */
  get bySize(): Node[] {
    if (this.#bySize) return this.#bySize
    const n = this.kids.length
    if (n > 2 ** 20) return (this.#bySize = this.kids.toSorted((a, b) => b.total - a.total))
    const keys = new Float64Array(n)
    for (let i = 0; i < n; i++) keys[i] = Math.min(this.kids[i]!.total, 2 ** 33) * 2 ** 20 + (2 ** 20 - 1 - (i & (2 ** 20 - 1)))
    keys.sort()
    this.#bySize = Array.from(keys.reverse(), key => this.kids[2 ** 20 - 1 - (key % 2 ** 20)]!)
    return this.#bySize
  }
}

const NO_KIDS: Node[] = []

/** What is known of a path, without the path. */
export type Facts = Pick<FileItem, 'type' | 'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'linkTarget' | 'hardlinkOf' | 'layer'> & {
  xattrs?: string[]
  /** an opaque whiteout: what lower layers have in the folder is hidden */
  emptied?: boolean
}

const IMPLICIT: Facts = { type: 'dir', mode: '0755', uid: 0, gid: 0, size: 0, mtime: '', layer: -1 }

/** A file system that grows while it is shown. */
export class Tree {
  readonly root = new Node('', null, IMPLICIT)
  count = 0
  /** changes whenever something was added */
  version = 0
  #lastDir = this.root
  #lastPath = ''

  add({ path, type, mode, uid, gid, size, mtime, linkTarget, hardlinkOf, layer, xattrs }: FileItem): void {
    const facts: Facts = { type, mode, uid, gid, size, mtime, layer }
    if (linkTarget !== undefined) facts.linkTarget = linkTarget
    if (hardlinkOf !== undefined) facts.hardlinkOf = hardlinkOf
    if (xattrs.length > 0) facts.xattrs = xattrs
    this.version++
    if (path === '/') {
      this.root.item = facts
      return
    }
    const cut = path.lastIndexOf('/')
    const dir = this.#folder(path.slice(0, cut))
    const name = path.slice(cut + 1)
    const known = dir.child(name)
    if (type === 'whiteout' && known) return // the layer puts something in its place
    if (type === 'opaque') Object.assign(facts, { ...(known?.item ?? IMPLICIT), layer, emptied: true })
    else if (known?.item.emptied) facts.emptied = true
    const node = known ?? new Node(name, dir, facts)
    if (known) known.weigh(-weight(known.item), -one(known.item))
    else dir.append(node)
    node.item = facts
    node.weigh(weight(facts), one(facts))
    this.count += known ? 0 : 1
  }

  /** Siblings come one after the other, so that the folder is mostly the last one. */
  #folder(path: string): Node {
    if (path === this.#lastPath) return this.#lastDir
    let dir = this.root
    for (const name of path.split('/')) {
      if (name === '') continue
      let next = dir.child(name)
      if (!next) {
        next = new Node(name, dir, IMPLICIT)
        dir.append(next)
      }
      dir = next
    }
    this.#lastPath = path
    this.#lastDir = dir
    return dir
  }

  find(path: string): Node | undefined {
    let at: Node | undefined = this.root
    for (const name of path.split('/')) if (name !== '') at = at?.child(name)
    return at
  }

  /** Every name below a folder, folders before what is in them. */
  *walk(from: Node = this.root): Generator<Node> {
    for (const kid of from.kids) {
      yield kid
      if (kid.kids.length > 0) yield* this.walk(kid)
    }
  }
}

const weight = (f: Facts) => (f.type === 'file' && f.hardlinkOf === undefined ? f.size : 0)
const one = (f: Facts) => (f.type === 'dir' || f.type === 'whiteout' ? 0 : 1)
