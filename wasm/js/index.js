import { facade } from './call.js'
import { StevedoreError } from './errors.js'
import { hostOf } from './host.js'
import { compile } from './instance.js'
import { Reactor } from './reactor.js'

export { StevedoreError }

/**
 * Makes the verbs of stevedore.wasm callable. Each call runs in an instance of its own, since the memory of one never
 * shrinks; the module is compiled once.
 * @param {WebAssembly.Module | BufferSource | Response | Promise<Response>} source
 * @param {import('./index.d.ts').LoadOptions} [options]
 */
export async function load(source, options = {}) {
  const host = hostOf(options)
  const module = await compile(source)
  // The first instance tells which verbs there are, and then runs the first call.
  let spare = await Reactor.start(module, host)
  const next = async () => {
    const reactor = spare ?? (await Reactor.start(module, host))
    spare = undefined
    return reactor
  }
  const more = { release: spare.release, close() { spare = undefined } }
  return facade(spare.verbs, more, async (verb, request, sinks, callOptions) => {
    const reactor = await next()
    try {
      return await reactor.call(verb, request, sinks, callOptions)
    } finally {
      callOptions.onMemory?.(reactor.memory)
    }
  })
}
