// The frames between host and guest (docs/ABI.md): a 4-byte little-endian header length, a JSON header, raw bytes.

export const ABI = 1
export const MAX_PAYLOAD = 64 << 10
export const MAX_HEADER = 16 << 20
export const MAX_FRAME = 4 + MAX_HEADER + MAX_PAYLOAD
/** What the guest takes is smaller, since its memory never shrinks. */
export const MAX_HOST_HEADER = 4 << 20

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NONE = new Uint8Array(0)

/**
 * @param {object} header
 * @param {Uint8Array} [payload]
 * @returns {Uint8Array}
 */
export function encode(header, payload = NONE) {
  const head = encoder.encode(JSON.stringify(header))
  if (head.length > MAX_HOST_HEADER || payload.length > MAX_PAYLOAD) {
    throw new RangeError(`${header.type} frame is too large: a header of ${head.length} bytes, a payload of ${payload.length}`)
  }
  const frame = new Uint8Array(4 + head.length + payload.length)
  new DataView(frame.buffer).setUint32(0, head.length, true)
  frame.set(head, 4)
  frame.set(payload, 4 + head.length)
  return frame
}

/**
 * Splits a frame; the payload is part of it. `text` is the header as it was sent, for who needs the exact bytes of a value.
 * @param {Uint8Array} frame
 * @returns {{header: object, payload: Uint8Array, text: string}}
 */
export function decode(frame) {
  if (frame.length < 4) throw new RangeError(`frame of ${frame.length} bytes has no header length`)
  const n = new DataView(frame.buffer, frame.byteOffset, 4).getUint32(0, true)
  if (n > MAX_HEADER || n > frame.length - 4) throw new RangeError(`frame of ${frame.length} bytes says its header has ${n}`)
  const text = decoder.decode(frame.subarray(4, 4 + n))
  const header = JSON.parse(text)
  if (header === null || typeof header !== 'object' || Array.isArray(header) || typeof header.type !== 'string') {
    throw new TypeError('frame header is no object with a type')
  }
  const payload = frame.subarray(4 + n)
  if (payload.length > MAX_PAYLOAD) throw new RangeError(`${header.type} frame has a payload of ${payload.length} bytes`)
  return { header, payload, text }
}

/**
 * The exact text of one member of a JSON object, which parsing and printing again would not keep: large numbers, the order
 * of keys that look like numbers, escapes.
 * @param {string} text a valid JSON object
 * @param {string} name
 * @returns {string | undefined}
 */
export function rawMember(text, name) {
  let at = text.indexOf('{') + 1
  while (text[skipSpace(text, at)] === '"') {
    const key = skipSpace(text, at)
    const keyEnd = skipValue(text, key)
    const value = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = skipValue(text, value)
    if (JSON.parse(text.slice(key, keyEnd)) === name) return text.slice(value, end)
    at = skipSpace(text, end) + 1
  }
  return undefined
}

const SPACE = /[ \t\r\n]*/y
const STRING = /"(?:[^"\\]|\\.)*"/y
const BRACKET = /[^"{}[\]]*/y
const SCALAR = /[^,}\] \t\r\n]*/y

function skip(pattern, text, at) {
  pattern.lastIndex = at
  pattern.test(text)
  return pattern.lastIndex
}

const skipSpace = (text, at) => skip(SPACE, text, at)

function skipValue(text, at) {
  if (text[at] === '"') return skip(STRING, text, at)
  if (text[at] !== '{' && text[at] !== '[') return skip(SCALAR, text, at)
  let depth = 0
  do {
    at = skip(BRACKET, text, at)
    if (text[at] === '"') {
      at = skip(STRING, text, at)
      continue
    }
    depth += text[at] === '{' || text[at] === '[' ? 1 : -1
    at++
  } while (depth > 0 && at < text.length)
  return at
}
