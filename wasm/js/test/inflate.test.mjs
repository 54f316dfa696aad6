import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Inflater } from '../inflate.js'

const page = createRequire(new URL('../../../web/package.json', import.meta.url))
const { instance } = await WebAssembly.instantiate(await readFile(page.resolve('@zip.js/zip.js/dist/zip-module.wasm')), {})
const zlib = instance.exports
zlib._initialize()

/** Gives gzip by pieces as it is asked for it, and collects what is read. */
function inflate(bytes, inflater = new Inflater(zlib), piece = 100_000) {
  const pieces = []
  let failed
  try {
    for (let at = 0; ;) {
      const got = inflater.read()
      if (got.length > 0) {
        pieces.push(Buffer.from(got))
        continue
      }
      if (at === bytes.length) break
      const given = bytes.subarray(at, at + piece)
      inflater.input(given.length).set(given)
      at += given.length
    }
  } catch (err) {
    failed = err
  }
  const { whole } = inflater
  inflater.close()
  return { content: Buffer.concat(pieces), longest: Math.max(0, ...pieces.map(p => p.length)), whole, failed }
}

const content = Buffer.concat([randomBytes(700_001), Buffer.alloc(3_000_000, 'words and words '), randomBytes(10)])
const stored = gzipSync(content)

test('content comes in pieces', () => {
  const got = inflate(stored)
  assert.ok(got.content.equals(content))
  assert.deepEqual([got.longest, got.whole, got.failed], [262144, true, undefined])
})

test('members follow each other, wherever the pieces end', () => {
  const members = [content.subarray(0, 300_000), Buffer.alloc(0), content.subarray(300_000, 300_001), content.subarray(300_001)]
  const file = Buffer.concat(members.map(m => gzipSync(m)))
  for (const piece of [file.length, 1000, gzipSync(members[0]).length]) {
    const got = inflate(file, new Inflater(zlib), Math.min(piece, 262144))
    assert.ok(got.content.equals(content), `${piece}`)
    assert.deepEqual([got.whole, got.failed], [true, undefined])
  }
})

test('what came before the end of a file that is cut off is given, and it is not whole', () => {
  for (const cut of [5, 600_000, stored.length - 1]) {
    const got = inflate(stored.subarray(0, cut))
    assert.ok(content.subarray(0, got.content.length).equals(got.content))
    assert.deepEqual([got.whole, got.failed], [false, undefined], `${cut}`)
  }
  assert.equal(inflate(Buffer.concat([stored, gzipSync('x').subarray(0, 7)])).whole, false)
})

test('what is no gzip fails, also after a member', () => {
  assert.ok(inflate(Buffer.from('no gzip at all')).failed instanceof Error)
  const got = inflate(Buffer.concat([stored, Buffer.from('no gzip at all')]))
  assert.ok(got.content.equals(content.subarray(0, got.content.length)))
  assert.ok(got.failed instanceof Error)
})

test('content that has another checksum fails', () => {
  const damaged = Buffer.from(stored)
  damaged[damaged.length - 8] ^= 1
  assert.ok(inflate(damaged).failed instanceof Error)
})

test('what is passed over is counted, and what follows is given', () => {
  const inflater = new Inflater(zlib)
  let at = 0
  const more = () => {
    const given = stored.subarray(at, at + 262144)
    inflater.input(given.length).set(given)
    at += given.length
  }
  more()
  assert.equal(inflater.skip(1000), 1000)
  const first = Buffer.from(inflater.read())
  assert.ok(first.length > 200_000 && content.subarray(1000, 1000 + first.length).equals(first))
  const over = content.length - 1000 - first.length - 5
  for (let left = over; left > 0;) {
    const n = inflater.skip(left)
    left -= n
    if (n === 0) more()
  }
  assert.ok(content.subarray(-5).equals(inflater.read()))
  assert.equal(inflater.skip(1e9), 0)
  assert.ok(inflater.whole)
  inflater.close()
})

test('many in turn share the memory of one instance', () => {
  const before = zlib.memory.buffer.byteLength
  for (let i = 0; i < 200; i++) inflate(gzipSync('a'))
  const two = [new Inflater(zlib), new Inflater(zlib)]
  for (const [i, inflater] of two.entries()) {
    const given = gzipSync(`content ${i}`)
    inflater.input(given.length).set(given)
  }
  assert.deepEqual(two.map(inflater => Buffer.from(inflater.read()).toString()), ['content 0', 'content 1'])
  for (const inflater of two) inflater.close()
  assert.equal(zlib.memory.buffer.byteLength, before)
})

test('one that is closed gives nothing, and is closed once', () => {
  const inflater = new Inflater(zlib)
  inflater.close()
  inflater.close()
  assert.throws(() => inflater.read())
  assert.throws(() => new Inflater({ ...zlib, malloc: () => 0 }), RangeError)
})
