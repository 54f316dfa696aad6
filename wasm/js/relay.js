import { Fault } from './fault.js'

const MARK = 'x-stevedore-relay'
const REALM = 'x-stevedore-realm'
const FINAL = 'x-stevedore-url'

/** Cookies and client certificates of a page are none of a registry's business, nor is where the page is. */
const PRIVATE = { credentials: 'omit', referrerPolicy: 'no-referrer' }

/** Milliseconds before its end at which a seal is renewed. */
const EARLY = 60_000

/**
 * A fetch for a page that uses registries: directly where a registry lets pages read it (CORS), and else through a relay
 * (docs/RELAY.md), which is found out once for each origin. Without a relay it says which header keeps the page from reading.
 * It rejects with a Fault, or with the reason of the signal.
 * @param {import('./relay.d.ts').RelayOptions} [options]
 * @returns {(url: string, init?: RequestInit) => Promise<Response>}
 */
export function relayFetch({ base, token, fetch = (...args) => globalThis.fetch(...args) } = {}) {
  const ways = new Ways(base && { base, token }, fetch)
  return (url, init = {}) => ways.fetch(new URL(url), init)
}

/**
 * Takes the relay out of the page's address, where `stevedore web` puts it ("#relay=TOKEN"), and keeps it for as long as the
 * tab lives: a reload finds it again, a copied address does not tell it. Undefined where there is none.
 * @returns {{base: string, token: string} | undefined}
 */
export function claimRelay({ location, history, sessionStorage } = globalThis) {
  const parts = location.hash.slice(1).split('&')
  const given = parts.find(p => p.startsWith('relay='))?.slice('relay='.length)
  if (given) {
    const rest = parts.filter(p => !p.startsWith('relay=')).join('&')
    history.replaceState(history.state, '', location.pathname + location.search + (rest && `#${rest}`))
  }
  const token = given || remembered(() => sessionStorage.getItem(MARK))
  if (!token) return undefined
  remembered(() => sessionStorage.setItem(MARK, token))
  return { base: new URL('/relay/', location.href).href, token }
}

/** A browser may forbid the storage; the relay is then known until the page is reloaded. */
function remembered(use) {
  try {
    return use()
  } catch {
    return undefined
  }
}

/** Which way leads to which origin, and what challenges said of token endpoints. */
class Ways {
  #relay
  #fetch
  /** Origins that only the relay can read. */
  #closed = new Set()
  /** Token endpoint without its query → {challenge: URL that was answered with it, seal, until} */
  #realms = new Map()

  constructor(relay, fetch) {
    this.#relay = relay
    this.#fetch = fetch
  }

  async fetch(url, init) {
    if (this.#closed.has(url.origin)) return this.#relayed(url, init)
    let response
    try {
      response = await this.#fetch(url.href, { ...init, ...PRIVATE })
    } catch (err) {
      if (init.signal?.aborted) throw err
      return this.#instead(url, init, err)
    }
    // fetch shows a page no header that is not exposed to it: a challenge that cannot be read cannot be answered.
    if (response.status === 401 && this.#relay && !response.headers.has('www-authenticate')) {
      await response.body?.cancel()
      return this.#instead(url, init)
    }
    this.#announced(url, response)
    return response
  }

  /** The way round, which is remembered when it led somewhere. */
  async #instead(url, init, err) {
    if (!this.#relay) throw await this.#explain(url, init, err)
    const response = await this.#relayed(url, init)
    this.#closed.add(url.origin)
    return response
  }

  async #relayed(url, init) {
    return this.#through(url, init, await this.#seal(url, init.signal))
  }

