// Blobs of registries, kept in the browser's own storage (the origin private file system,
// https://fs.spec.whatwg.org/#origin-private-file-system) by their digest, so that what was read once is not fetched again.
// The module checks the digest of whatever it reads, from here as from the network.

import { FOLDER as ANSWERS, hashed } from './answers.js'
import { folderOf, room } from './storage.js'

const FOLDER = 'stevedore-blobs'
/** What is asked for by digest: blobs and manifests. */
const CONTENT = /\/v2\/.+\/(blobs|manifests)\/(sha256):([0-9a-f]{64})$/

/** Bytes that are kept at most, and of one blob. Nothing is kept that would fill more than a quarter of what is left. */
const MOST = 2 ** 31
const MOST_OF_ONE = 2 ** 29

/** Bytes of a blob that is small, such as a config, and of all small ones that are held in memory. */
const SMALL = 2 ** 18
const MOST_HELD = 2 ** 23

/**
 * Answers requests for blobs from the storage, and puts there what comes. Only a Worker may write. Small blobs, and manifests that
 * are asked for by digest, are held in memory once their digest is right: several verbs read them, registries count how often
 * manifests are asked for, and not every browser has a storage.
 * @param {typeof globalThis.fetch} fetch
 * @param {() => Promise<FileSystemDirectoryHandle>} [folder]
 * @returns {typeof globalThis.fetch}
 */
export function keeping(fetch, folder = () => folderOf(FOLDER)) {
  const kept = new Kept(folder)
  const held = new Held()
  return async (url, init = {}) => {
    const [, kind, algorithm, hex] = CONTENT.exec(new URL(url).pathname) ?? []
    if (!hex || (init.method ?? 'GET') !== 'GET' || new Headers(init.headers).has('range')) return fetch(url, init)
    const digest = `${algorithm}:${hex}`
    const name = kind === 'blobs' ? `${algorithm}-${hex}` : '' // a manifest has a media type, which a file has not
    const known = held.get(hex) ?? (name && (await kept.find(name)))
    if (known) return answer(known, url, digest)
    const response = await fetch(url, init)
    if (response.status !== 200) return response
    const { bytes, body } = await begun(response)
    const whole = bytes && answer(bytes, response.url || url, digest)
    if (whole && !(await held.put(hex, bytes))) return whole
    const given = whole ?? replaced(response, body, url)
    return name ? kept.put(name, given, url, init.signal) : given
  }
}

/** Lets go of everything that is kept, answers too: of use where something was damaged. */
export async function forget() {
  for (const folder of [FOLDER, ANSWERS]) {
    try {
      await (await navigator.storage.getDirectory()).removeEntry(folder, { recursive: true })
    } catch {
      // There is nothing, or no storage.
    }
  }
}

/** @returns {Promise<number>} bytes of what is kept */
export async function keptBytes() {
  let size = 0
  for (const folder of [FOLDER, ANSWERS]) {
    try {
      for await (const file of (await (await navigator.storage.getDirectory()).getDirectoryHandle(folder)).values()) size += (await file.getFile()).size
    } catch {
      // There is nothing, or no storage, or something goes on being written.
    }
  }
  return size
}

/** @param {Blob} blob */
function answer(blob, url, digest) {
  const headers = { 'content-length': String(blob.size), 'content-type': blob.type || 'application/octet-stream', 'docker-content-digest': digest }
  return dressed(new Response(blob.stream(), { headers }), url, 'cors')
}

/** The same response with another body. */
function replaced(response, body, url) {
  if (body === response.body) return response
  const { status, headers, type } = response
  return dressed(new Response(body, { status, headers }), response.url || url, type)
}

/** What only the network may say of a response. */
const dressed = (response, url, type) => Object.defineProperties(response, { url: { value: url }, type: { value: type } })

/**
 * Reads a body that may be small.
 * @returns {Promise<{bytes?: Blob, body?: ReadableStream}>} all of it where it is, else a stream of it
 */
