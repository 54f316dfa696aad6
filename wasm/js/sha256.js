/** Bytes that are hashed at once. */
const PIECE = 64 * 1024

/**
 * Hashes several contents side by side with one hasher of hash-wasm (https://github.com/Daninet/hash-wasm), which is made
 * asynchronously. It is twice as fast as the module's.
 */
export class Sha256 {
  #hasher
  #of // what the hasher holds the state of

  /** Where bytes go that are hashed next. */
  buffer = new Uint8Array(PIECE)

  /** @param {{init(): unknown, update(bytes: Uint8Array): unknown, save(): Uint8Array, load(state: Uint8Array): unknown, digest(as: 'binary'): Uint8Array}} hasher */
  constructor(hasher) {
    this.#hasher = hasher
  }

  /** Begins with one content. */
  start() {
    return new Hash(this)
  }

  /** The hasher, with the state of one content. @param {Hash} hash */
  at(hash) {
    if (this.#of === hash) return this.#hasher
    if (this.#of) this.#of.state = this.#hasher.save()
    if (hash.state) this.#hasher.load(hash.state)
    else this.#hasher.init()
    this.#of = hash
    return this.#hasher
  }
}

class Hash {
  #all

  /** Where it is, while another one is hashed; undefined before it began. */
  state

  constructor(all) {
    this.#all = all
  }

  get buffer() {
    return this.#all.buffer
  }

  /** @param {number} length of what is in the buffer */
  update(length) {
    this.#all.at(this).update(this.#all.buffer.subarray(0, length))
  }

  /** The digest of what came so far; more may come. */
  sum() {
    const hasher = this.#all.at(this)
    const state = hasher.save()
    const digest = hasher.digest('binary')
    hasher.load(state)
    return digest
  }
}