  async #through(url, init, seal) {
    const method = init.method ?? 'GET'
    const headers = new Headers(init.headers)
    headers.set(MARK, this.#relay.token)
    if (seal) headers.set(REALM, seal)
    const { base } = this.#relay
    const through = new URL(`${url.protocol.slice(0, -1)}/${url.host}${url.pathname}${url.search}`, base)
    let response
    try {
      response = await this.#fetch(through.href, { method, headers, body: init.body, signal: init.signal, redirect: 'error', ...PRIVATE })
    } catch (err) {
      if (init.signal?.aborted) throw err
      throw new Fault('network', `the relay at ${base} does not answer: is it still running?`, err)
    }
    await this.#check(url, response)
    this.#announced(url, response)
    return answering(response, response.headers.get(FINAL) ?? url.href)
  }

  /** Throws what the relay itself answers. */
  async #check(url, response) {
    switch (response.headers.get(MARK)) {
      case 'answer': return
      case 'refused': {
        const { error } = await response.json()
        throw new Fault(error.kind, `the relay: ${error.message}${error.hint ? ` (${error.hint})` : ''}`)
      }
    }
    await response.body?.cancel()
    throw new Fault('network', `${url.host}: there is no relay at ${this.#relay.base}`)
  }

  /** Notes which token endpoints a challenge names; the relay seals them. */
  #announced(url, response) {
    if (response.status !== 401) return
    const seal = response.headers.get(REALM)
    if (seal) {
      const { realms, until } = JSON.parse(decode(seal.split('.')[0]))
      for (const realm of realms) this.#note(realm.url, { challenge: url, seal, until: until * 1000 })
      return
    }
    const challenge = response.headers.get('www-authenticate') ?? ''
    for (const [, realm] of challenge.matchAll(/realm="([^"]*)"/gi)) this.#note(realm, { challenge: url })
  }

  #note(realm, what) {
    if (URL.canParse(realm)) this.#realms.set(endpoint(new URL(realm)), what)
  }

  /** The seal for a token endpoint: where the registry was read directly, or the seal is old, the relay has to see the challenge. */
  async #seal(url, signal) {
    const known = this.#realms.get(endpoint(url))
    if (!known || known.challenge.href === url.href) return undefined
    if (known.seal && known.until - EARLY > Date.now()) return known.seal
    const response = await this.#through(known.challenge, { signal })
    await response.body?.cancel()
    return this.#realms.get(endpoint(url)).seal
  }

  /** Says why a page cannot read a registry: fetch tells a page nothing but that it failed. */
  async #explain(url, init, err) {
    const reached = async init => {
      try {
        const response = await this.#fetch(`${url.origin}/v2/`, { ...init, ...PRIVATE })
        await response.body?.cancel()
        return true
      } catch {
        return false
      }
    }
    const writes = !['GET', 'HEAD'].includes(init.method ?? 'GET')
    const help = writes ? `Open the page with stevedore web --allow-push ${url.host}, which writes for it` : 'Open the page with stevedore web, which reads for it'
    if (await reached({ mode: 'cors' })) {
      const methods = writes ? `Access-Control-Allow-Methods: ${init.method}, ` : ''
      return new Fault('unsupported', `${url.host} lets pages read it, but not this request: what it answers to the browser's preflight (OPTIONS) lacks ` +
        `${methods}Access-Control-Allow-Headers: Accept, Authorization, Range, or it redirects to where Access-Control-Allow-Origin is missing. ${help}`)
    }
    if (await reached({ mode: 'no-cors' })) {
      return new Fault('unsupported', `${url.host} is there, but lets no page of another site read it: its answers lack Access-Control-Allow-Origin ` +
        `(and Access-Control-Expose-Headers: WWW-Authenticate, Docker-Content-Digest, Link). ${help}`)
    }
    return new Fault('network', `${url.host} cannot be reached`, err)
  }
}

const endpoint = ({ origin, pathname }) => origin + pathname

function decode(base64url) {
  const binary = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return new TextDecoder().decode(Uint8Array.from(binary, c => c.charCodeAt(0)))
}

/** The response as if it had come from there. */
function answering(response, url) {
  return Object.defineProperties(response, { url: { value: url }, type: { value: 'cors' } })
}
