import { ABI, MAX_FRAME, decode, encode } from './frame.js'
import { imports } from './wasi.js'

/** States that step returns; any other one means that work remains. */
export const IDLE = 0
export const FRAME = 1
export const DONE = 2

/**
 * Compiles what a caller has: a module, its bytes, or the response that brings them.
 * @param {WebAssembly.Module | BufferSource | Response | Promise<Response>} source
 */
export async function compile(source) {
  source = await source
  if (source instanceof WebAssembly.Module) return source
  if (typeof Response === 'function' && source instanceof Response) {
    if (!source.ok) throw new TypeError(`${source.url}: status ${source.status}`)
    if (WebAssembly.compileStreaming && source.headers.get('content-type') === 'application/wasm') {
      return WebAssembly.compileStreaming(source)
    }
    source = await source.arrayBuffer()
  }
  return WebAssembly.compile(source)
}

/** The five exports of one reactor. */
export class Instance {
  #exports

  /** @param {WebAssembly.Exports} exports */
  constructor(exports) {
    for (const name of ['stevedore_abi', 'alloc', 'push', 'step', 'pull']) {
      if (typeof exports[name] !== 'function') throw new TypeError(`the module is no Stevedore reactor: it does not export ${name}`)
    }
    this.#exports = exports
    const abi = exports.stevedore_abi()
    if (abi !== ABI) throw new TypeError(`the reactor speaks version ${abi} of the contract, this driver version ${ABI}`)
  }

  /**
   * @param {WebAssembly.Module} module
   * @param {(text: string) => void} stderr
   */
  static async start(module, stderr) {
    const { exports } = await WebAssembly.instantiate(module, imports(module, () => exports.memory, stderr))
    exports._initialize?.()
    return new Instance(exports)
  }

  /** Bytes of memory that the instance holds; it never gets less. */
  get memory() {
    return this.#exports.memory.buffer.byteLength
  }

  /** @param {object} header @param {Uint8Array} [payload] */
  push(header, payload) {
    const frame = encode(header, payload)
    const at = this.#exports.alloc(frame.length) >>> 0
    if (at === 0) throw new RangeError(`the reactor takes no ${header.type} frame of ${frame.length} bytes`)
    new Uint8Array(this.#exports.memory.buffer, at, frame.length).set(frame)
    this.#exports.push(at, frame.length)
  }

  /** @returns {number} a state */
  step() {
    return this.#exports.step()
  }

  /** The next frame, copied, since the guest may reuse its memory at the next export. */
  pull() {
    const packed = BigInt.asUintN(64, this.#exports.pull())
    if (packed === 0n) return undefined
    const at = Number(packed >> 32n)
    const n = Number(packed & 0xffffffffn)
    if (n > MAX_FRAME) throw new RangeError(`pull gave a frame of ${n} bytes`)
    return decode(new Uint8Array(this.#exports.memory.buffer, at, n).slice())
  }
}
