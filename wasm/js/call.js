import { StevedoreError, textOf } from './errors.js'
import { join, resolvers } from './upload.js'

/**
 * One run of a verb, the same whether it happens in this thread or in a Worker. It starts when it is awaited (the result, or
 * the whole list), iterated (the items, one by one, no faster than they are taken) or asked for its text.
 */
export class Call {
  #begin
  #streams
  #collected

  /**
   * @param {(sinks: import('./running.js').Sinks, cancel: AbortSignal | undefined) => Promise<string | undefined>} begin
   * @param {import('./index.d.ts').CallOptions} options
   */
  constructor(begin, options) {
    this.#begin = begin
    this.#streams = options.output
  }

  then(ok, fail) {
    return this.#value().then(ok, fail)
  }

  catch(fail) {
    return this.then(undefined, fail)
  }

  finally(done) {
    return this.#value().finally(done)
  }

  /** The exact JSON of the result; of a list verb, an array of the exact items. */
  async text() {
    const { text, lines } = await this.#collect()
    return text ?? `[${lines.join(',')}]`
  }

  /** The output of the verb, empty where it has none. */
  async bytes() {
    return join((await this.#collect()).chunks)
  }

  async #value() {
    const { text, lines, chunks } = await this.#collect()
    if (text === undefined) return lines.map(line => JSON.parse(line))
    const value = JSON.parse(text)
    return chunks.length > 0 ? { ...value, bytes: join(chunks) } : value
  }

  #collect() {
    this.#collected ??= this.#run()
    return this.#collected
  }

  async #run() {
    const lines = []
    const chunks = []
    const items = more => { for (const line of more) lines.push(line) }
    const output = this.#streams ?? ((_name, bytes) => void chunks.push(bytes))
    const text = await this.#begin({ items, output })
    return { text, lines, chunks }
  }

  async *[Symbol.asyncIterator]() {
    if (this.#collected) throw new StevedoreError('input', 'a call is either awaited or iterated, and once')
    this.#collected = Promise.reject(new StevedoreError('input', 'this call is being iterated'))
    this.#collected.catch(() => {}) // for whoever awaits it as well
    const leave = new AbortController()
    const queue = new Queue()
    const output = this.#streams ?? (() => {})
    const ended = this.#begin({ items: lines => queue.put(lines), output }, leave.signal)
    ended.then(() => queue.end(), err => queue.end(err))
    try {
      for (let lines = await queue.take(); lines; lines = await queue.take()) {
        for (const line of lines) yield JSON.parse(line)
      }
    } finally {
      leave.abort(new StevedoreError('cancelled', 'nobody takes the items any more'))
    }
  }
}

/** Holds one batch; put resolves when it was taken and another one is wanted. */
class Queue {
  #batch
  #taken = resolvers()
  #arrived = resolvers()
  #over

  put(lines) {
    this.#batch = lines
    this.#taken = resolvers()
    this.#arrived.resolve()
    return this.#taken.promise
  }

  end(err) {
    this.#over = { err }
    this.#arrived.resolve()
  }

  async take() {
    if (!this.#batch) this.#taken.resolve()
    if (!this.#batch && !this.#over) await this.#arrived.promise
    this.#arrived = resolvers()
    const lines = this.#batch
    this.#batch = undefined
    if (!lines && this.#over?.err) throw this.#over.err
    return lines
  }
}

/**
 * What both load and connect return: a method for each verb, and call.
 * @param {string[]} verbs
 * @param {object} more further members
 * @param {(verb: string, request: object, sinks: import('./running.js').Sinks, options: object) => Promise<string | undefined>} run
 */
export function facade(verbs, more, run) {
  const call = (verb, request = {}, options = {}) => new Call(async (sinks, leave) => {
    const signals = [options.signal, leave].filter(Boolean)
    const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0]
    try {
      return await run(verb, request, sinks, { ...options, signal })
    } catch (err) {
      throw err instanceof TypeError || err instanceof RangeError ? new StevedoreError('input', textOf(err), { cause: err }) : err
    }
  }, options)
  const methods = verbs.map(verb => [method(verb), (request, options) => call(verb, request, options)])
  return { ...Object.fromEntries(methods), ...more, verbs, call }
}

/** manifest-get → manifestGet */
const method = verb => verb.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())
