import { tree, walk } from './inputs.js'

/** The inputs of a call as its Worker gets them: Blobs go there themselves, everything else is read through this side. */
export class Shared {
  /** @type {[string, Blob | {size: number, file: number}][]} */
  list = []
  #nodes = []
  #opened = new Map()

  /** @param {import('./index.d.ts').Inputs | undefined} inputs */
  static async of(inputs) {
    const shared = new Shared()
    for await (const [name, node] of walk(tree(inputs))) {
      shared.list.push([name, node.blob ?? { size: node.size, file: shared.#nodes.push(node) - 1 }])
    }
    return shared
  }

  /** @returns {Promise<ArrayBuffer>} exactly those bytes */
  async read({ file, offset, length }) {
    const node = this.#nodes[file]
    if (node.open && !this.#opened.has(file)) this.#opened.set(file, node.open())
    const bytes = await (node.open ? await this.#opened.get(file) : node).read(offset, length)
    if (bytes.length > length) throw new RangeError(`an input gave ${bytes.length} bytes where ${length} were asked for`)
    return new Uint8Array(bytes).buffer
  }

  close() {
    for (const opened of this.#opened.values()) {
      Promise.resolve(opened).then(file => file.close?.()).catch(() => {}) // it was only read
    }
    this.#opened.clear()
  }
}
