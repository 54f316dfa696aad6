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

/** One call that runs in a reactor. */
export class Running {
  #outcome = resolvers()
  #interrupted = resolvers()
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #partial = '' // an item that the next frame goes on with
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

  /** A frame about this call. */
  handle(header, payload, text, reply) {
    switch (header.type) {
      case 'result':
        if (this.#verdict) return this.fail()
        this.#end()
        return this.#outcome.resolve(rawMember(text, 'value'))
      case 'error':
        return this.fail(new StevedoreError(String(header.kind), String(header.text ?? ''), { hint: header.hint }))
      case 'event': return this.#event(header.value)
      case 'item': return this.#items(payload)
      case 'output': return this.#output(header, payload, reply)
    }
  }

  #event(value) {
    if (this.#verdict) return
    try {
      this.options.onEvent?.(value)
    } catch (err) {
      this.stop(err)
    }
  }

  /** Items have no answer in the contract: the guest is held back by not pulling. An item may lie across frames. */
  async #items(payload) {
    const lines = (this.#partial + this.#decoder.decode(payload, { stream: true })).split('\n')
    this.#partial = lines.pop()
    if (lines.length > 0) await this.#hand(() => this.sinks.items(lines))
  }

  async #output({ call, stream, name = '', eof }, payload, reply) {
    if (payload.length > 0) await this.#hand(() => this.sinks.output(String(name), payload))
    if (!eof) reply({ type: 'ready', call, stream })
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
