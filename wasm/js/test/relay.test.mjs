import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { relayed } from '../relay.js'

test('a relay is told the target, its own headers and those for the registry', async t => {
  const seen = []
  const server = createServer((req, res) => {
    const at = new URL(req.url, 'http://x')
    seen.push([req.method, at.pathname, at.searchParams.get('url'), at.searchParams.get('run'), req.headers.authorization, req.headers['x-token']])
    if (seen.length === 2) res.setHeader('stevedore-url', 'https://cdn.test/blob')
    res.writeHead(206, { 'content-range': 'bytes 0-1/9' }).end('ab')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const fetch = relayed({ url: `http://127.0.0.1:${server.address().port}/relay?run=1`, header: { 'X-Token': 't' } })
  const target = 'https://r.test/v2/a/tags/list?n=1&last=%2F'
  const direct = await fetch(target, { headers: new Headers({ authorization: 'Bearer b' }) })
  assert.deepEqual([direct.status, direct.url, direct.headers.get('content-range')], [206, target, 'bytes 0-1/9'])
  assert.equal(new TextDecoder().decode((await direct.body.getReader().read()).value), 'ab')
  const moved = await fetch(target, { method: 'HEAD', headers: {} })
  assert.equal(moved.url, 'https://cdn.test/blob')
  assert.deepEqual(seen, [['GET', '/relay', target, '1', 'Bearer b', 't'], ['HEAD', '/relay', target, '1', undefined, 't']])
})
