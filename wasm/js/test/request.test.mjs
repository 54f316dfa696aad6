import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { none, reactor, until } from './fake.mjs'

let server, base, other, seen

before(async () => {
  seen = []
  server = createServer(async (req, res) => {
    const chunks = []
    const url = new URL(req.url, base)
    if (url.pathname !== '/early') for await (const c of req) chunks.push(c)
    seen.push({ method: req.method, path: req.url, host: req.headers.host, headers: req.headers, bytes: Buffer.concat(chunks) })
    const to = url.searchParams.get('to')
    if (to) return res.writeHead(Number(url.searchParams.get('status')), { location: to }).end('gone')
    if (url.pathname === '/big') return res.end(Buffer.alloc(1_000_000, 7))
    if (url.pathname === '/gzip') return res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('plain'))
    if (url.pathname === '/broken') return res.writeHead(200, { 'content-length': 1000 }).write('x', () => req.socket.destroy())
    return res.writeHead(url.pathname === '/missing' ? 404 : 200, { link: '<a>', 'x-seen': req.method }).end('hello')
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${server.address().port}`
  other = `http://localhost:${server.address().port}`
})

after(() => {
  server.closeAllConnections()
  server.close()
})

/** Runs one fetch of a guest that grants reads as the real one does. */
async function fetched(fetch, options = {}, body) {
  const frames = []
  let ahead = 0
  let most = 0
  const { reactor: r, fake } = reactor((h, payload, g) => {
    if (h.type === 'call') {
      g.emit({ type: 'fetch', call: 1, id: 1, method: 'GET', redirect: 'follow', ...fetch })
      body?.(h, g)
    }
    if (h.type === 'ready' || h.type === 'rewind') body?.(h, g)
    if (h.type === 'response') for (let i = 0; i < 2; i++) grant(g)
    if (h.type === 'body') {
      ahead--
      assert.ok(ahead >= 0, 'a body that was not asked for')
      if (!h.eof) grant(g)
    }
    if (['response', 'body', 'fault'].includes(h.type)) frames.push({ ...h, payload: Uint8Array.from(payload) })
    if (h.type === 'fault' || h.eof) g.emit({ type: 'result', call: 1, value: 1 })
  }, options)
  function grant(g) {
    most = Math.max(most, ++ahead)
    g.emit({ type: 'read', id: 1, max: 65536 })
  }
  await r.call('one', {}, none)
  const pieces = frames.filter(f => f.type === 'body').map(f => f.payload)
  return { frames, most, pieces, fake, response: frames.find(f => f.type === 'response'), fault: frames.find(f => f.type === 'fault') }
}

test('a body comes in pieces that were asked for', async () => {
  const { pieces, most, response } = await fetched({ url: `${base}/big` })
  assert.equal(response.status, 200)
  assert.equal(pieces.reduce((n, p) => n + p.length, 0), 1_000_000)
  assert.ok(pieces.every(p => p.length <= 65536 && p.every(b => b === 7)))
  assert.equal(most, 2)
})

test('without a grant nothing of the body is sent', async () => {
  const { reactor: r, fake } = reactor((h, _p, g) => {
    if (h.type === 'call') g.emit({ type: 'fetch', call: 1, id: 1, method: 'GET', url: `${base}/big` })
    if (h.type === 'response') g.emit({ type: 'read', id: 1, max: 10 })
    if (h.type === 'response') g.emit({ type: 'timer', call: 1, id: 2, ms: 50 })
    if (h.type === 'fired') g.emit({ type: 'result', call: 1, value: 1 })
  })
  await r.call('one', {}, none)
  assert.equal(fake.of('body').length, 1)
})

test('statuses are answers, faults are not', async () => {
  assert.equal((await fetched({ url: `${base}/missing` })).response.status, 404)
  const head = await fetched({ url: `${base}/`, method: 'HEAD' })
  assert.deepEqual(head.response.header.filter(([n]) => n === 'x-seen'), [['x-seen', 'HEAD']])
  assert.equal((await fetched({ url: 'http://127.0.0.1:1/' })).fault.kind, 'network')
  assert.equal((await fetched({ url: 'file:///etc/passwd' })).fault.kind, 'refused')
  assert.equal((await fetched({ url: 'data:,x' })).fault.kind, 'refused')
  assert.equal((await fetched({ url: 'not a url' })).fault.kind, 'network')
  assert.equal((await fetched({ url: `${base}/`, header: [['bad name', 'x']] })).fault.kind, 'unsupported')
  const broken = await fetched({ url: `${base}/broken` })
  assert.equal(broken.fault.kind, 'network')
})

test('an encoding that fetch has undone is not shown', async () => {
  const { response, pieces } = await fetched({ url: `${base}/gzip` })
  assert.ok(!response.header.some(([n]) => n.startsWith('content-')))
  assert.equal(Buffer.concat(pieces).toString(), 'plain')
})

test('secrets stay with their origin, and do not come back', async () => {
  const header = [['Authorization', 'Bearer s'], ['Cookie', 'c=s'], ['Proxy-Authorization', 'Basic s'], ['X-Kept', 'yes']]
  const via = (from, to) => `${from}/r?status=307&to=${encodeURIComponent(to)}`
  seen.length = 0
  const same = await fetched({ url: via(base, '/end'), header })
  assert.equal(same.response.url, `${base}/end`)
  assert.equal(seen.at(-1).headers.authorization, 'Bearer s')
  const back = await fetched({ url: via(base, via(other, `${base}/end`)), header })
  assert.equal(back.response.url, `${base}/end`)
  for (const { headers } of seen.slice(-2)) {
    assert.equal(headers.authorization ?? headers.cookie ?? headers['proxy-authorization'], undefined)
    assert.equal(headers['x-kept'], 'yes')
  }
})

test('redirects: the policy sees each, loops end, manual shows them', async () => {
  const loop = `${base}/loop?status=302&to=${encodeURIComponent(`/loop?status=302&to=%2Floop`)}`
  const asked = []
  const allow = url => asked.push(url) > 0 && !url.startsWith(other)
  const refused = await fetched({ url: `${base}/r?status=302&to=${encodeURIComponent(`${other}/x`)}` }, { allow })
  assert.equal(refused.fault.kind, 'refused')
  assert.equal(asked.length, 2)
  assert.equal((await fetched({ url: loop, redirect: 'manual' })).response.status, 302)
  const thrown = await fetched({ url: `${base}/` }, { allow: () => { throw new Error('not on my network') } })
  assert.match(thrown.fault.text, /not on my network/)
  const forever = (_url, init) => Promise.resolve(new Response(null, { status: 302, headers: { location: '/again' }, ...init.none }))
  const ended = await fetched({ url: `${base}/` }, { fetch: forever })
  assert.equal(ended.fault.kind, 'network')
})

/** A guest that writes a body of n pieces and starts over when it is told. */
function writer(pieces, size) {
  let at = 0
  let pass = 0
  return (h, g) => {
    if (h.type === 'rewind') [at, pass] = [0, pass + 1]
    if (at < pieces) g.emit({ type: 'write', id: 1, pass, eof: ++at === pieces }, new Uint8Array(size).fill(pass))
  }
}

test('uploads: streamed with their length, or held', async () => {
  for (const upload of ['stream', 'blob']) {
    const { response } = await fetched({ url: `${base}/up`, method: 'PUT', body: { kind: 'stream', len: 300_000 } }, { upload }, writer(5, 60_000))
    assert.equal(response.status, 200)
    const { bytes, headers } = seen.at(-1)
    assert.equal(bytes.length, 300_000, upload)
    assert.equal(headers['content-length'], '300000', upload)
  }
  await fetched({ url: `${base}/up`, method: 'PATCH', body: { kind: 'stream', len: -1 } }, { upload: 'stream' }, writer(3, 60_000))
  assert.equal(seen.at(-1).bytes.length, 180_000)
  await fetched({ url: `${base}/up`, method: 'POST', body: { kind: 'bytes', len: 0 } }, { upload: 'stream' }, writer(1, 0))
  assert.equal(seen.at(-1).headers['content-length'], '0')
})

test('uploads are sent again after 307 and dropped after 303', async () => {
  const to = encodeURIComponent(`${other}/up`)
  for (const upload of ['stream', 'blob']) {
    const { fake } = await fetched({ url: `${base}/r?status=307&to=${to}`, method: 'PUT', body: { kind: 'stream', len: 180_000 } }, { upload }, writer(3, 60_000))
    const { bytes, method } = seen.at(-1)
    assert.deepEqual([method, bytes.length], ['PUT', 180_000])
    assert.equal(fake.of('rewind').length, upload === 'stream' ? 1 : 0)
    assert.ok(bytes.every(b => b === (upload === 'stream' ? 1 : 0)), 'all of one pass')
    await fetched({ url: `${base}/r?status=303&to=${to}`, method: 'POST', body: { kind: 'stream', len: 180_000 } }, { upload }, writer(3, 60_000))
    assert.deepEqual([seen.at(-1).method, seen.at(-1).bytes.length, seen.at(-1).headers['content-length']], ['GET', 0, undefined])
  }
})

test('an answer before the whole body ends the upload', async () => {
  const { response } = await fetched({ url: `${base}/early`, method: 'PUT', body: { kind: 'stream', len: -1 } }, { upload: 'stream' }, writer(1e9, 60_000))
  assert.equal(response.status, 200)
})

test('close aborts a request', async () => {
  let aborted = false
  const fetch = (_url, { signal }) => new Promise((_ok, fail) => {
    signal.addEventListener('abort', () => {
      aborted = true
      fail(signal.reason)
    })
  })
  const { reactor: r, fake } = reactor((h, _p, g) => {
    if (h.type === 'call') g.emit({ type: 'fetch', call: 1, id: 1, method: 'GET', url: `${base}/` })
    if (h.type === 'call') g.emit({ type: 'timer', call: 1, id: 2, ms: 10 })
    if (h.type === 'fired') g.emit({ type: 'close', id: 1 })
    if (h.type === 'fired') g.emit({ type: 'result', call: 1, value: 1 })
  }, { fetch })
  await r.call('one', {}, none)
  await until(() => aborted)
  assert.equal(fake.of('fault').length, 0)
})