async function begun(response) {
  if (!response.body || Number(response.headers.get('content-length') ?? 0) > SMALL) return { body: response.body }
  const reader = response.body.getReader()
  const parts = []
  let failed
  try {
    for (let size = 0; size <= SMALL; size += parts.at(-1).length) {
      const { done, value } = await reader.read()
      if (done) return { bytes: new Blob(parts, { type: response.headers.get('content-type') ?? '' }) }
      parts.push(value)
    }
  } catch (err) {
    failed = err // after what came before it
  }
  const pull = async out => {
    if (parts.length > 0) return out.enqueue(parts.shift())
    if (failed) throw failed
    const { done, value } = await reader.read()
    if (done) out.close()
    else out.enqueue(value)
  }
  return { body: new ReadableStream({ pull, cancel: reason => reader.cancel(reason) }, { highWaterMark: 0 }) }
}

/** Small blobs and manifests in memory, by the hexadecimal SHA-256 that they have; the oldest go first. */
class Held {
  #blobs = new Map()
  #size = 0

  get(hex) {
    return this.#blobs.get(hex)
  }

  /** @param {string} hex @param {Blob} blob @returns {Promise<boolean>} whether it is that blob, which a page without TLS cannot tell */
  async put(hex, blob) {
    if (!globalThis.crypto?.subtle || (await hashed(await blob.arrayBuffer())) !== hex) return false
    if (this.#blobs.has(hex)) return true
    this.#blobs.set(hex, blob)
    this.#size += blob.size
    for (const [oldest, { size }] of this.#blobs) {
      if (this.#size <= MOST_HELD) break
      this.#blobs.delete(oldest)
      this.#size -= size
    }
    return true
  }
}

class Kept {
  #open
  #folder

  constructor(open) {
    this.#open = open
  }

  /** @returns {Promise<FileSystemDirectoryHandle | undefined>} nothing where the browser has no such storage, or forbids it */
  #dir() {
    this.#folder ??= this.#open().catch(() => undefined)
    return this.#folder
  }

  /** A file's name ends with its length: one that has another was never finished. @param {string} name algorithm and digest @returns {Promise<File | undefined>} */
  async find(name) {
    try {
      for await (const [entry, handle] of await this.#list()) {
        const file = entry.startsWith(`${name}-`) && (await handle.getFile())
        if (file && entry === `${name}-${file.size}`) return file
      }
    } catch {
      this.#folder = undefined // it was emptied meanwhile
    }
    return undefined
  }

  async #list() {
    return (await this.#dir())?.entries() ?? []
  }

  /** @returns {Promise<Response>} the same, which is written while it is read */
  async put(name, response, url, signal) {
    const size = Number(response.headers.get('content-length') ?? 0)
    const encoded = response.headers.has('content-encoding') // then the length is not that of the blob
    const writer = size > 0 && !encoded && response.body && (await this.#room(size)) ? await this.#writer(`${name}-${size}`) : undefined
    if (!writer) return response
    let at = 0
    const close = () => {
      try {
        writer.close()
      } catch {
        // It is closed.
      }
    }
    signal?.addEventListener('abort', close)
    const copied = new TransformStream({
      transform(chunk, out) {
        out.enqueue(chunk)
        try {
          at += writer.write(chunk, { at })
          if (at === size) close() // at once: who has all bytes may not ask for the end
        } catch {
          close() // there is no room any more; the file stays too short to be found
        }
      },
      flush: close,
      cancel: close,
    })
    return replaced(response, response.body.pipeThrough(copied), url)
  }

  async #writer(name) {
    try {
      const handle = await (await this.#dir()).getFileHandle(name, { create: true })
      const writer = await handle.createSyncAccessHandle()
      writer.truncate(0)
      return writer
    } catch {
      return undefined // another tab writes it, or this is no Worker
    }
  }

  async #room(size) {
    try {
      return size <= MOST_OF_ONE && (await room(await this.#dir(), size, MOST))
    } catch {
      return false
    }
  }
}
