import { StevedoreError } from '../../wasm/js/errors.js'
import { forget } from '../../wasm/js/kept.js'
import type { Descriptor, ImageInfo, InspectOut, LayerItem, Referrer } from '../../wasm/js/verbs.js'
import { namedBlobs } from './artifact.js'
import { Copying } from './copying.js'
import { build, engine, type BrowserOptions, type Engine } from './engine.js'
import type { Subject } from './loader.js'
import type { Batch } from './packer.js'
import { type Problem, problemOf } from './problem.js'
import { type Kind, MERGED, Recorder } from './record.js'
import { Records } from './records.js'
import { Slices } from './slice.js'
import { Tree } from './tree.js'

export type Phase = 'empty' | 'opening' | 'reading' | 'done' | 'failed'
export type Progress = { done: number; total: number }

/** A layer, and what is known of it so far. */
export interface LayerState {
  index: number
  digest: string
  size: number
  createdBy: string
  /** bytes of it that were read */
  read: number
  /** what the layer itself has */
  entries: Records
  stats: LayerItem | undefined
}

/** One image that is open, and what is known of it so far. Parts show it and are told when it changes. */
export class Session extends EventTarget {
  phase: Phase = 'empty'
  subject: Subject | undefined
  tags: string[] = []
  platform = ''
  summary: InspectOut | undefined
  layers: LayerState[] = []
  tree: Tree
  /** the merged tree is complete */
  merged = false
  /** what an artifact holds, by the names that its tree has for them */
  blobs = new Map<string, Descriptor>()
  /** what refers to it, where that can be told */
  referrers: Referrer[] = []
  /** the files are shown as an earlier visit found them; "checking" while the file they came from is read again */
  earlier: '' | 'kept' | 'checking' = ''
  /** of the file that is checked */
  checked: Progress = { done: 0, total: 0 }
  problem: Problem | undefined
  warnings: string[] = []
  /** of what is fetched or unpacked before the image can be opened */
  preparing: Progress | undefined
  /** by registry; never leaves the memory of this tab */
  readonly credentials = new Map<string, { username: string; password: string }>()
  readonly copying = new Copying(this)
  #abort = new AbortController()
  #trees = new Map<number, Tree>()
  /** of all lists */
  #kinds: Kind[] = []

  constructor() {
    super()
    this.tree = this.#empty()
  }

  /** Starts over with what the maker gives, which may take a while itself. With renew the layers are read though they are known. */
  async open(make: (signal: AbortSignal) => Subject | Promise<Subject>, platform = '', renew = false): Promise<void> {
    this.#abort.abort(new Error('something else was opened'))
    const abort = (this.#abort = new AbortController())
    this.phase = 'opening'
    this.subject = undefined
    this.tags = []
    this.platform = platform
    this.#clear()
    try {
      const subject = await make(abort.signal)
      abort.signal.throwIfAborted()
      this.subject = subject
      this.preparing = undefined
      if (subject.inputs) await this.#chooseTag(abort.signal)
      await this.#readOrAgain(abort.signal, renew)
    } catch (err) {
      if (abort === this.#abort) this.#fail(err)
    }
  }

  #readOrAgain(signal: AbortSignal, renew: boolean): Promise<void> {
    return this.orAnew(() => {
      if (this.summary) this.#clear()
      return this.#read(signal, renew)
    })
  }

  /** Does what reads the image. What the browser has kept of a registry may be damaged: then it is fetched anew, once. */
  async orAnew<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (err) {
      if (!(err instanceof StevedoreError) || err.kind !== 'verification' || this.subject?.kind !== 'registry') throw err
      await forget()
      return read()
    }
  }

  get ref(): string {
    return this.subject ? this.subject.base + this.subject.suffix : ''
  }

  get image(): ImageInfo | undefined {
    return this.summary?.image
  }

  /** What every request about the open image starts with. */
  get request(): { ref: string; platform?: string } {
    return { ref: this.ref, ...(this.platform && { platform: this.platform }) }
  }

