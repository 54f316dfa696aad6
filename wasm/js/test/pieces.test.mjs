import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Held, Input } from '../pieces.js'

const MiB = 1 << 20
const content = randomBytes(2 * MiB + 7)

/** What only the page can read has slices and no stream. */
const sources = {
  'a Blob': new Blob([content]),
  'another source': { size: content.length, slice: (from, to) => ({ arrayBuffer: async () => new Uint8Array(content.subarray(from, to)).buffer }) },
}

async function all(pieces) {
  const lengths = []
  const parts = []
  for (let piece; (piece = await pieces.read()).length > 0;) {
    lengths.push(piece.length)
    parts.push(Buffer.from(piece))
    await new Promise(resolve => setTimeout(resolve, 2)) // the next ones come meanwhile, and must not be written over this one
    assert.ok(Buffer.from(piece).equals(parts.at(-1)))
  }
  return { lengths, content: Buffer.concat(parts) }
}

for (const [name, source] of Object.entries(sources)) {
  test(`${name} comes in whole pieces, from any place`, async () => {
    const input = new Input(source)
    assert.equal(input.size, content.length)
    const whole = await all(input.pieces(0))
    assert.deepEqual(whole.lengths, [MiB / 2, MiB / 2, MiB / 2, MiB / 2, 7])
    assert.ok(whole.content.equals(content))
    const rest = await all(input.pieces(MiB))
    assert.ok(rest.content.equals(content.subarray(MiB)))
    assert.deepEqual((await all(input.pieces(content.length))).lengths, [])
    assert.ok(Buffer.from(await input.slice(5, 9).arrayBuffer()).equals(content.subarray(5, 9)))
  })

  test(`reading ${name} ends with a cancel`, async () => {
    const pieces = new Input(source).pieces(0)
    await pieces.read()
    pieces.cancel()
  })
}

test('what cannot be read is told by the read, and by nothing before it', async () => {
  const unreadable = { arrayBuffer: () => Promise.reject(new Error('NotReadableError')) }
  const broken = {
    'a stream': { size: 9, slice: () => ({ stream: () => new ReadableStream({ type: 'bytes', pull: () => Promise.reject(new Error('NotReadableError')) }) }) },
    'slices': { size: 9, slice: () => unreadable },
  }
  for (const source of Object.values(broken)) {
    const pieces = new Input(source).pieces(0)
    await new Promise(resolve => setTimeout(resolve, 5))
    await assert.rejects(pieces.read(), /NotReadableError/)
  }
})

test('a small Blob is read once, however often it is asked for', async () => {
  let reads = 0
  const blob = new (class extends Blob {
    arrayBuffer() {
      reads++
      return super.arrayBuffer()
    }
  })([content])
  const held = new Held(blob)
  assert.equal(held.size, content.length)
  const [first, second] = await Promise.all([held.held(), held.held()])
  assert.ok(Buffer.from(first).equals(content))
  assert.equal(first, second)
  assert.equal(reads, 1)
})
