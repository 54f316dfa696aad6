/** Bytes that the module is given at once. A browser's stream gives a sixteenth of that, and each piece costs several turns. */
const PIECE = 256 * 1024

/**
 * Decompresses gzip by means of the browser (https://compression.spec.whatwg.org/#decompression-stream), some three times as fast as
 * the module. The browser refuses what follows the first member.
 */
export class Inflater {
  #writer
  #reader
  #input = new Uint8Array(0)
  #buffer = new Uint8Array(PIECE)
  #rest = new Uint8Array(0)
  #failed

  constructor() {
    const { writable, readable } = new DecompressionStream('gzip')
    this.#writer = writable.getWriter()
    this.#reader = readable.getReader()
  }

  /**
   * Where the bytes go that are to be written next: memory that is new costs more than filling it. A browser has read it when the promise
   * of the write is kept, as the specification has it (Node has not).
   * @param {number} length @returns {Uint8Array}
   */
  input(length) {
    if (this.#input.length < length) this.#input = new Uint8Array(length)
    return this.#input.subarray(0, length)
  }

  /** @param {Uint8Array} bytes @returns {Promise<void>} kept when there is room for more */
  write(bytes) {
    return this.#writer.write(bytes)
  }

  /** Says that nothing more will be written. */
  close() {
    this.#writer.close().catch(() => {}) // whoever reads is told
  }

  abort() {
    this.#writer.abort().catch(() => {})
  }

  /** @returns {Promise<Uint8Array>} a whole piece, but for the last one, until the next call; empty at the end */
  async read() {
    let at = 0
    await this.#take(PIECE, part => {
      this.#buffer.set(part, at)
      at += part.length
    })
    return this.#buffer.subarray(0, at)
  }

  /** @param {number} length @returns {Promise<number>} how many bytes were passed over: fewer at the end */
  skip(length) {
    return this.#take(length, () => {})
  }

  /** Takes as many bytes as there are, up to length. What fails after some have come is told by the next call. */
  async #take(length, each) {
    if (this.#failed) throw this.#failed
    let at = 0
    while (at < length) {
      if (this.#rest.length === 0) {
        try {
          const { done, value } = await this.#reader.read()
          if (done) break
          this.#rest = value
        } catch (err) {
          if (at === 0) throw err
          this.#failed = err
          break
        }
      }
      const part = this.#rest.subarray(0, length - at)
      each(part)
      at += part.length
      this.#rest = this.#rest.subarray(part.length)
    }
    return at
  }

  cancel() {
    this.#reader.cancel().catch(() => {})
  }
}
