import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Streamed } from '../upload.js'

const bytes = async body => {
  const parts = []
  for await (const part of body) parts.push(...part)
  return parts
}

/** A guest that sends so many pieces of one byte: the number of the pass. */
function guest(pieces) {
  let pass = 0
  let at = 0
  const write = () => setImmediate(() => {
    if (at < pieces) upload.write({ eof: ++at === pieces, pass }, Uint8Array.of(pass))
  })
  const upload = new Streamed(write, () => {
    pass++
    at = 0
    write()
  })
  write()
  return upload
}

test('a stream of the pass before does not disturb the next one, however late it is cancelled', async () => {
  const upload = guest(5)
  const first = (await upload.open()).body
  const reader = first.getReader()
  await reader.read()
  const waiting = reader.read() // pulls
  upload.again()
  const second = (await upload.open()).body
  const all = bytes(second)
  await new Promise(resolve => setTimeout(resolve, 5))
  await reader.cancel()
  await waiting
  assert.deepEqual(await all, [1, 1, 1, 1, 1])
})

test('two rewinds before anything is read', async () => {
  const upload = guest(3)
  await upload.open()
  upload.again()
  await upload.open()
  upload.again()
  assert.deepEqual(await bytes((await upload.open()).body), [2, 2, 2])
})

test('cancelling one stream while the next one waits for its first piece', async () => {
  const upload = new Streamed(() => {}, () => {})
  const first = (await upload.open()).body
  const reader = first.getReader()
  const waiting = reader.read()
  upload.again()
  const all = bytes((await upload.open()).body)
  await new Promise(resolve => setTimeout(resolve, 5))
  await reader.cancel()
  await waiting
  upload.write({ pass: 0, eof: true }, Uint8Array.of(9))
  upload.write({ pass: 1, eof: true }, Uint8Array.of(7))
  assert.deepEqual(await all, [7])
})
