// The relay of docs/RELAY.md at the edge: reads registries for a page that CORS keeps from them. What it may reach is a list.

import { Refusal, admit, crossOrigin, gate } from './policy.js'
import { targetOf } from './target.js'
import { forwarded, shown } from './headers.js'
import { announce } from './seal.js'
import { bounded } from './bounded.js'

const MAX_REDIRECTS = 10
const MAX_ERROR = 64 << 10
/** Milliseconds until an answer has to begin, redirects included. */
const HEAD = 60_000
const REDIRECTS = [301, 302, 303, 307, 308]

export default {
  /**
   * @param {Request} request
   * @param {{ALLOW?: string, ORIGINS?: string, TOKEN?: string, SEAL?: string}} env
   */
  async fetch(request, env) {
    let cors = {}
    try {
      const origins = list(env.ORIGINS)
      cors = crossOrigin(request, origins)
      if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: cors })
      await admit(request, origins, env)
      const allowed = gate(list(env.ALLOW))
      const target = await targetOf(request, env.SEAL)
      if (request.body) throw new Refusal(413, 'unsupported', 'the relay takes no request body')
      return await forward(request, target, allowed, env.SEAL, cors)
    } catch (err) {
      return refusal(err, cors)
    }
  },
}

const list = text => (text ?? '').split(',').map(s => s.trim().toLowerCase()).filter(Boolean)

async function forward(request, target, allowed, key, cors) {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), HEAD)
  let answer
  try {
    answer = await follow(target, forwarded(request.headers), allowed, abort.signal)
  } catch (err) {
    if (err instanceof Refusal) throw err
    const late = abort.signal.aborted
    throw new Refusal(late ? 504 : 502, late ? 'timeout' : 'network', late ? `${target.url.host} does not answer` : `${target.url.host}: ${err.message}`)
  } finally {
    clearTimeout(timer)
  }
  const { response, url } = answer
  // The registry was asked not to encode. Where it did all the same, the platform has decoded, and the length is not this body's.
  const encoded = (response.headers.get('content-encoding') ?? 'identity') !== 'identity'
  const headers = { ...shown(response.headers), ...cors, 'x-stevedore-relay': 'answer', 'x-stevedore-url': url.href }
  if (encoded) delete headers['content-length']
  // A challenge counts as the registry's only where the registry itself gave it.
  if (response.status === 401 && url.origin === target.url.origin) {
    const seal = await announce(key, url.origin, response.headers.get('www-authenticate') ?? '')
    if (seal) headers['x-stevedore-realm'] = seal
  }
  const body = limited(target, response, headers)
  return new Response(request.method === 'HEAD' ? null : body, { status: response.status, headers })
}

/** Follows redirects here, so that the list sees every hop and credentials stay with their origin. */
async function follow({ url, method, redirects }, headers, allowed, signal) {
  for (let hop = 0; ; hop++) {
    allowed(url)
    const response = await fetch(url.href, { method, headers, redirect: 'manual', signal })
    const location = REDIRECTS.includes(response.status) && response.headers.get('location')
    if (!location) return { response, url }
    await response.body?.cancel()
    if (!redirects) throw new Refusal(502, 'refused', `the token endpoint of ${url.host} redirects, which is not followed`)
    if (hop === MAX_REDIRECTS) throw new Refusal(502, 'network', `stopped after ${hop} redirects`)
    const next = URL.parse(location, url)
    if (!next) throw new Refusal(502, 'refused', `${url.host} redirects to what is no URL`)
    if (next.origin !== url.origin) headers.delete('authorization')
    next.hash = ''
    url = next
  }
}

/** A blob passes as it comes; what a client reads whole is bounded, and of an error only the beginning is of use. */
function limited({ limit, url }, response, headers) {
  const bad = response.status >= 400
  const most = bad ? MAX_ERROR : limit
  const length = Number(response.headers.get('content-length') ?? NaN)
  const tooLarge = () => new Refusal(502, 'refused', `${url.host} answers more than the ${most} bytes that are taken here`)
  if (!most || !response.body) return response.body
  if (length > most) {
    if (!bad) throw tooLarge()
    delete headers['content-length']
  }
  return bounded(response.body, most, bad ? undefined : tooLarge)
}

function refusal(err, cors) {
  if (!(err instanceof Refusal)) throw err
  const error = { kind: err.kind, message: err.message, ...(err.hint && { hint: err.hint }) }
  const headers = { ...shown(new Headers()), ...cors, ...err.headers, 'content-type': 'application/json', 'x-stevedore-relay': 'refused' }
  return new Response(JSON.stringify({ error }), { status: err.status, headers })
}
