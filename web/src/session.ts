import { StevedoreError } from '../../wasm/js/errors.js'
import { forget } from '../../wasm/js/kept.js'
import type { FileItem, ImageInfo, InspectOut, LayerItem } from '../../wasm/js/verbs.js'
import { Copying } from './copying.js'
import { engine, type BrowserOptions, type Engine } from './engine.js'
import type { Subject } from './loader.js'
import { type Problem, problemOf } from './problem.js'
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
  entries: FileItem[]
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
  tree = new Tree()
  /** the merged tree is complete */
  merged = false
  problem: Problem | undefined
  warnings: string[] = []
  /** of what is fetched or unpacked before the image can be opened */
  preparing: Progress | undefined
  /** by registry; never leaves the memory of this tab */
  readonly credentials = new Map<string, { username: string; password: string }>()
  readonly copying = new Copying(this)
  #abort = new AbortController()
  #trees = new Map<number, Tree>()

  /** Starts over with what the maker gives, which may take a while itself. */
  async open(make: (signal: AbortSignal) => Subject | Promise<Subject>, platform = ''): Promise<void> {
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
      await this.#readOrAgain(abort.signal)
    } catch (err) {
      if (abort === this.#abort) this.#fail(err)
    }
  }

  /** What the browser has kept may be damaged: then it is fetched anew. */
  async #readOrAgain(signal: AbortSignal): Promise<void> {
    try {
      await this.#read(signal)
    } catch (err) {
      if (!(err instanceof StevedoreError) || err.kind !== 'verification' || this.subject?.kind !== 'registry') throw err
      await forget()
      this.#clear()
      await this.#read(signal)
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
    const tree = new Tree()
    this.#trees.set(index, tree)
    void this.#grow(tree, this.layers[index], this.#abort.signal)
    return tree
  }

  async #grow(tree: Tree, layer: LayerState | undefined, signal: AbortSignal): Promise<void> {
    const slices = new Slices()
    for (const entry of layer?.entries ?? []) {
      tree.add(entry)
      const pause = slices.pause()
      if (!pause) continue
      await pause
      if (signal.aborted && this.phase === 'opening') return
    }
    if (!layer?.stats) this.#trees.delete(layer?.index ?? -1) // it was incomplete: made anew when asked for next
    this.changed()
  }

  #clear(): void {
    Object.assign(this, { summary: undefined, layers: [], tree: new Tree(), merged: false, problem: undefined, warnings: [], preparing: undefined })
    this.#trees.clear()
    this.copying.reset()
    this.changed()
  }

  /** An archive or a layout may hold many images. */
  async #chooseTag(signal: AbortSignal): Promise<void> {
    const subject = this.subject!
    const e = await engine()
    this.tags = await e.tags({ ref: subject.base }, this.options(signal))
    if (subject.suffix || this.tags.length < 2) return
    const tag = this.tags.includes('latest') ? 'latest' : this.tags[0]!
    this.subject = { ...subject, suffix: `:${tag}` }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const e = await engine()
    this.summary = await e.inspect(this.request, this.options(signal))
    this.layers = (this.image?.layers ?? []).map(l => ({
      index: l.index, digest: l.digest, size: l.size, createdBy: l.createdBy ?? '', read: 0, entries: [], stats: undefined,
    }))
    this.phase = 'reading'
    this.changed()
    if (this.image) await this.#readLayers(e, signal)
    this.merged = true
    this.phase = 'done'
    this.changed()
  }

  async #readLayers(e: Engine, signal: AbortSignal): Promise<void> {
    const byDigest = new Map(this.layers.map(l => [l.digest, l]))
    const options: BrowserOptions = {
      ...this.options(signal),
      onEvent: ({ kind, subject, done, message }) => {
        if (kind === 'warning' || kind === 'retry') this.warnings.push(message ?? '')
        const layer = byDigest.get(subject ?? '')
        if (layer && done !== undefined) layer.read = done
        this.changed()
      },
    }
    let n = 0
    for await (const { layer, entry, file } of e.layers({ ...this.request, entries: true, files: true }, options)) {
      if (entry) this.layers[entry.layer]?.entries.push(shared(entry))
      else if (file) this.tree.add(shared(file))
      else if (layer) this.#counted(layer)
      if ((++n & 511) === 0) this.changed()
    }
  }

  #counted(stats: LayerItem): void {
    const layer = this.layers[stats.index]
    if (layer) Object.assign(layer, { stats, read: layer.size })
    this.changed()
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

const texts = new Map<string, string>()

/** A hundred thousand entries have few different modes and times: the same text is kept once. */
function shared(item: FileItem): FileItem {
  item.mode = once(item.mode)
  item.mtime = once(item.mtime)
  item.type = once(item.type) as FileItem['type']
  return item
}

function once(text: string): string {
  const known = texts.get(text)
  if (known !== undefined) return known
  if (texts.size > 20_000) texts.clear()
  texts.set(text, text)
  return text
}
