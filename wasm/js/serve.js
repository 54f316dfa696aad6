import { compile } from './instance.js'
import { Service } from './service.js'
import { Sha256 } from './sha256.js'

/**
 * Runs the module in this Worker, and the Worker's side of the connection that browser.js makes.
 * @param {Record<string, () => import('./serve.d.ts').Packer>} [packers] what calls may have their items packed by
 * @param {import('./serve.d.ts').Means} [means] what is faster than the module's own code
 */
export function serve(packers = {}, means = {}) {
  const service = new Service(globalThis, (source, ended) => load(source, means, ended), packers)
  // The module goes on in callbacks of promises: where it traps there, nobody else is told.
  globalThis.addEventListener('unhandledrejection', ({ reason }) => {
    if (reason instanceof WebAssembly.RuntimeError || reason instanceof RangeError) service.fail(`the module died: ${reason.message}`)
  })
}

/** wasm_exec.js is the one of the Go release that built the module: it sets globalThis.Go. */
async function load({ module, exec }, means, ended) {
  const compiled = compile(typeof module === 'string' ? fetch(module) : module)
  const faster = Promise.all([inflating(means), means.sha256?.()]).catch(() => []) // the module can do without
  await Promise.all([compiled, import(/* @vite-ignore */ exec)])
  const go = new globalThis.Go()
  go.exit = code => ended(`the module left with status ${code}`)
  const instance = await WebAssembly.instantiate(await compiled, go.importObject)
  go.run(instance)
  const { stevedore } = globalThis
  if (typeof stevedore?.call !== 'function') throw new TypeError('the module is not the one for browsers')
  const { verbs, release, call } = stevedore
  const [zlib, hasher] = await faster
  if (hasher) {
    const sha256 = new Sha256(hasher)
    stevedore.sha256 = () => sha256.start()
  }
  return { verbs, release, call, zlib, get memory() { return instance.exports.mem.buffer.byteLength } }
}

/** The exports of zlib. */
async function inflating({ zlib }) {
  if (zlib === undefined) return undefined
  const { exports } = await WebAssembly.instantiate(await compile(fetch(zlib)), {})
  exports._initialize?.()
  return exports
}
