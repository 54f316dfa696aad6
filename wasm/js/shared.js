import { tree, walk } from './inputs.js'

/** By which a Worker knows a Blob again: what is sent twice arrives as two. */
const numbers = new WeakMap()
let lastNumber = 0

function numberOf(blob) {
  if (!numbers.has(blob)) numbers.set(blob, ++lastNumber)
  return numbers.get(blob)
}

/** The inputs of a call as its Worker gets them: Blobs go there themselves, everything else is read through this side. */
export class Shared {
  /** @type {([string, Blob, number] | [string, {size: number, file: number}])[]} */
  list = []
  #nodes = []
  #opened = new Map()

  /** @param {import('./index.d.ts').Inputs | undefined} inputs */
  static async of(inputs) {
    const shared = new Shared()
    for await (const [name, node] of walk(tree(inputs))) {
      const { blob, size } = node
      shared.list.push(blob ? [name, blob, numberOf(blob)] : [name, { size, file: shared.#nodes.push(node) - 1 }])
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
