import type { InspectOut } from '../../wasm/js/verbs.js'
import { engine, type Happening, type Options } from './engine.js'
import type { Subject } from './loader.js'
import { type Problem, problemOf } from './problem.js'
import { Tree } from './tree.js'

export type Phase = 'empty' | 'opening' | 'reading' | 'done' | 'failed'

/** One image that is open, and what is known of it so far. Components show it and are told when it changes. */
export class Session extends EventTarget {
  phase: Phase = 'empty'
  subject: Subject | undefined
  tags: string[] = []
  platform = ''
  summary: InspectOut | undefined
  tree = new Tree()
  problem: Problem | undefined
  warnings: string[] = []
  /** bytes read, by layer digest or reference */
  progress = new Map<string, { done: number; total: number }>()
  #abort = new AbortController()

  /** Starts over with what the maker gives, which may take a while itself. */
  async open(make: (signal: AbortSignal) => Subject | Promise<Subject>, platform = ''): Promise<void> {
    this.#abort.abort(new Error('something else was opened'))
    const abort = (this.#abort = new AbortController())
    Object.assign(this, { phase: 'opening', subject: undefined, tags: [], platform, problem: undefined })
    this.#clear()
    try {
      this.subject = await make(abort.signal)
      abort.signal.throwIfAborted()
      if (this.subject.inputs && !this.subject.suffix) await this.#chooseTag()
      await this.#read(abort.signal)
    } catch (err) {
      if (abort === this.#abort) this.#fail(err)
    }
  }

  get ref(): string {
    return this.subject ? this.subject.base + this.subject.suffix : ''
  }

  cancel(): void {
    this.#abort.abort(new Error('by you'))
  }

  changed(): void {
    this.dispatchEvent(new Event('change'))
  }

  options(signal: AbortSignal): Options {
    return { signal, onEvent: event => this.#happened(event), ...(this.subject?.inputs && { inputs: this.subject.inputs }) }
  }

  #clear(): void {
    Object.assign(this, { summary: undefined, tree: new Tree(), warnings: [] })
    this.progress.clear()
    this.changed()
  }

  async #chooseTag(): Promise<void> {
    const subject = this.subject!
    const e = await engine()
    this.tags = []
    for await (const tag of e.tags({ ref: subject.base }, this.options(this.#abort.signal))) this.tags.push(tag)
    const tag = this.tags.includes('latest') ? 'latest' : this.tags[0]
    if (tag !== undefined && this.tags.length > 1) this.subject = { ...subject, suffix: `:${tag}` }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const e = await engine()
    const request = { ref: this.ref, ...(this.platform && { platform: this.platform }) }
    this.summary = await e.inspect(request, this.options(signal))
    this.phase = 'reading'
    this.changed()
    if (this.summary.image) await this.#readFiles(request, signal)
    this.phase = 'done'
    this.changed()
  }

  async #readFiles(request: { ref: string; platform?: string }, signal: AbortSignal): Promise<void> {
    const e = await engine()
    for await (const item of e.files(request, this.options(signal))) {
      this.tree.add(item)
      if ((this.tree.count & 1023) === 0) this.changed()
    }
  }

  #happened(event: Happening): void {
    if (event.kind === 'warning' || event.kind === 'retry') this.warnings.push(event.message ?? '')
    else if (event.subject) this.progress.set(event.subject, { done: event.done ?? 0, total: event.total ?? 0 })
    this.changed()
  }

  #fail(err: unknown): void {
    this.problem = problemOf(err)
    this.phase = 'failed'
    this.changed()
  }
}
