import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../browser.js'
import { StevedoreError } from '../errors.js'
import { Service } from '../service.js'
import { until } from './fake.mjs'

/** A Worker whose service runs here, around a module whose `call` is given. */
class FakeWorker {
  #ours
  #its
  terminated = false

  constructor(call, load = async () => ({ verbs: ['one', 'list'], release: 'fake', memory: 7, call }), packers = {}) {
    const { port1, port2 } = new MessageChannel()
    this.#ours = port1
    this.#its = port2
    port1.onmessage = event => this.onmessage?.(event)
    this.service = new Service(port2, (source, ended) => load(source, ended, this), packers)
  }

  postMessage(message, transfer) {
    this.#ours.postMessage(message, transfer)
  }

  terminate() {
    this.terminated = true
    this.#ours.close()
    this.#its.close()
  }
}

/** A connection whose Workers are fakes, which it collects. */
async function connected(t, call, options = {}, load = undefined, packers = {}) {
  const workers = []
  const worker = () => {
    workers.push(new FakeWorker(call, load, packers))
    return workers.at(-1)
  }
  const stevedore = await connect('https://example.test/a/s.wasm', { worker, ...options })
  t.after(() => stevedore.close())
  return { stevedore, workers }
}

const later = ms => new Promise(resolve => setTimeout(resolve, ms))

test('a call brings what its options say, and its result exactly as it was written', async t => {
  let got, source
  const module = {
    verbs: ['one'], release: '1.2', memory: 9,
    call(verb, request, host) {
      got = { verb, request, host }
      host.event('{"kind":"started","subject":"s"}')
      host.result('{"n":12345678901234567890}')
    },
  }
  const load = async from => {
    source = from
    return module
  }
  const { stevedore } = await connected(t, undefined, { platform: 'linux/arm64', plainHttp: ['a:1'] }, load)
  assert.deepEqual(source, { type: 'load', module: 'https://example.test/a/s.wasm', exec: 'https://example.test/a/wasm_exec.js' })
  assert.equal(stevedore.release, '1.2')
  const events = []
  let memory
  const text = await stevedore.one({ x: 1 }, { onEvent: e => events.push(e.kind), onMemory: n => { memory = n } }).text()
  assert.equal(text, '{"n":12345678901234567890}')
  assert.deepEqual([got.verb, got.request, got.host.platform, got.host.plainHttp], ['one', '{"x":1}', 'linux/arm64', ['a:1']])
  assert.deepEqual([got.host.hidesHeaders, got.host.credential, got.host.files], [true, undefined, []])
  const { fetch } = got.host
  await stevedore.one({}, {})
  assert.equal(got.host.fetch, fetch, 'what was found out about registries is kept from call to call')
  await stevedore.one({}, { relay: { base: 'https://relay.test/relay/', token: 't' } })
  assert.notEqual(got.host.fetch, fetch)
  assert.deepEqual([events, memory], [['started'], 9])
})

test('items wait for whoever takes them', async t => {
  let handed = 0
  const { stevedore } = await connected(t, async (_verb, _request, host) => {
    for (const text of ['1\n2\n', '3\n', '{"text":"4"}\n']) {
      handed++
      await host.items(text)
    }
    host.result()
  })
  assert.equal(await stevedore.list().text(), '[1,2,3,{"text":"4"}]')
  handed = 0
  const got = []
  for await (const item of stevedore.list()) {
    got.push(item)
    await later(5)
    assert.ok(handed <= got.length, `${handed} batches when ${got.length} items were taken`)
  }
  assert.deepEqual(got, [1, 2, 3, { text: '4' }])
})

test('output comes piece by piece; a sink that fails cancels the call', async t => {
  let cancelled = 0
  const { stevedore } = await connected(t, async (_verb, _request, host) => {
    host.cancel = () => {
      cancelled++
      host.error('cancelled', 'one: context canceled', '')
    }
    for (const n of [1, 2, 3]) await host.output('f', Uint8Array.of(n))
    if (cancelled === 0) host.result('{}')
  })
  assert.deepEqual((await stevedore.one()).bytes, Uint8Array.of(1, 2, 3))
  const output = () => { throw new Error('disk full') }
  await assert.rejects(stevedore.one({}, { output }), /disk full/)
  assert.equal(cancelled, 1)
})

