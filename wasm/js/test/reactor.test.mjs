import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StevedoreError } from '../errors.js'
import { Instance } from '../instance.js'
import { none, reactor, until } from './fake.mjs'

const answer = (call, value) => ({ type: 'result', call, value })

test('a call brings its host, its request and its result', async () => {
  const { reactor: r, fake } = reactor((h, _p, g) => {
    if (h.type === 'call') g.emit(answer(h.call, { ok: h.request.x }))
  }, { platform: 'linux/arm64', plainHttp: ['a:1'] })
  assert.deepEqual(r.verbs, ['one', 'list'])
  assert.equal(await r.call('one', { x: 3 }, none, { inputs: { a: new Uint8Array(1) }, credentials: () => null }), '{"ok":3}')
  const [hello] = fake.of('hello')
  assert.deepEqual(hello.capabilities, ['files', 'credentials'])
  assert.equal(hello.platform, 'linux/arm64')
  assert.deepEqual(hello.plainHttp, ['a:1'])
})

test('two calls run side by side and their frames do not mix', async () => {
  const { reactor: r } = reactor((h, _p, g) => {
    if (h.type === 'call') g.emit({ type: 'timer', call: h.call, id: h.call, ms: h.call === 1 ? 30 : 5 })
    if (h.type === 'fired') {
      g.emit({ type: 'event', call: h.id, value: { kind: 'started', subject: String(h.id) } })
      g.emit(answer(h.id, h.id))
    }
  })
  const events = { 1: [], 2: [] }
  const run = n => r.call('one', {}, none, { onEvent: e => events[n].push(e.subject) })
  assert.deepEqual(await Promise.all([run(1), run(2)]), ['1', '2'])
  assert.deepEqual(events, { 1: ['1'], 2: ['2'] })
})

test('errors keep their kind, and one that nobody knows is internal', async () => {
  const { reactor: r } = reactor((h, _p, g) => {
    if (h.type === 'call') g.emit({ type: 'error', call: h.call, kind: h.verb, text: 'bad', hint: 'do' })
  })
  await assert.rejects(r.call('not_found', {}, none), { kind: 'not_found', exit: 3, hint: 'do', message: 'bad' })
  await assert.rejects(r.call('gremlins', {}, none), { kind: 'internal', exit: 1 })
})

test('a cancelled call ends with what the guest says, or without it', async () => {
  for (const polite of [true, false]) {
    const stop = new AbortController()
    const { reactor: r, fake } = reactor((h, _p, g) => {
      if (h.type === 'call') g.emit({ type: 'timer', call: h.call, id: 1, ms: 1e6 })
      if (h.type === 'cancel' && polite) g.emit({ type: 'error', call: h.call, kind: 'cancelled', text: 'stopped' })
    })
    const call = r.call('one', {}, none, { signal: stop.signal })
    await until(() => fake.of('call').length > 0)
    stop.abort(new Error('enough'))
    await assert.rejects(call, { kind: 'cancelled', exit: 130, message: 'cancelled: enough' })
    assert.equal(fake.of('cancel').length, 1)
    await assert.rejects(r.call('one', {}, none, { signal: stop.signal }), { kind: 'cancelled' })
  }
})

test('the guest waits for whoever takes the items, and an item may lie across frames', async () => {
  const enc = s => new TextEncoder().encode(s)
  const { reactor: r, fake } = reactor((h, _p, g) => {
    if (h.type !== 'call') return
    for (const part of ['{"a":1}\n{"a"', ':"é', '"}\n', '{"a":3}\n']) g.emit({ type: 'item', call: h.call }, enc(part))
    g.emit(answer(h.call))
  })
  const got = []
  let release
  const items = lines => {
    got.push(...lines)
    return new Promise(resolve => { release = resolve })
  }
  const call = r.call('list', {}, { items, output: () => {} })
  await until(() => got.length === 1)
  assert.equal(fake.waiting, 4, 'nothing is pulled while the first items wait')
  release()
  await until(() => got.length === 2)
  release()
  await until(() => got.length === 3)
  release()
  assert.equal(await call, undefined)
  assert.deepEqual(got.map(JSON.parse), [{ a: 1 }, { a: 'é' }, { a: 3 }])
})

