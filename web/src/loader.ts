// Whatever a person brings (a file, a folder, a name, the example) becomes a Subject here: one way in for all of them.

import exampleUrl from '../build/harbor.tar?url'
import { fail } from './problem.js'
import { type Compression, compressionOf, namesIn } from './sniff.js'

export interface Subject {
  kind: 'registry' | 'file' | 'folder' | 'example'
  /** what a person calls it */
  title: string
  /** scheme and place, to which a tag is added: "oci-archive:harbor.tar" */
  base: string
  /** the tag or digest that was named, with its separator */
  suffix: string
  inputs?: Record<string, Blob>
  /** what is found in it is not kept in the browser's storage */
  unkept?: true
}

export type Inputs = Record<string, Blob>

/** A name that does not mean anything else inside a reference. */
const plainName = (name: string) => name.replace(/[:@\\/\0]/g, '_') || 'image'

export function fromReference(typed: string): Subject {
  const text = typed.trim()
  if (!text) fail('input', 'There is no reference to open.', 'For example alpine:3.20 or ghcr.io/org/app:1.')
  const scheme = /^(oci|oci-archive|docker-archive|dir|static|mem):/.exec(text)?.[1]
  if (scheme) fail('unsupported', `${text} names a place on a disk, which a page cannot open by name.`, 'Drop the file or the folder here.')
  if (/^https?:\/\//.test(text)) fail('input', `${text} is the address of a page, and not the name of an image.`, 'Type the name as docker pull takes it, for example ghcr.io/org/app:1.')
  const name = text.replace(/^docker:\/\//, '')
  const [, base = name, suffix = ''] = /^(.*?)((?::[^/:@]*)?(?:@[^/@]*)?)$/.exec(name) ?? []
  return { kind: 'registry', title: name, base, suffix }
}

/** How a fragment names the example, with a tag or a digest. */
export const EXAMPLE = /^example(:|@sha256:)/

export async function fromExample(signal: AbortSignal, progress: Tell): Promise<Subject> {
  const name = 'harbor.tar'
  return { kind: 'example', title: 'the bundled example', base: `oci-archive:${name}`, suffix: '', inputs: { [name]: await download(exampleUrl, signal, progress) } }
}

/** Not by fetch: what tells how far it came would pass each byte through the page, which takes longer than all the rest. */
function download(url: string, signal: AbortSignal, progress: Tell): Promise<Blob> {
  const request = new XMLHttpRequest()
  const cancel = () => request.abort()
  signal.throwIfAborted()
  signal.addEventListener('abort', cancel)
  return new Promise<Blob>((resolve, reject) => {
    request.open('GET', url)
    request.responseType = 'blob'
    request.onprogress = ({ loaded, total }) => progress(loaded, total)
    request.onload = () => resolve(request.response as Blob)
    request.onerror = () => reject(new TypeError('the request failed'))
    request.onabort = () => reject(signal.reason)
    request.send()
  }).then(blob => {
    if (request.status !== 200) fail('network', `The example could not be loaded: status ${request.status}.`)
    return blob
  }).finally(() => signal.removeEventListener('abort', cancel))
}

/** A tar of an image, compressed or not. */
export async function fromFile(file: File, signal?: AbortSignal, progress: Tell = () => {}): Promise<Subject> {
  const name = plainName(file.name)
  const compression = await compressionOf(file)
  if (file.size === 0) fail('input', `${file.name} is empty.`)
  if (compression === 'other') fail('unsupported', `${file.name} is compressed with xz or bzip2.`, 'Decompress it first; gzip and zstd are read as they are.')
  const tar = compression === 'gzip' ? await gunzipped(file, signal, progress) : file
  const scheme = await archiveScheme(tar, file.name, compression)
  return { kind: 'file', title: file.name, base: `${scheme}:${name}`, suffix: '', inputs: { [name]: tar } }
}

type Tell = (done: number, total: number) => void

/**
 * A compressed archive is decompressed once, by the browser, which keeps it where it likes; the module would do it for every
 * request. Some browsers take one member of a gzip file only: then the module gets the file as it is.
 */
async function gunzipped(file: File, signal: AbortSignal | undefined, progress: Tell): Promise<Blob> {
  let done = 0
  const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, out) {
      signal?.throwIfAborted()
      out.enqueue(chunk)
      progress((done += chunk.length), file.size)
    },
  })
  try {
    return await new Response(file.stream().pipeThrough(counted).pipeThrough(new DecompressionStream('gzip'))).blob()
  } catch {
    signal?.throwIfAborted()
    return file
  }
}