test('a cancelled call ends with what the module says, or without it', async t => {
  for (const polite of [true, false]) {
    let began = false
    const { stevedore } = await connected(t, (_verb, _request, host) => {
      began = true
      host.cancel = () => { if (polite) host.error('cancelled', 'stopped', '') }
    })
    const stop = new AbortController()
    const call = stevedore.one({}, { signal: stop.signal }).then()
    await until(() => began)
    stop.abort(new Error('enough'))
    await assert.rejects(call, { kind: 'cancelled', message: 'cancelled: enough' })
    await assert.rejects(stevedore.one({}, { signal: stop.signal }), { kind: 'cancelled' })
  }
})

test('who leaves the loop cancels the call, and no other', async t => {
  const hosts = {}
  const { stevedore } = await connected(t, async (verb, request, host) => {
    const { n } = JSON.parse(request)
    hosts[n] = host
    host.cancel = () => host.error('cancelled', 'left', '')
    for (let i = 0; i < 3; i++) await host.items(`"${n}${i}"\n`)
    host.result()
  })
  const other = stevedore.list({ n: 'b' }).then()
  for await (const item of stevedore.list({ n: 'a' })) {
    assert.equal(item, 'a0')
    break
  }
  assert.deepEqual(await other, ['b0', 'b1', 'b2'])
})

test('many calls at once do not mix', async t => {
  const { stevedore } = await connected(t, async (_verb, request, host) => {
    const { n } = JSON.parse(request)
    for (let i = 0; i < 4; i++) {
      await later((n * 7 + i * 3) % 5)
      await host.items(`${n * 10 + i}\n`)
      host.event(`{"kind":"progress","done":${n}}`)
    }
    if (n % 3 === 0) host.error('not_found', `no ${n}`, 'look')
    else host.result()
  })
  const runs = Array.from({ length: 12 }, async (_, n) => {
    const events = new Set()
    const outcome = await stevedore.list({ n }, { onEvent: e => events.add(e.done) }).catch(err => err)
    assert.deepEqual([...events], [n])
    if (n % 3 === 0) assert.deepEqual([outcome.kind, outcome.message, outcome.hint], ['not_found', `no ${n}`, 'look'])
    else assert.deepEqual(outcome, [0, 1, 2, 3].map(i => n * 10 + i))
  })
  await Promise.all(runs)
})

test('credentials are asked for by registry, and never sent with the request', async t => {
  const { stevedore } = await connected(t, async (_verb, request, host) => {
    assert.equal(request, '{}')
    const answer = await host.credential('r.test').catch(err => ({ failed: err.message }))
    host.result(JSON.stringify(answer))
  })
  const ask = credentials => stevedore.one({}, { credentials })
  assert.deepEqual(await ask(async r => ({ username: r, password: 'p', more: () => {} })), { username: 'r.test', password: 'p' })
  assert.deepEqual(await ask(() => null), {})
  assert.deepEqual(await ask(() => { throw new Error('locked') }), { failed: 'locked' })
})

test('Blobs go to the Worker, everything else is read through the page and closed', async t => {
  const bytes = new TextEncoder().encode('0123456789')
  const closed = []
  const opened = name => ({ size: 10, open: async () => ({ read: (off, n) => Buffer.from(bytes).subarray(off, off + n), close: () => closed.push(name) }) })
  const inputs = {
    blob: new Blob([bytes]), bytes, dir: { sub: { file: opened('file') } },
    lazy: { list: async () => [{ name: 'x', size: 10 }, { name: 'd', dir: true }, { name: 'gone', size: 1 }], open: name => ({ x: opened('x'), d: { y: bytes } })[name] },
    greedy: { size: 4, read: async () => bytes },
  }
  let closedBefore
  const { stevedore } = await connected(t, async (_verb, _request, host) => {
    const got = {}
    for (const [name, file] of host.files) {
      const part = file.held ? (await file.held()).slice(2, 5) : await file.slice(2, 5).arrayBuffer().catch(err => err.message)
      got[name] = typeof part === 'string' ? part : [file.size, part.byteLength, Buffer.from(part).toString()]
      if (file.blob instanceof Blob) got.isBlob = name
    }
    closedBefore = closed.length
    host.result(JSON.stringify(got))
  })
  const part = [10, 3, '234']
  assert.deepEqual(await stevedore.one({}, { inputs }), {
    blob: part, isBlob: 'blob', bytes: part, 'dir/sub/file': part, 'lazy/x': part, 'lazy/d/y': part,
    greedy: 'an input gave 10 bytes where 3 were asked for',
  })
  assert.equal(closedBefore, 0)
  await until(() => closed.length === 2)
  await assert.rejects(stevedore.one({}, { inputs: { a: 3 } }), { kind: 'input', message: 'the input a is neither file nor directory' })
})

