import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Inflater } from '../inflate.js'

/** Writes all, beside the reading, and returns the lengths of the pieces and their content. */
async function inflate(bytes, inflater = new Inflater()) {
  const written = (async () => {
    for (let at = 0; at < bytes.length; at += 100_000) await inflater.write(bytes.slice(at, at + 100_000))
    inflater.close()
  })().catch(() => {})
  const pieces = []
  let failed
  try {
    for (let piece; (piece = await inflater.read()).length > 0;) pieces.push(Buffer.from(piece))
  } catch (err) {
    failed = err
  }
  await written
  return { lengths: pieces.map(p => p.length), content: Buffer.concat(pieces), failed }
}

const content = randomBytes(700_001)

test('pieces are whole', async () => {
  const got = await inflate(gzipSync(content))
  assert.deepEqual(got.lengths, [262144, 262144, 175713])
  assert.ok(got.content.equals(content))
  assert.equal(got.failed, undefined)
})

test('what came before the end of a file that is cut off is given, and then the failure', async () => {
  const got = await inflate(gzipSync(content).subarray(0, 600_000))
  assert.ok(got.content.length > 500_000 && content.subarray(0, got.content.length).equals(got.content))
  assert.ok(got.failed instanceof Error)
})

test('a file that is no gzip fails', async () => {
  const got = await inflate(Buffer.from('no gzip at all'))
  assert.equal(got.content.length, 0)
  assert.ok(got.failed instanceof Error)
})

test('reading ends with a cancel, and writing too', async () => {
  const inflater = new Inflater()
  inflater.cancel()
  assert.equal((await inflater.read()).length, 0)
})

test('an abort is told to the reader', async () => {
  const inflater = new Inflater()
  inflater.abort()
  await assert.rejects(inflater.read())
})

test('what is passed over is counted, and what follows is given', async () => {
  const inflater = new Inflater()
  const stored = gzipSync(content)
  const written = (async () => {
    await inflater.write(stored.subarray(0, 600_000))
    inflater.close()
  })().catch(() => {})
  assert.equal(await inflater.skip(1000), 1000)
  assert.ok(Buffer.from(await inflater.read()).equals(content.subarray(1000, 1000 + 262144)))
  const rest = await inflater.skip(1e9)
  assert.ok(rest > 200_000 && rest < content.length, `${rest}`)
  await assert.rejects(inflater.read(), 'it was cut off')
  await assert.rejects(inflater.skip(1))
  await written
})

test('there is room for what is to be written, in the same memory', () => {
  const inflater = new Inflater()
  const room = inflater.input(1000)
  assert.deepEqual([room.length, inflater.input(10).length, inflater.input(10).buffer === room.buffer], [1000, 10, true])
  assert.equal(inflater.input(2000).length, 2000)
})
