// The body of a request, as the guest writes it. Both forms can be opened again for a redirect that repeats the request.

/** What a host that cannot stream takes at most; a guest keeps each request far smaller there. */
const MAX_COLLECTED = 64 << 20

/** A body that is held until it is whole: for small ones, and where fetch cannot stream. */
export class Collected {
  #chunks = []
  #size = 0
  #whole = resolvers()

  /** @param {() => void} ready asks for the next piece */
  constructor(ready) {
    this.ready = ready
    this.#whole.promise.catch(() => {}) // a request that is refused never opens its body
  }

  /** @param {{eof?: boolean}} header @param {Uint8Array} payload */
  write({ eof }, payload) {
    this.#size += payload.length
    if (this.#size > MAX_COLLECTED) {
      this.#whole.reject(new RangeError(`this host sends no body of more than ${MAX_COLLECTED} bytes`))
      return
    }
    this.#chunks.push(payload)
    if (eof) this.#whole.resolve(join(this.#chunks, this.#size))
    else this.ready()
  }

  async open() {
    return { body: await this.#whole.promise }
  }

  again() {}
}

/** A body that goes out while the guest writes it; to send it again, the guest is asked to start over. */
export class Streamed {
  #queue = []
  #controller
  #wanted = false
  #pass = 0

  /** @param {() => void} ready @param {() => void} rewind asks for the body from its start */
  constructor(ready, rewind) {
    this.ready = ready
    this.rewind = rewind
  }

  /** @param {{eof?: boolean, pass?: number}} header @param {Uint8Array} payload */
  write({ eof = false, pass = 0 }, payload) {
    if (pass !== this.#pass) return // of a pass before the rewind
    this.#queue.push({ payload, eof })
    this.#flush()
  }

  async open() {
    const pass = this.#pass // fetch may let go of the stream of a pass before only when the next one is on its way
    const pull = controller => {
      if (pass !== this.#pass) return
      this.#controller = controller
      this.#wanted = true
      this.#flush()
    }
    const cancel = () => {
      if (pass === this.#pass) this.#wanted = false
    }
    return { body: new ReadableStream({ pull, cancel }, { highWaterMark: 0 }), duplex: 'half' }
  }

  again() {
    this.#pass++
    this.#queue = []
    this.#wanted = false
    this.rewind()
  }

  #flush() {
    while (this.#wanted && this.#queue.length > 0) {
      const { payload, eof } = this.#queue.shift()
      if (payload.length > 0 || eof) this.#wanted = false
      if (payload.length > 0) this.#controller.enqueue(payload)
      if (eof) this.#controller.close()
      else this.ready()
    }
  }
}

/** @param {Uint8Array[]} chunks @param {number} size */
export function join(chunks, size = chunks.reduce((n, c) => n + c.length, 0)) {
  if (chunks.length === 1) return chunks[0]
  const all = new Uint8Array(size)
  let at = 0
  for (const c of chunks) {
    all.set(c, at)
    at += c.length
  }
  return all
}

/** Promise.withResolvers, which Node 20 lacks. */
export function resolvers() {
  let resolve, reject
  const promise = new Promise((ok, fail) => { [resolve, reject] = [ok, fail] })
  return { promise, resolve, reject }
}