  /** The platforms that an index has images for. */
  get platforms(): string[] {
    const all = (this.summary?.manifests ?? []).filter(m => m.platform && !m.platform.startsWith('unknown') && !m.attestationFor)
    return [...new Set(all.map(m => m.platform!))]
  }

  /** The layer at which reading ended too early. The merged tree is then that of the layers below it. */
  get broken(): LayerState | undefined {
    return this.phase === 'failed' && !this.merged ? this.layers.find(l => !l.stats) : undefined
  }

  get busy(): boolean {
    return this.phase === 'opening' || this.phase === 'reading'
  }

  /** Closes what is open. */
  reset(): void {
    this.#abort.abort(new Error('it was closed'))
    this.#abort = new AbortController()
    this.phase = 'empty'
    this.subject = undefined
    this.tags = []
    this.platform = ''
    this.#clear()
  }

  cancel(): void {
    this.#abort.abort(new Error('by you'))
  }

  changed(): void {
    this.dispatchEvent(new Event('change'))
  }

  options(signal?: AbortSignal): BrowserOptions {
    return {
      ...(signal && { signal }),
      ...(this.subject?.inputs && { inputs: this.subject.inputs }),
      credentials: registry => this.credentials.get(registry),
    }
  }

  /** The tree of one layer's own entries, which grows while it is shown. */
  layerTree(index: number): Tree {
    const known = this.#trees.get(index)
    if (known) return known
    const tree = new Tree(this.layers[index]?.entries ?? new Records([]))
    this.#trees.set(index, tree)
    void this.#grow(tree, this.layers[index], this.#abort.signal)
    return tree
  }

