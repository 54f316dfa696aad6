// Runs a Go test binary in a page or a Worker, where it is served as /test.wasm beside /wasm_exec.js.

/** @returns {Promise<{code: number, output: string}>} */
export async function run({ env, args }) {
  await import('/wasm_exec.js')
  const decoder = new TextDecoder()
  let output = ''
  globalThis.fs.writeSync = (_fd, bytes) => {
    output += decoder.decode(bytes, { stream: true })
    return bytes.length
  }
  const go = new globalThis.Go()
  go.argv = ['test', ...args]
  Object.assign(go.env, env)
  let code = 0
  go.exit = status => { code = status }
  const { instance } = await WebAssembly.instantiateStreaming(fetch('/test.wasm'), go.importObject)
  await go.run(instance)
  return { code, output }
}

// In a Worker the page says by message what to run.
if (!globalThis.document) globalThis.onmessage = async ({ data }) => postMessage(await run(data))
