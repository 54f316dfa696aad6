import { StevedoreError, cancelled, textOf } from './errors.js'
import { ABI } from './frame.js'
import { Credential, Open, Timer } from './exchanges.js'
import { tree } from './inputs.js'
import { DONE, FRAME, IDLE, Instance } from './instance.js'
import { Request } from './request.js'
import { turn } from './host.js'
import { FrameCall } from './running.js'

/** More ids than this at once is no guest of ours. */
const MAX_OPEN = 1024
/** The host's own work goes on after so long or, where the clock stands still, so many steps. */
const SLICE_MS = 15
const SLICE_STEPS = 64

/** Drives one instance: frames in, steps, frames out. Several calls may run in it at once. */
export class Reactor {
  #instance
  #host
  #calls = new Map()
  #exchanges = new Map()
  #inbox = []
  #wake = () => {}
  #lastCall = 0
  #looping = false
  #dead

  /** @param {Instance} instance @param {import('./host.js').Host} host */
  constructor(instance, host) {
    this.#instance = instance
    this.#host = host
    const state = instance.step()
    const hello = state === FRAME ? instance.pull()?.header : undefined
    if (hello?.type !== 'hello' || !Array.isArray(hello.verbs)) throw new TypeError('the reactor did not say hello')
    this.verbs = hello.verbs.map(String)
    this.release = String(hello.version ?? '')
  }

  /** @param {WebAssembly.Module} module @param {import('./host.js').Host} host */
  static async start(module, host) {
    return new Reactor(await Instance.start(module, host.stderr), host)
  }

  /** Bytes of memory that the instance holds. */
  get memory() {
    return this.#instance.memory
  }

  /**
   * Runs a verb. What it gives on its way goes to the sinks; the host waits for the promises that items and output return.
   * @param {string} verb
   * @param {object} request
   * @param {import('./running.js').Sinks} sinks
   * @param {import('./index.d.ts').CallOptions} options
   * @returns {Promise<string | undefined>} the result as JSON; undefined where the items are the result
   */
  async call(verb, request, sinks, options = {}) {
    if (options.signal?.aborted) throw cancelled(options.signal)
    if (this.#dead) throw this.#dead
    const id = ++this.#lastCall
    const inputs = tree(options.inputs)
    const running = new FrameCall(id, sinks, options, () => this.#push({ type: 'cancel', call: id }), () => this.#ended(id))
    this.#calls.set(id, { running, inputs })
    this.#hello(options)
    this.#push({ type: 'call', call: id, verb, request })
    if (!this.#looping) this.#loop()
    return running.outcome
  }

  #ended(id) {
    this.#calls.delete(id)
    this.#closeAll(id)
    this.#wake()
  }

  /** The host is described before each call, since a call brings its own inputs and credentials. */
  #hello({ inputs, credentials }) {
    const { platform, upload, plainHttp, capabilities } = this.#host
    const can = [...capabilities, ...(inputs ? ['files'] : []), ...(credentials ? ['credentials'] : [])]
    this.#push({ type: 'hello', abi: ABI, platform, upload, plainHttp, capabilities: can })
  }

  #push(header, payload) {
    this.#inbox.push([header, payload])
    this.#wake()
  }

  async #loop() {
    let since = performance.now()
    let steps = 0
    this.#looping = true
    try {
      while (this.#calls.size > 0) {
        for (const [header, payload] of this.#inbox.splice(0)) this.#give(header, payload)
        const state = this.#instance.step()
        if (state === FRAME) await this.#pullAll()
        else if (state === IDLE || state === DONE) await this.#answer(state)
        if (state > FRAME || ++steps >= SLICE_STEPS || performance.now() - since > SLICE_MS) {
          await turn()
          since = performance.now()
          steps = 0
        }
      }
    } catch (err) {
      this.#die(err)
    }
    this.#looping = false
  }

  /** An answer that is too large for the guest, as the list of a directory may be, becomes a fault. */
  #give(header, payload) {
    try {
      this.#instance.push(header, payload)
    } catch (err) {
      if (!(err instanceof RangeError) || !header.id) throw err
      this.#close(header.id)
      this.#instance.push({ type: 'fault', id: header.id, kind: 'unsupported', text: err.message })
    }
  }

  /** Waits until something can be pushed, or until a call has ended. */
  async #answer(state) {
    if (this.#inbox.length > 0) return
    if (state === DONE) throw new Error('it forgot the call')
    await new Promise(resolve => { this.#wake = resolve })
  }

  async #pullAll() {
    for (;;) {
      const frame = this.#instance.pull()
      if (!frame) return
      await this.#handle(frame)
    }
  }

  #die(err) {
    const dead = err instanceof StevedoreError ? err : new StevedoreError('internal', `the reactor died: ${textOf(err)}`, { cause: err })
    this.#dead = dead
    for (const { running } of [...this.#calls.values()]) running.fail(dead)
    this.#closeAll()
  }

  #closeAll(call) {
    for (const [id, x] of this.#exchanges) {
      if (call === undefined || x.call === call) this.#close(id)
    }
  }

  #close(id) {
    this.#exchanges.get(id)?.exchange.close()
    this.#exchanges.delete(id)
  }

  /** @returns {Promise<void> | void} a promise where the caller has to catch up before the guest goes on */
  #handle({ header, payload, text }) {
    const { type, id } = header
    if (type === 'read' || type === 'write' || type === 'pread') return this.#exchanges.get(id)?.exchange.handle(header, payload)
    if (type === 'close') return this.#close(id)
    if (type === 'error' && !header.call) throw new StevedoreError(String(header.kind), String(header.text), { hint: header.hint })
    const call = this.#calls.get(header.call)
    if (type === 'fetch' || type === 'timer' || type === 'open' || type === 'credential') return this.#exchange(header, call)
    return call?.running.handle(header, payload, text, head => this.#push(head))
  }

  #exchange(header, owner) {
    const { type, id, call } = header
    if (!Number.isSafeInteger(id) || id < 1 || this.#exchanges.has(id)) throw new TypeError(`the id ${id} of a ${type} is no free one`)
    if (this.#exchanges.size >= MAX_OPEN) throw new RangeError(`more than ${MAX_OPEN} ids are open`)
    if (!owner) {
      this.#push({ type: 'fault', id, kind: 'cancelled', text: 'no such call' })
      return
    }
    const x = { call, exchange: undefined }
    this.#exchanges.set(id, x)
    x.exchange = this.#begin(header, owner, (head, payload) => this.#push(head, payload), () => {
      if (this.#exchanges.get(id) === x) this.#exchanges.delete(id)
    })
  }

  #begin(header, { running, inputs }, reply, done) {
    switch (header.type) {
      case 'fetch': return new Request(header, this.#host, reply, done)
      case 'timer': return new Timer(header, reply, done)
      case 'open': return new Open(header, inputs, reply, done)
      default: return new Credential(header, registry => running.options.credentials?.(registry), reply, done)
    }
  }
}
