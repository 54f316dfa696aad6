// Runs the reactor under Node, Deno or Bun.
//   run.mjs stevedore.wasm cases.json DIR               a JSON line for each case; references are looked up below DIR
//   run.mjs stevedore.wasm VERB REQUEST [--input NAME=PATH]... [--plain-http HOST]...
// The second form prints the result (or the content that the verb writes) and exits as the command line does.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { input } from '../../wasm/js/disk.js'
import { load } from '../../wasm/js/index.js'
import { runCase } from './cases.mjs'

const [wasm, first, second, ...rest] = process.argv.slice(2)

async function batch(cases, dir) {
  const stevedore = await load(await readFile(wasm))
  const { list, open } = await input(dir)
  const inputs = Object.fromEntries(await Promise.all((await list()).map(async ({ name }) => [name, await open(name)])))
  for (const c of JSON.parse(await readFile(cases, 'utf8'))) await print(JSON.stringify(await runCase(stevedore, c, { inputs })) + '\n')
}

async function single(verb, request) {
  const inputs = {}
  const plainHttp = []
  for (let i = 0; i < rest.length; i += 2) {
    const [name, ...path] = rest[i + 1].split('=')
    if (rest[i] === '--input') inputs[name] = await input(path.join('='))
    else if (rest[i] === '--plain-http') plainHttp.push(name)
    else throw new Error(`what is ${rest[i]}?`)
  }
  const stevedore = await load(await readFile(wasm), { plainHttp })
  try {
    let wrote = false
    const output = (_name, bytes) => {
      wrote = true
      return print(bytes)
    }
    const text = await stevedore.call(verb, JSON.parse(request || '{}'), { inputs, output }).text()
    if (!wrote) await print(text + '\n')
  } catch (err) {
    if (!err.kind) throw err
    process.stderr.write(JSON.stringify({ error: err }) + '\n')
    process.exitCode = err.exit
  }
}

async function print(data) {
  if (!process.stdout.write(data)) await once(process.stdout, 'drain')
}

if (first?.endsWith('.json')) await batch(first, second)
else await single(first, second)
