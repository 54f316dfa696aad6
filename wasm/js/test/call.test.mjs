import assert from 'node:assert/strict'
import { test } from 'node:test'
import { facade } from '../call.js'

const enough = { batches: 0, cancelled: false }

/** A run of a list verb with three batches, of one with output, or of one that fails. */
async function run(verb, request, sinks, { signal }) {
  if (verb === 'fails') throw new Error('no')
  if (verb === 'cat') {
    await sinks.output('', Uint8Array.of(1))
    await sinks.output('', Uint8Array.of(2, 3))
    return '{"size":3}'
  }
  if (verb === 'one') return '{"n":12345678901234567890,"x":"\\u003c"}'
  for (enough.batches = 0; enough.batches < 3;) {
    if (signal?.aborted) {
      enough.cancelled = true
      throw signal.reason
    }
    const at = enough.batches++
    await Promise.race([sinks.items([`{"i":${2 * at}}`, `{"i":${2 * at + 1}}`]), new Promise(ok => signal?.addEventListener('abort', ok))])
  }
  return undefined
}

const s = facade(['one', 'list', 'cat', 'fails'], { release: 'x' }, run)

test('a call is its result, its text and its bytes', async () => {
  assert.equal((await s.one()).x, '<')
  assert.equal(await s.one().text(), '{"n":12345678901234567890,"x":"\\u003c"}')
  assert.deepEqual(await s.cat(), { size: 3, bytes: Uint8Array.of(1, 2, 3) })
  assert.deepEqual(await s.cat().bytes(), Uint8Array.of(1, 2, 3))
  const seen = []
  assert.deepEqual(await s.cat({}, { output: (_n, b) => void seen.push(...b) }), { size: 3 })
  assert.deepEqual(seen, [1, 2, 3])
  await assert.rejects(s.fails(), /no/)
  assert.equal(await s.fails().catch(() => 'caught'), 'caught')
  let last = false
  await s.call('one').finally(() => { last = true })
  assert.ok(last)
})

test('a verb of two words is a method in camel case', async () => {
  const ran = []
  const two = facade(['manifest-get', 'delete'], {}, async verb => {
    ran.push(verb)
    return '{}'
  })
  await two.manifestGet()
  await two.delete()
  await two.call('manifest-get')
  assert.deepEqual(ran, ['manifest-get', 'delete', 'manifest-get'])
})

test('items are collected, or taken one by one', async () => {
  assert.equal((await s.list()).length, 6)
  assert.equal(await s.list().text(), '[{"i":0},{"i":1},{"i":2},{"i":3},{"i":4},{"i":5}]')
  const got = []
  for await (const { i } of s.list()) {
    got.push(i)
    await new Promise(resolve => setTimeout(resolve, 2))
    assert.ok(enough.batches <= Math.floor(i / 2) + 1, 'no further than what was taken')
  }
  assert.deepEqual(got, [0, 1, 2, 3, 4, 5])
})

test('who leaves the loop cancels the call, and errors reach it', async () => {
  for await (const { i } of s.list()) if (i === 1) break
  await new Promise(resolve => setTimeout(resolve, 5))
  assert.ok(enough.cancelled)
  await assert.rejects(async () => { for await (const _ of s.fails()) assert.fail() }, /no/)
  const call = s.list()
  for await (const _ of call) break
  await assert.rejects(call, { kind: 'input' })
})
