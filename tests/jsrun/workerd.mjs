// Runs the reactor in workerd: workerd.mjs WORKERD stevedore.wasm cases.json DIR

import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { serve, sizes } from './serve.mjs'

const [bin, wasm, cases, dir] = process.argv.slice(2)
const here = name => fileURLToPath(new URL(name, import.meta.url))

/** workerd takes its modules from files beside the configuration. */
async function configure(folder) {
  const driver = (await readdir(here('../../wasm/js'))).filter(f => f.endsWith('.js'))
  for (const name of driver) await copyFile(here(`../../wasm/js/${name}`), join(folder, name))
  await copyFile(here('workerd/worker.mjs'), join(folder, 'worker.mjs'))
  await copyFile(here('cases.mjs'), join(folder, 'cases.mjs'))
  await copyFile(wasm, join(folder, 'stevedore.wasm'))
  const module = (name, file = name) => `(name = "${name}", esModule = embed "${file}")`
  const modules = [module('worker.mjs'), module('cases.mjs'), module('stevedore', 'index.js'), ...driver.map(f => module(f)),
    '(name = "stevedore.wasm", wasm = embed "stevedore.wasm")']
  await writeFile(join(folder, 'config.capnp'), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "outside", network = (allow = ["public", "private"]))],
  sockets = [(name = "http", http = (), service = "main")],
);
const main :Workerd.Worker = (
  compatibilityDate = "2025-10-01", globalOutbound = "outside",
  modules = [${modules.join(',\n    ')}],
);
`)
}

/** The port that workerd took, which it tells on descriptor 3, a JSON line an event. */
async function listening(child) {
  for await (const line of createInterface({ input: child.stdio[3] })) {
    const { event, port } = JSON.parse(line)
    if (event === 'listen') return port
  }
  throw new Error('workerd said no port')
}

const folder = await mkdtemp(join(tmpdir(), 'stevedore-workerd-'))
const files = await serve({ '/': dir })
let child
try {
  await configure(folder)
  const args = ['serve', join(folder, 'config.capnp'), '--socket-addr=http=127.0.0.1:0', '--control-fd=3']
  child = spawn(bin, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  const body = JSON.stringify({ cases: JSON.parse(await readFile(cases, 'utf8')), inputs: await sizes(dir), files: `${files.base}/` })
  const response = await fetch(`http://127.0.0.1:${await listening(child)}/`, { method: 'POST', body })
  const text = await response.text()
  if (response.status !== 200) throw new Error(text)
  await new Promise(resolve => process.stdout.write(text, resolve))
} finally {
  files.close()
  child?.kill()
  await rm(folder, { recursive: true })
}
