/** Bytes of a piece: as many as a window of the module has. */
const PIECE = 512 * 1024

/** What the module reads an input of a page through: here and there by slices, or in pieces from some place to the end. */
export class Input {
  #source

  /**
   * @param {Blob | {size: number, slice(from: number, to: number): {arrayBuffer(): Promise<ArrayBuffer>}}} source
   */
  constructor(source) {
    this.#source = source
    /** The Blob that it is; undefined where only the page can read it. */
    this.blob = source instanceof Blob ? source : undefined
    this.size = source.size
    this.name = source.name
  }

  slice(from, to) {
    return this.#source.slice(from, to)
  }

  /**
   * @param {number} from
   * @returns {{read(): Promise<Uint8Array>, cancel(): void}} read gives the next piece, whole but for the last one, until it is called
   *   again; empty at the end
   */
  pieces(from) {
    try {
      return new Streamed(this.#source.slice(from).stream().getReader({ mode: 'byob' }))
    } catch {
      return new Sliced(this.#source, from) // no Blob, or a browser without such streams
    }
  }
}

/** A small Blob as an input. It is read once, however many calls open it: each part that is asked of the browser takes as long as all of it. */
export class Held {
  #bytes

  /** @param {Blob} blob */
  constructor(blob) {
    this.blob = blob
    this.size = blob.size
    this.name = blob.name
  }

  /** @returns {Promise<Uint8Array>} all of it, to be read only */
  held() {
    this.#bytes ??= this.blob.arrayBuffer().then(buffer => new Uint8Array(buffer))
    return this.#bytes
  }
}

/**
 * The browser reads ahead of a stream, and writes into memory that it is given (https://streams.spec.whatwg.org/#byob-readers). A slice for
 * each piece takes three times as long, and leaves its memory to be collected some time.
 */
class Streamed {
  #reader
  #coming
  #given = new ArrayBuffer(PIECE)

  constructor(reader) {
    this.#reader = reader
    this.#come(new ArrayBuffer(PIECE))
  }

  #come(buffer) {
    this.#coming = this.#fill(buffer)
    this.#coming.catch(() => {}) // told by read, if anybody calls it
  }

  async #fill(buffer) {
    let at = 0
    while (at < PIECE) {
      const { done, value } = await this.#reader.read(new Uint8Array(buffer, at))
      if (!value) return new Uint8Array(0) // it was cancelled, and the memory is gone
      buffer = value.buffer
      if (done) break
      at += value.length
    }
    return new Uint8Array(buffer, 0, at)
  }

  async read() {
    const piece = await this.#coming
    this.#come(this.#given)
    this.#given = piece.buffer
    return piece
  }

  cancel() {
    this.#reader.cancel().catch(() => {})
  }
}

/** One slice ahead of what was asked for. */
class Sliced {
  #source
  #at
  #coming

  constructor(source, from) {
    this.#source = source
    this.#at = from
    this.#come()
  }

  #come() {
    const from = this.#at
    this.#at = Math.min(from + PIECE, this.#source.size)
    this.#coming = this.#at === from ? Promise.resolve(new ArrayBuffer(0)) : this.#source.slice(from, this.#at).arrayBuffer()
    this.#coming.catch(() => {}) // told by read, if anybody calls it
  }

  async read() {
    const piece = await this.#coming
    this.#come()
    return new Uint8Array(piece)
  }

  cancel() {}
}
