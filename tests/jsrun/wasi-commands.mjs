// Runs the command line build under the WASI of Node or Bun, an instance for each of many command lines:
//   wasi-commands.mjs stevedore-cli.wasm DIR CALLS.json END
// CALLS.json is a list of lists of arguments, DIR the guest's root. After what a call writes come END and its exit status, a line on
// standard output and on standard error. An instance ends the thread that it runs in, as one in wasi-command.mjs ends the process.

import { writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { WASI } from 'node:wasi'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

async function all(wasm, dir, calls, end) {
  const module = await WebAssembly.compile(await readFile(wasm))
  for (const args of JSON.parse(await readFile(calls, 'utf8'))) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { module, dir, args } })
    const code = await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve))
    for (const fd of [1, 2]) writeSync(fd, `\n${end} ${code}\n`)
  }
}

async function one({ module, dir, args }) {
  const wasi = new WASI({ version: 'preview1', args: ['stevedore', ...args], env: { PWD: '/' }, preopens: { '/': dir }, returnOnExit: false })
  const imports = { ...wasi.wasiImport, proc_exit: code => process.exit(code) } // that of Node would end the process
  wasi.start(await WebAssembly.instantiate(module, { wasi_snapshot_preview1: imports }))
}

if (isMainThread) await all(...process.argv.slice(2))
else await one(workerData)
