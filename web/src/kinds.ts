// What a file is to be shown as, told by its bytes.

import { isElf } from './elf.js'

export type Look = 'text' | 'image' | 'json' | 'elf' | 'hex'

const IMAGES: [string, number[]][] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/bmp', [0x42, 0x4d]],
  ['image/x-icon', [0, 0, 1, 0]],
]

/** The type of a picture that is only pixels; SVG is a program to a browser, and is shown as text. */
export function imageType(b: Uint8Array): string | undefined {
  const tag = (at: number) => String.fromCharCode(...b.subarray(at, at + 4))
  if (tag(0) === 'RIFF' && tag(8) === 'WEBP') return 'image/webp'
  if (tag(4) === 'ftyp' && /^avi[fs]$/.test(tag(8))) return 'image/avif'
  return IMAGES.find(([, magic]) => magic.every((byte, i) => b[i] === byte))?.[0]
}

/** The ways to show a file, the best one first. */
export function looks(path: string, bytes: Uint8Array): Look[] {
  if (bytes.length === 0) return ['text']
  if (isElf(bytes)) return ['elf', 'hex']
  if (imageType(bytes)) return ['image', 'hex']
  if (!isText(bytes)) return ['hex', 'text']
  return /\.(json|webmanifest)$/i.test(path) && isJson(bytes) ? ['json', 'text', 'hex'] : ['text', 'hex']
}

/** UTF-8 without control characters; the last character may be cut. */
function isText(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 64 << 10)
  if (head.some(b => b < 32 && b !== 9 && b !== 10 && b !== 12 && b !== 13 && b !== 27)) return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}

function isJson(bytes: Uint8Array): boolean {
  if (bytes.length > 1 << 20) return false
  try {
    JSON.parse(new TextDecoder().decode(bytes))
    return true
  } catch {
    return false
  }
}
