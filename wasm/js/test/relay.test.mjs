import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { claimRelay, relayFetch } from '../relay.js'

const BASE = 'http://127.0.0.1:1/relay/'
const TOKEN = 'T'

/** A seal as the relay makes one; nobody here checks it. */
function seal(until, ...realms) {
  const body = Buffer.from(JSON.stringify({ registry: 'x', realms: realms.map(url => ({ url, service: 'é' })), until })).toString('base64url')
  return `${body}.${createHmac('sha256', 'k').update(body).digest('base64url')}`
}

/** An Internet of functions by URL; what is not there fails as fetch does. Requests are written down as "via method URL". */
function world(sites, { relay = true } = {}) {
  const seen = []
  const fetch = async (url, init) => {
    const headers = new Headers(init.headers)
    assert.equal(init.credentials, 'omit')
    assert.equal(init.referrerPolicy, 'no-referrer')
    if (url.startsWith(BASE)) {
      assert.equal(headers.get('x-stevedore-relay'), TOKEN)
      assert.equal(init.redirect, 'error')
      const [, scheme, rest] = /^(https?)\/(.*)$/.exec(url.slice(BASE.length))
      const target = `${scheme}://${rest}`
      seen.push(`relay ${init.method} ${target}${headers.has('x-stevedore-realm') ? ' sealed' : ''}`)
      const answer = sites.relay?.(target, headers, init)
      if (!answer) throw new TypeError('Failed to fetch')
      if (!answer.headers.has('x-stevedore-relay')) {
        answer.headers.set('x-stevedore-relay', 'answer')
        answer.headers.set('x-stevedore-url', target)
      }
      return answer
    }
    seen.push(`${init.mode ?? 'direct'} ${init.method ?? 'GET'} ${url}`)
    assert.ok(!headers.has('x-stevedore-relay'), 'the token is for the relay alone')
    const answer = sites.direct?.(url, headers, init)
    if (!answer) throw new TypeError('Failed to fetch')
    return answer
  }
  return { fetch: relayFetch({ ...(relay && { base: BASE, token: TOKEN }), fetch }), seen }
}

const hello = (headers = {}, status = 200) => new Response('hello', { status, headers })

test('what may be read directly is', async () => {
  const { fetch, seen } = world({ direct: () => hello() })
  const response = await fetch('https://r.example/v2/', { method: 'HEAD', headers: { authorization: 'Bearer t' } })
  assert.equal(response.status, 200)
  assert.deepEqual(seen, ['direct HEAD https://r.example/v2/'])
})

test('what CORS closes is read through the relay, which is remembered for the origin', async () => {
  const { fetch, seen } = world({
    direct: url => (url.startsWith('https://open.example') ? hello() : undefined),
    relay: (_url, headers) => hello({ 'x-seen': headers.get('authorization') ?? 'none' }),
  })
  const response = await fetch('https://r.example:5000/v2/a/manifests/1?x=%2F#f', { headers: { authorization: 'Bearer t' } })
  assert.equal(response.url, 'https://r.example:5000/v2/a/manifests/1?x=%2F')
  assert.equal(response.headers.get('x-seen'), 'Bearer t')
  assert.equal(await response.text(), 'hello')
  await fetch('https://r.example:5000/v2/a/tags/list', { method: 'HEAD' })
  await fetch('https://open.example/v2/')
  await fetch('https://r.example/v2/')
  assert.deepEqual(seen, [
    'direct GET https://r.example:5000/v2/a/manifests/1?x=%2F#f',
    'relay GET https://r.example:5000/v2/a/manifests/1?x=%2F',
    'relay HEAD https://r.example:5000/v2/a/tags/list',
    'direct GET https://open.example/v2/',
    'direct GET https://r.example/v2/',
    'relay GET https://r.example/v2/',
  ])
})

test('the URL is where a redirect ended', async () => {
  const { fetch } = world({ relay: () => hello({ 'x-stevedore-relay': 'answer', 'x-stevedore-url': 'https://cdn.example/b' }) })
  assert.equal((await fetch('https://r.example/v2/a/blobs/x')).url, 'https://cdn.example/b')
})

test('a challenge that is hidden from the page is asked for through the relay', async () => {
  const { fetch, seen } = world({ direct: () => hello({}, 401), relay: () => hello({ 'www-authenticate': 'Basic realm="x"' }, 401) })
  const response = await fetch('https://r.example/v2/')
  assert.equal(response.headers.get('www-authenticate'), 'Basic realm="x"')
  await fetch('https://r.example/v2/', { headers: { authorization: 'Basic x' } })
  assert.deepEqual(seen, ['direct GET https://r.example/v2/', 'relay GET https://r.example/v2/', 'relay GET https://r.example/v2/'])

  const alone = world({ direct: () => hello({}, 401) }, { relay: false })
  assert.equal((await alone.fetch('https://r.example/v2/')).status, 401)
})