test('small Blobs are held from call to call, large ones never', async t => {
  const seen = []
  const { stevedore } = await connected(t, (_verb, _request, host) => {
    seen.push(host.files.map(([, file]) => file))
    host.result('0')
  })
  const [a, b] = [new Blob(['a']), new Blob(['b'])]
  const large = new Blob([new Uint8Array(3 << 20)])
  for (const inputs of [{ a, b }, {}, { b, again: a }, { large }, { large, too: large }, { a }]) await stevedore.one({}, { inputs })
  const [first, , second, third, fourth, fifth] = seen
  assert.equal(Buffer.from(await first[0].held()).toString(), 'a')
  assert.deepEqual([second[0] === first[1], second[1] === first[0]], [true, true])
  assert.ok(third[0].held)
  assert.deepEqual(fourth.map(file => file.held), [undefined, undefined])
  assert.notEqual(fifth[0], first[0])
})

test('items are packed in the Worker by what its script has for it', async t => {
  const lengths = () => {
    let calls = 0
    return { pack(lines) {
      const bytes = Uint32Array.from(lines.split('\n').slice(0, -1), line => line.length)
      return { value: { bytes, calls: ++calls }, transfer: [bytes.buffer] }
    } }
  }
  const list = async (_verb, _request, host) => {
    host.cancel = () => {}
    try {
      await host.items('"a"\n"bcd"\n')
      await host.items('7\n')
      host.result(undefined)
    } catch (err) {
      host.error('internal', err.message)
    }
  }
  const { stevedore } = await connected(t, list, {}, undefined, { lengths })
  for (let round = 0; round < 2; round++) {
    const taken = []
    const take = async ({ bytes, calls }) => {
      await later(2)
      taken.push([...bytes, calls])
    }
    assert.deepEqual(await stevedore.list({}, { packed: { by: 'lengths', take } }), [], 'the call itself gives none')
    assert.deepEqual(taken, [[3, 5, 1], [1, 2]], 'one packer for each call, and one batch after the other')
  }
  assert.deepEqual(await stevedore.list(), ['a', 'bcd', 7])
  await assert.rejects(stevedore.list({}, { packed: { by: 'lengths', take() { throw new RangeError('no room') } } }), /no room/)
  await assert.rejects(stevedore.list({}, { packed: { by: 'other', take() {} } }), { kind: 'internal', message: 'the Worker has no packer called other' })
})

test('what cannot be sent is an error of that call', async t => {
  const { stevedore } = await connected(t, (_verb, _request, host) => host.result('1'))
  await assert.rejects(stevedore.one({}, { relay: { base: 'x', token: () => {} } }), { kind: 'input' })
  assert.equal(await stevedore.one(), 1)
})

test('a module that does not load is told with its reason', async t => {
  const failing = async () => { throw new TypeError('https://example.test/a/s.wasm: status 404') }
  await assert.rejects(connected(t, undefined, {}, failing), {
    kind: 'internal', message: 'the Worker of Stevedore died: https://example.test/a/s.wasm: status 404',
  })
  const broken = () => {
    const worker = new FakeWorker()
    setTimeout(() => worker.onerror({ preventDefault() {} }), 5)
    worker.postMessage = () => {}
    return worker
  }
  await assert.rejects(connect('https://example.test/s.wasm', { worker: broken }), /its script could not be loaded/)
  await assert.rejects(connect(new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))), /needs the option exec/)
})

test('a module that dies ends its calls, and the next call starts another', async t => {
  let began = 0
  const { stevedore, workers } = await connected(t, (_verb, request, host) => {
    began++
    if (request === '{}') host.result('"ok"')
  })
  const calls = [1, 2].map(n => stevedore.one({ n }).then())
  await until(() => began === 2)
  workers[0].service.fail('the module left with status 2')
  for (const call of calls) {
    await assert.rejects(call, err => err instanceof StevedoreError && err.kind === 'internal' && /left with status 2/.test(err.message))
  }
  assert.ok(workers[0].terminated)
  assert.equal(await stevedore.one(), 'ok')
  assert.equal(workers.length, 2)
})

test('closing ends the calls and starts nothing any more', async t => {
  let began = false
  const { stevedore, workers } = await connected(t, () => { began = true })
  const call = stevedore.one().then()
  await until(() => began)
  stevedore.close()
  await assert.rejects(call, { kind: 'cancelled', message: 'the connection is closed' })
  await assert.rejects(stevedore.one(), { kind: 'cancelled' })
  assert.deepEqual(workers.map(w => w.terminated), [true])
})
