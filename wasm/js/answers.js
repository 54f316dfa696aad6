// The items of calls that ended well, kept in the browser's own storage (the origin private file system): a later call of the
// same name is answered with them, and does not run. What a name stands for is the caller's to say.

import { folderOf, room } from './storage.js'

export const FOLDER = 'stevedore-answers'
const FORMAT = 1

/** Compressed bytes that are kept at most, and of one call. */
const MOST = 2 ** 27
const MOST_OF_ONE = 2 ** 24

/** An event among the items; those are JSON objects, one a line. */
const EVENT = '!'
/** Characters that are handed over at once. */
const PIECE = 2 ** 18

/** Answers that are kept. A file is named for its call and for its own content, so one that is damaged or was not finished is none. */
export class Answers {
  #open
  #known

  /** @param {() => Promise<FileSystemDirectoryHandle>} [folder] */
  constructor(folder = () => folderOf(FOLDER)) {
    this.#open = folder
  }

  /**
   * Looks up what there is, once: that takes as long as a small image does, and is best done before. What others keep later is not found.
   * @returns {Promise<Map<string, string>>} file names by call
   */
  look() {
    this.#known ??= this.#list()
    return this.#known
  }

  async #list() {
    const known = new Map()
    try {
      for await (const entry of (await this.#open()).keys()) known.set(entry.split('-')[0], entry)
    } catch {
      // There is no such storage.
    }
    return known
  }

  /** @param {string} name @returns {Promise<Uint8Array | undefined>} what a Recording made */
  async find(name) {
    const key = await keyOf(name)
    const entry = (await this.look()).get(key)
    if (!entry) return undefined
    try {
      const folder = await this.#open()
      const bytes = new Uint8Array(await (await (await folder.getFileHandle(entry)).getFile()).arrayBuffer())
      if (entry === `${key}-${await hashed(bytes)}`) return bytes
      await folder.removeEntry(entry)
    } catch {
      // It was taken away meanwhile.
    }
    return undefined
  }

  /** Keeps an answer in place of an earlier one of that name. @param {string} name @param {Uint8Array} bytes */
  async put(name, bytes) {
    try {
      const folder = await this.#open()
      const key = await keyOf(name)
      const entry = `${key}-${await hashed(bytes)}`
      if (!(await room(folder, bytes.length, MOST, name => name.startsWith(`${key}-`)))) return
      const writer = await (await folder.getFileHandle(entry, { create: true })).createSyncAccessHandle()
      try {
        writer.truncate(0)
        writer.write(bytes)
      } finally {
        writer.close()
      }
      ;(await this.look()).set(key, entry)
    } catch {
      // The next call runs again.
    }
  }
}

/** What the file of a call begins with. @param {string} name */
const keyOf = name => hashed(new TextEncoder().encode(`${FORMAT} ${name}`))

/** @param {BufferSource} bytes @returns {Promise<string>} SHA-256 in hexadecimal */
export async function hashed(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, b => b.toString(16).padStart(2, '0')).join('')
}

/** What a call gives is written down, compressed, while it is given. */
export class Recording {
  #writer
  #bytes

  constructor() {
    const { writable, readable } = new CompressionStream('gzip')
    this.#writer = writable.getWriter()
    this.#bytes = gathered(readable)
    this.#bytes.catch(() => {}) // told by end
  }

  /** @param {string} text items as JSON, one a line @returns {Promise<void>} kept when there is room for more */
  items(text) {
    return this.#write(text)
  }

  /** @param {string} text an event as JSON @returns {Promise<void>} */
  event(text) {
    return this.#write(`${EVENT}${text}\n`)
  }

  /** @returns {Promise<Uint8Array>} all of it; rejects where that is too much */
  async end() {
    await this.#writer.close()
    return this.#bytes
  }

  /** Lets go of it. */
  drop() {
    this.#writer.abort().catch(() => {}) // it has ended
  }

  async #write(text) {
    await this.#writer.write(new TextEncoder().encode(text)).catch(() => {}) // told by end
  }
}

async function gathered(readable) {
  const parts = []
  let size = 0
  for (const reader = readable.getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer())
    parts.push(value)
    if ((size += value.length) <= MOST_OF_ONE) continue
    reader.cancel().catch(() => {}) // nobody waits for it
    throw new RangeError('the answer is too long to be kept')
  }
}

/**
 * Gives again what a recording has, no faster than it is taken.
 * @param {Uint8Array} bytes
 * @param {{items(text: string): Promise<void>, event(text: string): void}} host
 * @param {() => boolean} cancelled
 */
export async function replay(bytes, host, cancelled) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (let over = false; !over && !cancelled(); ) {
    const { done, value = '' } = await reader.read()
    over = done
    text += value
    if (!over && text.length < PIECE) continue
    const end = over ? text.length : text.lastIndexOf('\n') + 1
    await give(text.slice(0, end), host)
    text = text.slice(end)
  }
  if (cancelled()) await reader.cancel()
}

async function give(text, host) {
  const lines = text.split('\n')
  for (const line of lines) if (line.startsWith(EVENT)) host.event(line.slice(EVENT.length))
  const items = text.includes(`\n${EVENT}`) || text.startsWith(EVENT) ? lines.filter(line => !line.startsWith(EVENT)).join('\n') : text
  if (items) await host.items(items)
}