const OCI_NAMES = ['oci-layout', 'index.json']
const DOCKER_NAMES = ['manifest.json', 'repositories']

/** docker save since version 25 writes both forms at once: then the OCI one, which has the digests of the registry. */
async function archiveScheme(tar: Blob, name: string, compression: Compression): Promise<string> {
  if (compression !== 'none' && (await compressionOf(tar)) !== 'none') return 'docker-archive' // the module looks into it
  const found = await namesIn(tar, names => OCI_NAMES.every(n => names.has(n)))
  if (!found && compression !== 'none') fail('input', `${name} is compressed, but what is in it is no tar archive.`)
  if (!found) fail('input', `${name} is no tar archive.`, 'Drop what docker save, podman save or skopeo copy … oci-archive: wrote.')
  const { names, cut } = found
  if (OCI_NAMES.some(n => names.has(n))) return 'oci-archive'
  if (DOCKER_NAMES.some(n => names.has(n))) return 'docker-archive'
  if (cut) fail('verification', `${name} ends too early: a part of it is missing.`, 'Copy or download it again.')
  fail('input', `${name} is a tar archive, but of no image: it has no index.json and no manifest.json.`, 'Drop what docker save wrote, not docker export.')
}

/** A folder, as paths and files: the OCI layout, or what skopeo's dir: wrote, that is in it. */
export function fromFolder(files: [string, File][]): Subject {
  const byDepth = files.map(([path]) => path).sort((a, b) => a.split('/').length - b.split('/').length)
  const marker = byDepth.find(p => /(^|\/)oci-layout$/.test(p)) ?? byDepth.find(p => /(^|\/)index\.json$/.test(p)) ?? byDepth.find(p => /(^|\/)manifest\.json$/.test(p))
  if (marker === undefined && files.every(([path]) => !path.includes('/'))) {
    fail('input', `These are ${files.length} files, and none of them is called oci-layout, index.json or manifest.json.`, 'Drop one archive at a time, or one folder.')
  }
  if (marker === undefined) {
    fail('input', 'There is no image in this folder: no file in it is called oci-layout, index.json or manifest.json.', 'Drop an OCI layout, or the folder that skopeo copy … dir: wrote.')
  }
  const parts = marker.split('/')
  const prefix = parts.slice(0, -1).join('/')
  const name = plainName(parts.at(-2) ?? 'folder')
  const inside = files.filter(([path]) => !prefix || path.startsWith(`${prefix}/`))
  const inputs = Object.fromEntries(inside.map(([path, file]) => [`${name}/${prefix ? path.slice(prefix.length + 1) : path}`, file]))
  const scheme = parts.at(-1) === 'manifest.json' ? 'dir' : 'oci'
  return { kind: 'folder', title: parts.at(-2) ?? 'folder', base: `${scheme}:${name}`, suffix: '', inputs }
}

/** What was dropped or pasted: one file, or everything in the folders. */
export function fromTransfer(data: DataTransfer): (signal: AbortSignal, progress: Tell) => Promise<Subject> {
  // They must be taken at once: the list is empty after the first wait.
  const entries = [...data.items].filter(i => i.kind === 'file').map(i => {
    const entry = i.webkitGetAsEntry?.()
    return entry?.isDirectory ? entry : i.getAsFile()
  })
  const text = data.getData('text/plain').trim()
  const found = entries.filter(e => e !== null)
  return async (signal, progress) => {
    if (found.length === 0) return fromReference(text)
    const files: [string, File][] = []
    for (const entry of found) await collect(entry, '', files)
    return fromFiles(files, signal, progress)
  }
}

export function fromFiles(files: [string, File][], signal: AbortSignal, progress: Tell): Subject | Promise<Subject> {
  const first = files[0]
  if (!first) fail('input', 'There is nothing in it.')
  return files.length === 1 && !first[0].includes('/') ? fromFile(first[1], signal, progress) : fromFolder(files)
}

async function collect(entry: FileSystemEntry | File, prefix: string, into: [string, File][]): Promise<void> {
  if (entry instanceof File) {
    into.push([prefix + entry.name, entry])
  } else if (entry.isFile) {
    const file = await new Promise<File>((ok, no) => (entry as FileSystemFileEntry).file(ok, no))
    into.push([prefix + file.name, file])
  } else {
    const reader = (entry as FileSystemDirectoryEntry).createReader()
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((ok, no) => reader.readEntries(ok, no))
      if (some.length === 0) return
      for (const child of some) await collect(child, `${prefix}${entry.name}/`, into)
    }
  }
}
