import { compile } from './instance.js'
import { Service } from './service.js'

/**
 * Runs the module in this Worker, and the Worker's side of the connection that browser.js makes.
 * @param {Record<string, () => import('./serve.d.ts').Packer>} [packers] what calls may have their items packed by
 */
export function serve(packers = {}) {
  const service = new Service(globalThis, load, packers)
  // The module goes on in callbacks of promises: where it traps there, nobody else is told.
  globalThis.addEventListener('unhandledrejection', ({ reason }) => {
    if (reason instanceof WebAssembly.RuntimeError || reason instanceof RangeError) service.fail(`the module died: ${reason.message}`)
  })
}

/** wasm_exec.js is the one of the Go release that built the module: it sets globalThis.Go. */
async function load({ module, exec }, ended) {
  const compiled = compile(typeof module === 'string' ? fetch(module) : module)
  await Promise.all([compiled, import(/* @vite-ignore */ exec)])
  const go = new globalThis.Go()
  go.exit = code => ended(`the module left with status ${code}`)
  const instance = await WebAssembly.instantiate(await compiled, go.importObject)
  go.run(instance)
  const { stevedore } = globalThis
  if (typeof stevedore?.call !== 'function') throw new TypeError('the module is not the one for browsers')
  const { verbs, release, call } = stevedore
  return { verbs, release, call, get memory() { return instance.exports.mem.buffer.byteLength } }
}
