import { decode, encode } from '../frame.js'
import { hostOf } from '../host.js'
import { Reactor } from '../reactor.js'

/** A guest made of a function that is told of each frame and emits others. */
export class Fake {
  received = []
  memory = 0
  #out = []
  #open = new Set()

  constructor(onFrame = () => {}) {
    this.onFrame = onFrame
    this.emit({ type: 'hello', abi: 1, verbs: ['one', 'list'], version: 'fake' })
  }

  emit(header, payload) {
    if (header.type === 'result' || header.type === 'error') this.#open.delete(header.call)
    this.#out.push(encode(header, payload))
  }

  push(header, payload = new Uint8Array(0)) {
    if (header.type === 'call') this.#open.add(header.call)
    this.received.push(header)
    this.onFrame(header, payload, this)
  }

  step() {
    if (this.#out.length > 0) return 1
    return this.#open.size > 0 ? 0 : 2
  }

  pull() {
    const frame = this.#out.shift()
    return frame && decode(frame)
  }

  get waiting() {
    return this.#out.length
  }

  of(type) {
    return this.received.filter(h => h.type === type)
  }
}

/** A reactor around a fake whose `call` handler is given. */
export function reactor(onFrame, options = {}) {
  const fake = new Fake(onFrame)
  return { fake, reactor: new Reactor(fake, { ...hostOf(options), ...options }) }
}

export const none = { items: () => {}, output: () => {} }

/** Resolves when a condition holds. */
export async function until(condition, what = 'the condition') {
  for (let i = 0; i < 400; i++) {
    if (condition()) return
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  throw new Error(`${what} did not come to hold`)
}
