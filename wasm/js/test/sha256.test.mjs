import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Sha256 } from '../sha256.js'

const { createSHA256 } = createRequire(new URL('../../../web/package.json', import.meta.url))('hash-wasm')
const hex = bytes => Buffer.from(bytes).toString('hex')
const digest = content => createHash('sha256').update(content).digest('hex')

function write(hash, content) {
  hash.buffer.set(content)
  hash.update(content.length)
}

test('contents are hashed side by side', async () => {
  const sha256 = new Sha256(await createSHA256())
  const contents = [randomBytes(100_000), Buffer.alloc(0), randomBytes(64), randomBytes(63)]
  const hashes = contents.map(() => sha256.start())
  for (let at = 0; at < 100_000; at += 40_000) {
    hashes.forEach((hash, i) => { write(hash, contents[i].subarray(at, at + 40_000)) })
  }
  assert.deepEqual(hashes.map(hash => hex(hash.sum())), contents.map(digest))
})

test('more may come after a sum', async () => {
  const sha256 = new Sha256(await createSHA256())
  const hash = sha256.start()
  assert.equal(hex(hash.sum()), digest(''))
  write(hash, Buffer.from('abc'))
  assert.equal(hex(hash.sum()), digest('abc'))
  write(sha256.start(), Buffer.from('another'))
  write(hash, Buffer.from('d'))
  assert.equal(hex(hash.sum()), digest('abcd'))
})