const AUTH = 'https://auth.example/token'
const far = () => Math.floor(Date.now() / 1000) + 3600

/** A registry and its token endpoint, neither of which admits pages. */
const closed = until => url => (url.startsWith(AUTH) ? hello() : hello({ 'x-stevedore-realm': seal(until, AUTH) }, 401))

test('the seal of a challenge goes with the request for a token', async () => {
  const { fetch, seen } = world({ relay: closed(far()) })
  assert.equal((await fetch('https://r.example/v2/')).status, 401)
  await fetch(`${AUTH}?service=s`)
  await fetch(`${AUTH}?service=s&scope=2`)
  await fetch('https://auth.example/other')
  assert.deepEqual(seen.filter(s => s.startsWith('relay')), [
    'relay GET https://r.example/v2/', `relay GET ${AUTH}?service=s sealed`, `relay GET ${AUTH}?service=s&scope=2 sealed`, 'relay GET https://auth.example/other',
  ])
})

test('an old seal is renewed', async () => {
  const { fetch, seen } = world({ relay: closed(Math.floor(Date.now() / 1000) + 5) })
  await fetch('https://r.example/v2/a/manifests/1')
  seen.length = 0
  await fetch(AUTH)
  assert.deepEqual(seen, [`direct GET ${AUTH}`, 'relay GET https://r.example/v2/a/manifests/1', `relay GET ${AUTH} sealed`])
})

test('the challenge of a registry that is read directly is shown to the relay when its token endpoint needs it', async () => {
  const { fetch, seen } = world({
    direct: url => (url.startsWith('https://r.example') ? hello({ 'www-authenticate': `Bearer realm="${AUTH}?tenant=1",service="s"` }, 401) : undefined),
    relay: closed(far()),
  })
  await fetch('https://r.example/v2/a/manifests/1')
  await fetch(`${AUTH}?tenant=1&service=s`)
  assert.deepEqual(seen, [
    'direct GET https://r.example/v2/a/manifests/1', `direct GET ${AUTH}?tenant=1&service=s`,
    'relay GET https://r.example/v2/a/manifests/1', `relay GET ${AUTH}?tenant=1&service=s sealed`,
  ])
})

test('challenges that name each other as token endpoints end', async () => {
  const challenge = url => hello({ 'www-authenticate': `Bearer realm="https://r.example/${url.endsWith('/a') ? 'b' : 'a'}"` }, 401)
  let open = true
  const { fetch, seen } = world({ direct: url => (open ? challenge(url) : undefined), relay: challenge })
  await fetch('https://r.example/a')
  await fetch('https://r.example/b')
  open = false
  seen.length = 0
  assert.equal((await fetch('https://r.example/a')).status, 401)
  assert.deepEqual(seen, ['direct GET https://r.example/a', 'relay GET https://r.example/b', 'relay GET https://r.example/a'])
})

test('a refusal of the relay has its kind and its words, and is not remembered', async () => {
  const error = { kind: 'refused', message: 'r.example is at 10.0.0.1', hint: 'name it' }
  const { fetch, seen } = world({ relay: () => Response.json({ error }, { status: 403, headers: { 'x-stevedore-relay': 'refused' } }) })
  for (let i = 0; i < 2; i++) {
    await assert.rejects(fetch('https://r.example/v2/'), { name: 'Fault', kind: 'refused', message: 'the relay: r.example is at 10.0.0.1 (name it)' })
  }
  assert.equal(seen.filter(s => s.startsWith('direct')).length, 2)
})

test('no relay, and another server', async () => {
  await assert.rejects(world({}).fetch('https://r.example/v2/'), { kind: 'network', message: /the relay at .* does not answer/ })
  const other = world({ relay: () => hello({ 'x-stevedore-relay': '' }, 404) })
  await assert.rejects(other.fetch('https://r.example/v2/'), { kind: 'network', message: /there is no relay at/ })
})

