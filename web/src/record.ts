// How the Worker hands files to the page: as bytes, which need no copy and no collecting. A hundred thousand objects, with a
// string for each of their properties, would take many times as much.

import type { FileItem } from '../../wasm/js/verbs.js'

/** What few files have of their own; numbered in the order in which the page gets them. */
export interface Kind extends Pick<FileItem, 'type' | 'mode' | 'uid' | 'gid' | 'layer'> {
  /** undefined where there are none */
  xattrs: string[] | undefined
}

/**
 * A record is, little-endian: the number of its kind, the lengths in bytes of its path, its linkTarget and its hardlinkOf (each
 * 4 bytes), its size and its time in milliseconds since 1970, NaN for none (each a 64-bit float), and the three texts in UTF-8.
 */
export const HEAD = 32

/** Records of one list. The first ones of a piece start below PIECE; the last may be longer than that. */
export interface Piece {
  /** the layer whose own entries they are, or MERGED */
  list: number
  bytes: Uint8Array<ArrayBuffer>
}

export const MERGED = -1
export const PIECE = 2 ** 15

const encoder = new TextEncoder()

/** Makes records of files. */
export class Recorder {
  #kinds = new Map<string, number>()
  #known: number
  #fresh: Kind[] = []
  #pieces: Piece[] = []
  #list = MERGED
  #bytes = new Uint8Array(2 * PIECE)
  #view = new DataView(this.#bytes.buffer)
  #at = 0
  #lastTime = ''
  #lastStamp = NaN

  /** @param known how many kinds the page has already */
  constructor(known = 0) {
    this.#known = known
  }

  add(list: number, file: FileItem): void {
    const { path, linkTarget = '', hardlinkOf = '', size } = file
    if (list !== this.#list || this.#at >= PIECE) this.#cut()
    this.#list = list
    const from = this.#at
    this.#reserve(HEAD + 3 * (path.length + linkTarget.length + hardlinkOf.length))
    this.#at = from + HEAD
    const lengths = [path, linkTarget, hardlinkOf].map(text => this.#text(text))
    this.#view.setUint32(from, this.#kind(file), true)
    lengths.forEach((length, i) => this.#view.setUint32(from + 4 + 4 * i, length, true))
    this.#view.setFloat64(from + 16, size, true)
    this.#view.setFloat64(from + 24, this.#time(file.mtime), true)
  }

  /** What was recorded since it was taken last. */
  take(): { pieces: Piece[]; kinds: Kind[] } {
    this.#cut()
    const taken = { pieces: this.#pieces, kinds: this.#fresh }
    this.#pieces = []
    this.#fresh = []
    return taken
  }

  #cut(): void {
    if (this.#at > 0) this.#pieces.push({ list: this.#list, bytes: this.#bytes.slice(0, this.#at) })
    this.#at = 0
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const bytes = new Uint8Array(this.#at + more)
    bytes.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }

  #text(text: string): number {
    if (text === '') return 0
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#at))
    this.#at += written
    return written
  }

  #kind({ type, mode, uid, gid, layer, xattrs }: FileItem): number {
    const key = `${type} ${mode} ${uid} ${gid} ${layer} ${xattrs.length === 0 ? '' : JSON.stringify(xattrs)}`
    let number = this.#kinds.get(key)
    if (number === undefined) {
      number = this.#known++
      this.#kinds.set(key, number)
      this.#fresh.push({ type, mode, uid, gid, layer, xattrs: xattrs.length === 0 ? undefined : xattrs })
    }
    return number
  }

  /** Neighbours often have the same. */
  #time(stamp: string): number {
    if (stamp !== this.#lastTime) {
      this.#lastTime = stamp
      this.#lastStamp = Date.parse(stamp.replace(/^\d{5,6}-/, year => `+${year.padStart(7, '0')}`))
    }
    return this.#lastStamp
  }
}
