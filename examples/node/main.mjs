// A verb of Stevedore in Node (Deno and Bun run it too): main.mjs stevedore.wasm VERB REQUEST [NAME=PATH]...
//
//   node main.mjs stevedore.wasm inspect '{"ref":"oci:layout:latest"}' layout=./layout
//
// NAME=PATH gives the module a file or folder of the disk under a name that references use. It reaches nothing else on the disk.

import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { input } from '../../wasm/js/disk.js'
import { StevedoreError, load } from '../../wasm/js/index.js'

const [wasm, verb, request, ...named] = process.argv.slice(2)
const stevedore = await load(await readFile(wasm))
const inputs = {}
for (const pair of named) {
  const [name, path] = pair.split('=')
  inputs[name] = await input(path)
}
try {
  console.log(await stevedore.call(verb, JSON.parse(request), { inputs }).text())
} catch (err) {
  if (!(err instanceof StevedoreError)) throw err
  console.error(`${err.kind}: ${err.message}`)
  process.exitCode = err.exit
}
