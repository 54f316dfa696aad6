// What the guest waits for besides requests: timers, inputs, credentials. Each has handle (a later frame about the same id)
// and close.

import { MAX_PAYLOAD } from './frame.js'
import { textOf } from './errors.js'
import { describe, find } from './inputs.js'

/** setTimeout takes 31 bits; nobody waits for longer than 24 days. */
const MAX_DELAY = 2 ** 31 - 1

export class Timer {
  constructor({ id, ms = 0 }, reply, done) {
    const ring = () => {
      reply({ type: 'fired', id })
      done()
    }
    this.timeout = setTimeout(ring, Math.min(Math.max(ms, 0), MAX_DELAY))
  }

  handle() {}

  close() {
    clearTimeout(this.timeout)
  }
}

export class Credential {
  #closed = false

  constructor({ id, registry }, ask, reply, done) {
    Promise.resolve(registry).then(ask).then(
      found => {
        const { username, password, token } = found ?? {}
        return { type: 'credential', id, username, password, token }
      },
      err => ({ type: 'fault', id, kind: 'unsupported', text: textOf(err) }),
    ).then(answer => {
      if (this.#closed) return
      reply(answer)
      done()
    })
  }

  handle() {}

  close() {
    this.#closed = true
  }
}

export class Open {
  #closed = false
  #file
  #reply

  constructor({ id, name }, inputs, reply, done) {
    this.#reply = (header, payload) => this.#closed || reply({ id, ...header }, payload)
    this.#open(inputs, String(name)).catch(err => {
      this.#reply({ type: 'fault', kind: err.kind ?? 'network', text: textOf(err) })
      done()
    })
  }

  async #open(inputs, name) {
    const found = await find(inputs, name)
    if (!found) throw Object.assign(new Error(`${name}: no such input`), { kind: 'not_found' })
    const about = await describe(found)
    if (about.kind === 'file') this.#file = { size: found.size, from: found.open ? await found.open() : found }
    if (this.#closed) return this.close()
    this.#reply({ type: 'opened', ...about })
  }

  handle({ type, off = 0, max = 0 }) {
    if (type !== 'pread' || !this.#file || !Number.isSafeInteger(off) || off < 0) return
    this.#read(off, Math.min(Math.max(max | 0, 0), MAX_PAYLOAD)).catch(err => {
      this.#reply({ type: 'fault', kind: 'network', text: textOf(err) })
    })
  }

  async #read(off, max) {
    const n = Math.max(Math.min(max, this.#file.size - off), 0)
    const bytes = n > 0 ? await this.#file.from.read(off, n) : new Uint8Array(0)
    if (bytes.length > n) throw new RangeError(`an input gave ${bytes.length} bytes where ${n} were asked for`)
    this.#reply({ type: 'data', eof: off + bytes.length >= this.#file.size }, bytes)
  }

  close() {
    this.#closed = true
    Promise.resolve(this.#file?.from.close?.()).catch(() => {}) // it was only read
    this.#file = undefined
  }
}