test('output is asked for piece by piece, and a sink that fails ends the call', async () => {
  const send = (g, call, n, eof) => g.emit({ type: 'output', call, stream: 1, name: 'f', eof }, new Uint8Array([n]))
  const { reactor: r, fake } = reactor((h, _p, g) => {
    if (h.type === 'call') send(g, h.call, 1)
    if (h.type === 'cancel') g.emit({ type: 'error', call: h.call, kind: 'cancelled', text: 'stopped' })
    if (h.type !== 'ready') return
    send(g, h.call, 2, true)
    g.emit(answer(h.call, {}))
  })
  const bytes = []
  await r.call('one', {}, { ...none, output: (name, b) => void bytes.push(name, ...b) })
  assert.deepEqual(bytes, ['f', 1, 'f', 2])
  assert.equal(fake.of('ready').length, 1)
  await assert.rejects(r.call('one', {}, { ...none, output: () => { throw new Error('disk full') } }), /disk full/)
})

test('a hostile guest ends its calls and nothing else', async t => {
  const hostile = {
    'an id twice': g => { for (let i = 0; i < 2; i++) g.emit({ type: 'timer', call: 1, id: 1, ms: 1000 }) },
    'an id that is no number': g => g.emit({ type: 'fetch', call: 1, id: 'x', url: 'http://a/' }),
    'ids without end': g => { for (let id = 1; id < 3000; id++) g.emit({ type: 'timer', call: 1, id, ms: 1e9 }) },
    'an error without a call': g => g.emit({ type: 'error', kind: 'input', text: 'you are wrong' }),
    'a trap': g => { g.step = () => { throw new WebAssembly.RuntimeError('unreachable') } },
    'a frame that is none': g => { g.pull = () => { throw new RangeError('frame of 2 bytes has no header length') }; g.step = () => 1 },
    'a call that it forgot': g => { g.step = () => 2 },
  }
  for (const [name, act] of Object.entries(hostile)) {
    await t.test(name, async () => {
      const { reactor: r } = reactor((h, _p, g) => h.type === 'call' && act(g))
      await assert.rejects(r.call('one', {}, none), err => err instanceof StevedoreError && ['internal', 'input'].includes(err.kind))
      await assert.rejects(r.call('one', {}, none), StevedoreError)
    })
  }
})

test('frames about what is not there are ignored', async () => {
  const { reactor: r, fake } = reactor((h, _p, g) => {
    if (h.type === 'fired' && h.id === 7) g.emit(answer(1, 1))
    if (h.type !== 'call') return
    for (const type of ['read', 'write', 'pread', 'close', 'what', 'body']) g.emit({ type, id: 99, max: -1 })
    for (const type of ['event', 'item', 'output', 'result', 'error']) g.emit({ type, call: 99, value: 1 })
    g.emit({ type: 'timer', call: 99, id: 5, ms: 0 })
    g.emit({ type: 'timer', call: 1, id: 6, ms: -5 })
    g.emit({ type: 'timer', call: 1, id: 7, ms: 20 })
  })
  assert.equal(await r.call('one', {}, none), '1')
  assert.deepEqual(fake.of('fired').map(h => h.id), [6, 7])
  assert.deepEqual(fake.of('fault').map(h => [h.id, h.kind]), [[5, 'cancelled']])
})

test('an answer that is too large for the guest becomes a fault', async () => {
  const { reactor: r, fake } = reactor((h, _p, g) => {
    if (h.type === 'call') g.emit({ type: 'open', call: 1, id: 1, name: 'dir' })
    if (h.type === 'opened') throw new RangeError('the reactor takes no opened frame')
    if (h.type === 'fault') g.emit(answer(1, 1))
  })
  const dir = { list: async () => [], open: async () => undefined }
  assert.equal(await r.call('one', {}, none, { inputs: { dir } }), '1')
  assert.equal(fake.of('fault')[0].kind, 'unsupported')
})

test('an instance that is no reactor, or lies about its memory, is refused', () => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const exports = { memory, stevedore_abi: () => 1, alloc: () => 8, push: () => {}, step: () => 1, pull: () => (0xfff0n << 32n) | 0x100n }
  assert.throws(() => new Instance(exports).pull(), RangeError)
  assert.throws(() => new Instance({ ...exports, pull: () => -1n }).pull(), RangeError)
  assert.throws(() => new Instance({ ...exports, alloc: () => -8 }).push({ type: 'x' }), RangeError)
  assert.throws(() => new Instance({ ...exports, alloc: () => 0 }).push({ type: 'x' }), RangeError)
  assert.throws(() => new Instance({ ...exports, stevedore_abi: () => 2 }), /version 2/)
  assert.throws(() => new Instance({ ...exports, pull: undefined }), /pull/)
})
