import { HEAD, type Kind } from './record.js'
import type { FileItem } from '../../wasm/js/verbs.js'

/** What is known of a path, without the path. */
export type Facts = Kind & Pick<FileItem, 'size' | 'linkTarget' | 'hardlinkOf'> & {
  /** RFC 3339, UTC; "" where it is not known */
  mtime: string
}

/** Bytes of a chunk, unless a piece is longer; small lists have smaller ones. Records start below that, so the number of a chunk and the place in it are one address. */
const CHUNK = 2 ** 16
const FIRST = 2 ** 12

interface Chunk {
  bytes: Uint8Array
  view: DataView
  used: number
}

/** Files in the order in which they came, as their records. */
export class Records {
  count = 0
  #chunks: Chunk[] = []

  /** @param kinds by their numbers; shared with other lists */
  constructor(readonly kinds: Kind[]) {}

  /** Takes a piece, and calls back with the address of each record in it. */
  append(piece: Uint8Array, each?: (at: number) => void): void {
    const last = this.#chunks.at(-1)
    const fits = last !== undefined && last.used + piece.length <= last.bytes.length
    const chunk = fits ? last : this.#another(piece.length)
    chunk.bytes.set(piece, chunk.used)
    const from = (this.#chunks.length - 1) * CHUNK + chunk.used
    chunk.used += piece.length
    for (let at = from; at < from + piece.length; at += this.#length(at)) {
      this.count++
      each?.(at)
    }
  }

  #another(least: number): Chunk {
    const bytes = new Uint8Array(Math.max(least, Math.min(CHUNK, FIRST << Math.min(this.#chunks.length, 4))))
    const chunk = { bytes, view: new DataView(bytes.buffer), used: 0 }
    this.#chunks.push(chunk)
    return chunk
  }

  /** The address of each record. */
  *addresses(): Generator<number> {
    for (let i = 0; i < this.#chunks.length; i++) {
      for (let at = i * CHUNK; at < i * CHUNK + this.#chunks[i]!.used; at += this.#length(at)) yield at
    }
  }

  kind(at: number): Kind {
    return this.kinds[this.#number(at, 0)]!
  }

  size(at: number): number {
    return this.#view(at).getFloat64((at % CHUNK) + 16, true)
  }

  isHardlink(at: number): boolean {
    return this.#number(at, 3) > 0
  }

  /** The bytes that the record lies in. */
  bytes(at: number): Uint8Array {
    return this.#chunks[Math.floor(at / CHUNK)]!.bytes
  }

  /** Where in those bytes its path begins; it ends so many bytes later. */
  pathStart(at: number): number {
    return (at % CHUNK) + HEAD
  }

  pathLength(at: number): number {
    return this.#number(at, 1)
  }

  path(at: number): string {
    return this.#text(at, 0, this.pathLength(at))
  }

  hasPath(at: number, path: Uint8Array): boolean {
    if (this.pathLength(at) !== path.length) return false
    const bytes = this.bytes(at)
    const from = this.pathStart(at)
    for (let i = path.length - 1; i >= 0; i--) if (bytes[from + i] !== path[i]) return false
    return true
  }

  facts(at: number): Facts {
    const [path, link, first] = [1, 2, 3].map(field => this.#number(at, field)) as [number, number, number]
    const time = this.#view(at).getFloat64((at % CHUNK) + 24, true)
    return {
      ...this.kind(at), size: this.size(at), mtime: Number.isNaN(time) ? '' : new Date(time).toISOString(),
      ...(link > 0 && { linkTarget: this.#text(at, path, link) }),
      ...(first > 0 && { hardlinkOf: this.#text(at, path + link, first) }),
    }
  }

  #view(at: number): DataView {
    return this.#chunks[Math.floor(at / CHUNK)]!.view
  }

  #number(at: number, field: number): number {
    return this.#view(at).getUint32((at % CHUNK) + 4 * field, true)
  }

  #length(at: number): number {
    return HEAD + this.#number(at, 1) + this.#number(at, 2) + this.#number(at, 3)
  }

  #text(at: number, from: number, length: number): string {
    const start = this.pathStart(at) + from
    return textOf(this.bytes(at), start, start + length)
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const LONG = 64
/** by their length: a name needs no other memory than its own */
const codes = Array.from({ length: LONG }, (_, length) => new Array<number>(length).fill(0))

export function textOf(bytes: Uint8Array, from: number, to: number): string {
  const some = codes[to - from]
  if (!some) return decoder.decode(bytes.subarray(from, to))
  for (let i = 0; i < some.length; i++) {
    const code = bytes[from + i]!
    if (code >= 128) return decoder.decode(bytes.subarray(from, to))
    some[i] = code
  }
  return String.fromCharCode.apply(null, some)
}

/** Whether a text of lower case is in some bytes, in whichever case; undefined where they are not all ASCII. */
export function includes(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean | undefined {
  let found = text.length === 0
  for (let at = from; at < to; at++) {
    if (bytes[at]! >= 128) return undefined
    let i = 0
    while (i < text.length && at + i < to && lower(bytes[at + i]!) === text[i]) i++
    found ||= i === text.length
  }
  return found
}

const lower = (code: number): number => (code >= 65 && code <= 90 ? code + 32 : code)
