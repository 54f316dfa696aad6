import { StevedoreError, cancelled } from './errors.js'
import { rawMember } from './frame.js'
import { resolvers } from './upload.js'

/**
 * Where a verb's items and output go. The host goes on when what they return has resolved.
 * @typedef {object} Sinks
 * @property {(lines: string[]) => void | Promise<void>} items JSON, one item each
 * @property {(name: string, bytes: Uint8Array) => void | Promise<void>} output
 */

/** How long a cancelled verb gets to end by itself, so that it can leave things tidy. */
const GRACE_MS = 1000

/** One call that runs elsewhere: in a reactor, or in a Worker. */
export class Running {
  #outcome = resolvers()
  #interrupted = resolvers()
  #verdict // why the call ends, when it is this side that ends it
  #grace
  #onAbort

  /**
   * @param {number} id
   * @param {Sinks} sinks
   * @param {import('./index.d.ts').CallOptions} options
   * @param {() => void} cancel tells the guest
   * @param {() => void} ended is called once, before the outcome is known to anybody
   */
  constructor(id, sinks, options, cancel, ended) {
    this.id = id
    this.sinks = sinks
    this.options = options
    this.cancel = cancel
    this.ended = ended
    this.#onAbort = () => this.stop(cancelled(options.signal))
    options.signal?.addEventListener('abort', this.#onAbort)
  }

  get outcome() {
    return this.#outcome.promise
  }

  /** Ends the call for a reason of this side: the guest is told, and what it still sends is dropped. @param {unknown} why */
  stop(why) {
    if (this.#verdict) return
    this.#verdict = { why }
    this.cancel()
    this.#interrupted.resolve()
    this.#grace = setTimeout(() => this.fail(why), GRACE_MS)
  }

  /** @param {unknown} err */
  fail(err) {
    this.#end()
    this.#outcome.reject(this.#verdict ? this.#verdict.why : err)
  }

  #end() {
    this.#interrupted.resolve()
    clearTimeout(this.#grace)
    this.options.signal?.removeEventListener('abort', this.#onAbort)
    this.ended()
  }

  /** The call has ended well. @param {string | undefined} text the result as JSON; undefined where the items are the result */
  result(text) {
    if (this.#verdict) return this.fail()
    this.#end()
    this.#outcome.resolve(text)
  }

  /** The call has failed as the guest says. */
  error({ kind, text = '', hint }) {
    this.fail(new StevedoreError(String(kind), String(text), { hint }))
  }

  event(value) {
    if (this.#verdict) return
    try {
      this.options.onEvent?.(value)
    } catch (err) {
      this.stop(err)
    }
  }

  /** @param {string[]} lines @returns {Promise<void>} resolved when more are wanted */
  items(lines) {
    return this.#hand(() => this.sinks.items(lines))
  }

  /** @param {string} name @param {Uint8Array} bytes @returns {Promise<void>} resolved when more are wanted */
  output(name, bytes) {
    return this.#hand(() => this.sinks.output(name, bytes))
  }

  /** Waits for a sink, but no longer than the call is wanted. */
  async #hand(give) {
    if (this.#verdict) return
    try {
      await Promise.race([give(), this.#interrupted.promise])
    } catch (err) {
      this.stop(err)
    }
  }
}

/** A call whose guest speaks frames. */
export class FrameCall extends Running {
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #partial = '' // an item that the next frame goes on with

  /** @returns {Promise<void> | void} a promise where the caller has to catch up before the guest goes on */
  handle(header, payload, text, reply) {
    switch (header.type) {
      case 'result': return this.result(rawMember(text, 'value'))
      case 'error': return this.error(header)
      case 'event': return this.event(header.value)
      case 'item': return this.#item(payload)
      case 'output': return this.#output(header, payload, reply)
    }
  }

  /** Items have no answer in the contract: the guest is held back by not pulling. An item may lie across frames. */
  async #item(payload) {
    const lines = (this.#partial + this.#decoder.decode(payload, { stream: true })).split('\n')
    this.#partial = lines.pop()
    if (lines.length > 0) await this.items(lines)
  }

  async #output({ call, stream, name = '', eof }, payload, reply) {
    if (payload.length > 0) await this.output(String(name), payload)
    if (!eof) reply({ type: 'ready', call, stream })
  }
}
