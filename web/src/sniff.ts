// What a dropped file is, told by its first bytes and by the names in it and never by its own name.

export type Compression = 'none' | 'gzip' | 'zstd' | 'other'

const MAGIC: [Compression, number[]][] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['other', [0xfd, 0x37, 0x7a, 0x58, 0x5a]], // xz
  ['other', [0x42, 0x5a, 0x68]], // bzip2
]

export async function bytesAt(blob: Blob, offset: number, length: number): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer())
}

export async function compressionOf(blob: Blob): Promise<Compression> {
  const head = await bytesAt(blob, 0, 8)
  return MAGIC.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0] ?? 'none'
}

const BLOCK = 512
const WINDOW = 64 << 10
/** What is no larger is read at once: each part that is asked of the browser takes as long. */
const SMALL = 4 << 20
/** So many names are looked at before the rest is believed to be no different. */
const MAX_NAMES = 20_000

const text = new TextDecoder('latin1')
const field = (block: Uint8Array, at: number, length: number) => text.decode(block.subarray(at, at + length)).replace(/\0.*$/s, '')

/** A number of a tar header: octal text, or base 256 where the first bit is set. */
function number(block: Uint8Array, at: number, length: number): number {
  const first = block[at]!
  if (first & 0x80) {
    let n = first & 0x7f
    for (let i = 1; i < length; i++) n = n * 256 + block[at + i]!
    return n
  }
  return parseInt(field(block, at, length).trim() || '0', 8)
}

/** Whether a block has the checksum that makes it a header (POSIX.1-2017, pax, "ustar Interchange Format"). */
function isHeader(block: Uint8Array): boolean {
  let sum = 0
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : block[i]!
  return sum === number(block, 148, 8)
}

/** The names in a tar, until enough says so, and whether it ends too early; undefined where it is no tar. Content is skipped, not read. */
export async function namesIn(blob: Blob, enough: (names: Set<string>) => boolean): Promise<{ names: Set<string>; cut: boolean } | undefined> {
  const names = new Set<string>()
  const size = blob.size <= SMALL ? SMALL : WINDOW
  let window = new Uint8Array(0)
  let start = 0
  let at = 0
  for (; at + BLOCK <= blob.size && names.size < MAX_NAMES; ) {
    if (at + BLOCK > start + window.length || at < start) {
      window = new Uint8Array(await bytesAt(blob, at, size))
      start = at
    }
    const block = window.subarray(at - start, at - start + BLOCK)
    if (block.every(byte => byte === 0)) break
    if (!isHeader(block)) break
    names.add(field(block, 0, 100).replace(/^(\.?\/)+/, ''))
    if (enough(names)) break
    const length = number(block, 124, 12)
    if (!Number.isSafeInteger(length) || length < 0) break
    at += BLOCK + Math.ceil(length / BLOCK) * BLOCK
  }
  return names.size > 0 ? { names, cut: at > blob.size } : undefined
}
