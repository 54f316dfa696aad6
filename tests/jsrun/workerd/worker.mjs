// POST {cases, inputs: {name: size}, files: URL}: runs the cases and answers with a JSON line for each. Inputs are read by ranges.

import { load } from 'stevedore'
import { runCase } from 'cases.mjs'
import wasm from './stevedore.wasm'

function inputsOf({ inputs, files }) {
  const one = ([name, size]) => {
    const read = async (offset, length) => {
      const response = await fetch(files + encodeURI(name), { headers: { range: `bytes=${offset}-${offset + length - 1}` } })
      if (response.status !== 206) throw new Error(`${name}: status ${response.status}`)
      return new Uint8Array(await response.arrayBuffer())
    }
    return [name, { size, read }]
  }
  return Object.fromEntries(Object.entries(inputs).map(one))
}

export default {
  async fetch(request) {
    const body = await request.json()
    const inputs = inputsOf(body)
    const stevedore = await load(wasm)
    const results = []
    for (const c of body.cases) results.push(JSON.stringify(await runCase(stevedore, c, { inputs })))
    return new Response(results.join('\n') + '\n')
  },
}
