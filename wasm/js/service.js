import { Answers, Recording, replay } from './answers.js'
import { textOf } from './errors.js'
import { turn } from './host.js'
import { Inflater } from './inflate.js'
import { keeping } from './kept.js'
import { Held, Input } from './pieces.js'
import { relayFetch } from './relay.js'

/** Bytes of all inputs of a call that are held in memory. */
const SMALL = 4 * 2 ** 20

/**
 * The Worker's side of a connection. Messages of the page: load, call, cancel, and answer (to what was asked with that id).
 * Messages to the page: loaded or failed; event, kept (what comes are the items of an earlier call), and at last result or error,
 * of a call; and what is asked of the page, with an id: items and output (answered when more is wanted), credential, read.
 */
export class Service {
  #port
  #load
  #module
  #fetches = new Map()
  #calls = new Map()
  #asked = new Map()
  #lastAsk = 0
  #packers
  #answers = new Answers()
  #held = new Map() // what the last call with files had of them, by the page's numbers

  /**
   * @param {Worker | DedicatedWorkerGlobalScope | MessagePort} port
   * @param {(source: {module: string | WebAssembly.Module, exec: string}, ended: (text: string) => void) => Promise<object>} load
   *   starts the module: its verbs, its release, call (as wasm/browser documents it) and memory, in bytes; and zlib, the exports that
   *   an Inflater takes, where there are some
   * @param {Record<string, () => import('./serve.d.ts').Packer>} [packers] by the names that calls have for them
   */
  constructor(port, load, packers = {}) {
    this.#port = port
    this.#load = load
    this.#packers = packers
    port.onmessage = ({ data }) => this.#handle(data)
  }

  /** Tells the page that nothing will come any more. @param {string} text */
  fail(text) {
    this.#port.postMessage({ type: 'failed', text })
  }

  #handle(message) {
    switch (message.type) {
      case 'load': return this.#start(message)
      case 'call': return this.#call(message)
      case 'cancel': return this.#calls.get(message.call)?.cancel()
      case 'answer': return this.#answer(message)
    }
  }

  async #start({ keep, ...source }) {
    try {
      this.#module = await this.#load(source, text => this.fail(text))
      const { verbs, release } = this.#module
      this.#port.postMessage({ type: 'loaded', verbs, release })
      if (keep) void this.#answers.look() // who keeps nothing has no folder made for it
    } catch (err) {
      this.fail(textOf(err))
    }
  }

  #call({ call, verb, request, platform, plainHttp, relay, keep, credentials, files, keepAs, renew, packedBy }) {
    const post = (message, transfer = []) => this.#port.postMessage({ ...message, call }, transfer)
    const ask = (message, transfer) => new Promise((resolve, reject) => {
      const id = ++this.#lastAsk
      this.#asked.set(id, { call, resolve, reject })
      post({ ...message, id }, transfer)
    })
    const end = message => {
      this.#calls.delete(call)
      for (const [id, asked] of this.#asked) if (asked.call === call) this.#asked.delete(id)
      post({ ...message, memory: this.#module.memory })
    }
    const { items, taken } = this.#items(packedBy, ask)
    const error = (kind, text, hint) => end({ type: 'error', kind, text, hint })
    const host = {
      platform,
      plainHttp,
      hidesHeaders: true,
      turn,
      gunzip: this.#module.zlib && (() => new Inflater(this.#module.zlib)),
      files: this.#inputs(files, ask),
      fetch: this.#fetch(relay, keep),
      credential: credentials ? registry => ask({ type: 'credential', registry }) : undefined,
      event: text => post({ type: 'event', text }),
      items,
      output: (name, bytes) => ask({ type: 'output', name, bytes }, [bytes.buffer]),
      result: text => { taken().then(() => end({ type: 'result', text }), err => error('internal', textOf(err))) },
      error,
    }
    this.#calls.set(call, host)
    const run = () => this.#module.call(verb, request, host)
    if (keepAs) this.#kept(keepAs, renew, host, () => post({ type: 'kept' }), run)
    else run()
  }

  /** Blobs that are small together stay in memory while calls ask for them. */
  #inputs(files, ask) {
    const small = files.reduce((sum, [, { size }]) => sum + size, 0) <= SMALL
    const held = new Map()
    const inputs = files.map(([name, file, number]) => {
      if (!(file instanceof Blob)) return [name, new Input(distant(file, ask))]
      if (!small) return [name, new Input(file)]
      held.set(number, this.#held.get(number) ?? new Held(file))
      return [name, held.get(number)]
    })
    if (files.length > 0) this.#held = held
    return inputs
  }

  /** Items go to the page as they are, or as a packer makes them: then the next ones are made while the page takes the last. */
  #items(packedBy, ask) {
    if (packedBy === undefined) return { items: text => ask({ type: 'items', text }), taken: async () => {} }
    const packer = this.#packers[packedBy]?.()
    let taken = Promise.resolve()
    const items = async text => {
      if (!packer) throw new TypeError(`the Worker has no packer called ${packedBy}`)
      const { value, transfer } = packer.pack(text)
      const before = taken
      taken = ask({ type: 'items', packed: value }, transfer)
      taken.catch(() => {}) // told by the next, or at the end
      await before
    }
    return { items, taken: () => taken }
  }

  /** A call whose items are kept: it is answered by an earlier one of the same name, or runs and is written down. */
  async #kept(name, renew, host, tell, run) {
    let cancelled = false
    host.cancel = () => { cancelled = true }
    const bytes = renew ? undefined : await this.#answers.find(name)
    if (cancelled) return host.error('cancelled', 'before it began')
    if (!bytes) {
      this.#record(name, host)
      return run()
    }
    tell()
    try {
      await replay(bytes, host, () => cancelled)
      if (cancelled) host.error('cancelled', 'while kept items were given')
      else host.result(undefined)
    } catch (err) {
      host.error('internal', `what was kept cannot be given: ${textOf(err)}`)
    }
  }

  /** Warnings belong to what a call says; how far it came does not. */
  #record(name, host) {
    const { items, event, result, error } = host
    const recording = new Recording()
    host.items = async text => { await Promise.all([items(text), recording.items(text)]) }
    host.event = text => {
      event(text)
      if (text.startsWith('{"kind":"warning"')) recording.event(text)
    }
    host.result = text => {
      result(text)
      recording.end().then(bytes => this.#answers.put(name, bytes), () => {}) // it was too long
    }
    host.error = (...why) => {
      error(...why)
      recording.drop()
    }
  }

  /** One for each relay, since it remembers which registries need it. */
  #fetch(relay, keep) {
    const key = JSON.stringify([relay ?? null, !!keep])
    if (!this.#fetches.has(key)) {
      const fetch = relayFetch(relay ?? {})
      this.#fetches.set(key, keep ? keeping(fetch) : fetch)
    }
    return this.#fetches.get(key)
  }

  #answer({ id, value, error }) {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    if (error === undefined) asked?.resolve(value)
    else asked?.reject(new Error(error))
  }
}

/** A file that only the page can read, in the form of a Blob. */
function distant({ size, file }, ask) {
  const slice = (from, to) => ({ arrayBuffer: () => ask({ type: 'read', file, offset: from, length: to - from }) })
  return { size, slice }
}
