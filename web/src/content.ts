// Files and documents of the open image, read when somebody wants to see or keep them.

import { StevedoreError } from '../../wasm/js/errors.js'
import type { Event } from '../../wasm/js/index.js'
import { engine } from './engine.js'
import type { Session } from './session.js'

export interface Content {
  bytes: Uint8Array<ArrayBuffer>
  /** it goes on */
  cut: boolean
}

/** Where a file is: its path, and the layer that has its content where that is known. */
export interface Spot {
  path: string
  layer: number | undefined
  /** it must be that layer's */
  only: boolean
}

const ENOUGH = new Error('enough was read')

/** Reads a file, at most so many bytes. Progress is that of the layer, in which a file may come late. */
export function readFile(session: Session, spot: Spot, most: number, signal: AbortSignal, progress: Progress): Promise<Content> {
  return session.orAnew(() => head(session, spot, most, signal, progress))
}

type Progress = (done: number, total: number) => void

async function head(session: Session, spot: Spot, most: number, signal: AbortSignal, progress: Progress): Promise<Content> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  const enough = new AbortController()
  const output = (_name: string, bytes: Uint8Array): void => {
    const part = new Uint8Array(bytes.subarray(0, most - size)) as Uint8Array<ArrayBuffer>
    parts.push(part)
    size += part.length
    if (part.length < bytes.length) enough.abort(ENOUGH)
  }
  try {
    await cat(session, spot, { signal: AbortSignal.any([signal, enough.signal]), output }, progress)
  } catch (err) {
    if (!enough.signal.aborted || signal.aborted) throw err
  }
  return { bytes: joined(parts, size), cut: enough.signal.aborted }
}

/** A path of one layer may lead through links of another: then the whole image is asked. */
async function cat(session: Session, { path, layer, only }: Spot, options: { signal: AbortSignal; output: Output }, progress: Progress = () => {}): Promise<void> {
  const e = await engine()
  const onEvent = ({ kind, done = 0, total = 0 }: Event): void => { if (kind === 'progress') progress(done, total) }
  const all = { ...session.options(options.signal), output: options.output, onEvent }
  const blob = session.blobs.get(path)
  if (blob) return void (await e.blobGet({ ref: `${session.subject!.base}@${blob.digest}` }, all))
  if (layer !== undefined) {
    try {
      await e.cat({ ...session.request, path, layer }, all)
      return
    } catch (err) {
      if (only || !(err instanceof StevedoreError) || err.kind !== 'not_found') throw err
    }
  }
  await e.cat({ ...session.request, path }, all)
}

/** A file as it is, for keeping. */
export function wholeFile(session: Session, spot: Spot, signal: AbortSignal, progress: (done: number) => void): Promise<Blob> {
  return gathered(session, progress, output => cat(session, spot, { signal, output }))
}

/** A folder as a tar. */
export async function folder(session: Session, path: string, layer: number | undefined, signal: AbortSignal, progress: (done: number) => void): Promise<Blob> {
  const e = await engine()
  return gathered(session, progress, output => e.export({ ...session.request, path, ...(layer !== undefined && { layer }) }, { ...session.options(signal), output }))
}

type Output = (name: string, bytes: Uint8Array) => void

function gathered(session: Session, progress: (done: number) => void, write: (output: Output) => PromiseLike<unknown>): Promise<Blob> {
  return session.orAnew(async () => {
    const parts: Uint8Array<ArrayBuffer>[] = []
    let done = 0
    await write((_name, bytes) => {
      parts.push(bytes.slice() as Uint8Array<ArrayBuffer>)
      progress((done += bytes.length))
    })
    return new Blob(parts)
  })
}

/** A blob that a manifest names. */
export async function blob(session: Session, digest: string, signal: AbortSignal): Promise<Blob> {
  const e = await engine()
  return gathered(session, () => {}, output => e.blobGet({ ref: `${session.subject!.base}@${digest}` }, { ...session.options(signal), output }))
}

/** A document as it was received; which one, as a view names it. */
export async function document(session: Session, which: string, signal: AbortSignal): Promise<Uint8Array> {
  const e = await engine()
  const { ref, platform } = session.request
  const chosen = platform ?? session.image?.platform
  const { base } = session.subject!
  if (which.startsWith('blob:')) return new Uint8Array(await (await blob(session, which.slice('blob:'.length), signal)).arrayBuffer())
  const other = which.startsWith('config:') ? { ref: `${base}@${which.slice('config:'.length)}`, config: true } : { ref: `${base}@${which}`, raw: true }
  const request = {
    config: { ref, config: true, ...(platform && { platform }) },
    manifest: { ref, raw: true, ...(session.summary?.kind === 'index' && chosen && { platform: chosen }) },
    index: { ref, raw: true },
  }[which] ?? other
  const { bytes } = await session.orAnew(async () => e.inspect(request, session.options(signal)))
  return bytes ?? new Uint8Array(0)
}

/** A name that is no path. */
export const safeName = (name: string): string => name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, '_') || 'download'

/** Hands bytes to the person. */
export function keep(name: string, blob: Blob): void {
  const link = globalThis.document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = safeName(name)
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

function joined(parts: Uint8Array<ArrayBuffer>[], size: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
