import { StevedoreError } from '../../wasm/js/errors.js'
import type { CopyIn, CopyOut } from '../../wasm/js/verbs.js'
import { type BrowserOptions, startCopier } from './engine.js'
import { type Problem, problemOf } from './problem.js'
import { sinkFor, type Sink } from './saving.js'
import { type Progress, registryOf, type Session } from './session.js'

export type Target = 'oci-archive' | 'docker-archive' | 'registry'

/** A copy of what is open: into a download, or to a registry. */
export class Copying {
  target: Target = 'oci-archive'
  /** which one of an index; "" for all of it */
  platform = ''
  /** the registry's reference */
  to = ''
  phase: 'idle' | 'running' | 'done' | 'failed' = 'idle'
  /** the copy that runs or ran last, as a person would say it: what it is of, and the file or reference it goes to */
  job = { of: '', to: '' }
  progress: Progress = { done: 0, total: 0 }
  outcome: CopyOut | undefined
  problem: Problem | undefined
  #session: Session
  #abort = new AbortController()

  constructor(session: Session) {
    this.#session = session
  }

  /** Changes what is asked for; what was done before is no answer to that. */
  ask(change: Partial<Pick<Copying, 'target' | 'platform' | 'to'>>): void {
    this.reset()
    Object.assign(this, change)
    this.#session.changed()
  }

  reset(): void {
    this.#abort.abort(new Error('something else was asked for'))
    this.#abort = new AbortController()
    Object.assign(this, { phase: 'idle', outcome: undefined, problem: undefined })
  }

  /** Something else is opened: what runs goes on, since it knows its own source; what has ended is over. */
  leave(): void {
    if (this.phase !== 'running') this.reset()
  }

  cancel(): void {
    this.#abort.abort(new Error('by you'))
  }

  /** Platforms to choose one of; a docker archive holds one image. */
  get platforms(): string[] {
    return this.#session.summary?.kind === 'index' ? this.#session.platforms : []
  }

  get chosen(): string {
    if (this.platform && this.platforms.includes(this.platform)) return this.platform
    return this.target === 'docker-archive' ? (this.#session.image?.platform ?? this.platforms[0] ?? '') : ''
  }

  /** What the image is called, without the place it comes from: name and tag, which may be "". */
  get #name(): { name: string; tag: string } {
    const { subject } = this.#session
    if (!subject) return { name: 'image', tag: '' }
    const local = subject.suffix.startsWith(':') ? subject.suffix.slice(1) : ''
    const [, path = '', tag = ''] = /^(.*?)(?::([^:/@]*))?$/.exec(subject.kind === 'registry' ? subject.title : local.includes(':') ? local : `:${local}`) ?? []
    const name = subject.kind === 'example' ? 'harbor' : path.replace(/@.*$/, '') || subject.title.replace(/(\.docker|\.oci)?\.(tar|tgz)(\.\w+)?$/, '')
    return { name: (name.split('/').at(-1) ?? '').toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^[._-]+|[._-]+$/g, '') || 'image', tag: /@/.test(path) ? '' : tag }
  }

  /** What a download is called, other than the file that is open: the command line would write over that. */
  get file(): string {
    const { name, tag } = this.#name
    const stem = [name, tag, this.chosen.replaceAll('/', '-')].filter(Boolean).join('-')
    return `${stem}${`${stem}.tar` === this.#session.subject?.title ? '-copy' : ''}.tar`
  }

  /** Where the copy goes; an archive is the file of that name. */
  destination(file: string): string {
    const { name, tag } = this.#name
    switch (this.target) {
      case 'registry': return this.to.trim().replace(/^docker:\/\//, '')
      case 'docker-archive': return `docker-archive:${file}:${name}:${tag || 'latest'}`
      case 'oci-archive': return `oci-archive:${file}${tag && `:${tag}`}`
    }
  }

  /** Begins, while a click is handled: the browser may ask where to save. */
  async start(): Promise<void> {
    const session = this.#session
    this.#abort.abort()
    const abort = (this.#abort = new AbortController())
    const mine = () => abort === this.#abort
    const work = this.#prepared(abort.signal)
    const ask = (leaving: BeforeUnloadEvent) => leaving.preventDefault() // a reload ends the copy: the browser asks whether to
    let sink: Sink | undefined
    try {
      if (this.target !== 'registry') {
        sink = await sinkFor(this.file, this.chosen || this.platforms.length === 0 ? (session.image?.totalSize ?? 0) : 0)
        if (!sink) return
      }
      if (!mine()) return void (await sink?.abort())
      Object.assign(this, { phase: 'running', outcome: undefined, problem: undefined, progress: { done: 0, total: 0 } })
      session.changed()
      addEventListener('beforeunload', ask)
      const outcome = await this.#copy(work, sink)
      await sink?.finish()
      if (mine()) Object.assign(this, { phase: 'done', outcome })
    } catch (err) {
      await sink?.abort().catch(() => {}) // it is the first error that tells
      if (mine()) Object.assign(this, { phase: 'failed', problem: this.#problem(err) })
    } finally {
      removeEventListener('beforeunload', ask)
    }
    session.changed()
  }

  /** What is asked for now: what is opened later changes nothing of it. */
  #prepared(signal: AbortSignal): { request: CopyIn; options: BrowserOptions } {
    const { ref, subject } = this.#session
    const which = this.chosen || (this.platforms.length > 0 ? 'all platforms' : '')
    this.job = {
      of: [subject?.kind === 'registry' ? ref : `${subject?.title ?? ''}${subject?.suffix ?? ''}`, which].filter(Boolean).join(', '),
      to: this.target === 'registry' ? this.destination('') : this.file,
    }
    return {
      request: { source: ref, destinations: [this.destination('-')], ...(this.chosen && { platforms: [this.chosen] }) },
      options: this.#session.options(signal),
    }
  }

  #asked = ''

  /** The module that writes has a Worker of its own, for as long as it is needed. */
  async #copy({ request, options }: { request: CopyIn; options: BrowserOptions }, sink: Sink | undefined): Promise<CopyOut> {
    const session = this.#session
    const read = new Map<string, number>()
    const engine = await startCopier()
    try {
      return await engine.copy(request, {
        ...options,
        credentials: registry => {
          const known = session.credentials.get(registry)
          if (!known || !this.#asked) this.#asked = registry
          return known
        },
        onEvent: ({ kind, subject = '', done, total, message }) => {
          if (message === 'image') this.progress = { done: this.progress.done, total: total ?? 0 }
          else if (done !== undefined && kind !== 'warning') {
            read.set(subject, done)
            this.progress.done = [...read.values()].reduce((sum, n) => sum + n, 0)
          }
          session.changed()
        },
        ...(sink && { output: (_name: string, piece: Uint8Array) => sink.write(piece) }),
      })
    } finally {
      engine.close()
    }
  }

  #problem(err: unknown): Problem {
    const problem = problemOf(err)
    if (err instanceof StevedoreError && this.#asked) problem.registry = this.#asked
    this.#asked = ''
    const host = this.target === 'registry' ? registryOf(this.job.to) : ''
    if (host && problem.kind === 'unsupported' && problem.message.includes(host)) problem.hint = `A page writes there through stevedore web --allow-push ${host}.`
    return problem
  }
}
