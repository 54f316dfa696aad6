import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { before, test } from 'node:test'
import { Answers, Recording, replay } from '../answers.js'

const MiB = 1 << 20

before(() => {
  const storage = { estimate: async () => ({ quota: 2 ** 40, usage: 0 }) }
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { storage } })
})

/** A folder as https://fs.spec.whatwg.org/ has it, in memory. */
function folder() {
  const files = new Map()
  let now = 0
  const handle = name => ({
    getFile: async () => ({ name, size: files.get(name).bytes.length, lastModified: files.get(name).at, arrayBuffer: async () => files.get(name).bytes.slice().buffer }),
    createSyncAccessHandle: async () => ({
      truncate: () => files.set(name, { bytes: new Uint8Array(0), at: ++now }),
      write: bytes => files.set(name, { bytes: bytes.slice(), at: ++now }),
      close() {},
    }),
  })
  return {
    files,
    async *keys() { yield* [...files.keys()] },
    async *values() { for (const name of [...files.keys()]) yield handle(name) },
    getFileHandle: async (name, { create = false } = {}) => {
      if (!create && !files.has(name)) throw new DOMException(name, 'NotFoundError')
      return handle(name)
    },
    removeEntry: async name => files.delete(name),
  }
}

async function recorded(...items) {
  const recording = new Recording()
  for (const text of items) await recording.items(text)
  return recording.end()
}

async function played(bytes, cancelled = () => false) {
  const got = []
  await replay(bytes, { items: async text => void got.push(text), event: text => got.push(`event ${text}`) }, cancelled)
  return got
}

test('what a call gave is given again, with its warnings', async () => {
  const recording = new Recording()
  await recording.items('{"n":1}\n{"n":"ü"}\n')
  await recording.event('{"kind":"warning","message":"odd"}')
  await recording.items('{"n":3}\n')
  assert.deepEqual(await played(await recording.end()), ['event {"kind":"warning","message":"odd"}', '{"n":1}\n{"n":"ü"}\n{"n":3}\n'])
})

test('a long answer comes in pieces of whole lines', async () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `{"path":"/some/where/${i}"}\n`)
  const pieces = await played(await recorded(lines.join('')))
  assert.ok(pieces.length > 1)
  assert.ok(pieces.every(p => p.endsWith('\n')))
  assert.equal(pieces.join(''), lines.join(''))
  let given = 0
  await replay(await recorded(lines.join('')), { items: async () => void given++, event() {} }, () => given > 0)
  assert.equal(given, 1, 'nothing more once it is cancelled')
})

test('an answer is found by its name, and replaced', async () => {
  const dir = folder()
  const answers = new Answers(async () => dir)
  await answers.put('one', await recorded('{"n":1}\n'))
  await answers.put('two', await recorded('{"n":2}\n'))
  assert.deepEqual(await played(await answers.find('one')), ['{"n":1}\n'])
  await answers.put('one', await recorded('{"n":11}\n'))
  assert.deepEqual(await played(await answers.find('one')), ['{"n":11}\n'])
  assert.equal(dir.files.size, 2)
  assert.equal(await answers.find('one, by another build'), undefined)
  const later = new Answers(async () => dir)
  assert.deepEqual(await played(await later.find('two')), ['{"n":2}\n'], 'as it lay there')
  dir.files.clear()
  assert.equal(await later.find('two'), undefined, 'it was taken away meanwhile')
})

test('what is damaged or was not finished is none', async () => {
  const dir = folder()
  const answers = new Answers(async () => dir)
  for (const harm of [bytes => bytes.subarray(0, bytes.length - 1), bytes => bytes.map((b, i) => (i === 12 ? b ^ 1 : b)), () => new Uint8Array(0)]) {
    await answers.put('one', await recorded('{"n":1}\n'))
    const [name, file] = [...dir.files][0]
    dir.files.set(name, { ...file, bytes: harm(file.bytes) })
    assert.equal(await answers.find('one'), undefined)
    assert.equal(dir.files.size, 0)
  }
})

test('the oldest make room, and what is too long is not kept', async () => {
  const dir = folder()
  const answers = new Answers(async () => dir)
  for (let i = 0; i < 10; i++) await answers.put(`name ${i}`, new Uint8Array(15 * MiB).fill(i))
  assert.equal(dir.files.size, 8)
  assert.equal(await answers.find('name 0'), undefined)
  assert.ok(await answers.find('name 9'))

  const long = new Recording()
  for (let i = 0; i < 30; i++) await long.items(`"${randomBytes(MiB).toString('base64')}"\n`)
  await assert.rejects(long.end())
})

test('without a storage nothing is kept, and nothing fails', async () => {
  const answers = new Answers(async () => { throw new Error('not here') })
  await answers.put('one', await recorded('{}\n'))
  assert.equal(await answers.find('one'), undefined)
})