test('a body goes with the request, directly and through the relay', async () => {
  const bodies = []
  const { fetch, seen } = world({
    direct: (_url, _headers, { body }) => void bodies.push(body),
    relay: (_url, headers, { body }) => {
      bodies.push(`${headers.get('content-range')} ${body}`)
      return hello({ location: '/v2/a/blobs/uploads/2' }, 202)
    },
  })
  const init = { method: 'PATCH', body: 'x', headers: { 'content-range': '0-0' } }
  const response = await fetch('https://r.example/v2/a/blobs/uploads/1', init)
  assert.equal(response.headers.get('location'), '/v2/a/blobs/uploads/2')
  assert.deepEqual(bodies, ['x', '0-0 x'])
  assert.deepEqual(seen, ['direct PATCH https://r.example/v2/a/blobs/uploads/1', 'relay PATCH https://r.example/v2/a/blobs/uploads/1'])
})

test('an aborted request says why and does not go round', async () => {
  const { fetch, seen } = world({})
  const signal = AbortSignal.abort()
  await assert.rejects(fetch('https://r.example/v2/', { signal }), TypeError)
  assert.equal(seen.length, 1)
})

test('without a relay it says which header is missing', async () => {
  const one = async direct => {
    const { fetch, seen } = world({ direct }, { relay: false })
    const err = await fetch('https://r.example/v2/a/manifests/1', { headers: { authorization: 'x' } }).catch(e => e)
    return { ...err, message: err.message, seen }
  }
  const none = await one((_url, _headers, { mode }) => mode === 'no-cors' && hello())
  assert.equal(none.kind, 'unsupported')
  assert.match(none.message, /^r\.example .*Access-Control-Allow-Origin.*stevedore web/)
  const preflight = await one((_url, headers) => (headers.has('authorization') ? undefined : hello()))
  assert.equal(preflight.kind, 'unsupported')
  assert.match(preflight.message, /preflight.*Access-Control-Allow-Headers/)
  const unwritten = await world({ direct: (_url, _headers, { method }) => (method ? undefined : hello()) }, { relay: false })
    .fetch('https://r.example/v2/a/manifests/1', { method: 'PUT', body: 'x' }).catch(e => e)
  assert.equal(unwritten.kind, 'unsupported')
  assert.match(unwritten.message, /Access-Control-Allow-Methods: PUT.*--allow-push r\.example/)
  const away = await one(() => undefined)
  assert.equal(away.kind, 'network')
  assert.match(away.message, /cannot be reached/)
  assert.deepEqual(away.seen, ['direct GET https://r.example/v2/a/manifests/1', 'cors GET https://r.example/v2/', 'no-cors GET https://r.example/v2/'])
})

test('in Node, over sockets', async t => {
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://x')
    res.writeHead(200, { 'x-stevedore-relay': 'answer', 'x-stevedore-url': 'https://r.example/v2/', 'x-path': pathname, 'x-token': req.headers['x-stevedore-relay'] }).end('relayed')
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const fetch = relayFetch({ base: `http://127.0.0.1:${server.address().port}/relay/`, token: 'T' })
  const response = await fetch('https://127.0.0.1:1/v2/', { method: 'GET' })
  assert.equal(response.headers.get('x-path'), '/relay/https/127.0.0.1:1/v2/')
  assert.equal(response.headers.get('x-token'), 'T')
  assert.equal(response.url, 'https://r.example/v2/')
  assert.equal(await response.text(), 'relayed')
})

function tab(href, store = new Map()) {
  const location = new URL(href)
  const history = { state: { a: 1 }, replaceState(state, _title, url) { Object.assign(history, { state, url }) } }
  const sessionStorage = { getItem: k => store.get(k) ?? null, setItem: (k, v) => void store.set(k, v) }
  return { location, history, sessionStorage, store }
}

test('the relay is taken out of the address and kept in the tab', () => {
  const first = tab('http://127.0.0.1:8000/?a=1#ref=alpine&relay=SECRET&layer=2')
  const relay = { base: 'http://127.0.0.1:8000/relay/', token: 'SECRET' }
  assert.deepEqual(claimRelay(first), relay)
  assert.equal(first.history.url, '/?a=1#ref=alpine&layer=2')
  assert.deepEqual(first.history.state, { a: 1 })
  assert.deepEqual(claimRelay(tab('http://127.0.0.1:8000/#ref=alpine', first.store)), relay)
  const only = tab('http://127.0.0.1:8000/#relay=NEW', first.store)
  assert.equal(claimRelay(only).token, 'NEW')
  assert.equal(only.history.url, '/')
  assert.equal(claimRelay(tab('https://images.example/')), undefined)
  const strict = tab('http://127.0.0.1:8000/#relay=X')
  const denies = () => { throw new Error('no storage here') }
  assert.equal(claimRelay({ ...strict, sessionStorage: { getItem: denies, setItem: denies } }).token, 'X')
})
