import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { keeping } from '../kept.js'

const none = async () => { throw new Error('there is no storage here') }

/** A registry that has these blobs, and how it sends them. */
function registry(send, ...blobs) {
  const asked = []
  const url = bytes => `https://registry.test/v2/a/blobs/sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const fetch = keeping(async at => {
    asked.push(at)
    return send(blobs.find(bytes => url(bytes) === at))
  }, none)
  const get = async bytes => Buffer.from(await (await fetch(url(bytes))).arrayBuffer())
  return { asked, fetch, get, url }
}

const chunked = bytes => new Response(new ReadableStream({
  start(out) {
    for (let at = 0; at < bytes.length; at += 50_000) out.enqueue(new Uint8Array(bytes.subarray(at, at + 50_000)))
    out.close()
  },
}))
const sized = bytes => new Response(bytes, { headers: { 'content-length': String(bytes.length) } })

test('a small blob is fetched once, with or without its length', async () => {
  const small = randomBytes(100_000)
  for (const send of [chunked, sized]) {
    const { asked, get } = registry(send, small)
    for (let i = 0; i < 3; i++) assert.deepEqual(await get(small), small)
    assert.equal(asked.length, 1)
  }
})

test('a manifest is fetched once by its digest, and stays what it is; by its tag it is always fetched', async () => {
  const bytes = Buffer.from('{"schemaVersion":2}')
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const digest = createHash('sha256').update(bytes).digest('hex')
  let asked = 0
  const fetch = keeping(async () => {
    asked++
    return new Response(bytes, { headers: { 'content-type': type } })
  }, none)
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`https://registry.test/v2/a/manifests/sha256:${digest}`)
    assert.equal(response.headers.get('content-type'), type)
    assert.equal(await response.text(), String(bytes))
  }
  assert.equal(asked, 1)
  for (let i = 0; i < 2; i++) await fetch('https://registry.test/v2/a/manifests/latest')
  assert.equal(asked, 3)
})

test('a large one goes through as it comes, and is fetched again where there is no storage', async () => {
  const large = randomBytes(1_000_000)
  for (const send of [chunked, sized]) {
    const { asked, get } = registry(send, large)
    for (let i = 0; i < 2; i++) assert.deepEqual(await get(large), large)
    assert.equal(asked.length, 2)
  }
})

test('what is not the blob that was asked for is handed on, and not held', async () => {
  const right = randomBytes(1000)
  const { asked, get } = registry(() => chunked(Buffer.from('something else')), right)
  for (let i = 0; i < 2; i++) assert.equal(String(await get(right)), 'something else')
  assert.equal(asked.length, 2)
})

test('a body that breaks off gives what came before', async () => {
  const bytes = randomBytes(1000)
  let sent = false
  const broken = () => new Response(new ReadableStream({
    pull(out) {
      if (sent) throw new Error('gone')
      sent = true
      out.enqueue(new Uint8Array(bytes.subarray(0, 500)))
    },
  }, { highWaterMark: 0 }))
  const { fetch, url } = registry(broken, bytes)
  const reader = (await fetch(url(bytes))).body.getReader()
  assert.equal((await reader.read()).value.length, 500)
  await assert.rejects(reader.read(), /gone/)
})

test('of many small ones the oldest are let go', async () => {
  const many = Array.from({ length: 40 }, () => randomBytes(250_000))
  const { asked, get } = registry(sized, ...many)
  for (const one of many) await get(one)
  await get(many.at(-1))
  assert.equal(asked.length, 40)
  await get(many[0])
  assert.equal(asked.length, 41)
})
