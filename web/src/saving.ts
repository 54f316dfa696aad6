// Where a download goes while it is made: straight to the disk where the browser lets a page write there, else into the
// browser's own storage and from there to the downloads, else into memory.

import { keep, safeName } from './content.js'
import { bytes } from './format.js'
import { fail } from './problem.js'

/** Takes the bytes of one file. Exactly one of finish and abort is called, and last. */
export interface Sink {
  write(piece: Uint8Array): Promise<void>
  finish(): Promise<void>
  abort(): Promise<void>
}

/** What is written at once, in bytes: each write is a turn to another process. */
const BATCH = 1 << 20

/** What is held at most where there is no storage, in bytes. */
const MOST = 2 ** 29

const FOLDER = 'stevedore-download'

interface Picker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>
}

/**
 * Opens a file to be saved under that name; undefined where the person chose none. Has to be called while a click is handled.
 * @param least bytes that will come at the least
 */
export async function sinkFor(name: string, least: number): Promise<Sink | undefined> {
  const { showSaveFilePicker } = globalThis as Picker
  if (showSaveFilePicker) {
    try {
      const out = await (await showSaveFilePicker({ suggestedName: safeName(name) })).createWritable()
      return batched(out, async () => {})
    } catch (err) {
      if ((err as DOMException).name === 'AbortError') return undefined
      // It may not ask here, in a frame for example.
    }
  }
  return (await stored(name, least)) ?? held(name)
}

function batched(out: FileSystemWritableFileStream, done: () => Promise<void>): Sink {
  let batch: Uint8Array[] = []
  let size = 0
  const flush = async (): Promise<void> => {
    const blob = new Blob(batch as Uint8Array<ArrayBuffer>[])
    batch = []
    size = 0
    await out.write(blob)
  }
  return {
    async write(piece) {
      batch.push(piece)
      if ((size += piece.length) >= BATCH) await flush()
    },
    async finish() {
      await flush()
      await out.close()
      await done()
    },
    abort: () => out.abort(),
  }
}

/** In the origin private file system; undefined where this browser has none that a page can write to. */
async function stored(name: string, least: number): Promise<Sink | undefined> {
  let file: FileSystemFileHandle
  let out: FileSystemWritableFileStream
  try {
    const root = await navigator.storage.getDirectory()
    await root.removeEntry(FOLDER, { recursive: true }).catch(() => {}) // what was downloaded before
    file = await (await root.getDirectoryHandle(FOLDER, { create: true })).getFileHandle(crypto.randomUUID(), { create: true })
    out = await file.createWritable()
  } catch {
    return undefined
  }
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate()
  if (least > quota - usage) {
    await out.abort()
    fail('unsupported', `The browser gives this page ${bytes(quota - usage)} to put a download together; it takes ${bytes(least)}.`, 'Use the command line below.')
  }
  return batched(out, async () => keep(name, await file.getFile()))
}

function held(name: string): Sink {
  const parts: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  return {
    async write(piece) {
      if ((size += piece.length) > MOST) {
        fail('unsupported', `This browser gives pages no storage to write to, and in memory a download may be ${bytes(MOST)} at most.`, 'Use the command line below, or another browser.')
      }
      parts.push(piece as Uint8Array<ArrayBuffer>)
    },
    finish: async () => keep(name, new Blob(parts)),
    abort: async () => { parts.length = 0 },
  }
}
