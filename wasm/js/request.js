import { MAX_PAYLOAD } from './frame.js'
import { textOf } from './errors.js'
import { Fault } from './fault.js'
import { Collected, Streamed } from './upload.js'

const MAX_REDIRECTS = 10
/** Grants beyond what the contract allows (two at a time) are not remembered. */
const MAX_GRANTS = 16
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const SECRETS = ['authorization', 'cookie', 'proxy-authorization']
const NONE = new Uint8Array(0)

/** One `fetch` of the guest: the request, its redirects, and the response body as the guest asks for it. */
export class Request {
  #head
  #host
  #reply
  #done
  #closed = false
  #abort = new AbortController()
  #upload
  #reader
  #rest = NONE
  #grants = []
  #pumping = false

  /**
   * @param {object} head the `fetch` frame
   * @param {import('./host.js').Host} host
   * @param {(header: object, payload?: Uint8Array) => void} reply
   * @param {() => void} done tells that no answer follows
   */
  constructor(head, host, reply, done) {
    this.#head = head
    this.#host = host
    this.#reply = (header, payload) => this.#closed || reply({ id: head.id, ...header }, payload)
    this.#done = done
    if (head.body) {
      const ready = () => this.#reply({ type: 'ready' })
      const streams = head.body.kind === 'stream' && host.upload === 'stream'
      this.#upload = streams ? new Streamed(ready, () => this.#reply({ type: 'rewind' })) : new Collected(ready)
    }
    this.#run().catch(err => this.#fault(err))
  }

  /** A `read` or `write` of the guest. */
  handle(header, payload) {
    if (header.type === 'write') this.#upload?.write(header, payload)
    if (header.type !== 'read' || this.#grants.length >= MAX_GRANTS) return
    this.#grants.push(Math.min(Math.max(header.max | 0, 1), MAX_PAYLOAD))
    this.#pump().catch(err => this.#fault(err))
  }

  /** Drops what is under way. */
  close() {
    this.#closed = true
    this.#abort.abort()
    this.#reader?.cancel().catch(() => {}) // already broken: nobody reads it any more
  }

  #fault(err) {
    if (this.#closed) return
    this.#reply({ type: 'fault', kind: err instanceof Fault ? err.kind : 'network', text: explain(err) })
    this.close()
    this.#done()
  }

  async #run() {
    const { url, response } = await this.#follow()
    this.#reply({ type: 'response', status: response.status, url, header: shown(response.headers) })
    this.#reader = response.body?.getReader() ?? { read: async () => ({ done: true }), cancel: async () => {} }
    if (this.#closed) this.close()
    await this.#pump()
  }

  /** Redirects are followed here and not by fetch, so that the policy sees each URL and secrets stay with their origin. */
  async #follow() {
    let { method } = this.#head
    let url = new URL(this.#head.url)
    const headers = headersOf(this.#head.header ?? [])
    let upload = this.#upload
    for (let hop = 0; ; hop++) {
      const response = await this.#send(url, method, headers, upload)
      const location = REDIRECTS.has(response.status) && response.headers.get('location')
      if (!location || this.#head.redirect === 'manual') {
        return { url: response.url && response.redirected ? response.url : url.href, response }
      }
      await this.#leave(response, upload)
      if (hop === MAX_REDIRECTS) throw new Fault('network', `${this.#head.url}: more than ${MAX_REDIRECTS} redirects`)
      const next = new URL(location, url)
      if (next.origin !== url.origin) SECRETS.forEach(name => headers.delete(name))
      url = next
      if ((response.status === 303 && method !== 'HEAD') || (response.status < 303 && method === 'POST')) {
        method = 'GET'
        upload = undefined
        for (const name of [...headers.keys()]) if (name.startsWith('content-')) headers.delete(name)
      }
      upload?.again()
    }
  }

  async #leave(response, upload) {
    if (upload instanceof Streamed) {
      this.#abort.abort() // the peer answered before it had the body, which nobody will go on with
      this.#abort = new AbortController()
      return
    }
    await response.body?.cancel()
  }

  async #send(url, method, headers, upload) {
    await this.#allowed(url)
    const init = { method, headers, redirect: 'manual', signal: this.#abort.signal, ...this.#host.init, ...(await upload?.open()) }
    const { len } = this.#head.body ?? {}
    // A stream has no length of its own, and registries want one.
    if (upload instanceof Streamed && len >= 0) headers.set('content-length', String(len))
    if (this.#closed) throw new Fault('cancelled', 'closed')
    const response = await this.#host.fetch(url.href, init)
    if (response.type !== 'opaqueredirect') return response
    return this.#opaque(url, init)
  }

  /** A browser hides redirects from its pages: it follows them by itself or not at all. */
  async #opaque(url, init) {
    if (this.#head.redirect === 'manual' || !['GET', 'HEAD'].includes(init.method)) {
      throw new Fault('unsupported', `${url}: this host does not show redirects`)
    }
    const response = await this.#host.fetch(url.href, { ...init, redirect: 'follow' })
    await this.#allowed(new URL(response.url))
    return response
  }

  async #allowed(url) {
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Fault('refused', `${url}: only http and https are fetched`)
    let ok
    try {
      ok = await this.#host.allow(url.href)
    } catch (err) {
      throw new Fault('refused', `${url}: ${textOf(err)}`)
    }
    if (!ok) throw new Fault('refused', `${url}: not allowed by this host`)
  }

  /** Sends one piece for each grant. */
  async #pump() {
    if (this.#pumping || !this.#reader) return
    this.#pumping = true
    while (this.#grants.length > 0 && !this.#closed) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#reader.read()
        if (done) {
          this.#reply({ type: 'body', eof: true })
          this.#closed = true
          this.#done()
          return
        }
        this.#rest = value
        continue
      }
      const max = this.#grants.shift()
      this.#reply({ type: 'body' }, this.#rest.subarray(0, max))
      this.#rest = this.#rest.subarray(max)
    }
    this.#pumping = false
  }
}

/** fetch has decoded the body already, so what was said of the encoded one is wrong. */
function shown(headers) {
  const list = [...headers]
  if (!headers.has('content-encoding')) return list
  return list.filter(([name]) => name !== 'content-encoding' && name !== 'content-length')
}

function headersOf(list) {
  const headers = new Headers()
  try {
    for (const [name, value] of list) headers.append(name, value)
  } catch (err) {
    throw new Fault('unsupported', `this host does not send such a header: ${textOf(err)}`)
  }
  return headers
}

/** fetch says little; what it knows is in the chain of causes. */
function explain(err) {
  const parts = []
  for (let e = err; e && parts.length < 4; e = e.cause) parts.push(textOf(e) || e.code)
  return parts.filter((p, i) => p && p !== parts[i - 1]).join(': ')
}
