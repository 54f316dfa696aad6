// A registry question at the edge: which digest does this tag have, what is this image?
//
//   GET /digest?ref=REF[&platform=OS/ARCH]     GET /inspect?ref=REF[&platform=OS/ARCH]     GET /healthz
//
// The answer is the JSON that `stevedore digest --json` and `stevedore inspect --json` print, byte for byte.

import { StevedoreError, load } from 'stevedore'
import wasm from './stevedore.wasm'

const VERBS = { '/digest': 'digest', '/inspect': 'inspect' }
const FOR_EVER = 'public, max-age=31536000, immutable'
const A_MINUTE = 'public, max-age=60'

/** What an error kind is in HTTP. A 401 would ask the visitor for a password that this function has no use for. */
const STATUS = {
  input: 400, not_found: 404, unauthorized: 403, denied: 403, verification: 502, network: 502, rate_limited: 429,
  unsupported: 501, cancelled: 503,
}

export default {
  /** @param {Request} request @param {{ALLOW?: string}} env */
  async fetch(request, env) {
    const url = new URL(request.url)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return failure(request, 405, 'input', `${request.method} is not for here`, { allow: 'GET, HEAD' })
    }
    if (url.pathname === '/healthz') return answer(request, 200, '{"ok":true}', { 'cache-control': 'no-store' })
    const verb = Object.hasOwn(VERBS, url.pathname) && VERBS[url.pathname]
    if (!verb) return failure(request, 404, 'not_found', `${url.pathname} is not there: /digest, /inspect and /healthz are`)
    return ask(request, verb, url.searchParams, gate(env.ALLOW ?? ''))
  },
}

/**
 * The hosts that may be asked, "a.example,*.b.example": registries, their token services and where they redirect to. Every
 * URL passes here, redirects included, so a reference cannot lead to another network.
 * @param {string} list
 */
function gate(list) {
  const hosts = list.split(',').map(h => h.trim().toLowerCase()).filter(Boolean)
  const matches = (host, entry) => (entry.startsWith('*.') ? host.endsWith(entry.slice(1)) : host === entry)
  const self = { refused: '', allow: url => {
    const { host } = new URL(url)
    const ok = hosts.some(entry => matches(host, entry))
    if (!ok) self.refused = host
    return ok
  } }
  return self
}

async function ask(request, verb, params, policy) {
  const ref = params.get('ref') ?? ''
  const platform = params.get('platform') ?? undefined
  try {
    // Nothing outlives the request: compiling happened when the module was deployed, and an instance starts in milliseconds.
    const stevedore = await load(wasm, { allow: policy.allow })
    const body = await stevedore.call(verb, { ref, platform }, { signal: request.signal }).text()
    const etag = `"${JSON.parse(body).digest}"`
    const headers = { etag, 'cache-control': ref.includes('@') ? FOR_EVER : A_MINUTE }
    if (fresh(request.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers })
    return answer(request, 200, body, headers)
  } catch (err) {
    if (policy.refused) return failure(request, 403, 'denied', `${policy.refused} is not on this function's list of hosts`)
    if (!(err instanceof StevedoreError)) throw err
    return failure(request, STATUS[err.kind] ?? 500, err.kind, err.message, {}, err.hint)
  }
}

/** RFC 9110 section 13.1.2: a list of tags, compared weakly, or any. */
function fresh(header, etag) {
  return (header ?? '').split(',').some(t => t.trim() === '*' || t.trim().replace(/^W\//, '') === etag)
}

function failure(request, status, kind, message, headers = {}, hint = '') {
  const error = { kind, message, ...(hint && { hint }) }
  return answer(request, status, JSON.stringify({ error }), { 'cache-control': 'no-store', ...headers })
}

function answer(request, status, body, headers) {
  const bytes = new TextEncoder().encode(body)
  const all = { 'content-type': 'application/json', 'content-length': String(bytes.length), 'x-content-type-options': 'nosniff', ...headers }
  return new Response(request.method === 'HEAD' ? null : bytes, { status, headers: all })
}