  async #grow(tree: Tree, layer: LayerState | undefined, signal: AbortSignal): Promise<void> {
    const slices = new Slices()
    for (const at of tree.records.addresses()) {
      tree.add(at)
      const pause = slices.pause()
      if (!pause) continue
      await pause
      if (signal.aborted && this.phase === 'opening') return
    }
    if (!layer?.stats) this.#trees.delete(layer?.index ?? -1) // it was incomplete: made anew when asked for next
    this.changed()
  }

  #clear(): void {
    this.#kinds = []
    Object.assign(this, { summary: undefined, layers: [], tree: this.#empty(), merged: false, blobs: new Map(), referrers: [], earlier: '', problem: undefined, warnings: [], preparing: undefined })
    this.#trees.clear()
    this.copying.leave()
    this.changed()
  }

  /** An archive or a layout may hold many images. */
  async #chooseTag(signal: AbortSignal): Promise<void> {
    const subject = this.subject!
    if (subject.base.startsWith('dir:')) return // it holds one image, without a tag
    const e = await engine()
    this.tags = await e.tags({ ref: subject.base }, this.options(signal))
    if (subject.suffix || this.tags.length < 2) return
    const tag = this.tags.includes('latest') ? 'latest' : this.tags[0]!
    this.subject = { ...subject, suffix: `:${tag}` }
  }

  async #read(signal: AbortSignal, renew: boolean): Promise<void> {
    const e = await engine()
    this.summary = await e.inspect(this.request, this.options(signal))
    this.layers = this.#unread()
    this.phase = 'reading'
    this.changed()
    if (this.image) await this.#readLayers(e, signal, renew)
    this.#nameBlobs(this.summary.blobs ?? [])
    this.merged = true
    this.phase = 'done'
    this.changed()
    if (this.earlier && this.subject?.inputs) void this.#check(e, signal)
    await this.#listReferrers(e, signal)
  }

  #empty(): Tree {
    return new Tree(new Records(this.#kinds))
  }

  #nameBlobs(blobs: Descriptor[]): void {
    const recorder = new Recorder(this.#kinds.length)
    for (const [path, blob] of namedBlobs(blobs)) {
      this.blobs.set(path, blob)
      recorder.add(MERGED, { path, type: 'file', mode: '', uid: 0, gid: 0, size: blob.size, mtime: '', xattrs: [], layer: -1 })
    }
    this.#take(recorder.take())
  }

  #take({ pieces, kinds }: ReturnType<Recorder['take']>): void {
    for (const kind of kinds) this.#kinds.push(kind)
    for (const { list, bytes } of pieces) {
      if (list === MERGED) this.tree.take(bytes)
      else this.layers[list]?.entries.append(bytes)
    }
  }

  /** Signatures, SBOMs and attestations come last: not every registry can list them. */
  async #listReferrers(e: Engine, signal: AbortSignal): Promise<void> {
    try {
      const { referrers = [] } = await e.inspect({ ...this.request, referrers: true }, this.options(signal))
      this.referrers = referrers
    } catch (err) {
      if (signal.aborted) return
      this.warnings.push(`What refers to it could not be listed: ${problemOf(err).message}`)
    }
    this.changed()
  }

  #unread(): LayerState[] {
    return (this.image?.layers ?? []).map(l => ({
      index: l.index, digest: l.digest, size: l.size, createdBy: l.createdBy ?? '', read: 0, entries: new Records(this.#kinds), stats: undefined,
    }))
  }

  async #readLayers(e: Engine, signal: AbortSignal, renew: boolean): Promise<void> {
    const byDigest = new Map(this.layers.map(l => [l.digest, l]))
    const { digest } = this.image!
    const options: BrowserOptions = {
      ...this.options(signal),
      // all that the items depend on
      ...(build && !this.subject?.unkept && { keepAs: `layers with entries and files of ${digest}, by ${build}`, renew, onKept: () => { this.earlier = 'kept' } }),
      onEvent: ({ kind, subject, done, message }) => {
        if (kind === 'warning' || kind === 'retry') this.warnings.push(message ?? '')
        const layer = byDigest.get(subject ?? '')
        if (layer && done !== undefined) layer.read = done
        this.changed()
      },
      packed: { by: 'layers', take: batch => this.#add(batch as Batch) },
    }
    await e.layers({ ...this.#exactly(digest), entries: true, files: true }, options)
  }

  #add(batch: Batch): void {
    this.#take(batch)
    for (const layer of batch.layers) this.#counted(layer)
    this.changed()
  }

  /** A tag of a registry may lead elsewhere by now; a file that is open stays what it is. */
  #exactly(digest: string): { ref: string; platform?: string } {
    return this.subject?.kind === 'registry' ? { ref: `${this.subject.base}@${digest}` } : this.request
  }

  /** Reads a file whose image is known: what is shown must not hide that the file is broken. */
  async #check(e: Engine, signal: AbortSignal): Promise<void> {
    const read = new Map<string, number>()
    const total = this.layers.reduce((sum, l) => sum + l.size, 0)
    const onEvent = ({ subject = '', done }: { subject?: string; done?: number }): void => {
      if (done !== undefined) read.set(subject, done)
      this.checked = { done: [...read.values()].reduce((sum, n) => sum + n, 0), total }
      this.changed()
    }
    this.earlier = 'checking'
    onEvent({})
    try {
      await e.layers(this.request, { ...this.options(signal), onEvent })
      this.earlier = ''
      this.changed()
    } catch (err) {
      if (signal.aborted) return
      await this.#readAnew(signal, err)
    }
  }

  /** What an earlier visit found does not hold: what can be read of the file is shown, and why that is not all. */
  async #readAnew(signal: AbortSignal, err: unknown): Promise<void> {
    this.phase = 'opening'
    this.#clear()
    try {
      await this.#read(signal, true)
    } catch (again) {
      if (signal.aborted) return
      this.#fail(this.summary ? again : err)
    }
  }

  #counted(stats: LayerItem): void {
    const layer = this.layers[stats.index]
    if (layer) Object.assign(layer, { stats, read: layer.size })
  }

  #fail(err: unknown): void {
    this.problem = problemOf(err)
    if (this.subject?.kind === 'registry') this.problem.registry = registryOf(this.subject.base)
    this.phase = 'failed'
    this.changed()
  }
}

/** The registry of a name, as the module asks for its credentials: what has no dot, port or localhost in front is Docker Hub's. */
export function registryOf(name: string): string {
  const first = name.split('/')[0]!
  return name.includes('/') && /[.:]|^localhost$/.test(first) ? first : 'docker.io'
}
