// Blobs of registries, kept in the browser's own storage (the origin private file system,
// https://fs.spec.whatwg.org/#origin-private-file-system) by their digest, so that what was read once is not fetched again.
// The module checks the digest of whatever it reads, from here as from the network.

import { FOLDER as ANSWERS } from './answers.js'

const FOLDER = 'stevedore-blobs'
const BLOB = /\/v2\/.+\/blobs\/(sha256):([0-9a-f]{64})$/
/** A file's name says how long it has to be: one that is not was never finished. */
const NAME = /^(sha256)-([0-9a-f]{64})-(\d+)$/

/** Bytes that are kept at most, and of one blob. Nothing is kept that would fill more than a quarter of what is left. */
const MOST = 2 ** 31
const MOST_OF_ONE = 2 ** 29

/**
 * Answers requests for blobs from the storage, and puts there what comes. Only a Worker may write.
 * @param {typeof globalThis.fetch} fetch
 * @param {() => Promise<FileSystemDirectoryHandle>} [folder]
 * @returns {typeof globalThis.fetch}
 */
export function keeping(fetch, folder = openFolder) {
  const kept = new Kept(folder)
  return async (url, init = {}) => {
    const [, algorithm, hex] = BLOB.exec(new URL(url).pathname) ?? []
    if (!hex || (init.method ?? 'GET') !== 'GET' || new Headers(init.headers).has('range')) return fetch(url, init)
    const file = await kept.find(`${algorithm}-${hex}`)
    if (file) return answer(file, url, `${algorithm}:${hex}`)
    const response = await fetch(url, init)
    return response.status === 200 ? kept.put(`${algorithm}-${hex}`, response, url, init.signal) : response
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

async function openFolder() {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true })
}

function answer(file, url, digest) {
  const headers = { 'content-length': String(file.size), 'content-type': 'application/octet-stream', 'docker-content-digest': digest }
  return Object.defineProperties(new Response(file.stream(), { headers }), { url: { value: url }, type: { value: 'cors' } })
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

  /** @param {string} name algorithm and digest @returns {Promise<File | undefined>} */
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
    const { status, headers, type } = response
    return Object.defineProperties(new Response(response.body.pipeThrough(copied), { status, headers }), { url: { value: response.url || url }, type: { value: type } })
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

  /** Makes room, the oldest first. */
  async #room(size) {
    try {
      const { quota = 0, usage = 0 } = await navigator.storage.estimate()
      if (size > MOST_OF_ONE || size > (quota - usage) / 4) return false
      const files = []
      for await (const [entry, handle] of await this.#list()) {
        if (NAME.test(entry)) files.push(await handle.getFile())
      }
      files.sort((a, b) => a.lastModified - b.lastModified)
      const dir = await this.#dir()
      for (let total = files.reduce((sum, f) => sum + f.size, size); total > MOST && files.length > 0; ) {
        const oldest = files.shift()
        await dir.removeEntry(oldest.name)
        total -= oldest.size
      }
      return true
    } catch {
      return false
    }
  }
}
