// Runs the reactor in workerd: workerd.mjs WORKERD stevedore.wasm cases.json DIR

import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

async function freePort() {
  const probe = createServer()
  await new Promise(resolve => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address()
  await new Promise(resolve => probe.close(resolve))
  return port
}

async function post(url, body, child) {
  for (let tries = 0; ; tries++) {
    try {
      return await fetch(url, { method: 'POST', body })
    } catch (err) {
      if (tries === 100 || child.exitCode !== null) throw err
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

const folder = await mkdtemp(join(tmpdir(), 'stevedore-workerd-'))
const files = await serve({ '/': dir })
let child
try {
  await configure(folder)
  const port = await freePort()
  child = spawn(bin, ['serve', join(folder, 'config.capnp'), '--socket-addr', `http=127.0.0.1:${port}`], { stdio: ['ignore', 'inherit', 'inherit'] })
  const body = JSON.stringify({ cases: JSON.parse(await readFile(cases, 'utf8')), inputs: await sizes(dir), files: `${files.base}/` })
  const response = await post(`http://127.0.0.1:${port}/`, body, child)
  const text = await response.text()
  if (response.status !== 200) throw new Error(text)
  await new Promise(resolve => process.stdout.write(text, resolve))
} finally {
  files.close()
  child?.kill()
  await rm(folder, { recursive: true })
}
