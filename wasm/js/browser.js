import { facade } from './call.js'
import { StevedoreError, cancelled, textOf } from './errors.js'
import { compile } from './instance.js'
import { resolvers } from './upload.js'
import { Running } from './running.js'
import { Shared } from './shared.js'

export { StevedoreError }

/**
 * Runs stevedore-js.wasm in a Worker and makes its verbs callable. Calls run side by side in the one Worker; where the
 * module dies, its calls end as errors of kind internal and the next call starts another Worker.
 * @param {string | URL | WebAssembly.Module | BufferSource | Response | Promise<Response>} source
 * @param {import('./browser.d.ts').ConnectOptions} [options]
 */
export async function connect(source, options = {}) {
  const remote = new Remote(await located(source, options), options)
  const { verbs, release } = await remote.start()
  return facade(verbs, { release, close: () => remote.close() }, (...call) => remote.call(...call))
}

/** A URL goes to the Worker, which compiles while it loads; anything else is compiled here. */
async function located(source, { exec }) {
  const here = globalThis.location?.href ?? import.meta.url
  if (typeof source === 'string' || source instanceof URL) {
    const module = new URL(source, here).href
    return { module, exec: new URL(exec ?? 'wasm_exec.js', exec ? here : module).href }
  }
  if (!exec) throw new TypeError('a module that is not named by its URL needs the option exec')
  return { module: await compile(source), exec: new URL(exec, here).href }
}

/** The page's side of a Worker (service.js is the other one). */
class Remote {
  #source
  #options
  #worker
  #loaded
  #calls = new Map()
  #lastCall = 0
  #closed

  constructor(source, options) {
    this.#source = source
    this.#options = options
  }

  /** @returns {Promise<{verbs: string[], release: string}>} */
  async start() {
    if (this.#closed) throw this.#closed
    if (!this.#worker) this.#launch()
    return this.#loaded.promise
  }

  #launch() {
    const worker = this.#options.worker?.() ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'stevedore' })
    worker.onmessage = ({ data }) => this.#handle(data)
    worker.onmessageerror = () => this.#die('a message could not be read')
    worker.onerror = event => {
      event.preventDefault?.()
      this.#die(event.message || 'its script could not be loaded')
    }
    this.#worker = worker
    this.#loaded = resolvers()
    worker.postMessage({ type: 'load', ...this.#source, keep: !!this.#options.keep })
  }

  /** Ends every call; the next one gets a new Worker. */
  #die(text) {
    this.#drop(new StevedoreError('internal', `the Worker of Stevedore died: ${text}`))
  }

  #drop(err) {
    const loaded = this.#loaded
    if (this.#worker) this.#worker.onmessage = null // what is under way comes too late
    this.#worker?.terminate()
    this.#worker = this.#loaded = undefined
    for (const { running } of [...this.#calls.values()]) running.fail(err)
    loaded?.promise.catch(() => {}) // whoever waits for it is told all the same
    loaded?.reject(err)
  }

  close() {
    this.#closed = new StevedoreError('cancelled', 'the connection is closed')
    this.#drop(this.#closed)
  }

  /** @param {import('./running.js').Sinks} sinks */
  async call(verb, request, sinks, options) {
    const { signal, inputs, credentials, keepAs, renew, packed, relay = this.#options.relay } = options
    const files = await Shared.of(inputs)
    await this.start()
    if (signal?.aborted) throw cancelled(signal)
    const call = ++this.#lastCall
    const { platform = '', plainHttp = [], keep = false } = this.#options
    const worker = this.#worker
    const taken = packed ? { ...sinks, items: packed.take } : sinks
    const running = new Running(call, taken, options, () => worker.postMessage({ type: 'cancel', call }), () => {
      this.#calls.delete(call)
      files.close()
    })
    this.#calls.set(call, { running, files })
    try {
      worker.postMessage({
        type: 'call', call, verb, request: JSON.stringify(request), platform, plainHttp, relay, keep, credentials: !!credentials, files: files.list, keepAs, renew,
        packedBy: packed?.by,
      })
    } catch (err) {
      running.fail(new TypeError(textOf(err), { cause: err })) // something in it cannot be sent
    }
    return running.outcome
  }

  #handle(message) {
    const { type, call, text } = message
    if (type === 'loaded') return this.#loaded.resolve(message)
    if (type === 'failed') return this.#die(text)
    const { running, files } = this.#calls.get(call) ?? {}
    if (!running) return // it ended here first
    switch (type) {
      case 'event': return running.event(JSON.parse(text))
      case 'kept': return running.options.onKept?.()
      case 'items': return this.#answer(message, running.items(text === undefined ? message.packed : text.split('\n').slice(0, -1)))
      case 'output': return this.#answer(message, running.output(message.name, message.bytes))
      case 'read': return this.#answer(message, files.read(message))
      case 'credential': return this.#answer(message, credential(running.options, message.registry))
      case 'result': case 'error':
        running.options.onMemory?.(message.memory)
        return type === 'result' ? running.result(text) : running.error(message)
    }
  }

  /** @param {Promise<unknown>} promise */
  async #answer({ id }, promise) {
    const worker = this.#worker
    try {
      const value = await promise
      worker.postMessage({ type: 'answer', id, value }, value instanceof ArrayBuffer ? [value] : [])
    } catch (err) {
      worker.postMessage({ type: 'answer', id, error: textOf(err) })
    }
  }
}

async function credential({ credentials }, registry) {
  const { username, password, token } = (await credentials(registry)) ?? {}
  return { username, password, token }
}
